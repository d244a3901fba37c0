"""What is measured of one edited clip. Frames are (n, h, w, 3) uint8; masks (n, h, w) in [0, 1]."""
import cv2
import numpy as np
from skimage.metrics import structural_similarity

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
    if {"style", "weather"} & {*changed} or not changed or len(changed) > 1:
        return None
    where = (np.minimum(before.mask, truth.mask) == 1) if changed == ("place",) else (np.maximum(before.mask, truth.mask) == 0)
    return where & (before.frames == truth.frames).all(-1)


def temporal(frames, clip):
    """Root mean square difference, in levels of 255, between each frame and the one before moved along as the scene moved:
    the place with the camera, the object with itself. `clip` says how; what came into view is left out. None for one frame."""
    if len(frames) == 1:
        return None
    total, count = 0.0, 0
    for i in range(len(frames) - 1):
        kernel = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
        for motion, mask in ((clip.camera_motion, clip.mask == 0), (clip.object_motion, clip.mask == 1)):
            now, then = (cv2.erode(m.astype(np.uint8), kernel, borderValue=0) for m in (mask[i + 1], mask[i]))
            moved = along(frames[i].astype(np.float32), motion[i + 1] - motion[i])
            where = (now == 1) & (along(then.astype(np.float32), motion[i + 1] - motion[i]) > 0.999)
            total += np.square(moved - frames[i + 1])[where].sum()
            count += 3 * where.sum()
    return float(np.sqrt(total / count))


def along(image, by):
    """`image` moved by (x, y) pixels; zero comes in."""
    return cv2.warpAffine(image, np.float32([[1, 0, by[0]], [0, 1, by[1]]]), image.shape[1::-1])


def measure(edit, frames, classifier):
    """All figures of one clip, by name. `success`: the classifier reads the target in all factors that change; `others`: it still
    reads the source in the rest."""
    before, truth = edit.before, edit.truth
    read = classifier.read(frames)
    wanted = {name: getattr(edit.target, name) for name in read}
    same = [name for name in read if wanted[name] == getattr(edit.source, name)]
    factors = [name for name in edit.factors if name in read]        # it has no word for the weather
    where = kept(edit)
    return {"psnr": psnr(frames, truth.frames), "ssim": ssim(frames, truth.frames),
            "kept": None if where is None else psnr(frames, truth.frames, where), "temporal": temporal(frames, truth),
            "success": float(all(read[name] == wanted[name] for name in factors)) if factors else None,
            "others": float(np.mean([read[name] == wanted[name] for name in same])), "read": read}
