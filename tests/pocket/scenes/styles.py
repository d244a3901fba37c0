"""The styles: pictures (h, w, 3) in [0, 1] repainted. Texture fields belong to the place, so the camera pans over them."""
import cv2
import numpy as np

from .brush import mix, noise

PAPER = (0.99, 0.975, 0.93)


def fields(style, rng, height, width):
    """Texture fields of a style for a whole background, (height, width, channels); `paint` gets the crop that is in view."""
    s = height / 128
    if style == "watercolor":
        return np.dstack([noise(rng, height, width, 7 * s, 2) * 0.9 * s, noise(rng, height, width, 9 * s),
                          noise(rng, height, width, 18 * s)])
    if style == "ukiyo-e":
        return np.dstack([noise(rng, height, width, (1.6 * s, 40 * s)), noise(rng, height, width, 20 * s)])
    if style == "van gogh":
        return strokes(rng, height, width, s)
    if style == "monet":
        return np.dstack([noise(rng, height, width, 3 * s, 2) * 1.1 * s, noise(rng, height, width, (3 * s, 5 * s), 3)])
    if style == "pencil sketch":
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        wobble = noise(rng, height, width, 14 * s)
        one = np.sin((x + y) * (2 * np.pi / (6 * s)) + wobble)
        two = np.sin((x - y) * (2 * np.pi / (6 * s)) + wobble)
        return np.dstack([one, two, noise(rng, height, width, 2 * s)])
    return np.zeros((height, width, 1), np.float32)


def strokes(rng, height, width, s):
    """Swirling brush strokes: noise smeared along a curling flow, and the flow itself -> (h, w, 3)."""
    potential = noise(rng, height, width, 30 * s) * 12 * s
    gy, gx = np.gradient(potential)
    norm = np.sqrt(gx**2 + gy**2) + 1e-3
    flow = np.dstack([gy / norm, -gx / norm]).astype(np.float32)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    smear = noise(rng, height, width, 2.0 * s)
    for reach in (1.2, 2.4, 4.8):
        ahead, behind = (cv2.remap(smear, x + k * reach * s * flow[..., 0], y + k * reach * s * flow[..., 1], cv2.INTER_LINEAR,
                                   borderMode=cv2.BORDER_REFLECT) for k in (1, -1))
        smear = (smear + ahead + behind) / 3
    return np.dstack([smear / (smear.std() + 1e-6), flow])


def warp(image, dx, dy):
    h, w = image.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    return cv2.remap(image, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def grey(image):
    return image @ np.array([0.3, 0.59, 0.11], np.float32)


def saturate(image, factor):
    return np.clip(mix(grey(image)[..., None], image, factor), 0, 1)


def smooth(image, s, reach=3, range=0.15):
    return cv2.bilateralFilter(image, int(2 * reach * s) | 1, range, reach * s)


def outlines(image, s, gain):
    """Lines where the picture changes, (h, w) in [0, 1]."""
    soft = cv2.GaussianBlur(image, (0, 0), 0.8 * s)
    dx, dy = (cv2.Sobel(soft, cv2.CV_32F, *d, ksize=3) for d in ((1, 0), (0, 1)))
    return np.clip(gain * s * np.sqrt((dx**2 + dy**2).sum(2)) - 0.45, 0, 1)


def photo(image, field, rng, s):
    return image + rng.normal(0, 0.012, image.shape).astype(np.float32)


def watercolor(image, field, rng, s):
    wet = smooth(warp(image, field[..., 0], field[..., 1]), s)
    wet = cv2.GaussianBlur(wet, (0, 0), 0.7 * s)
    rim = outlines(wet, s, 0.8)[..., None]
    pigment = 0.70 + 0.10 * field[..., 2] + 0.08 * field[..., 3]
    h, w = image.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
    margin = np.clip(8 * (1.0 - np.maximum(np.abs(x), np.abs(y))) + 0.25 * field[..., 3] - 0.15, 0, 1)
    ink = np.clip(pigment * margin, 0, 1)[..., None]
    return mix(np.float32(PAPER), saturate(wet, 1.15), ink) * (1 - 0.4 * rim * ink)


def ukiyo_e(image, field, rng, s):
    flat = smooth(smooth(image, s, 3, 0.2), s, 3, 0.2)
    flat = mix(np.floor(flat * 4 + 0.5) / 4, flat, 0.35)
    blueness = np.clip(flat[..., 2] - flat[..., 0], 0, 1)[..., None]
    blue = np.float32((0.07, 0.22, 0.44)) + 0.35 * grey(flat)[..., None]
    flat = mix(flat * np.float32((0.98, 0.86, 0.66)), blue, np.clip(blueness * 1.6, 0, 0.75))
    y = np.linspace(0, 1, image.shape[0], dtype=np.float32)[:, None, None]
    flat = mix(flat, (0.08, 0.20, 0.42), np.clip(1 - y / 0.16, 0, 1) * 0.85)      # bokashi: the dark band along the top
    flat = flat * (1 + 0.035 * field[..., :1])
    return mix(flat, (0.08, 0.07, 0.12), outlines(flat, s, 1.3)[..., None] * 0.9)


def van_gogh(image, field, rng, s):
    flow = field[..., 1:]
    paint = sum(warp(image, k * s * flow[..., 0], k * s * flow[..., 1]) for k in (-2, -1, 0, 1, 2)) / 5
    light = grey(paint)[..., None]
    duo = np.where(light < 0.5, mix(np.float32((0.03, 0.08, 0.34)), (0.12, 0.36, 0.78), light * 2),
                   mix(np.float32((0.12, 0.36, 0.78)), (1.0, 0.86, 0.24), light * 2 - 1))
    paint = mix(saturate(paint, 1.6), duo, 0.38)
    ridge = field[..., :1]
    paint = paint * (1 + 0.13 * ridge) + np.float32((0.05, 0.04, -0.03)) * ridge
    return mix(paint, (0.03, 0.06, 0.20), outlines(image, s, 0.9)[..., None] * 0.6)


def monet(image, field, rng, s):
    dabs = warp(cv2.GaussianBlur(image, (0, 0), 0.9 * s), field[..., 0], field[..., 1])
    dabs = dabs + 0.055 * field[..., 2:]
    haze = mix(dabs, np.float32((0.80, 0.74, 0.90)), 0.38)
    return saturate(haze, 1.1) * 0.92 + 0.07


def cartoon(image, field, rng, s):
    flat = saturate(smooth(smooth(image, s, 3, 0.25), s, 3, 0.25), 1.55)
    flat = np.clip(mix(np.floor(flat * 3 + 0.5) / 3, flat, 0.3) * 1.06 + 0.03, 0, 1)
    return mix(flat, (0.0, 0.0, 0.0), np.clip(outlines(smooth(image, s, 3, 0.25), s, 1.4) * 1.5, 0, 1)[..., None])


def pencil_sketch(image, field, rng, s):
    tone = cv2.GaussianBlur(grey(image), (0, 0), 0.8 * s)
    hatch = 0.24 * np.clip(0.78 - tone, 0, 1) / 0.5 * (1 + field[..., 0]) + 0.2 * np.clip(0.45 - tone, 0, 1) / 0.4 * (1 + field[..., 1])
    paper = 0.95 - np.clip(hatch, 0, 0.75) - 0.22 * (1 - tone) + 0.015 * field[..., 2]
    line = outlines(image, s, 1.0)
    return np.repeat((paper * (1 - 0.75 * line))[..., None], 3, 2) * np.float32((1.0, 0.99, 0.97))


def makoto_shinkai(image, field, rng, s):
    y = np.linspace(0, 1, image.shape[0], dtype=np.float32)[:, None, None]
    light = grey(image)[..., None]
    vivid = saturate(mix(image, image * image * (3 - 2 * image), 0.8), 1.45)
    vivid = mix(vivid, np.float32((0.16, 0.10, 0.52)), np.clip(0.62 - light, 0, 1) * 0.62)      # violet shadows
    sky = mix(np.float32((0.05, 0.18, 0.78)), np.float32((1.0, 0.56, 0.62)), np.clip(y / 0.5, 0, 1))
    vivid = mix(vivid, sky, np.clip((light - 0.35) * 2.2, 0, 0.8) * np.clip(1 - y / 0.62, 0, 1))
    glow = cv2.GaussianBlur(np.clip(vivid - 0.6, 0, 1), (0, 0), 6 * s)
    return vivid + 0.7 * glow + np.float32((0.10, 0.03, 0.06)) * np.clip(1.2 - np.abs(y - 0.5) * 4, 0, 1)


PAINT = {"photo": photo, "watercolor": watercolor, "ukiyo-e": ukiyo_e, "van gogh": van_gogh, "monet": monet, "cartoon": cartoon,
         "pencil sketch": pencil_sketch, "makoto shinkai": makoto_shinkai}


def paint(style, image, field, rng):
    """Repaints one frame: (h, w, 3) in [0, 1] -> the same."""
    return np.clip(PAINT[style](image, field, rng, image.shape[0] / 128), 0, 1).astype(np.float32)
