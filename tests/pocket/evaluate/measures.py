"""What is measured of one edited clip. Frames are (n, h, w, 3) uint8; masks (n, h, w) in [0, 1]."""
import cv2
import numpy as np
from skimage.metrics import structural_similarity

from scenes import COLOURS, render

READ = 4    # the frame by which the colours of two objects are told
MARGIN = 2  # pixels on either side of an edge that temporal error leaves out: what moved there is neither object nor place


def psnr(frames, truth, where=None):
    """Decibels over a whole clip, or over the pixels `where` (n, h, w); None if there are none."""
    error = np.square(frames.astype(np.float64) - truth)
    error = error if where is None else error[where]
    if error.size == 0:
        return None
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-3)))


def ssim(frames, truth):
    """Mean over the frames; Gaussian windows of deviation 1.5, as first published."""
    return float(np.mean([structural_similarity(a, b, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5,
                                                use_sample_covariance=False) for a, b in zip(frames, truth)]))


def kept(edit):
    """The pixels that an edit should leave alone, (n, h, w); None where it leaves none. They lie outside the object,
    as it is and as it should be, or for a background inside it, and the true edit does not change them: an object that is
    removed takes its shadow along."""
    before, truth, changed = edit.before, edit.truth, edit.changed
    if {"style", "weather"} & {*changed} or not changed or "place" in changed[1:]:
        return None
    where = (np.minimum(before.mask, truth.mask) == 1) if changed == ("place",) else (np.maximum(before.mask, truth.mask) == 0)
    return where & (before.frames == truth.frames).all(-1)


def temporal(frames, clip):
    """Root mean square difference, in levels of 255, between each frame and the one before moved along as the scene moved:
    the place with the camera, each object with itself. `clip` says how; what came into view is left out. None for one frame."""
    if len(frames) == 1:
        return None
    total, count = 0.0, 0
    for i in range(len(frames) - 1):
        kernel = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
        grows = clip.growth[i + 1] / clip.growth[i]
        for motion, mask in parts(clip):
            now, then = (cv2.erode(m.astype(np.uint8), kernel, borderValue=0) for m in (mask[i + 1], mask[i]))
            by = (motion[i + 1] - motion[i]) * clip.growth[i + 1]
            moved = along(frames[i].astype(np.float32), by, grows)
            where = (now == 1) & (along(then.astype(np.float32), by, grows) > 0.999)
            total += np.square(moved - frames[i + 1])[where].sum()
            count += 3 * where.sum()
    return float(np.sqrt(total / count))


def parts(clip):
    """What moves by itself: the motion (f, 2) and the place (f, h, w) of the background, the object and the second object."""
    first = clip.mask if clip.second_mask is None else clip.mask - clip.second_mask
    objects = [(clip.object_motion, first == 1)] + [(clip.second_motion, mask == 1) for mask in (clip.second_mask,) if mask is not None]
    return [(clip.camera_motion, clip.mask == 0), *objects]


def along(image, by, grows=1.0):
    """`image` grown about its middle and moved by (x, y) pixels; zero comes in."""
    h, w = image.shape[:2]
    return cv2.warpAffine(image, np.float32([[grows, 0, by[0] + (1 - grows) * (w - 1) / 2],
                                             [0, grows, by[1] + (1 - grows) * (h - 1) / 2]]), (w, h))


def shades(edit, frames):
    """The colours of a photograph's two objects, by name of the factor: those in which the object's true mean is nearest."""
    found = {}
    for name, at in (("colour", 1), ("second_colour", 2)):
        means = {}
        for colour in COLOURS:
            clip = render(edit.target.change(**{name: colour}), len(frames), frames.shape[1], READ, READ + 1)
            means[colour] = clip.frames[0][where := parts(clip)[at][1][0]].mean(0)
        found[name] = min(means, key=lambda colour: np.square(frames[READ][where].mean(0) - means[colour]).sum())
    return found


def measure(edit, frames, classifier):
    """All figures of one clip, by name. `success`: the classifier reads the target in all factors that change; `others`: it still
    reads the source in the rest."""
    before, truth = edit.before, edit.truth
    read = classifier.read(frames)
    if edit.source.second:                                           # it knows one object a scene
        read = {"place": read["place"], "style": read["style"], **shades(edit, frames)}
    wanted = {name: getattr(edit.target, name) for name in read}
    same = [name for name in read if wanted[name] == getattr(edit.source, name)]
    factors = [name for name in edit.factors if name in read]        # it has no word for the weather
    where = kept(edit)
    return {"psnr": psnr(frames, truth.frames), "ssim": ssim(frames, truth.frames),
            "kept": None if where is None else psnr(frames, truth.frames, where), "temporal": temporal(frames, truth),
            "success": float(all(read[name] == wanted[name] for name in factors)) if factors else None,
            "others": float(np.mean([read[name] == wanted[name] for name in same])), "read": read}
