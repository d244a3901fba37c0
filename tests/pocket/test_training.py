"""python -m unittest test_training (in this folder): captions in other words, weather, and models that grow without loss."""
import argparse
import unittest

import numpy as np
import torch

import resume
import sizes
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


if __name__ == "__main__":
    unittest.main()
