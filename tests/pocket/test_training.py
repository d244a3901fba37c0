"""python -m unittest test_training (in this folder): captions in other words, weather, what attention is shown, and models that grow
without loss."""
import argparse
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

import attention
import latents
import make_tokenizer
import resume
import sizes
import train
from scenes import COLOURS, OBJECTS, STYLES, WEATHERS, Scene, render, richer, soft, training_scene
from scenes.captions import NAMES, SHADES, loosely
from widen import widen

CLEAR = Scene("fox", "blue", "snow", "photo", 5)


def sized(**values):
    args = sizes.arguments(argparse.ArgumentParser()).parse_args([])
    return argparse.Namespace(**{**vars(args), **values})


class Growth(unittest.TestCase):
    def test_a_wider_vae_gives_the_same_pictures(self):
        torch.manual_seed(0)
        narrow = sizes.vae(sized(vae_channels=(8, 16, 32))).eval()
        wide = sizes.vae(sized(vae_channels=(16, 32, 64))).eval()
        wide.load_state_dict(widen(narrow.state_dict(), wide, (8, 16, 32)))
        x = torch.rand(2, 3, 32, 32)
        with torch.no_grad():
            torch.testing.assert_close(wide(x).sample, narrow(x).sample, atol=1e-5, rtol=1e-4)
        twins = wide.decoder.conv_out.weight
        self.assertGreater((twins[:, ::2] - twins[:, 1::2]).abs().mean().item(), 1e-4)       # they do not stay alike

    def test_a_wider_unet_predicts_the_same_noise(self):
        torch.manual_seed(0)
        narrow = sizes.unet(sized(unet_channels=(16, 16, 32))).eval()
        z, hidden, t = torch.randn(2, 4, 16, 16), torch.randn(2, 77, 128), torch.tensor(300)
        with torch.no_grad():
            before = narrow(z, t, hidden).sample
            same = sizes.unet(sized(unet_channels=(16, 16, 32))).eval()
            same.load_state_dict(widen(narrow.state_dict(), same, (16, 16, 32)))
            torch.testing.assert_close(same(z, t, hidden).sample, before)
            wide = sizes.unet(sized(unet_channels=(16, 16, 64))).eval()
            wide.load_state_dict(widen(narrow.state_dict(), wide, (16, 16, 32)))
            after = wide(z, t, hidden).sample                                                # but for a few group norms
        self.assertLess((after - before).std().item(), 0.15 * before.std().item())

    def test_channels_that_are_no_multiple_are_refused(self):
        narrow, odd = sizes.vae(sized(vae_channels=(8, 16, 32))), sizes.vae(sized(vae_channels=(12, 16, 32)))
        with self.assertRaisesRegex(ValueError, "8 channels cannot become 12"):
            widen(narrow.state_dict(), odd, (8, 16, 32))

    def test_embeddings_follow_their_words(self):
        rows = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
        told = resume.retold(rows, {"a": 0, "b": 1, "b</w>": 2, "ab</w>": 3}, {"ab</w>": 0, "a": 1, "bb</w>": 2, "b": 3, "b</w>": 4})
        self.assertEqual(told.flatten().tolist(), [8, 1, 3, 2, 4])


class Richer(unittest.TestCase):
    def test_each_weather_changes_the_picture_and_the_caption(self):
        clear = render(CLEAR, 1, 64)
        for weather in WEATHERS:
            scene = CLEAR.change(weather=weather)
            clip = render(scene, 1, 64)
            np.testing.assert_array_equal(clip.mask, clear.mask)
            self.assertGreater(np.abs(clip.frames.astype(int) - clear.frames).mean(), 8, weather)
            self.assertTrue(scene.caption.startswith(CLEAR.caption))
            self.assertIn(weather, scene.caption)

    def test_training_scenes_stay_on_the_training_side(self):
        scenes = [richer(training_scene(seed)) for seed in range(3000)]
        self.assertFalse(any(scene.held_out for scene in scenes))
        self.assertEqual({scene.weather for scene in scenes}, {*WEATHERS, None})
        self.assertAlmostEqual(np.mean([scene.weather is not None for scene in scenes]), 0.12, delta=0.03)
        self.assertEqual({scene.style for scene in scenes}, set(STYLES))
        pairs = [scene for scene in scenes if scene.second]
        self.assertAlmostEqual(len(pairs) / len(scenes), 0.17, delta=0.03)
        self.assertTrue(all(scene.object != scene.second and scene.colour != scene.second_colour for scene in pairs))
        self.assertAlmostEqual(np.mean([scene.zoom > 0 for scene in scenes]), 0.1, delta=0.03)

    def test_soft_frames_lose_detail_alone(self):
        frame = render(CLEAR, 1).frames[0]
        blurred = soft(frame, 40)
        self.assertEqual(blurred.shape, frame.shape)
        self.assertLess(np.abs(np.diff(blurred.astype(int), axis=1)).mean(), np.abs(np.diff(frame.astype(int), axis=1)).mean())
        self.assertAlmostEqual(blurred.mean(), frame.mean(), delta=2)

    def test_other_words_name_the_same_things(self):
        for seed in range(300):
            object, colour, style = OBJECTS[seed % 12], tuple(COLOURS)[seed % 11], STYLES[seed % 8]
            text = loosely(object, colour, "beach", style, seed, "night")
            self.assertTrue(any(name in text for name in (object, *NAMES[object])), text)
            self.assertTrue(any(name in text for name in (colour, *SHADES.get(colour, ()))), text)
            self.assertIn("at night", text)

    def test_two_objects_are_both_named_in_other_words(self):
        for seed in range(100):
            text = loosely("jeep", "silver", "beach", STYLES[seed % 8], seed, None, "cat", "purple")
            first, second = text.split(" and ", 1)
            for part, object, colour in ((first, "jeep", "silver"), (second, "cat", "purple")):
                self.assertTrue(any(name in part for name in (object, *NAMES[object])), text)
                self.assertTrue(any(name in part for name in (colour, *SHADES[colour])), text)


class Taught(unittest.TestCase):
    """Where words are shown to be."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        make_tokenizer.write(Path(folder.name))
        cls.words = train.Words(folder.name)

    def factors(self, *names):
        return [*(table.index(name) if name else -1 for table, name in zip(latents.NAMES, names)), 0]

    def test_a_phrase_is_found_whole_and_once(self):
        tokens = self.words.tokens("an off road car on a curvy road")
        found = train.phrase(tokens, self.words.nouns[OBJECTS.index("jeep")])
        self.assertEqual(np.flatnonzero(found).tolist(), [2, 3, 4])                    # not the road that it is on
        self.assertFalse(train.phrase(tokens, self.words.nouns[OBJECTS.index("cat")]).any())

    def test_each_object_has_its_own_words(self):
        rng, factors = np.random.default_rng(0), self.factors("jeep", "red", "beach", "photo", None, "fox", "blue")
        for _ in range(50):
            tokens, named = self.words.of(rng, factors)
            self.assertEqual(named.shape, (77, 2, 2))
            said = [[self.words.tokenizer.decode(tokens[named[:, thing, word]]) for word in range(2)] for thing in range(2)]
            self.assertIn(said[0][0], ("jeep", *NAMES["jeep"]))
            self.assertEqual([said[0][1], *said[1]], ["red", "fox", "blue"])
        _, named = self.words.of(rng, self.factors("jeep", None, "beach", "photo", None, None, None))
        self.assertEqual(named.any(0).tolist(), [[True, False], [False, False]])

    def test_maps_on_their_masks_cost_least(self):
        masks = torch.zeros(1, 2, 8, 8)
        masks[0, 0, :, :3], masks[0, 1, :, 5:] = 1, 1
        words = torch.zeros(1, 4, 2, 2)
        words[0, 0, 0, 0] = words[0, 1, 0, 1] = words[0, 2, 1, 0] = words[0, 3, 1, 1] = 1
        levels = torch.tensor([attention.NOUN, attention.COLOUR])
        right = torch.einsum("bnp,k->bpnk", masks.flatten(2), levels).flatten(2)       # (b, queries, tokens)
        cost = lambda maps: attention.loss([argparse.Namespace(maps=maps)], words, masks, torch.ones(1)).item()
        self.assertLess(cost(right), 0.5 * cost(right.flip(2)))
        self.assertEqual(attention.loss([argparse.Namespace(maps=right)], words, masks, torch.zeros(1)).item(), 0)


if __name__ == "__main__":
    unittest.main()
