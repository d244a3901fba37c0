"""A table for the terminal, the same and more as JSON, and pictures to look at."""
import json

import cv2
import numpy as np

from . import intervals

COLUMNS = (("psnr", "PSNR dB", "{:.2f}"), ("ssim", "SSIM", "{:.3f}"), ("kept", "kept dB", "{:.2f}"), ("temporal", "temporal", "{:.2f}"),
           ("success", "success", "{:.0%}"), ("others", "others", "{:.0%}"))
WIDTH = 24               # of a column
FIRST = 13               # of the groups' names
SHOWN = (0, 3, 7)        # frames of a clip on the sheet
CLIPS = 4                # of a group on the sheet
SHARES = ("success",)    # measures that are 0 or 1 a clip
LEGEND = """\
PSNR, SSIM: to the true edited clip. kept: PSNR of what the edit should leave alone. temporal: difference between frames along the
known motion, of 255; best near the true edit's own. success: clips that the classifier reads as the target; others: its reading
of what should stay. In parentheses, 95 % of what as many other clips would give: by drawing the clips again, of success Wilson's."""


def mean(rows, shares=SHARES):
    """Means by measure over clips' figures, and their intervals by the measure's name and `_95`; None where a measure does not apply."""
    means = {}
    for name, _, _ in COLUMNS:
        values = [row[name] for row in rows if row[name] is not None]
        means[name] = float(np.mean(values)) if values else None
        means[f"{name}_95"] = (intervals.of_share if name in shares else intervals.of_mean)(values) if values else None
    return means


def change(before, after):
    """Of the same clips: the means of the differences from `before` to `after`, with their intervals, as `mean` has them."""
    return mean([{name: None if a[name] is None or b[name] is None else b[name] - a[name] for name, _, _ in COLUMNS}
                 for a, b in zip(before, after)], shares=())


def table(groups, titles):
    """`groups`: {group: {variant: means}} -> lines."""
    width = max(map(len, titles.values())) + 2
    lines = [" " * FIRST + " " * width + "".join(f"{head:>{WIDTH}}" for _, head, _ in COLUMNS)]
    for group, rows in groups.items():
        for at, (variant, means) in enumerate(rows.items()):
            cells = ("-" if means[name] is None or variant == "truth" and name in ("psnr", "ssim", "kept")
                     else "exact" if variant == "source" and name == "kept" else cell(form, means[name], means[f"{name}_95"])
                     for name, _, form in COLUMNS)
            lines.append(f"{'' if at else group:<{FIRST}}{titles[variant]:<{width}}" + "".join(f"{text:>{WIDTH}}" for text in cells))
    return "\n".join(lines)


def cell(form, value, interval):
    """A figure and its interval; a share's percent sign is written once."""
    low, high = (form.format(end).rstrip("%") for end in interval)
    return f"{form.format(value)} ({low}..{high})"


def write(path, summary):
    path.write_text(json.dumps(summary, indent=1) + "\n")


def label(text, width, height=16):
    strip = np.full((height, width, 3), 255, np.uint8)
    cv2.putText(strip, text, (4, height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def block(edit, rows):
    """One clip: `rows` {title: frames}, each a row of pictures under its title."""
    parts = []
    for title, frames in rows.items():
        picture = np.concatenate([frames[i] for i in SHOWN if i < len(frames)], 1)
        parts += [label(title, picture.shape[1]), picture]
    return np.concatenate(parts)


def sheet(path, blocks):
    """`blocks`: one list of pictures a group, written below each other."""
    rows = [np.concatenate([np.pad(picture, ((0, 8), (0, 8), (0, 0)), constant_values=255) for picture in line], 1) for line in blocks]
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])
