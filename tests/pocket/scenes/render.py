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
    clear day. `second`: another object beside the first, of `second_colour`; both are then smaller. `zoom`: share by which the camera's
    picture grows from frame to frame."""
    object: str | None
    colour: str | None
    place: str
    style: str
    seed: int
    weather: str | None = None
    second: str | None = None
    second_colour: str | None = None
    zoom: float = 0.0

    def change(self, **factor):
        """The same scene with one factor changed: scene.change(colour="blue"), scene.change(object=None)."""
        return replace(self, **factor)

    @property
    def caption(self):
        return caption(self.object, self.colour, self.place, self.style, self.seed, self.weather, self.second, self.second_colour)

    @property
    def alone(self):
        """The scene with each of its objects alone."""
        first = replace(self, second=None, second_colour=None)
        return (first, replace(first, object=self.second, colour=self.second_colour)) if self.second else (first,)

    @property
    def held_out(self):
        """Whether none like it may be trained on; of two objects either is enough."""
        return any(held_out(one.object, one.colour, one.place, one.style) for one in self.alone)

    def rng(self, stream):
        return np.random.default_rng([self.seed, zlib.crc32(stream.encode())])


@dataclass(frozen=True)
class Clip:
    """`frames` (f, h, w, 3) uint8; `mask` (f, h, w) in [0, 1], where an object is seen; `object_motion` and
    `camera_motion` (f, 2): how far (x, y) the object and the place have moved since frame 0, in pixels of a picture that has not grown.
    `second_mask` and `second_motion`: the same of the second object, None without one; `growth` (f): how large the picture is."""
    scene: Scene
    frames: np.ndarray
    mask: np.ndarray
    object_motion: np.ndarray
    camera_motion: np.ndarray
    growth: np.ndarray
    second_mask: np.ndarray | None = None
    second_motion: np.ndarray | None = None


def shift(image, dx, size):
    """The window (size, size) of a wide image that begins `dx` pixels (a fraction too) from its left edge."""
    at = int(np.floor(dx))
    near = image[:, at:at + size + 1]
    return near[:, :-1] * (1 - (dx - at)) + near[:, 1:] * (dx - at)


def grown(image, by):
    """The picture `by` times as large about its middle, in the same frame."""
    if by == 1:
        return image
    h, w = image.shape[:2]
    middle = np.float32([[by, 0, (1 - by) * (w - 1) / 2], [0, by, (1 - by) * (h - 1) / 2]])
    return cv2.warpAffine(image.astype(np.float32), middle, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


@dataclass(frozen=True)
class Actor:
    """An object in its place: its picture (pixels, pixels, 4), where its middle is in each frame (f, 2), and where it stands."""
    name: str
    sprite: np.ndarray
    at: np.ndarray
    foot: float

    def into(self, image, frame):
        """The picture with the object and its shadow in it, and where the object is seen, (h, w) in [0, 1]."""
        (fx, fy), pixels, size = self.at[frame], len(self.sprite), len(image)
        if self.name != "balloon":
            yy, xx = np.mgrid[:size, :size].astype(np.float32)
            shade = np.exp(-((xx - fx) / (0.40 * pixels)) ** 2 - ((yy - self.foot) / (0.05 * pixels)) ** 2)
            image = image * (1 - 0.45 * shade[..., None])
        seen = cv2.warpAffine(self.sprite, np.float32([[1, 0, fx - pixels / 2], [0, 1, fy - pixels / 2]]), (size, size))
        return mix(image, seen[..., :3], seen[..., 3:]), seen[..., 3]


def actor(name, colour, place, size, pixels, flip, cx, y, moved):
    """An object `pixels` large that is at `cx` and on the ground, `y` in [0, 1] higher or lower, and is `moved` (f, 2) from there."""
    foot = places.GROUND[place] * size + (y - 0.5) * 12 * size / 128
    if name == "balloon":
        foot = size * (0.72 + 0.16 * (y - 0.5))
    cy = foot - objects.BOTTOM[name] / 1.1 * pixels / 2
    return Actor(name, objects.draw(name, COLOURS[colour or NATURAL[name]], pixels, flip), np.array([cx, cy]) + moved, foot)


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
    growth = (1 + scene.zoom) ** np.arange(frames)
    t = np.arange(frames) - (frames - 1) / 2
    walk = lambda pace, bob: np.stack([pace * t, 0.8 * s * np.sin(np.arange(frames) * (0.6 + bob))], 1)
    moved = walk(pace, bob) + path
    room = size * 0.5 - abs(pace) * frames / 2

    cast, side = [], 1 if x < 0.5 else -1                           # the second object first: it stands behind
    if scene.second:
        other_scale, nudge, other_y, other_flip, other_pace, other_bob = scene.rng("second").random(6)
        walked = walk((other_pace - 0.5) * s, other_bob)
        cast.append(actor(scene.second, scene.second_colour, scene.place, size, int(size * (0.38 + 0.12 * other_scale)), other_flip < 0.5,
                          size * (0.5 + side * (0.24 + 0.05 * nudge)), other_y, walked))
    if scene.object:
        pixels = int(size * (0.38 + 0.12 * scale)) if scene.second else int(size * (0.54 + 0.18 * scale))
        cx = size / 2 + (-side * 0.26 * size if scene.second else (x - 0.5) * 2 * max(room - pixels * 0.45, 0))
        cast.append(actor(scene.object, scene.colour, scene.place, size, pixels, flip, cx, y, moved))

    images, masks, seconds = [], [], []
    for i in range(first, last):
        image, seen = shift(place, offset[i], size), []
        for one in cast:
            image, alpha = one.into(image, i)
            seen = [*(behind * (1 - alpha) for behind in seen), alpha]
        if front is not None:
            near = shift(front, offset[i], size)
            image, seen = mix(image, near[..., :3], near[..., 3:]), [alpha * (1 - near[..., 3]) for alpha in seen]
        image = weather.cast(scene.weather, np.clip(grown(image, growth[i]), 0, 1).astype(np.float32), scene.rng(f"weather {i}"))
        texture = grown(shift(field, offset[i], size).astype(np.float32), growth[i])
        painted = styles.paint(scene.style, image, texture, scene.rng(f"grain {i}"))
        images.append(np.round(painted * 255).astype(np.uint8))
        masks.append(grown(sum(seen[1:], seen[0]) if seen else np.zeros((size, size), np.float32), growth[i]))
        if scene.second:
            seconds.append(grown(seen[0], growth[i]))
    moved, these = moved - moved[0], slice(first, last)
    beside = (np.stack(seconds), (walked - walked[0])[these]) if scene.second else ()
    return Clip(scene, np.stack(images), np.stack(masks), moved[these], camera[these], growth[these], *beside)


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
    """The scene as the diffusion model is trained on it: an eighth of all in some weather, a sixth with a second object, a tenth
    enlarged by a camera that zooms, more photographs than the other styles."""
    dice = scene.rng("richer")
    if dice.random() < 0.12 and not scene.held_out and not scene.change(style="photo").held_out:
        scene = scene.change(style="photo")
    if dice.random() < 0.12:
        scene = scene.change(weather=WEATHERS[dice.integers(len(WEATHERS))])
    if scene.colour and dice.random() < 0.27:
        pair = scene.change(second=OBJECTS[dice.integers(len(OBJECTS))], second_colour=tuple(COLOURS)[dice.integers(len(COLOURS))])
        if not pair.held_out and pair.object != pair.second and pair.colour != pair.second_colour:
            scene = pair
    return scene.change(zoom=dice.uniform(0.005, 0.03)) if dice.random() < 0.1 else scene


def soft(frame, left):
    """A frame (h, w, 3) of which `left` pixels of its height are left: what poor footage looks like."""
    h, w = frame.shape[:2]
    return cv2.resize(cv2.resize(frame, (round(left * w / h), left), interpolation=cv2.INTER_AREA), (w, h), interpolation=cv2.INTER_CUBIC)
