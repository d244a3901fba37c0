"""The places: wide backgrounds (h, w, 3) in [0, 1] that a camera pans over; `s` is pixels per 1/128 of the height."""
import numpy as np

from .brush import circle, fill, gradient, mix, noise, spline

GROUND = {"road": 0.80, "river": 0.80, "beach": 0.82, "snow": 0.80, "desert": 0.80, "street": 0.84, "forest": 0.83, "meadow": 0.80}


def ridge(rng, width, height, base, swing, cell):
    """Polygon below a wavy line around y = base."""
    y = base + swing * noise(rng, 1, width, (1, cell))[0]
    return np.concatenate([np.stack([np.arange(width), y], 1), [[width, height], [0, height]]])


def clouds(rng, image, horizon, s, amount=0.8):
    h, w = horizon, image.shape[1]
    cover = noise(rng, h, w, (9 * s, 22 * s)) + 0.5 * noise(rng, h, w, (4 * s, 9 * s))
    cover = np.clip(cover - 0.5, 0, 1)[..., None] * amount
    image[:h] = mix(image[:h], (1.0, 1.0, 1.0), cover)


def grain(rng, image, top, cell, amount):
    """Multiplies rows below `top` by smooth noise."""
    image[top:] *= 1 + amount * noise(rng, image.shape[0] - top, image.shape[1], cell)[..., None]


def bush(rng, image, x, y, radius, colour, s):
    fill(image, spline(circle((x, y), radius, 0.7, 9) + rng.normal(0, radius * 0.1, (9, 2)), 4), tuple(np.multiply(colour, 0.7)))
    fill(image, spline(circle((x - radius * 0.15, y - radius * 0.15), radius * 0.75, 0.65, 9)
                       + rng.normal(0, radius * 0.1, (9, 2)), 4), colour)


def road(rng, h, w, s):
    horizon = int(h * rng.uniform(0.38, 0.46))
    image = gradient(h, w, (0.36, 0.60, 0.92), (0.80, 0.90, 0.98), (0.80, 0.90, 0.98))
    clouds(rng, image, horizon, s)
    fill(image, ridge(rng, w, h, horizon - 6 * s, 5 * s, 40 * s), (0.36, 0.54, 0.42))
    fill(image, ridge(rng, w, h, horizon + 1 * s, 2 * s, 30 * s), (0.44, 0.64, 0.24))
    grain(rng, image, horizon, (2 * s, 6 * s), 0.05)
    for x in rng.uniform(0, w, int(w / (30 * s))):
        bush(rng, image, x, horizon + rng.uniform(0, 4) * s, rng.uniform(4, 8) * s, (0.20, 0.42, 0.16), s)
    centre = 0.62 * h + (h - horizon) * 0.30 * np.sin(np.arange(w) / (h * 0.55)) * 0.3
    top, low = centre - 0.02 * h, centre + 0.31 * h
    x = np.arange(w)
    fill(image, np.concatenate([np.stack([x, top], 1), np.stack([x, low], 1)[::-1]]), (0.40, 0.40, 0.43))
    for line, thick in ((top + 2 * s, 1.2 * s), (low - 3 * s, 1.6 * s)):
        fill(image, np.concatenate([np.stack([x, line], 1), np.stack([x, line + thick], 1)[::-1]]), (0.92, 0.92, 0.90))
    middle = (top * 0.62 + low * 0.38)
    for start in range(int(rng.integers(0, 20) * s), w, int(22 * s)):
        d = x[start:start + int(11 * s)]
        if len(d) > 1:
            m = middle[d]
            fill(image, np.concatenate([np.stack([d, m], 1), np.stack([d, m + 1.6 * s], 1)[::-1]]), (0.95, 0.85, 0.35))
    return image


def river(rng, h, w, s):
    shore = int(h * rng.uniform(0.42, 0.48))
    image = gradient(h, w, (0.66, 0.60, 0.52), (0.60, 0.54, 0.46), (0.50, 0.46, 0.40))
    course = int(7 * s)
    for row, y in enumerate(range(0, shore, course)):                       # a stone wall
        fill(image, [(0, y), (w, y), (w, y + 0.9 * s), (0, y + 0.9 * s)], (0.40, 0.36, 0.31))
        for x in np.arange((row % 2) * 8 * s, w, 16 * s):
            tone = rng.uniform(0.86, 1.12)
            image[y + int(s):y + course, int(x):int(x + 15 * s)] *= tone
            fill(image, [(x, y), (x + s, y), (x + s, y + course), (x, y + course)], (0.40, 0.36, 0.31))
    image[shore:] = gradient(h - shore, w, (0.16, 0.36, 0.40), (0.26, 0.50, 0.56), (0.34, 0.60, 0.66))
    ripple = noise(rng, h - shore, w, (2.2 * s, 14 * s)) + 0.6 * noise(rng, h - shore, w, (4 * s, 30 * s))
    image[shore:] = mix(image[shore:], (0.80, 0.92, 0.94), np.clip(ripple - 0.5, 0, 1)[..., None] * 0.45)
    for x in np.arange(0, w, 17 * s) + rng.uniform(-5, 5) * s:
        bush(rng, image, x, shore + rng.uniform(-6, 0) * s, rng.uniform(7, 13) * s, (0.22, 0.46, 0.16), s)
    return image


def beach(rng, h, w, s):
    horizon, shore = int(h * rng.uniform(0.32, 0.38)), int(h * rng.uniform(0.54, 0.60))
    image = gradient(h, w, (0.34, 0.66, 0.98), (0.76, 0.92, 1.0), (0.84, 0.94, 1.0))
    clouds(rng, image, horizon, s, 0.6)
    image[horizon:] = gradient(h - horizon, w, (0.04, 0.42, 0.62), (0.20, 0.74, 0.76), (0.3, 0.8, 0.8))
    ripple = noise(rng, h - horizon, w, (2 * s, 16 * s))
    image[horizon:] = mix(image[horizon:], (0.9, 1.0, 1.0), np.clip(ripple - 0.9, 0, 1)[..., None] * 0.5)
    edge = ridge(rng, w, h, shore, 2 * s, 26 * s)
    fill(image, edge - (0, 3.5 * s), (0.96, 0.98, 0.98))
    fill(image, edge, (0.93, 0.82, 0.58))
    grain(rng, image, shore + int(5 * s), 2.5 * s, 0.025)
    return image


def snow(rng, h, w, s):
    horizon = int(h * rng.uniform(0.40, 0.48))
    image = gradient(h, w, (0.66, 0.76, 0.88), (0.86, 0.91, 0.96), (0.9, 0.94, 0.98))
    fill(image, ridge(rng, w, h, horizon - 12 * s, 9 * s, 32 * s), (0.70, 0.79, 0.90))
    fill(image, ridge(rng, w, h, horizon, 2 * s, 40 * s), (0.95, 0.97, 1.0))
    for x in np.arange(0, w, 20 * s) + rng.uniform(-7, 7, len(np.arange(0, w, 20 * s))) * s:      # firs with snow on them
        y, tall = horizon + rng.uniform(1, 6) * s, rng.uniform(18, 32) * s
        for k in range(3):
            top, low, half = y - tall + k * tall * 0.26, y - tall * (0.5 - 0.24 * k), tall * (0.15 + 0.07 * k)
            fill(image, [(x, top), (x + half, low), (x - half, low)], (0.12, 0.30, 0.26))
            fill(image, [(x, top), (x + half * 0.4, top + (low - top) * 0.4), (x - half * 0.4, top + (low - top) * 0.4)], (0.95, 0.97, 1.0))
    drift = noise(rng, h - horizon, w, (7 * s, 40 * s))
    image[horizon + int(5 * s):] = mix(image[horizon + int(5 * s):], (0.74, 0.82, 0.94), np.clip(drift[int(5 * s):], 0, 1)[..., None] * 0.5)
    return image


def desert(rng, h, w, s):
    horizon = int(h * rng.uniform(0.38, 0.46))
    image = gradient(h, w, (0.98, 0.72, 0.42), (1.0, 0.90, 0.66), (1.0, 0.90, 0.66))
    fill(image, ridge(rng, w, h, horizon - 6 * s, 7 * s, 34 * s), (0.78, 0.46, 0.26))
    fill(image, ridge(rng, w, h, horizon + 4 * s, 5 * s, 50 * s), (0.88, 0.62, 0.32))
    fill(image, ridge(rng, w, h, horizon + 16 * s, 4 * s, 60 * s), (0.94, 0.72, 0.40))
    wave = noise(rng, h - horizon, w, (2.6 * s, 22 * s))[int(18 * s):]
    image[horizon + int(18 * s):] *= 1 + 0.05 * wave[..., None]
    for x in rng.uniform(0, w, int(w / (60 * s)) + 1):                                            # cacti
        y, tall = horizon + 10 * s, rng.uniform(16, 24) * s
        for dx, low, top in ((0, 0, 1), (-0.28, 0.4, 0.75), (0.28, 0.5, 0.85)):
            cx, half = x + dx * tall, 1.9 * s
            fill(image, [(cx - half, y - low * tall), (cx - half, y - top * tall),
                         (cx + half, y - top * tall), (cx + half, y - low * tall)], (0.26, 0.46, 0.22))
        fill(image, [(x - 0.28 * tall, y - 0.5 * tall), (x - 0.28 * tall, y - 0.4 * tall),
                     (x + 0.28 * tall, y - 0.5 * tall), (x + 0.28 * tall, y - 0.6 * tall)], (0.26, 0.46, 0.22))
    return image


def street(rng, h, w, s):
    kerb = int(h * rng.uniform(0.56, 0.62))
    image = gradient(h, w, (0.62, 0.72, 0.82), (0.80, 0.84, 0.88), (0.80, 0.84, 0.88))
    x = -rng.uniform(0, 20) * s
    while x < w:
        wide, top = rng.uniform(24, 38) * s, h * rng.uniform(0.02, 0.22)
        walls = (0.66, 0.38, 0.30), (0.74, 0.66, 0.54), (0.54, 0.54, 0.58), (0.62, 0.50, 0.42)
        wall = np.array(walls[rng.integers(4)]) * rng.uniform(0.9, 1.08)
        fill(image, [(x, top), (x + wide, top), (x + wide, kerb), (x, kerb)], tuple(wall))
        fill(image, [(x, top), (x + wide, top), (x + wide, top + 2 * s), (x, top + 2 * s)], tuple(wall * 0.6))
        lit = rng.random((8, 4))
        for j, y in enumerate(np.arange(top + 6 * s, kerb - 8 * s, 13 * s)):
            for i, wx in enumerate(np.arange(x + 4 * s, x + wide - 7 * s, 10 * s)):
                paint = (0.98, 0.90, 0.56) if lit[j % 8, i % 4] < 0.25 else (0.22, 0.28, 0.36)
                fill(image, [(wx, y), (wx + 5.5 * s, y), (wx + 5.5 * s, y + 7.5 * s), (wx, y + 7.5 * s)], paint)
        x += wide + rng.uniform(0, 1) * s
    fill(image, [(0, kerb), (w, kerb), (w, kerb + 7 * s), (0, kerb + 7 * s)], (0.72, 0.70, 0.68))
    fill(image, [(0, kerb + 6 * s), (w, kerb + 6 * s), (w, h), (0, h)], (0.30, 0.30, 0.33))
    for x in np.arange(rng.uniform(-20, 0) * s, w, 26 * s):
        y = h * 0.93
        fill(image, [(x, y), (x + 13 * s, y), (x + 13 * s, y + 2.5 * s), (x, y + 2.5 * s)], (0.92, 0.92, 0.90))
    return image


def forest(rng, h, w, s):
    floor = int(h * rng.uniform(0.58, 0.64))
    image = gradient(h, w, (0.10, 0.26, 0.14), (0.24, 0.42, 0.20), (0.30, 0.44, 0.20))
    leaves = noise(rng, h, w, 6 * s) + 0.6 * noise(rng, h, w, 12 * s)
    image = mix(image, (0.52, 0.68, 0.26), np.clip(leaves - 0.2, 0, 1)[..., None] * 0.55)
    for x in np.arange(0, w, 19 * s):
        x, half = x + rng.uniform(-6, 6) * s, rng.uniform(2.2, 4.5) * s
        tone = rng.uniform(0.8, 1.15)
        fill(image, [(x - half, 0), (x + half, 0), (x + half * 1.3, floor + 5 * s), (x - half * 1.3, floor + 5 * s)],
             tuple(np.multiply((0.32, 0.21, 0.13), tone)))
        fill(image, [(x - half, 0), (x - half * 0.3, 0), (x - half * 0.4, floor + 5 * s), (x - half * 1.3, floor + 5 * s)],
             tuple(np.multiply((0.46, 0.32, 0.20), tone)))
    fill(image, ridge(rng, w, h, floor, 2 * s, 16 * s), (0.34, 0.30, 0.14))
    grain(rng, image, floor + int(3 * s), (3 * s, 6 * s), 0.10)
    return image


def meadow(rng, h, w, s):
    horizon = int(h * rng.uniform(0.34, 0.42))
    image = gradient(h, w, (0.28, 0.58, 0.96), (0.74, 0.90, 1.0), (0.74, 0.90, 1.0))
    clouds(rng, image, horizon, s)
    fill(image, ridge(rng, w, h, horizon, 2 * s, 50 * s), (0.46, 0.78, 0.24))
    image[horizon + int(4 * s):] *= gradient(h - horizon - int(4 * s), w, (1.0, 1.0, 1.0), (0.82, 0.86, 0.8))
    grain(rng, image, horizon + int(4 * s), (3 * s, 3 * s), 0.06)
    paints = ((1.0, 0.92, 0.2), (1.0, 1.0, 1.0), (0.92, 0.22, 0.30), (0.80, 0.42, 0.86))
    for k in range(int(w / (2.6 * s))):
        depth = rng.random()
        y = horizon + (0.08 + 0.92 * depth) * (h - horizon)
        fill(image, circle((rng.uniform(0, w), y), (0.8 + 1.9 * depth) * s, 0.8, 7), paints[rng.integers(4)])
    return image


DRAW = {"road": road, "river": river, "beach": beach, "snow": snow, "desert": desert, "street": street, "forest": forest, "meadow": meadow}

def draw(place, rng, height, width):
    """Background of `place`: (height, width, 3) in [0, 1]."""
    side = DRAW[place](rng, height, width, height / 128)
    return np.clip(side, 0, 1).astype(np.float32)


def occluder(place, rng, height, width):
    """Things close to the camera at the lower edge: (height, width, 4) RGBA, mostly empty."""
    s = height / 128
    colour, alpha = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    paints = {"snow": (0.90, 0.93, 0.98), "desert": (0.62, 0.42, 0.22), "street": (0.16, 0.30, 0.20), "beach": (0.62, 0.54, 0.46)}
    paint = paints.get(place, (0.16, 0.36, 0.14))
    colour[:] = paint
    for x in np.arange(rng.uniform(0, 60) * s, width, rng.uniform(50, 80) * s):
        for dx in (-6, 0, 7):
            fill(alpha, spline(circle((x + dx * s, height + 2 * s), rng.uniform(9, 15) * s, 1.0, 9), 4), 1.0)
    colour *= 1 + 0.12 * noise(rng, height, width, 3 * s)[..., None]
    return np.dstack([np.clip(colour, 0, 1), alpha])
