"""python -m unittest test_pocket (in this folder): the split, the renderer, the tokenizer."""
import hashlib
import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluate import measures
from scenes import COLOURS, OBJECTS, PLACES, STYLES, Scene, combinations, held_out, render, training_scene

PHOTO = Scene("fox", "blue", "snow", "photo", 5)


class Split(unittest.TestCase):
    def test_a_tenth_is_held_out_and_never_changes(self):
        rows = ["|".join(row) for row in combinations() if held_out(*row)]
        self.assertAlmostEqual(len(rows) / (12 * 11 * 8 * 8), 0.1, delta=0.01)
        self.assertEqual(hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16], "ec229fd9cd2f249a")

    def test_the_demonstration_clip_is_held_out(self):
        self.assertTrue(all(held_out("jeep", "red", "road", style) for style in STYLES))

    def test_no_training_scene_is_held_out(self):
        scenes = [training_scene(seed) for seed in range(5000)]
        self.assertFalse(any(scene.held_out for scene in scenes))
        self.assertEqual({scene.object for scene in scenes}, {*OBJECTS, None})
        self.assertEqual({scene.colour for scene in scenes}, {*COLOURS, None})
        self.assertEqual({scene.place for scene in scenes}, set(PLACES))
        self.assertEqual({scene.style for scene in scenes}, set(STYLES))


class Renderer(unittest.TestCase):
    def test_same_scene_same_pixels(self):
        for style in STYLES:
            a, b = (render(PHOTO.change(style=style), 3, 64) for _ in range(2))
            np.testing.assert_array_equal(a.frames, b.frames)

    def test_shapes(self):
        clip = render(PHOTO, 4, 96)
        self.assertEqual(clip.frames.shape, (4, 96, 96, 3))
        self.assertEqual(clip.mask.shape, (4, 96, 96))
        self.assertEqual(clip.object_motion.shape, (4, 2))
        self.assertGreater(clip.mask.mean(), 0.03)

    def test_one_frame_is_the_frame_of_the_whole(self):
        np.testing.assert_array_equal(render(PHOTO, 8, 64, 3, 4).frames[0], render(PHOTO, 8, 64).frames[3])

    def test_a_colour_edit_touches_the_object_alone(self):
        before, after = render(PHOTO, 2), render(PHOTO.change(colour="red"), 2)
        np.testing.assert_array_equal(before.mask, after.mask)
        difference = np.abs(before.frames.astype(int) - after.frames).max(-1)
        self.assertEqual(difference[before.mask == 0].max(), 0)
        self.assertGreater(difference[before.mask == 1].mean(), 20)

    def test_removal_and_style_keep_the_motion(self):
        before = render(PHOTO, 3)
        for after in (render(PHOTO.change(object=None), 3), render(PHOTO.change(style="monet"), 3)):
            np.testing.assert_array_equal(before.camera_motion, after.camera_motion)
            self.assertGreater(np.abs(before.frames.astype(int) - after.frames).max(), 50)

    def test_the_known_motion_is_the_motion(self):
        clip = render(Scene(None, None, "street", "photo", 3), 5)
        dx = clip.camera_motion[4, 0]
        whole = int(round(dx))
        moved = np.roll(clip.frames[0].astype(int), whole, 1)
        inside = slice(10, -10)
        self.assertLess(np.abs(moved - clip.frames[4])[:, inside].mean(),
                        np.abs(clip.frames[0].astype(int) - clip.frames[4])[:, inside].mean() * 0.7)

    def test_two_objects_stand_side_by_side(self):
        pair = Scene("jeep", "green", "beach", "photo", 1, second="fox", second_colour="blue")
        clip = render(pair, 4)
        first = clip.mask - clip.second_mask
        columns = lambda mask: (mask[0] * np.arange(128)).sum() / mask[0].sum()
        self.assertGreater(abs(columns(first) - columns(clip.second_mask)), 40)
        self.assertGreater(min(first.mean(), clip.second_mask.mean()), 0.03)
        self.assertLessEqual(clip.mask.max(), 1 + 1e-6)
        self.assertFalse((clip.object_motion == clip.second_motion).all())
        recoloured = render(pair.change(second_colour="red"), 4)
        difference = np.abs(clip.frames.astype(int) - recoloured.frames).max(-1)
        self.assertEqual(difference[clip.second_mask == 0].max(), 0)
        self.assertGreater(difference[clip.second_mask == 1].mean(), 20)
        self.assertEqual(pair.caption.replace("blue", "red"), pair.change(second_colour="red").caption)

    def test_of_two_objects_one_that_is_held_out_is_enough(self):
        free = next(row for row in combinations() if not held_out(*row))
        kept = next(row for row in combinations() if held_out(*row) and row[2:] == free[2:])
        for first, second in ((free, kept), (kept, free)):
            self.assertTrue(Scene(*first, 0, second=second[0], second_colour=second[1]).held_out)
        self.assertFalse(Scene(*free, 0, second=free[0], second_colour=free[1]).held_out)

    def test_a_zoom_enlarges_about_the_middle(self):
        clip, still = (render(PHOTO.change(zoom=zoom), 8, 96) for zoom in (0.03, 0.0))
        np.testing.assert_array_equal(clip.frames[0], still.frames[0])
        self.assertAlmostEqual(clip.growth[7], 1.03**7)
        self.assertAlmostEqual(clip.mask[7].sum() / still.mask[7].sum(), 1.03**14, delta=0.03)
        self.assertAlmostEqual(measures.temporal(clip.frames, clip), measures.temporal(still.frames, still), delta=1)
        unaware = measures.temporal(clip.frames, replace(clip, growth=still.growth))
        self.assertGreater(unaware, 1.5 * measures.temporal(clip.frames, clip))

    def test_captions_differ_in_the_changed_word_alone(self):
        for seed in range(20):
            scene = Scene("jeep", "red", "road", "monet", seed)
            self.assertEqual(scene.change(colour="blue").caption, scene.caption.replace("red", "blue"))
            self.assertEqual(Scene("cat", "red", "road", "photo", seed).caption.count("cat"), 1)


class Tokenizer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        from transformers import CLIPTokenizer
        import tokenizers
        import make_tokenizer
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        make_tokenizer.write(Path(folder.name))
        cls.slow = CLIPTokenizer.from_pretrained(folder.name)
        cls.fast = tokenizers.Tokenizer.from_file(folder.name + "/tokenizer.json")
        cls.vocabulary = json.loads(Path(folder.name, "vocab.json").read_text())

    def ids(self, text):
        return self.slow(text, padding="max_length", truncation=True).input_ids

    def test_every_caption_word_is_one_token(self):
        text = "a makoto shinkai style painting of a silver porsche car driving down a curvy road in the countryside"
        self.assertEqual(len(self.slow(text).input_ids), len(text.split()) + 2)

    def test_any_text_is_tokenized(self):
        for text in ("", "zeppelin", "北京 😀", "x" * 400, "a red jeep, 8K!!"):
            ids = self.ids(text)
            self.assertEqual(len(ids), 77)
            self.assertEqual(ids[0], self.vocabulary["<|startoftext|>"])
            self.assertEqual(ids[-1], self.vocabulary["<|endoftext|>"])

    def test_both_libraries_agree(self):
        for seed in range(200):
            text = training_scene(seed).caption
            self.assertEqual(self.ids(text), self.fast.encode(text).ids)


if __name__ == "__main__":
    unittest.main()
