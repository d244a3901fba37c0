"""The clips that are edited, fixed by a seed and nothing else: held-out scenes, and each with one factor changed, or two.

All sources are photographs. The combination of object, colour, place and style that an edit begins with was never trained on,
nor was the one that it leads to; only the empty places, to which removal leads, have been seen, in other scenes. Clips of the
training side, for choosing presets by, are made in the same way of combinations that were trained on.
"""
import random
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, product, zip_longest

import numpy as np

from scenes import COLOURS, OBJECTS, PLACES, WEATHERS, Scene, render, soft
from scenes.captions import PLACE
from scenes.places import GROUND

# What an edit of each group changes; enhancement changes nothing of the scene, but makes a soft picture of it crisp.
FACTORS = {"style": ("style",), "attribute": ("colour",), "shape": ("object",), "background": ("place",), "removal": ("object",),
           "image": ("style",), "enhance": (), "object+place": ("object", "place"), "colour+place": ("colour", "place"),
           "weather": ("weather",), "pair": ("colour", "second_colour"), "zoom": ("colour",)}
GROUPS = tuple(FACTORS)
# seeds go on in this order, in which groups that came later are the last
TURNS = ([(group, training) for training in (False, True) for group in GROUPS[:7]]
         + [(group, training) for group in GROUPS[7:] for training in (False, True)])
SIZE = 12                     # clips a group
FRAMES, SIDE = 8, 128
SOFT = 40                     # pixels of 128 that are left of what is to be enhanced
ZOOM = 0.025                  # by which the picture grows a frame where the camera zooms
FURTHER = 10**3               # clips of a group beyond these; their scenes are elsewhere, so that those stay as they are
OTHER = 500                   # from a scene's seed to that of its other place; seeds of two clips are 1000 apart
FIRST_SEED = 3 * 10**8        # of scenes; training stays far below, the VAE's diet and the measurements far above or beside

# The styles of the clips: those that had a preset when the clips were drawn.
STYLES = ("watercolor", "ukiyo-e", "van gogh", "monet", "cartoon", "makoto shinkai")
# Shapes change within a kind, as in the paper: jeep to Porsche car, swan to flamingo, cat to tiger.
KINDS = (("jeep", "porsche car", "train"), ("swan", "duck", "flamingo"), ("cat", "tiger", "rabbit", "fox"))
# Backgrounds change between places whose ground is equally high, so that the true edit leaves the object where it is.
LEVEL = tuple(place for place in PLACES if GROUND[place] == GROUND["road"])


@dataclass(frozen=True)
class Edit:
    """One clip of the evaluation: the scene as it is, and as the edit should leave it."""
    group: str
    number: int
    source: Scene
    target: Scene
    side: int = SIDE      # pixels

    @property
    def name(self):
        return f"{self.group}-{self.number:02d}"

    @property
    def factors(self):
        return FACTORS[self.group]

    @property
    def changed(self):
        """Of the factors, those that this edit does change."""
        return tuple(name for name in self.factors if getattr(self.source, name) != getattr(self.target, name))

    @property
    def first(self):
        """Of two changes the first alone, asked for in the same way: the place is to stay, by its own words."""
        return replace(self, target=self.target.change(place=self.source.place))

    @property
    def wanted(self):
        """What the edit should make of it, for a title."""
        return ", ".join(getattr(self.target, name) or "no object" for name in self.factors) or "the same, crisp"

    @property
    def frames(self):
        return 1 if self.group == "image" else FRAMES

    @cached_property
    def before(self):
        clip = render(self.source, self.frames, self.side)
        return replace(clip, frames=softened(clip.frames)) if self.group == "enhance" else clip

    @cached_property
    def truth(self):
        return render(self.target, self.frames, self.side)

    @cached_property
    def another(self):
        """As right as the true edit: its object in a place of the same name, drawn with another seed. No prompt tells the two places
        apart. None where the place does not change."""
        if "place" not in self.changed:
            return None
        place = render(self.target.change(seed=self.target.seed + OTHER), self.frames, self.side)
        alpha = self.truth.mask[..., None]
        return np.round(alpha * self.truth.frames + (1 - alpha) * place.frames).astype(np.uint8)

    @property
    def options(self):
        """The filter's: the shipped preset for this kind of edit, and the words that a user would give it."""
        scene, caption = self.source, self.source.caption
        words = {"source": caption}
        if self.group == "enhance":
            return {"preset": "enhance", **words}
        if self.factors == ("style",):
            return {"preset": self.target.style.replace(" ", "-"), **words}
        if self.group == "weather":
            return {"preset": self.target.weather, **words}             # presets are called by its names
        if self.factors == ("colour",):
            return {"preset": "recolor", **words, "from": scene.colour, "to": self.target.colour}
        if self.group == "pair":
            return {"preset": "recolor", **words, "from": f"{scene.colour}|{scene.second_colour}",
                    "to": f"{self.target.colour}|{self.target.second_colour}"}
        if self.group == "shape":
            return {"preset": "swap-object", **words, "from": scene.object, "to": self.target.object}
        where = phrase(scene)
        old, new = PLACE[scene.place][where], PLACE[self.target.place][where]
        if self.group == "background":
            return {"preset": "background", **words, "from": old, "to": new}
        if len(self.factors) == 2:
            name = self.factors[0]
            return {"preset": {"object": "object-and-place", "colour": "colour-and-place"}[name], **words,
                    "from": f"{getattr(scene, name)}|{old}", "to": f"{getattr(self.target, name)}|{new}"}
        place = PLACE[scene.place][where].split(maxsplit=1)[1]      # 'in the snow' leaves 'the snow'
        return {"preset": "remove-object", **words, "from": caption.removesuffix(place).strip(), "blend": noun(scene.object)}


def softened(frames):
    """Frames as a small picture of them shows them, enlarged again."""
    return np.stack([soft(frame, SOFT) for frame in frames])


def noun(name):
    """The last word, which the others describe: 'car' of 'porsche car'."""
    return name.split()[-1]


def phrase(scene):
    """Which of the place's phrasings the caption has."""
    return max((i for i, text in enumerate(PLACE[scene.place]) if scene.caption.endswith(text)),
               key=lambda i: len(PLACE[scene.place][i]))


def changes(group, scene):
    """All scenes that an edit of `scene` may lead to."""
    if group == "enhance":
        return [scene]
    if group == "object+place":
        return [both for one in changes("shape", scene) for both in changes("background", one)]
    if group == "colour+place":
        return [both for one in changes("attribute", scene) for both in changes("background", one)]
    if FACTORS[group] == ("style",):
        return [scene.change(style=style) for style in STYLES]
    if group == "weather":
        return [scene.change(weather=weather) for weather in WEATHERS]
    if FACTORS[group] == ("colour",):
        return [scene.change(colour=colour) for colour in COLOURS if colour != scene.colour]
    if group == "pair":
        return [scene.change(colour=one, second_colour=other) for one, other in product(COLOURS, COLOURS)
                if one != scene.colour and other != scene.second_colour and one != other]
    if group == "shape":
        return [scene.change(object=other) for kind in KINDS if scene.object in kind for other in kind if other != scene.object]
    if group == "background":
        return [scene.change(place=place) for place in LEVEL if place != scene.place and scene.place in LEVEL]
    return [scene.change(object=None, colour=None)]


def stratum(group, target):
    """What the clips of a group are spread over evenly: the styles, the weathers, and the kinds of object."""
    if FACTORS[group] == ("style",):
        return STYLES.index(target.style)
    if group == "weather":
        return WEATHERS.index(target.weather)
    if group in ("shape", "object+place"):
        return next(i for i, kind in enumerate(KINDS) if target.object in kind)
    return 0


def fits(scene, training):
    """Whether a scene is on that side of the split, with all of its objects."""
    return all(one.held_out != training for one in scene.alone)


def sources(group, training):
    """The photographs that an edit of the group may begin with; of pairs one second object for each first."""
    dice = random.Random(f"fatezero pairs 1, {training}")
    for object, colour, place in product(OBJECTS, COLOURS, PLACES):
        scene = Scene(object, colour, place, "photo", 0, zoom=ZOOM if group == "zoom" else 0.0)
        if group != "pair":
            yield scene
        elif fits(scene, training):
            yield dice.choice([pair for other, shade in product(OBJECTS, COLOURS) if other != object and shade != colour
                               and fits(pair := scene.change(second=other, second_colour=shade), training)])


def edits(group, count=SIZE, training=False, side=SIDE):
    """The first `count` of a group's clips, of which the table has SIZE, `side` pixels wide and high; `training`: of those that were
    trained on."""
    strata = {}
    for source in sources(group, training):
        if fits(source, training):
            for target in changes(group, source):
                if target.object is None or fits(target, training):
                    strata.setdefault(stratum(group, target), []).append((source, target))
    dice = random.Random(f"fatezero evaluation 1, {group}" + training * ", training")
    for _, pairs in sorted(strata.items()):
        dice.shuffle(pairs)
    turns = [pairs for _, pairs in sorted(strata.items())]
    picked = list(islice((pair for each in zip_longest(*turns) for pair in each if pair), count))
    found = []
    for number, (source, target) in enumerate(picked):
        turn = TURNS.index((group, training))
        seed = FIRST_SEED + 1000 * (SIZE * turn + number if number < SIZE else FURTHER * (1 + turn) + number)
        while "photo" in source.change(seed=seed).caption:       # a preset says itself what style it wants
            seed += 1
        found.append(Edit(group, number, source.change(seed=seed), target.change(seed=seed), side))
    return found
