"""What varies between scenes: object, colour, place and style, each independent of the others, and the split."""
import hashlib
import itertools

OBJECTS = ("jeep", "porsche car", "train", "boat", "balloon", "swan", "duck", "flamingo", "cat", "tiger", "rabbit", "fox")

# Linear-ish RGB in [0, 1]; chosen far apart, so that a colour is read at a glance.
COLOURS = {
    "red": (0.86, 0.10, 0.10), "orange": (0.98, 0.52, 0.05), "yellow": (0.98, 0.87, 0.12), "green": (0.12, 0.62, 0.20),
    "blue": (0.10, 0.28, 0.88), "purple": (0.50, 0.16, 0.70), "pink": (0.98, 0.52, 0.72), "brown": (0.45, 0.26, 0.12),
    "black": (0.09, 0.09, 0.10), "white": (0.96, 0.96, 0.96), "silver": (0.64, 0.66, 0.70),
}

# The colour of an object whose caption names none.
NATURAL = {
    "jeep": "green", "porsche car": "silver", "train": "black", "boat": "brown", "balloon": "red", "swan": "white",
    "duck": "yellow", "flamingo": "pink", "cat": "silver", "tiger": "orange", "rabbit": "brown", "fox": "orange",
}

PLACES = ("road", "river", "beach", "snow", "desert", "street", "forest", "meadow")

STYLES = ("photo", "watercolor", "ukiyo-e", "van gogh", "monet", "cartoon", "pencil sketch", "makoto shinkai")

WEATHERS = ("night", "sunset", "fog", "rain")      # None: a clear day, of which captions say nothing

HELD_OUT_SHARE = 0.1
SPLIT_SEED = "fatezero pocket split 1"


def held_out(object, colour, place, style):
    """True for the combinations that no training image shows: a tenth, by hash, and the demonstration clip's own.

    A scene without a named colour or without an object belongs to the training side, as do all single factors and
    nearly all pairs: what is held out is having seen them together.
    """
    if object is None or colour is None:
        return False
    if (object, place) == ("jeep", "road") and (colour == "red" or (colour, style) == ("blue", "photo")):
        return True
    if (object, colour, place, style) == ("porsche car", "red", "road", "photo"):
        return True
    key = "|".join((SPLIT_SEED, object, colour, place, style)).encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big") < HELD_OUT_SHARE * 2**32


def combinations():
    """All (object, colour, place, style) with object and colour named."""
    return itertools.product(OBJECTS, COLOURS, PLACES, STYLES)
