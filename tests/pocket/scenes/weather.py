"""Weather and time of day over a photograph, (h, w, 3) in [0, 1]; painters paint what it leaves."""
import cv2
import numpy as np

from .brush import mix, noise

NIGHT, DUSK, MIST, WET = (0.26, 0.34, 0.62), (1.10, 0.80, 0.62), (0.84, 0.86, 0.88), (0.52, 0.56, 0.62)


def rows(image):
    """0 at the top row, 1 at the last: (h, 1, 1)."""
    return np.linspace(0, 1, len(image), dtype=np.float32)[:, None, None]


def night(image, rng):
    return (image * np.float32(NIGHT) + np.float32((0.01, 0.015, 0.05))) * (0.85 + 0.3 * rows(image))


def sunset(image, rng):
    glow = np.clip(1 - np.abs(rows(image) - 0.35) / 0.35, 0, 1) * np.clip(image.mean(2, keepdims=True) * 1.6 - 0.3, 0, 1)
    return mix(image * np.float32(DUSK), (1.0, 0.50, 0.18), glow * 0.7)


def fog(image, rng):
    depth = np.clip(0.80 - 0.55 * rows(image), 0.25, 1)
    return mix(image, MIST, depth)


def rain(image, rng):
    streaks = noise(rng, *image.shape[:2], (9 * len(image) / 128, 1.3 * len(image) / 128))
    slant = np.float32([[1, -0.18, 0.09 * len(image)], [0, 1, 0]])
    streaks = cv2.warpAffine(streaks, slant, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    grey = mix(image, image.mean(2, keepdims=True), 0.45) * np.float32(WET) * 1.25
    return mix(grey, (0.85, 0.88, 0.92), np.clip(streaks - 1.1, 0, 1)[..., None] * 0.5)


CAST = {"night": night, "sunset": sunset, "fog": fog, "rain": rain}


def cast(weather, image, rng):
    """The picture in that weather; as it is for None."""
    return image if weather is None else np.clip(CAST[weather](image, rng), 0, 1).astype(np.float32)
