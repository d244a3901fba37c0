"""Films: scenes of many frames, edited window by window, with the true edit known. Do the windows show?

    make films STEPS=20 [ROWS="anchor self+anchor mid ddim"] [ONLY="static pan-1-style"]

A window that is edited on its own shows as a jump at its border. So frames are compared along their known motion, pixel by
pixel, in levels of 255:

    E(i, j)   mean |frame j - frame i moved as the scene moved| where both show the same thing
    excess    E of the edit less E of the true edit, which has grain and light of its own
    seam      mean excess between neighbours across window borders, less that within windows
    placebo   the same with the borders shifted by 1 ... n - 1 frames: what the seam is where none can be
    colour    the same as seam, of the distance between the frames' mean colours in CIELAB
    drift     excess of E(a, a + d), a the first frame of the longest shot: how far the film has moved away from it after d frames

Frames on either side of a cut have nothing in common; a flash is left out, and those before and after it are neighbours.
"""
import argparse
import sys
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from scenes import Clip, Scene, render
from scenes.captions import PLACE
from . import report
from .classifier import Classifier
from .clips import SIDE, phrase
from .measures import MARGIN, along, kept, psnr
from .tools import Tools
from .variants import VARIANTS

LENGTH = 64
FIRST_SEED = 4 * 10**8       # of scenes: nobody else's
DISTANCES = (8, 16, 32, 63)
SUBJECTS = (("swan", "white", "river"), ("jeep", "blue", "road"), ("fox", "orange", "forest"), ("boat", "red", "beach"),
            ("cat", "silver", "meadow"), ("train", "green", "snow"))
# by name, what the camera may do, in pixels a frame: stand still, pan until little of the first frame is left, or something in between
KINDS = {"static": (0, 0.1), "pan": (1, 2), "slow": (0.3, 0.6), "late": (0, 0.3), "cut": (0, 0.6), "flash": (0, 0.6)}
ENTERS = 12, 52              # frames between which an object comes into the picture
CUT = 28                     # the frame where another scene begins, which is no border of a window
FLASH = 30                   # the frame that a flash shows in


def layout(scene):
    """What render() draws for the scene's layout: pixels a frame that the camera pans by, and whether the object moves to the left."""
    dice = scene.rng("layout").random(9)
    return (dice[5] - 0.5) * 2.4, dice[3] < 0.5


def seed_with(scene, low, high, caption=None):
    """The scene with the first seed from its own on whose camera fits, and whose caption is this, or says nothing of photographs."""
    seed = scene.seed
    while True:
        found = scene.change(seed=seed)
        if low <= abs(layout(found)[0]) < high and (found.caption == caption if caption else "photo" not in found.caption):
            return found
        seed += 1


def take(kind, scene):
    """The film of a scene, (clip, the first frames of its shots)."""
    if kind == "late":
        left = 1 - np.clip((np.arange(LENGTH) - ENTERS[0]) / (ENTERS[1] - ENTERS[0]), 0, 1)
        away = 1.5 * SIDE * (1 if layout(scene)[1] else -1)
        return render(scene, LENGTH, SIDE, path=np.stack([away * left, 0 * left], 1)), (0,)
    if kind == "cut":
        caption = scene.change(style="photo").caption
        second = scene.change(seed=seed_with(scene.change(style="photo", seed=scene.seed + 1), *KINDS[kind], caption).seed)
        one, two = render(scene, CUT, SIDE), render(second, LENGTH - CUT, SIDE)
        joined = {name: np.concatenate([getattr(one, name), getattr(two, name)])
                  for name in ("frames", "mask", "object_motion", "camera_motion", "growth")}
        return Clip(scene, **joined), (0, CUT)
    clip = render(scene, LENGTH, SIDE)
    if kind == "flash":
        frames = clip.frames.copy()
        frames[FLASH] = 255 - (255 - frames[FLASH]) // 4
        return replace(clip, frames=frames), (0, FLASH)
    return clip, (0,)


@dataclass(frozen=True)
class Film:
    """One film of `LENGTH` frames, what it is edited to, and the filter's options."""
    name: str
    kind: str           # of KINDS
    group: str          # as in clips.py
    factor: str         # of the scene, that changes
    source: Scene
    target: Scene
    options: dict

    @property
    def changed(self):
        return (self.factor,)

    @cached_property
    def before(self):
        return take(self.kind, self.source)[0]

    @cached_property
    def truth(self):
        return take(self.kind, self.target)[0]

    @cached_property
    def shots(self):
        """The first frame of each, and the film's end."""
        return (*take(self.kind, self.source)[1], LENGTH)

    @cached_property
    def neighbours(self):
        """Pairs of frames that follow each other and show the same scene, (first, second)."""
        if self.kind == "flash":
            shown = [i for i in range(LENGTH) if i != FLASH]
            return list(zip(shown, shown[1:]))
        return [(i, i + 1) for i in range(LENGTH - 1) if i + 1 not in self.shots]


def scenes():
    """By name, one of each kind."""
    return {f"{kind}-{i // len(KINDS) + 1}": seed_with(Scene(*subject, "photo", FIRST_SEED + 1000 * i), *KINDS[kind])
            for i, (kind, subject) in enumerate(zip(KINDS, SUBJECTS, strict=True))}


def edits(scene):
    """One edit of each kind: (group, factor, target, options of the filter)."""
    caption, where = scene.caption, phrase(scene)
    place = "snow" if scene.place != "snow" else "desert"
    other = {"swan": "duck", "jeep": "porsche car", "fox": "cat", "boat": "swan", "cat": "rabbit", "train": "jeep"}[scene.object]
    colour = "green" if scene.colour != "green" else "purple"
    yield "style", "style", scene.change(style="watercolor"), {"preset": "watercolor", "source": caption}
    yield "attribute", "colour", scene.change(colour=colour), {"preset": "recolor", "source": caption, "from": scene.colour, "to": colour}
    yield "shape", "object", scene.change(object=other), {"preset": "swap-object", "source": caption, "from": scene.object, "to": other}
    yield "background", "place", scene.change(place=place), {
        "preset": "background", "source": caption, "from": PLACE[scene.place][where], "to": PLACE[place][where]}


def films(only=()):
    """All films, or those whose names begin with one of `only`."""
    found = [Film(f"{name}-{edit[0]}", name.split("-")[0], *edit[:2], scene, *edit[2:])
             for name, scene in scenes().items() for edit in edits(scene)]
    return [film for film in found if not only or film.name.startswith(tuple(only))]


def difference(frames, clip, i, j):
    """E(i, j) in levels of 255; None where the two frames have nothing in common."""
    kernel, total, count = np.ones((2 * MARGIN + 1,) * 2, np.uint8), 0.0, 0
    for motion, mask in ((clip.camera_motion, clip.mask == 0), (clip.object_motion, clip.mask == 1)):
        by = motion[j] - motion[i]
        now, then = (cv2.erode(m.astype(np.uint8), kernel, borderValue=0) for m in (mask[j], mask[i]))
        where = (now == 1) & (along(then.astype(np.float32), by) > 0.999)
        total += np.abs(along(frames[i].astype(np.float32), by) - frames[j])[where].sum()
        count += 3 * where.sum()
    return total / count if count else None


def windows(shots, window, shift=0):
    """Of each frame, the number of the window that it is in; those of a shot begin `shift` frames late."""
    numbers = np.zeros(0, int)
    for first, end in zip(shots, shots[1:]):
        own = (np.arange(end - first) - shift) // window
        numbers = np.append(numbers, own - own[0] + (numbers[-1] + 1 if len(numbers) else 0))
    return numbers


def seam(excess, pairs, shots, window, shift=0):
    """Mean of `excess` across borders less mean within. With a `shift` what lies across two shots is neither."""
    number, shot = windows(shots, window, shift), windows(shots, 10**9)
    border = np.array([number[i] != number[j] for i, j in pairs])
    counts = np.array([not shift or shot[i] == shot[j] for i, j in pairs])
    return float(excess[border & counts].mean() - excess[~border & counts].mean())


def colours(frames):
    """Mean of each frame in CIELAB, (n, 3)."""
    return np.array([cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).mean((0, 1)) for frame in frames])


def measure(film, frames, window, classifier):
    """All figures of one film, by name."""
    true, pairs, shots = film.truth.frames, film.neighbours, film.shots
    excess = np.array([difference(frames, film.truth, i, j) - difference(true, film.truth, i, j) for i, j in pairs])
    placebos = [seam(excess, pairs, shots, window, shift) for shift in range(1, window)]
    jumps = np.array([[np.linalg.norm(lab[j] - lab[i]) for i, j in pairs] for lab in (colours(frames), colours(true))])
    start, length = (0, LENGTH) if film.kind != "cut" else (CUT, LENGTH - CUT)
    drift = {}
    for d in DISTANCES:
        drift[d] = None
        if d < length and (found := difference(frames, film.truth, start, start + d)) is not None:
            drift[d] = float(found - difference(true, film.truth, start, start + d))
    where = kept(film)
    eighths = [slice(i, i + 8) for i in range(0, LENGTH, 8)]
    shown = film.truth.mask.mean((1, 2))
    wanted = [classifier.read(frames[part])[film.factor] == getattr(film.target, film.factor) for part in eighths
              if film.factor in ("style", "place") or shown[part].mean() > 0.5 * shown.max()]
    return {"psnr": psnr(frames, true), "kept": None if where is None else psnr(frames, true, where),
            "success": float(np.mean(wanted)), "seam": seam(excess, pairs, shots, window), "placebos": (min(placebos), max(placebos)),
            "excess": float(excess.mean()), "colour": seam(jumps[0] - jumps[1], pairs, shots, window), "drift": drift,
            "course": [psnr(frames[part], true[part]) for part in eighths]}


HEADER = (f"{'film':<18}{'row':<13}{'PSNR dB':>8}{'kept dB':>8}{'success':>8}{'seam':>7}{'placebos':>15}{'excess':>7}{'colour':>7}"
          "  drift at " + ", ".join(map(str, DISTANCES)))


def line(film, row, m):
    show = lambda value, form: "-" if value is None else form.format(value)
    return (f"{film:<18}{row:<13}{m['psnr']:>8.2f}{show(m['kept'], '{:.2f}'):>8}{m['success']:>8.0%}{m['seam']:>7.2f}"
            f"{m['placebos'][0]:>8.2f}{m['placebos'][1]:>7.2f}{m['excess']:>7.2f}{m['colour']:>7.2f}  "
            + "  ".join(show(value, "{:.2f}") for value in m["drift"].values()))


def mean(figures):
    """Of each figure, over those films that have it."""
    def of(values):
        values = [value for value in values if value is not None]
        return float(np.mean(values)) if values else None

    names = ("psnr", "kept", "success", "seam", "excess", "colour")
    return {**{name: of([m[name] for m in figures]) for name in names}, "placebos": tuple(np.mean([m["placebos"] for m in figures], 0)),
            "drift": {d: of([m["drift"][d] for m in figures]) for d in DISTANCES}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[3])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--window", type=int, default=8)
    parser.add_argument("--rows", nargs="+", default=["anchor", "mid"], help="values of the option keys, or ddim, which fuses nothing")
    parser.add_argument("--only", nargs="+", default=(), help="films whose names begin so")
    args = parser.parse_args()
    tools, classifier, rows, begin = Tools(args.root, args.steps), Classifier(), {}, time.time()
    print(HEADER, flush=True)
    for film in films(args.only):
        for row in args.rows:
            how = VARIANTS["ddim"].options if row == "ddim" else {"keys": row}
            options = {**film.options, "steps": args.steps, "precision": "fp32", "window": args.window, **how}
            rows[film.name, row] = film, measure(film, tools.filtered(film, options), args.window, classifier)
            print(line(film.name, row, rows[film.name, row][1]), flush=True)
            print(f"{time.time() - begin:.0f} s, {film.name}, {row}", file=sys.stderr, flush=True)
    report.write(args.root / "build/evaluate/films.json", [{"film": film, "row": row, **m} for (film, row), (_, m) in rows.items()])
    for group in (*dict.fromkeys(film.group for film, _ in rows.values()), "all"):
        for row in args.rows:
            print(line(group, row, mean([m for (_, each), (film, m) in rows.items() if each == row and group in (film.group, "all")])))


if __name__ == "__main__":
    main()
