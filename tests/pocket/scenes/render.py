"""A scene becomes a clip. Everything random hangs on the scene's seed, one stream per thing, so that a scene with one
factor changed keeps its layout and motion: the true answer to an edit."""
import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import objects, places, styles, weather
from .brush import mix
from .captions import caption
from .factors import COLOURS, NATURAL, OBJECTS, PLACES, STYLES, WEATHERS, held_out


@dataclass(frozen=True)
class Scene:
    """What is seen. `object` None: the empty place. `colour` None: the object's natural colour, not named in the caption. `weather` None: a
    clear day."""
    object: str | None
    colour: str | None
    place: str
    style: str
    seed: int
    weather: str | None = None

    def change(self, **factor):
        """The same scene with one factor changed: scene.change(colour="blue"), scene.change(object=None)."""
        return replace(self, **factor)

    @property
    def caption(self):
        return caption(self.object, self.colour, self.place, self.style, self.seed, self.weather)

    @property
    def held_out(self):
        return held_out(self.object, self.colour, self.place, self.style)

    def rng(self, stream):
        return np.random.default_rng([self.seed, zlib.crc32(stream.encode())])


@dataclass(frozen=True)
class Clip:
    """`frames` (f, h, w, 3) uint8; `mask` (f, h, w) in [0, 1], where the object is seen; `object_motion` and
    `camera_motion` (f, 2): how far (x, y) the object and the place have moved on the screen since frame 0, in pixels."""
    scene: Scene
    frames: np.ndarray
    mask: np.ndarray
    object_motion: np.ndarray
    camera_motion: np.ndarray


def shift(image, dx, size):
    """The window (size, size) of a wide image that begins `dx` pixels (a fraction too) from its left edge."""
    at = int(np.floor(dx))
    near = image[:, at:at + size + 1]
    return near[:, :-1] * (1 - (dx - at)) + near[:, 1:] * (dx - at)


def render(scene, frames=8, size=128, first=0, last=None, path=0):
    """Renders `frames` frames of size x size, or only frames [first, last) of them. The object takes a `path` (frames, 2) of its own, in
    pixels away from where it would be."""
    last = frames if last is None else last
    s = size / 128
    dice = scene.rng("layout")
    scale, x, y, flip, pace, pan, bob, light, occluded = dice.random(9)
    flip = flip < 0.5
    pan = (pan - 0.5) * 2.4 * s                                     # camera, pixels a frame
    pace = (0.2 + 0.8 * pace) * s * (-1 if flip else 1)             # object on the screen, pixels a frame
    travel = abs(pan) * frames
    width = size + int(np.ceil(travel)) + 2
    place = places.draw(scene.place, scene.rng("place"), size, width) * (0.9 + 0.2 * light)
    field = styles.fields(scene.style, scene.rng("style"), size, width)
    front = places.occluder(scene.place, scene.rng("front"), size, width) if occluded < 0.15 else None
    offset = (travel if pan < 0 else 0) + pan * np.arange(frames)
    camera = np.stack([offset[0] - offset, np.zeros(frames)], 1)
    t = np.arange(frames) - (frames - 1) / 2
    moved = np.stack([pace * t, 0.8 * s * np.sin(np.arange(frames) * (0.6 + bob))], 1) + path
    room = size * 0.5 - abs(pace) * frames / 2

    if scene.object:
        pixels = int(size * (0.54 + 0.18 * scale))
        colour = COLOURS[scene.colour or NATURAL[scene.object]]
        sprite = objects.draw(scene.object, colour, pixels, flip)
        cx = size / 2 + (x - 0.5) * 2 * max(room - pixels * 0.45, 0)
        foot = places.GROUND[scene.place] * size + (y - 0.5) * 12 * s
        if scene.object == "balloon":
            foot = size * (0.72 + 0.16 * (y - 0.5))
        cy = foot - objects.BOTTOM[scene.object] / 1.1 * pixels / 2

    images, masks = [], []
    for i in range(first, last):
        image = shift(place, offset[i], size)
        alpha = np.zeros((size, size), np.float32)
        if scene.object:
            fx, fy = cx + moved[i, 0], cy + moved[i, 1]
            if scene.object != "balloon":
                yy, xx = np.mgrid[:size, :size].astype(np.float32)
                shade = np.exp(-((xx - fx) / (0.40 * pixels)) ** 2 - ((yy - foot) / (0.05 * pixels)) ** 2)
                image = image * (1 - 0.45 * shade[..., None])
            seen = cv2.warpAffine(sprite, np.float32([[1, 0, fx - pixels / 2], [0, 1, fy - pixels / 2]]), (size, size))
            alpha = seen[..., 3]
            image = mix(image, seen[..., :3], alpha[..., None])
        if front is not None:
            near = shift(front, offset[i], size)
            image, alpha = mix(image, near[..., :3], near[..., 3:]), alpha * (1 - near[..., 3])
        image = weather.cast(scene.weather, np.clip(image, 0, 1).astype(np.float32), scene.rng(f"weather {i}"))
        painted = styles.paint(scene.style, image, shift(field, offset[i], size).astype(np.float32), scene.rng(f"grain {i}"))
        images.append(np.round(painted * 255).astype(np.uint8))
        masks.append(alpha)
    moved = moved - moved[0]
    return Clip(scene, np.stack(images), np.stack(masks), moved[first:last], camera[first:last])


def training_scene(seed):
    """A scene of the training side, all factors drawn independently; a few without object or without a named colour."""
    dice = np.random.default_rng([seed, 7])
    while True:
        pick = lambda names: names[int(dice.integers(len(names)))]
        scene = Scene(pick(OBJECTS), pick(tuple(COLOURS)), pick(PLACES), pick(STYLES), seed)
        chance = dice.random()
        if chance < 0.06:
            return scene.change(object=None, colour=None)
        if chance < 0.14:
            return scene.change(colour=None)
        if not scene.held_out:
            return scene


def richer(scene):
    """The scene as the diffusion model is trained on it: an eighth of all in some weather, more photographs than the other styles."""
    dice = scene.rng("richer")
    if dice.random() < 0.12 and not scene.held_out and not scene.change(style="photo").held_out:
        scene = scene.change(style="photo")
    return scene.change(weather=WEATHERS[dice.integers(len(WEATHERS))]) if dice.random() < 0.12 else scene


def soft(frame, left):
    """A frame (h, w, 3) of which `left` pixels of its height are left: what poor footage looks like."""
    h, w = frame.shape[:2]
    return cv2.resize(cv2.resize(frame, (round(left * w / h), left), interpolation=cv2.INTER_AREA), (w, h), interpolation=cv2.INTER_CUBIC)
