"""The rows of the tables: what is set beside the shipped preset, and for which groups. A new row is one more entry."""
from dataclasses import dataclass, field
from typing import Callable

from . import sdedit, tuned
from .clips import FACTORS, GROUPS


@dataclass(frozen=True)
class Variant:
    title: str
    options: dict = field(default_factory=dict)     # of the filter, over the preset's
    groups: tuple = GROUPS
    edit: Callable | None = None                    # (tools, edit, options) -> frames, where the filter alone does not do
    asked: Callable = lambda edit: edit             # Edit -> the edit that is asked for in its place


# of two changes
BOTH = tuple(group for group in GROUPS if len(FACTORS[group]) == 2)

# the stages over a group's preset, whose mask, threshold and cross-attention stay
INFUSION = {"method": "infusion", "inject": 0.2, "inject_kv": "0.2-0.4", "self_replace": "0.4-1"}

VARIANTS = {
    "fatezero": Variant("FateZero"),
    "auto": Variant("described by itself", {"source": "auto"}),
    "first": Variant("the first change alone", groups=BOTH, asked=lambda edit: edit.first),
    "ddim": Variant("DDIM inversion, new prompt", {"self_replace": 0, "cross_replace": 0, "blend": "", "blend_latents": 0, "emphasize": "",
                                                   "forget": 0, "negative": ""}),
    "no-self": Variant("no self-attention fusion", {"self_replace": 0}),
    "no-mask": Variant("full replacement, no mask", {"threshold": 2}, ("shape",)),
    "reconstruction": Variant("attention of the reconstruction", {"attention": "reconstruction"}),
    "infusion": Variant("InFusion", INFUSION),
    "infusion-no-features": Variant("InFusion, no features", INFUSION | {"inject": 0}),
    "infusion-no-kv": Variant("InFusion, no keys and values", INFUSION | {"inject_kv": 0, "self_replace": "0.2-1"}),
    "infusion-outputs": Variant("InFusion, whole source attention", INFUSION | {"fuse": "outputs"}),
    "infusion-denoised": Variant("InFusion, the source denoised again", INFUSION | {"attention": "reconstruction"}),
    "unsteady": Variant("not steadied", {"steady": 0}),
    "decoded": Variant("as decoded", {"steady": 0, "blend_pixels": 0}),
    "enlarged": Variant("enlarged as edited", {"detail": 0}),
    "framewise": Variant("frame by frame", {"keys": "self", "window": 1}),
    "sdedit": Variant("SDEdit, frame by frame", edit=sdedit.edit),
    "tuned": Variant("the model tuned on the clip", {}, ("shape",), tuned.edit),
    **{f"strength-{strength}": Variant(f"strength={strength}", {"strength": strength}) for strength in (0, 0.25, 0.75, 1)},
    **{f"{solver}-{steps}": Variant(f"solver={solver}, {steps} steps", {"solver": solver, "steps": steps})
       for solver, steps in (("ddim", 20), ("ddim", 10), ("implicit", 50), ("implicit", 20), ("implicit", 10))},
    # what speed=fast stands for: it leaves alone what is set beside it, as steps is here
    "fast": Variant("speed=fast", {"solver": "implicit", "steps": 13}),
    "guidance": Variant("guidance_interval=0-0.6", {"guidance_interval": "0-0.6"}),
    "fast-guidance": Variant("both", {"solver": "implicit", "steps": 13, "guidance_interval": "0-0.6"}),
}

# What `make evaluate NAME=1` runs. FateZero is strength=0.5, solver=ddim and 50 steps.
LISTS = {
    "ABLATION": ("fatezero", "ddim", "no-self", "no-mask", "reconstruction", "framewise", "sdedit"),
    "INFUSION": ("fatezero", "infusion", "infusion-no-features", "infusion-no-kv", "infusion-outputs", "infusion-denoised"),
    "OUTPUT": ("decoded", "unsteady", "fatezero"),
    "DETAIL": ("enlarged", "fatezero"),
    "STRENGTH": ("strength-0", "strength-0.25", "fatezero", "strength-0.75", "strength-1"),
    "TUNE": ("fatezero", "tuned"),
    "LEAKAGE": ("fatezero", "first"),
    "AUTO": ("fatezero", "auto"),
    "SOLVER": ("fatezero", "ddim-20", "ddim-10", "implicit-50", "implicit-20", "fast", "implicit-10"),
    "SPEED": ("fatezero", "fast", "guidance", "fast-guidance"),
}
