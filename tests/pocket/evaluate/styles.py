"""The sheet of styles: a held-out clip for each, as it is, as its preset edits it, and as the edit should leave it.

    make styles

The clips are drawn by a seed, one a style; none was looked at before.
"""
import argparse
import random
from pathlib import Path

import cv2
import numpy as np

from scenes import STYLES, Scene, combinations, held_out
from . import report
from .clips import FIRST_SEED, Edit
from .measures import psnr
from .tools import Tools
from .variants import VARIANTS

SEED = FIRST_SEED + 2 * 10**6      # of the first style's scene; beyond those of the evaluation's clips
FRAME = 4                          # of eight, the one that is shown


def edit(number, style):
    """A photograph of a combination that was never trained on, which the style makes another such one of."""
    sources = [row for row in combinations() if row[3] == "photo" and held_out(*row) and held_out(*row[:3], style)]
    row = random.Random(f"fatezero styles 1, {style}").choice(sources)
    seed = SEED + 1000 * number
    while "photo" in Scene(*row, seed).caption:       # a preset says itself what style it wants
        seed += 1
    source = Scene(*row, seed)
    return Edit("style", number, source, source.change(style=style))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[3])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--out", type=Path, help="presets/styles.png if nothing is named")
    args = parser.parse_args()
    tools, columns = Tools(args.root, args.steps), []
    for number, style in enumerate(name for name in STYLES if name != "photo"):
        asked = edit(number, style)
        edited = tools.edited(asked, VARIANTS["fatezero"])
        print(f"{style}: {asked.options['source']}, seed {asked.source.seed}, {psnr(edited, asked.truth.frames):.1f} dB", flush=True)
        shown = [frames[FRAME] for frames in (asked.before.frames, edited, asked.truth.frames)]
        columns.append(np.concatenate([report.label(style, shown[0].shape[1]), *shown]))
    out = args.out or args.root / "presets/styles.png"
    if not cv2.imwrite(str(out), np.concatenate(columns, 1)[..., ::-1]):
        parser.error(f"{out}: cannot be written")


if __name__ == "__main__":
    main()
