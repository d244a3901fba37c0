"""Edits the held-out clips with the filter and measures them against the true edits.

    make evaluate [GROUP=12] [STEPS=50] [ABLATION=1] [VARIANTS="fatezero ddim"]
    make evaluate TRAINING=1 [TRY="self_replace=0.3 threshold=0.2:cross_replace=0.4"]

The second is for choosing presets: other clips, of combinations that were trained on, and rows with options of your own.
"""
import argparse
import sys
import time
from pathlib import Path

from scenes import STYLES, Scene, combinations, held_out, render
from . import report
from .classifier import Classifier
from .clips import FIRST_SEED, FRAMES, GROUPS, SIDE, SIZE, edits
from .measures import measure
from .tools import Tools
from .variants import LISTS, VARIANTS, Variant

REFERENCE = {"source": "the source, unedited", "truth": "the true edit", "ceiling": "the true edit, through the VAE",
             "another": "as true, in another such place"}


def reading(classifier, tools, side, count=64):
    """Share of other held-out clips that the classifier reads rightly, factor by factor, as they are and through the VAE."""
    rows = [row for row in combinations() if held_out(*row)]
    right = {"as they are": {}, "through the VAE": {}}
    for i in range(count):
        scene = Scene(*rows[i * len(rows) // count], FIRST_SEED + 10**6 + i)
        frames = render(scene, FRAMES, side).frames
        for how, shown in zip(right, (frames, tools.reconstructed(frames))):
            for name, value in classifier.read(shown).items():
                if (name, scene.style) != ("colour", "pencil sketch"):         # which has no colour
                    right[how].setdefault(name, []).append(value == getattr(scene, name))
    return {how: {name: sum(values) / len(values) for name, values in found.items()} for how, found in right.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[3])
    parser.add_argument("--group", type=int, default=SIZE, help="clips a group")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, metavar="NAME", default=["fatezero"], help=", ".join(VARIANTS))
    parser.add_argument("--side", type=int, default=SIDE, help="pixels of a clip's side; pocket edits at 128")
    parser.add_argument("--training", action="store_true", help="clips of the training side instead")
    parser.add_argument("--try", dest="tried", nargs="+", metavar="NAME=VALUE:NAME=VALUE", default=[], help="options over the presets'")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="these groups")
    for name in LISTS:
        parser.add_argument(f"--{name.lower()}", dest="lists", action="append_const", const=name, default=[])
    args = parser.parse_args()
    if args.tried and not args.training:
        parser.error("--try is for clips of the training side: nothing is chosen by the held-out ones")
    VARIANTS.update({text: Variant(text, dict(part.split("=", 1) for part in text.split(":"))) for text in args.tried})
    names = list(dict.fromkeys([name for each in args.lists for name in LISTS[each]] or args.variants + args.tried))
    tools, classifier, out = Tools(args.root, args.steps), Classifier(), args.root / "build/evaluate"
    groups, changes, clips, blocks, begin = {}, {}, [], [], time.time()
    for group in args.only:
        found, blocks = {}, [*blocks, []]
        for edit in edits(group, args.group, args.training, args.side):
            shown = {"source": edit.before.frames, "truth": edit.truth.frames, "ceiling": tools.reconstructed(edit.truth.frames)}
            shown |= {"another": edit.another} if edit.another is not None else {}
            asked = {name: VARIANTS[name].asked(edit) for name in names if group in VARIANTS[name].groups}
            shown |= {name: tools.edited(wanted, VARIANTS[name]) for name, wanted in asked.items()}
            figures = {name: measure(asked.get(name, edit), frames, classifier) for name, frames in shown.items()}
            for name, row in figures.items():
                found.setdefault(name, []).append(row)
            clips.append({"name": edit.name, "seed": edit.source.seed, "options": edit.options, "variants": figures})
            if len(blocks[-1]) < report.CLIPS:
                title = {"source": edit.options["source"], "truth": f"the true edit: {edit.wanted}"}
                rows = ["source", *[name for name in shown if name in VARIANTS], "truth"]
                blocks[-1].append(report.block(edit, {title.get(name) or VARIANTS[name].title: shown[name] for name in rows}))
            print(f"{time.time() - begin:.0f} s, {edit.name}: {edit.options}", file=sys.stderr, flush=True)
        groups[group] = {name: report.mean(rows) for name, rows in found.items()}
        edited = [name for name in names if name in found]
        changes[group] = {name: report.change(found[edited[0]], found[name]) for name in edited[1:]}
    side = "training-" * args.training
    accuracy = reading(classifier, tools, args.side)
    titles = REFERENCE | {name: VARIANTS[name].title for name in VARIANTS}
    report.write(out / f"{side}summary.json", {"clips_a_group": args.group, "steps": args.steps, "classifier": accuracy,
                                        "groups": groups, "changes": changes, "clips": clips})
    report.sheet(out / f"{side}sheet.png", blocks)
    print(report.table(groups, titles), report.LEGEND, sep="\n\n")
    if len(names) > 1:
        print(f"\nclip by clip, what changes from '{titles[names[0]]}':", report.table(changes, titles), sep="\n\n")
    for how, found in accuracy.items():
        print(f"the classifier on other held-out clips {how}: " + ", ".join(f"{name} {value:.0%}" for name, value in found.items()))
    print(out / f"{side}summary.json", out / f"{side}sheet.png")


if __name__ == "__main__":
    main()
