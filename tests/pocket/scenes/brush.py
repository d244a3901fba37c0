"""Drawing on float images: polygons, splines and smooth noise. Points are (x, y); images are (h, w, c) in [0, 1]."""
import cv2
import numpy as np

cv2.setNumThreads(1)
SHIFT = 4  # fractional bits of polygon coordinates


def spline(points, per_span=6):
    """Closed Catmull-Rom curve through `points` (n, 2) -> (n * per_span, 2)."""
    p = np.asarray(points, np.float32)
    a, b, c, d = (np.roll(p, k, 0)[:, None] for k in (1, 0, -1, -2))
    t = np.linspace(0, 1, per_span, endpoint=False, dtype=np.float32)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return curve.reshape(-1, 2)


def fill(image, points, colour):
    """Fills a polygon (n, 2), in pixels, in place."""
    cv2.fillPoly(image, [np.round(np.asarray(points) * 2**SHIFT).astype(np.int32)], colour, cv2.LINE_AA, SHIFT)


def circle(centre, radius, squash=1.0, n=24):
    """Polygon of an ellipse, (n, 2)."""
    a = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(a), centre[1] + radius * squash * np.sin(a)], 1)


def tube(points, widths):
    """Polygon of a bent tube: `points` (n, 2) along its axis, `widths` (n) across."""
    p = np.asarray(points, np.float32)
    along = np.gradient(p, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    across *= np.asarray(widths, np.float32)[:, None] / 2 / (np.linalg.norm(across, axis=1, keepdims=True) + 1e-6)
    return np.concatenate([p + across, (p - across)[::-1]])


def noise(rng, height, width, cell, channels=1):
    """Smooth noise (h, w[, channels]) of zero mean and about unit deviation; `cell` is its grain in pixels (or (y, x))."""
    cy, cx = cell if isinstance(cell, tuple) else (cell, cell)
    grid = rng.standard_normal((int(height / cy) + 3, int(width / cx) + 3, channels)).astype(np.float32)
    full = cv2.resize(grid, (int(grid.shape[1] * cx) + 1, int(grid.shape[0] * cy) + 1), interpolation=cv2.INTER_CUBIC)
    full = full.reshape(*full.shape[:2], channels)[int(cy / 2):, int(cx / 2):][:height, :width]
    return np.ascontiguousarray(full[..., 0] if channels == 1 else full)


def mix(a, b, t):
    """a where t = 0, b where t = 1."""
    return a + (np.asarray(b, np.float32) - a) * t


def gradient(height, width, *stops):
    """Vertical gradient (h, w, 3) through the colours `stops`, top to bottom."""
    at = np.linspace(0, 1, height)
    ramp = np.stack([np.interp(at, np.linspace(0, 1, len(stops)), [s[c] for s in stops]) for c in range(3)], 1)
    return np.repeat(ramp[:, None].astype(np.float32), width, 1)
