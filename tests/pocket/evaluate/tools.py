"""What makes frames out of a clip: the filter, the model's VAE, and what was made before."""
import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from . import filter
from .filter import Kept, content


class Tools:
    def __init__(self, root: Path, steps: int):
        self.ffmpeg = root / "build/ffmpeg/bin/ffmpeg"
        self.jar = root / "build/ffmpeg/lib/fatezero/fatezero-engine.jar"
        self.presets = root / "presets"
        self.model = root / "java-engine/pocket"
        self.kept = Kept(root / "build/evaluate/clips")
        self.steps = steps
        self.guidance = json.loads((self.model / "scheduler/scheduler_config.json").read_text())["_guidance_scale"]

    @cached_property
    def engine_content(self):
        return content(self.jar)

    @cached_property
    def model_content(self):
        return content(self.model)

    @cached_property
    def pipeline(self):
        from diffusers import StableDiffusionPipeline
        from diffusers.utils import logging
        logging.disable_progress_bar()
        return StableDiffusionPipeline.from_pretrained(self.model, torch_dtype=torch.float32).to("cpu")

    def edited(self, edit, variant):
        """The frames of a clip as a variant leaves them."""
        # in single precision the figures are the same on every processor
        options = {**edit.options, "steps": self.steps, "precision": "fp32", **variant.options}
        if variant.edit:
            return variant.edit(self, edit, options)
        return self.filtered(edit, options)

    def filtered(self, edit, options):
        if options["source"] == "auto":     # one edit for all that describe the clip in the same words
            found = self.kept.get(self.engine_content, edit.before.frames, ["source", options],
                                  lambda: np.array(filter.source(self.ffmpeg, edit.before.frames, options)))
            options = {**options, "source": str(found)}
        return self.kept.get(self.engine_content, edit.before.frames, options,
                             lambda: filter.run(self.ffmpeg, edit.before.frames, options))

    def reconstructed(self, frames):
        """Frames through the model's VAE: no edit can come closer to them."""
        return self.kept.get(self.model_content, frames, "vae", lambda: self._through_vae(frames))

    @torch.inference_mode()
    def _through_vae(self, frames):
        x = torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
        vae = self.pipeline.vae
        y = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        return ((y + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
