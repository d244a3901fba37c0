"""Films: scenes of many frames, edited window by window, with the true edit known. Do the windows show?

    make films STEPS=20 [KEYS="anchor self+anchor mid"] [ONLY="static pan-1-style"]

A window that is edited on its own shows as a jump at its border. So frames are compared along their known motion, pixel by
pixel, in levels of 255:

    E(i, j)   mean |frame j - frame i moved as the scene moved| where both show the same thing
    excess    E of the edit less E of the true edit, which has grain and light of its own
    seam      mean excess between neighbours across window borders, less that within windows
    placebo   the same with the borders shifted by 1 ... n - 1 frames: what the seam is where none can be
    drift     excess of E(0, d): how far the film has moved away from its first frame after d frames
"""
import argparse
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from scenes import Scene, render
from scenes.captions import PLACE
from . import report
from .classifier import Classifier
from .clips import SIDE, STYLES, phrase
from .measures import MARGIN, along, kept, psnr
from .tools import Tools

LENGTH = 64
FIRST_SEED = 4 * 10**8       # of scenes: nobody else's
DISTANCES = (8, 16, 32, 63)
SUBJECTS = (("swan", "white", "river"), ("jeep", "blue", "road"), ("fox", "orange", "forest"), ("boat", "red", "beach"),
            ("cat", "silver", "meadow"), ("train", "green", "snow"))


def camera(scene):
    """Pixels a frame that the camera pans by, as render() draws it."""
    return (scene.rng("layout").random(9)[5] - 0.5) * 2.4


def seed_with(scene, fits):
    """The first seed from the scene's own on whose camera `fits`, and whose caption says nothing of photographs."""
    seed = scene.seed
    while not fits(abs(camera(scene.change(seed=seed)))) or "photo" in scene.change(seed=seed).caption:
        seed += 1
    return scene.change(seed=seed)


@dataclass(frozen=True)
class Film:
    """One film of `LENGTH` frames, what it is edited to, and the filter's options."""
    name: str
    group: str          # as in clips.py
    factor: str         # of the scene, that changes
    source: Scene
    target: Scene
    options: dict

    @cached_property
    def before(self):
        return render(self.source, LENGTH, SIDE)

    @cached_property
    def truth(self):
        return render(self.target, LENGTH, SIDE)


def scenes():
    """By name: cameras that stand still, that pan until little of the first frame is left, and in between."""
    kinds = {"static": lambda pan: pan < 0.1, "pan": lambda pan: pan > 1.0, "slow": lambda pan: 0.3 < pan < 0.6}
    found = {}
    for i, subject in enumerate(SUBJECTS):
        kind = tuple(kinds)[i % len(kinds)]
        found[f"{kind}-{i // len(kinds) + 1}"] = seed_with(Scene(*subject, "photo", FIRST_SEED + 1000 * i), kinds[kind])
    return found


def edits(scene):
    """One edit of each kind: (group, factor, target, options of the filter)."""
    caption, where = scene.caption, phrase(scene)
    place = "snow" if scene.place != "snow" else "desert"
    other = {"swan": "duck", "jeep": "porsche car", "fox": "cat", "boat": "swan", "cat": "rabbit", "train": "jeep"}[scene.object]
    colour = "green" if scene.colour != "green" else "purple"
    yield "style", "style", scene.change(style="watercolor"), {"preset": STYLES["watercolor"], "source": caption}
    yield "attribute", "colour", scene.change(colour=colour), {"preset": "recolor", "source": caption, "from": scene.colour, "to": colour}
    yield "shape", "object", scene.change(object=other), {"preset": "swap-object", "source": caption, "from": scene.object, "to": other}
    yield "background", "place", scene.change(place=place), {
        "preset": "background", "source": caption, "from": PLACE[scene.place][where], "to": PLACE[place][where]}


def films(only=()):
    """All films, or those whose names begin with one of `only`."""
    found = [Film(f"{name}-{edit[0]}", *edit[:2], scene, *edit[2:]) for name, scene in scenes().items() for edit in edits(scene)]
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


def seam(excess, window, shift=0):
    """Mean excess across borders less mean excess within: `excess[i]` is between frames i and i + 1."""
    border = np.arange(1, len(excess) + 1) % window == shift % window
    return float(excess[border].mean() - excess[~border].mean())


def measure(film, frames, window, classifier):
    """All figures of one film, by name."""
    pairs = range(len(frames) - 1)
    excess = np.array([difference(frames, film.truth, i, i + 1) - difference(film.truth.frames, film.truth, i, i + 1) for i in pairs])
    placebos = [seam(excess, window, shift) for shift in range(1, window)]
    drift = {}
    for d in DISTANCES:
        found, true = difference(frames, film.truth, 0, d), difference(film.truth.frames, film.truth, 0, d)
        drift[d] = None if found is None else float(found - true)
    where = kept(film.group, film.before, film.truth)
    wanted = [classifier.read(frames[i:i + 8])[film.factor] == getattr(film.target, film.factor) for i in range(0, len(frames), 8)]
    return {"psnr": psnr(frames, film.truth.frames), "kept": None if where is None else psnr(frames, film.truth.frames, where),
            "success": float(np.mean(wanted)), "seam": seam(excess, window), "placebos": (min(placebos), max(placebos)),
            "excess": float(excess.mean()), "drift": drift}


def table(rows):
    """`rows`: {(film, keys): figures} -> lines."""
    lines = [f"{'film':<22}{'keys':<14}{'PSNR dB':>9}{'kept dB':>9}{'success':>9}{'seam':>8}{'placebos':>15}{'excess':>8}  drift at "
             + ", ".join(map(str, DISTANCES))]
    for (film, keys), m in rows.items():
        show = lambda value, form: "-" if value is None else form.format(value)
        lines.append(f"{film:<22}{keys:<14}{m['psnr']:>9.2f}{show(m['kept'], '{:.2f}'):>9}{m['success']:>9.0%}{m['seam']:>8.2f}"
                     f"{m['placebos'][0]:>8.2f}{m['placebos'][1]:>7.2f}{m['excess']:>8.2f}  "
                     + "  ".join(show(value, "{:.2f}") for value in m["drift"].values()))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[3])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--window", type=int, default=8)
    parser.add_argument("--keys", nargs="+", default=["anchor", "mid"], help="the option's values to compare")
    parser.add_argument("--only", nargs="+", default=(), help="films whose names begin so")
    args = parser.parse_args()
    tools, classifier, rows, begin = Tools(args.root, args.steps), Classifier(), {}, time.time()
    for film in films(args.only):
        for keys in args.keys:
            options = {**film.options, "steps": args.steps, "precision": "fp32", "window": args.window, "keys": keys}
            rows[film.name, keys] = measure(film, tools.filtered(film, options), args.window, classifier)
            print(f"{time.time() - begin:.0f} s, {film.name}, keys={keys}", file=sys.stderr, flush=True)
    for keys in args.keys:
        own = [figures for (_, each), figures in rows.items() if each == keys]
        mean = {name: None if own[0][name] is None else float(np.mean([m[name] for m in own if m[name] is not None]))
                for name in ("psnr", "success", "seam", "excess")}
        rows["all", keys] = {**mean, "kept": None, "placebos": tuple(np.mean([m["placebos"] for m in own], 0)),
                             "drift": {d: float(np.mean([m["drift"][d] for m in own if m["drift"][d] is not None])) for d in DISTANCES}}
    report.write(args.root / "build/evaluate/films.json", [{"film": film, "keys": keys, **figures} for (film, keys), figures in rows.items()])
    print(table(rows))


if __name__ == "__main__":
    main()
