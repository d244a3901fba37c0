"""python -m unittest test_evaluate (in this folder): which clips are edited, and that the measures measure."""
import hashlib
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluate import classifier, clips, films, filter, intervals, measures, report, sdedit, styles, variants
from scenes import STYLES, WEATHERS, Scene, render

BARE = ", weather=None, second=None, second_colour=None, zoom=0.0"
PAPERS = clips.GROUPS[:5]
EDITS = [edit for group in PAPERS for edit in clips.edits(group)]
ALL = [edit for group in clips.GROUPS for edit in clips.edits(group)]
PRESETS = Path(__file__).parents[2] / "presets"


class Split(unittest.TestCase):
    def test_sixty_clips_in_equal_parts_that_never_change(self):
        self.assertEqual([len(clips.edits(group)) for group in clips.GROUPS], [12] * len(clips.GROUPS))
        text = "\n".join(f"{edit.source} {edit.target}" for edit in EDITS).replace(BARE, "")   # fixed before there was any of these
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest()[:16], "73f8fe6657c440b9")

    def test_no_combination_was_trained_on(self):
        for edit in ALL:
            self.assertTrue(edit.source.held_out, edit)
            self.assertTrue(edit.target.held_out or edit.group == "removal", edit)

    def test_no_scene_was_trained_on(self):
        seeds = [edit.source.seed for edit in ALL]
        self.assertEqual(len(set(seeds)), 12 * len(clips.GROUPS))
        self.assertTrue(all(clips.FIRST_SEED <= seed < clips.FIRST_SEED + 10**6 < classifier.FIRST_SEED for seed in seeds))

    def test_more_clips_leave_the_first_as_they_are(self):
        for group in clips.GROUPS:
            more = clips.edits(group, 16)
            self.assertEqual(clips.edits(group), more[:12])
            self.assertEqual(16, len({edit.source.seed for edit in more}))
            self.assertFalse({edit.source.seed for edit in more[12:]} & {edit.source.seed for edit in ALL})
            self.assertTrue(all(edit.source.held_out for edit in more))

    def test_the_training_side_shares_nothing_with_it(self):
        trained = [edit for group in clips.GROUPS for edit in clips.edits(group, training=True)]
        self.assertFalse(any(edit.source.held_out or edit.target.held_out for edit in trained))
        self.assertFalse({edit.source.seed for edit in trained} & {edit.source.seed for edit in ALL})

    def test_an_edit_changes_one_factor(self):
        for edit in EDITS:
            same = edit.source.change(**{name: getattr(edit.target, name) for name in edit.factors})
            self.assertEqual(len(edit.factors), 1)
            self.assertEqual(same.change(colour=None) if edit.group == "removal" else same, edit.target)
            self.assertNotEqual(edit.source, edit.target)

    def test_an_edit_of_two_factors_changes_both_of_them(self):
        for edit in clips.edits("object+place") + clips.edits("colour+place", training=True):
            self.assertTrue(all(getattr(edit.source, name) != getattr(edit.target, name) for name in edit.factors))
            self.assertEqual(edit.source.change(**{name: getattr(edit.target, name) for name in edit.factors}), edit.target)
            pairs = zip(edit.options["from"].split("|"), edit.options["to"].split("|"), strict=True)
            self.assertTrue(all(old in edit.source.caption and new in edit.target.caption for old, new in pairs), edit.options)

    def test_two_objects_get_a_colour_each(self):
        for edit in clips.edits("pair", 6) + clips.edits("pair", 3, training=True):
            before, after = ({one.colour for one in scene.alone} for scene in (edit.source, edit.target))
            self.assertEqual((len(before), len(after)), (2, 2))
            self.assertEqual(edit.changed, ("colour", "second_colour"))
            self.assertEqual({one.held_out for scene in (edit.source, edit.target) for one in scene.alone}, {edit.source.held_out})
            self.assertTrue(all(word in edit.source.caption for word in edit.options["from"].split("|")))
        edit = clips.edits("pair", 1)[0]
        reader = classifier.Classifier()
        for clip, success in ((edit.truth, 1), (edit.before, 0)):
            figures = measures.measure(edit, clip.frames, reader)
            self.assertEqual(figures["success"], success)
            self.assertGreater(figures["kept"], 60)
        self.assertEqual(measures.shades(edit, edit.before.frames),
                         {"colour": edit.source.colour, "second_colour": edit.source.second_colour})

    def test_weather_is_asked_for_by_its_preset_and_not_read(self):
        edits = clips.edits("weather")
        self.assertEqual({edit.options["preset"] for edit in edits}, set(WEATHERS))
        edit = edits[0]
        self.assertIn(edit.target.weather, edit.target.caption)
        figures = measures.measure(edit, edit.truth.frames, classifier.Classifier())
        self.assertIsNone(figures["success"])
        self.assertIsNone(figures["kept"])

    def test_success_of_two_factors_is_that_of_both(self):
        edit = clips.edits("object+place", 1)[0]
        for object, success in ((edit.target.object, 1), (edit.source.object, 0)):
            class Reading:
                def read(self, frames):
                    return {"object": object, "place": edit.target.place, "colour": edit.target.colour, "style": "photo"}
            self.assertEqual(measures.measure(edit, edit.truth.frames, Reading())["success"], success)

    def test_shapes_stay_of_their_kind(self):
        kinds = [kind for edit in clips.edits("shape") for kind in clips.KINDS if edit.source.object in kind]
        self.assertEqual([kinds.count(kind) for kind in clips.KINDS], [4, 4, 4])
        self.assertTrue(all(edit.target.object in kind for edit, kind in zip(clips.edits("shape"), kinds)))

    def test_a_picture_is_one_frame(self):
        edit = clips.edits("image", 1)[0]
        self.assertEqual((len(edit.before.frames), len(edit.truth.frames)), (1, 1))
        self.assertIsNone(measures.temporal(edit.before.frames, edit.before))

    def test_what_is_enhanced_is_the_same_scene_softer(self):
        edit = clips.edits("enhance", 1)[0]
        self.assertEqual(edit.source, edit.target)
        detail = [np.abs(np.diff(clip.frames.astype(float), axis=2)).mean() for clip in (edit.before, edit.truth)]
        self.assertLess(detail[0], 0.7 * detail[1])
        self.assertGreater(measures.psnr(edit.before.frames, edit.truth.frames), 15)

    def test_another_place_has_the_same_object_where_it_is(self):
        edit = clips.edits("background", 1)[0]
        object, place = edit.truth.mask == 1, edit.truth.mask == 0
        np.testing.assert_array_equal(edit.another[object], edit.truth.frames[object])
        self.assertGreater(np.abs(edit.another[place].astype(int) - edit.truth.frames[place]).mean(), 5)
        self.assertIsNone(clips.edits("shape", 1)[0].another)

    def test_the_sheet_has_a_clip_of_its_own_for_each_style(self):
        drawn = [styles.edit(number, style) for number, style in enumerate(STYLES[1:])]
        self.assertTrue(all(edit.source.held_out and edit.target.held_out for edit in drawn))
        self.assertEqual([edit.target.style for edit in drawn], list(STYLES[1:]))
        self.assertTrue(all((PRESETS / f"{edit.options['preset']}.preset").is_file() for edit in drawn))
        self.assertFalse({edit.source.seed for edit in drawn} & {edit.source.seed for edit in ALL})

    def test_fewer_clips_are_the_first_of_all(self):
        self.assertEqual(clips.edits("shape", 3), clips.edits("shape")[:3])


class Words(unittest.TestCase):
    def test_the_prompt_is_the_caption_of_the_true_edit(self):
        for edit in EDITS:
            prompt = sdedit.prompt(PRESETS, edit.options)
            if edit.group in ("attribute", "background"):
                self.assertEqual(prompt.replace("an ", "a "), edit.target.caption.replace("an ", "a "))
            elif edit.group == "shape":
                self.assertIn(f" {edit.target.object} ", prompt)
            elif edit.group == "removal":
                self.assertTrue(edit.source.caption.endswith(prompt))
                self.assertNotIn(edit.source.object, prompt)

    def test_values_survive_the_graph(self):
        self.assertEqual(filter.escape("a cat, it's"), "a cat\\, it\\\\\\'s")


class Measures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clip = render(Scene("fox", "blue", "street", "photo", 5), 4)

    def test_psnr(self):
        black = np.zeros((2, 16, 16, 3), np.uint8)
        self.assertAlmostEqual(measures.psnr(black, black + 1), 48.13, 2)
        where = np.zeros((2, 16, 16), bool)
        self.assertIsNone(measures.psnr(black, black, where))
        where[0, 0, 0], black[0, 0, 0] = True, 1
        self.assertAlmostEqual(measures.psnr(black, 0 * black, where), 48.13, 2)

    def test_ssim_of_itself_is_one(self):
        self.assertAlmostEqual(measures.ssim(self.clip.frames, self.clip.frames), 1)

    def test_what_is_kept_is_where_the_true_edit_changes_nothing(self):
        for group in PAPERS[1:]:
            edit = clips.edits(group, 1)[0]
            where = measures.kept(edit)
            self.assertGreater(where.mean(), 0.05 if group == "background" else 0.5)
            np.testing.assert_array_equal(edit.before.frames[where], edit.truth.frames[where])
            inside = edit.before.mask[where] > 0
            self.assertTrue(inside.all() if group == "background" else not inside.any())

    def test_of_two_changes_the_first_alone_keeps_the_place(self):
        for group in ("object+place", "colour+place"):
            edit = clips.edits(group, 1)[0]
            self.assertIsNone(measures.kept(edit))
            first = edit.first
            self.assertEqual(first.changed, edit.changed[:1])
            self.assertEqual(first.options["from"].split("|")[1], first.options["to"].split("|")[1])
            self.assertEqual(first.options["to"].split("|")[0], edit.options["to"].split("|")[0])
            self.assertGreater(measures.kept(first).mean(), 0.5)
            self.assertIsNone(first.another)

    def test_temporal_error_follows_the_known_motion(self):
        true = measures.temporal(self.clip.frames, self.clip)
        still = replace(self.clip, object_motion=0 * self.clip.object_motion, camera_motion=0 * self.clip.camera_motion)
        self.assertLess(true, 0.7 * measures.temporal(self.clip.frames, still))
        flicker = self.clip.frames.astype(int) + np.array([8, 0, 8, 0])[:, None, None, None]
        self.assertGreater(measures.temporal(np.clip(flicker, 0, 255).astype(np.uint8), self.clip), true + 2)


class Classifier(unittest.TestCase):
    def test_it_reads_scenes_of_the_training_side(self):
        reader, wrong = classifier.Classifier(), 0
        for scene in (Scene("fox", "blue", "snow", "photo", 1), Scene("jeep", "green", "beach", "monet", 2),
                      Scene("swan", "white", "river", "watercolor", 3), Scene(None, None, "desert", "cartoon", 4)):
            read = reader.read(render(scene, 4).frames)
            wrong += sum(value != getattr(scene, name) for name, value in read.items())
        self.assertLessEqual(wrong, 1)

    def test_it_reads_larger_pictures_as_the_same(self):
        reader, frames = classifier.Classifier(), render(Scene("fox", "blue", "snow", "photo", 1), 4).frames
        self.assertEqual(reader.read(frames), reader.read(frames.repeat(2, 1).repeat(2, 2)))

    def test_a_pencil_sketch_has_no_colour(self):
        self.assertEqual(classifier.labels(Scene("fox", "blue", "snow", "pencil sketch", 1))[1], -1)
        self.assertEqual(classifier.labels(Scene("fox", None, "snow", "photo", 1))[1], classifier.CLASSES["colour"].index("orange"))


class Films(unittest.TestCase):
    @staticmethod
    def film(kind):
        return films.films([f"{kind}-1-shape"])[0]

    @staticmethod
    def figures(film, frames):
        class Reading:
            def read(self, frames):
                return {"object": film.target.object}
        return films.measure(film, frames, 8, Reading())

    def test_each_scene_has_an_edit_of_each_group(self):
        self.assertEqual(sorted({film.kind for film in films.films()}), sorted(films.KINDS))
        self.assertEqual(len(films.films()), 4 * len(films.KINDS))

    def test_the_true_edit_has_no_seam_and_does_not_drift(self):
        for kind in ("static", "cut"):
            film = self.film(kind)
            m = self.figures(film, film.truth.frames)
            drift = [value for value in m["drift"].values() if value is not None]
            self.assertEqual([m["seam"], *m["placebos"], m["excess"], m["colour"], *drift], [0] * (5 + len(drift)))

    def test_what_changes_with_the_window_is_a_seam(self):
        for kind in ("static", "cut", "flash"):
            film = self.film(kind)
            odd = films.windows(film.shots, 8) % 2
            m = self.figures(film, np.clip(film.truth.frames + 4.0 * odd[:, None, None, None], 0, 255).astype(np.uint8))
            self.assertGreater(m["seam"], 1)
            self.assertLess(m["placebos"][1], 0)

    def test_a_film_that_moves_away_drifts(self):
        film = self.film("static")
        m = self.figures(film, (film.truth.frames * np.linspace(1, 0.7, films.LENGTH)[:, None, None, None]).astype(np.uint8))
        self.assertGreater(m["drift"][63], 4 * m["drift"][8])
        self.assertAlmostEqual(m["seam"], 0, 1)

    def test_windows_begin_with_their_shots(self):
        self.assertEqual(list(films.windows((0, 3, 8), 2)), [0, 0, 1, 2, 2, 3, 3, 4])
        self.assertEqual(list(films.windows((0, 5), 2, shift=1)), [0, 1, 1, 2, 2])

    def test_frames_of_two_scenes_are_no_neighbours(self):
        self.assertNotIn((films.CUT - 1, films.CUT), self.film("cut").neighbours)
        self.assertIn((films.FLASH - 1, films.FLASH + 1), self.film("flash").neighbours)
        film = self.film("late")
        self.assertEqual((film.before.mask[:films.ENTERS[0]].max(), film.before.mask[-1].mean() > 0.05), (0, True))


class Run(unittest.TestCase):
    def test_lists_name_variants(self):
        for names in variants.LISTS.values():
            self.assertLessEqual(set(names), set(variants.VARIANTS))

    def test_what_was_made_is_made_once(self):
        with tempfile.TemporaryDirectory() as folder:
            kept, made, frames = filter.Kept(Path(folder) / "clips"), [], np.zeros((1, 2, 2, 3), np.uint8)
            for options in ({"steps": 1}, {"steps": 1}, {"steps": 2}):
                kept.get("engine", frames, options, lambda: made.append(options) or frames)
            self.assertEqual(made, [{"steps": 1}, {"steps": 2}])

    def test_the_table_tells_what_does_not_apply(self):
        row = {"psnr": 20.0, "ssim": 0.5, "kept": None, "temporal": 3.0, "success": 1.0, "others": 0.5}
        table = report.table({"style": {"fatezero": report.mean([row, row])}}, {"fatezero": "FateZero"})
        self.assertEqual(table.splitlines()[1].split(), 
                         ["style", "FateZero", "20.00", "(20.00..20.00)", "0.500", "(0.500..0.500)", "-", "3.00", "(3.00..3.00)",
                          "100%", "(34..100)", "50%", "(50..50)"])

    def test_a_change_is_judged_clip_by_clip(self):
        rows = [{"psnr": psnr, "ssim": 0.5, "kept": None, "temporal": 3.0, "success": 0.0, "others": 1.0} for psnr in (10.0, 20.0, 30.0)]
        better = [{**row, "psnr": row["psnr"] + 1, "success": 1.0} for row in rows]
        change = report.change(rows, better)
        self.assertEqual((change["psnr"], change["psnr_95"]), (1, (1, 1)))    # though clips differ by far more
        self.assertEqual((change["success"], change["success_95"], change["kept"]), (1, (1, 1), None))

    def test_intervals_hold_what_they_say(self):
        dice, inside = np.random.default_rng(1), 0
        for _ in range(200):
            low, high = intervals.of_mean(dice.normal(5, 2, 30))
            inside += low <= 5 <= high
        self.assertTrue(175 <= inside <= 199, inside)
        low, high = intervals.of_share([1] * 11 + [0])                        # by Wilson's formula: 0.646 to 0.985
        self.assertAlmostEqual(low, 0.646, 3)
        self.assertAlmostEqual(high, 0.985, 3)
        self.assertAlmostEqual(intervals.of_share([1] * 12)[1], 1)
        self.assertLess(intervals.of_share([1] * 12)[0], 0.8)


if __name__ == "__main__":
    unittest.main()
