"""Framewise SDEdit (Meng et al., 2022) for comparison: each frame is noised part of the way and denoised under the new prompt,
by diffusers, with the filter's own model, steps and guidance."""
import re
from itertools import zip_longest

import numpy as np
import torch

STRENGTH = 0.6


def prompt(presets, options):
    """What the filter makes of the preset's prompt."""
    lines = (presets / f"{options['preset']}.preset").read_text().splitlines()
    text = next(line.removeprefix("prompt=") for line in lines if line.startswith("prompt="))
    edited = without = source = options["source"]
    for old, new in zip_longest(options.get("from", "").split("|"), options.get("to", "").split("|"), fillvalue=""):
        words = rf"\b{re.escape(old)}\b"
        edited, without = re.sub(words, new, edited), re.sub(words, "", without)
    for name, value in (("source", source), ("edited", edited), ("without", without)):
        text = text.replace("{" + name + "}", " ".join(value.split()))
    return text


def edit(tools, edit, options):
    """Edited frames of a clip; made once, as the filter's are."""
    text = prompt(tools.presets, options)
    settings = {"sdedit": STRENGTH, "guidance": tools.guidance, "steps": tools.steps, "prompt": text}
    return tools.kept.get(tools.model_content, edit.before.frames, settings,
                          lambda: denoised(tools, edit.before.frames, text, edit.source.seed))


@torch.inference_mode()
def denoised(tools, frames, text, seed):
    pipeline, steps = tools.pipeline, tools.steps
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(steps)
    x = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    scale = pipeline.vae.config.scaling_factor
    z = pipeline.vae.encode(x).latent_dist.mean * scale
    words = pipeline.tokenizer(["", text], padding="max_length", truncation=True, return_tensors="pt").input_ids
    hidden = pipeline.text_encoder(words).last_hidden_state.repeat_interleave(len(z), 0)
    timesteps = scheduler.timesteps[steps - int(STRENGTH * steps):]
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed))
    z = scheduler.add_noise(z, noise, timesteps[:1])
    for t in timesteps:
        without, wanted = pipeline.unet(torch.cat([z, z]), t, hidden).sample.chunk(2)
        z = scheduler.step(without + tools.guidance * (wanted - without), t, z).prev_sample
    y = pipeline.vae.decode(z / scale).sample.clamp(-1, 1)
    return ((y + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
