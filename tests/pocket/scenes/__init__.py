"""Rendered scenes: short clips with captions, masks, known motion, and the same scene with any one factor changed."""
from .factors import COLOURS, NATURAL, OBJECTS, PLACES, STYLES, WEATHERS, combinations, held_out
from .render import Clip, Scene, render, richer, soft, training_scene
