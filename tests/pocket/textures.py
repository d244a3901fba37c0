"""Pictures without scenes, for the VAE's diet, so that real footage survives it: dead leaves, 1/f noise, gradients, photographs."""
import cv2
import numpy as np


def dead_leaves(rng, size):
    """Overlapping discs and boxes with power-law radii: the occlusion statistics of natural images."""
    image = np.zeros((size, size, 3), np.float32)
    palette = rng.random((6, 3))
    for _ in range(220):
        radius = 2.5 * (1 - rng.random() * 0.98) ** -0.8
        colour = tuple(np.clip(palette[rng.integers(6)] + rng.normal(0, 0.12, 3), 0, 1))
        x, y = rng.integers(-5, size + 5, 2)
        if rng.random() < 0.5:
            cv2.circle(image, (int(x), int(y)), int(min(radius, size / 3)) + 1, colour, -1, cv2.LINE_AA)
        else:
            box = cv2.boxPoints(((float(x), float(y)), (2 * radius, radius * rng.uniform(0.3, 3)), rng.uniform(0, 180)))
            cv2.fillConvexPoly(image, box.astype(np.int32), colour, cv2.LINE_AA)
    return image


def spectral_noise(rng, size):
    """Coloured noise with a 1/f^a amplitude spectrum, a in [0.8, 2]."""
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")) + 1 / size
    spectrum = np.fft.rfft2(rng.standard_normal((3, size, size))) / f ** rng.uniform(0.8, 2)
    image = np.fft.irfft2(spectrum, (size, size)).transpose(1, 2, 0)
    image = (image - image.mean((0, 1))) / image.std((0, 1))
    mixing = np.eye(3) * 0.3 + rng.normal(0.3, 0.25, (3, 3))
    return np.clip(rng.random(3) + 0.18 * image @ mixing, 0, 1).astype(np.float32)


def ramp(rng, size):
    """Two colours, a straight or round transition, some grain."""
    y, x = np.mgrid[:size, :size] / size - rng.random((2, 1, 1))
    t = np.hypot(x, y) if rng.random() < 0.5 else x * rng.normal() + y * rng.normal()
    t = (np.sin(t * rng.uniform(2, 25)) / 2 + 0.5)[..., None]
    return np.clip(rng.random(3) * t + rng.random(3) * (1 - t) + rng.normal(0, rng.uniform(0, 0.04), (size, size, 3)),
                   0, 1).astype(np.float32)


def photographs():
    """The sample photographs that scikit-image ships inside its package, as uint8 RGB; none without scikit-image."""
    try:
        from skimage import data
    except ImportError:
        return []
    names = ("astronaut", "chelsea", "coffee", "rocket", "retina", "camera", "brick", "grass", "gravel", "hubble_deep_field")
    images = []
    for name in names:
        try:
            image = getattr(data, name)()
        except Exception:   # not in the package, only by download
            continue
        images.append(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image[..., :3])
    return images


def photograph(rng, size, images):
    """A random crop of a photograph, at a random scale, mirrored at random."""
    image = images[rng.integers(len(images))]
    side = int(min(min(image.shape[:2]), size * rng.uniform(0.8, 4)))
    y, x = rng.integers(image.shape[0] - side + 1), rng.integers(image.shape[1] - side + 1)
    crop = cv2.resize(image[y:y + side, x:x + side], (size, size), interpolation=cv2.INTER_AREA)[:, ::rng.choice((-1, 1))]
    return np.clip(crop / 255.0 * rng.uniform(0.8, 1.15), 0, 1).astype(np.float32)


def texture(rng, size, images):
    """One picture of these kinds, uint8 (size, size, 3)."""
    kind = rng.random()
    if images and kind < 0.5:
        image = photograph(rng, size, images)
    else:
        image = (dead_leaves if kind < 0.75 else spectral_noise if kind < 0.9 else ramp)(rng, size)
    return np.round(image * 255).astype(np.uint8)
