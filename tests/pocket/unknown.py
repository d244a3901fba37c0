"""Pictures of what the captioner must admit not to know: no scene at all, a strange thing in a known place, a known thing in
a strange place."""
import cv2
import numpy as np

from scenes.brush import noise
from textures import texture


def pattern(rng, size):
    """One flat colour, stripes, a checkerboard or plain noise, as float (size, size, 3): black clips, test cards, static."""
    kind, a, b = rng.integers(4), rng.random(3), rng.random(3)
    if kind == 0:
        return np.broadcast_to(rng.choice((0.0, 1.0)) if rng.random() < 0.3 else a, (size, size, 3)).astype(np.float32)
    if kind == 1:
        at = (np.indices((size, size))[rng.integers(2)] * rng.uniform(1, 12) / size) % 1
        return np.where(at[..., None] < 0.5, a, b).astype(np.float32)
    if kind == 2:
        cell = int(rng.integers(2, size // 3))
        return np.where((np.indices((size, size)) // cell).sum(0)[..., None] % 2, a, b).astype(np.float32)
    return np.clip(a + rng.normal(0, rng.uniform(0.1, 0.6), (size, size, 3 if rng.random() < 0.5 else 1)), 0, 1).astype(np.float32)


def nothing_known(rng, size, photographs):
    """A picture without a scene, uint8 (size, size, 3)."""
    if rng.random() < 0.25:
        return np.round(pattern(rng, size) * 255).astype(np.uint8)
    return texture(rng, size, photographs)


def blob(rng, size):
    """Where a strange thing is: one smooth shape of random outline, float (size, size) in [0, 1]."""
    y, x = np.mgrid[:size, :size] / size
    cy, cx, ry, rx = rng.uniform(0.45, 0.8), rng.uniform(0.25, 0.75), rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.3)
    inside = 1 - np.hypot((y - cy) / ry, (x - cx) / rx) + 0.35 * noise(rng, size, size, size * rng.uniform(0.06, 0.25))
    mask = (inside > 0).astype(np.uint8)
    _, parts, sizes, _ = cv2.connectedComponentsWithStats(mask)
    mask = (parts == 1 + np.argmax(sizes[1:, cv2.CC_STAT_AREA])).astype(np.float32) if len(sizes) > 1 else mask.astype(np.float32)
    return cv2.GaussianBlur(mask, (3, 3), 0)


def strange_thing(rng, place, photographs):
    """A blob of some texture or colour before the empty place `place`, uint8 (size, size, 3)."""
    size = len(place)
    skin = texture(rng, size, photographs) if rng.random() < 0.6 else np.broadcast_to(rng.integers(0, 256, 3), place.shape)
    light = 1 + 0.25 * noise(rng, size, size, size / 4)[..., None]
    alpha = blob(rng, size)[..., None]
    return np.round(np.clip(place * (1 - alpha) + skin * light * alpha, 0, 255)).astype(np.uint8)


def strange_place(rng, frame, mask, photographs):
    """The thing that `mask` (size, size) shows of `frame`, before a picture without a scene."""
    alpha = mask[..., None]
    return np.round(nothing_known(rng, len(frame), photographs) * (1 - alpha) + frame * alpha).astype(np.uint8)
