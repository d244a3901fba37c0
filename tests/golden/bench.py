"""The authors' public code on one clip, timed: a line of JSON as the engine's own bench prints (`make bench REFERENCE=DIR`).

Their pipeline runs as in method.py, with the autoencoder's mean instead of a sample, and its own scaling factor instead of
theirs, so that the frames can be compared.
"""
import time
BEGIN = time.time()
import argparse, json, pathlib, shutil, sys, tempfile, types

import numpy as np
import torch
from safetensors.torch import load_file

import method

THEIR_FACTOR = 0.18215
RENAMED = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}  # of the autoencoder, since their diffusers


def status(row):
    """MiB of a row of this process's status."""
    return int(next(line for line in open("/proc/self/status") if line.startswith(row + ":")).split()[1]) / 1024


def as_bin(source, target):
    """Their loader reads single-precision *.bin only, and configurations of their time."""
    shutil.copytree(source, target)
    unet = target / "unet" / "config.json"
    known = json.loads((method.HERE / "tiny" / "unet" / "config.json").read_text())
    unet.write_text(json.dumps({key: value for key, value in json.loads(unet.read_text()).items() if key in known}))
    for weights in target.rglob("*.safetensors"):
        tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
        if weights.parent.name == "vae":
            for new, old in RENAMED.items():
                tensors = {name.replace(f".attentions.0.{new}.", f".attentions.0.{old}."): tensor for name, tensor in tensors.items()}
        torch.save(tensors, weights.with_name("pytorch_model.bin" if "text" in str(weights) else "diffusion_pytorch_model.bin"))
        weights.unlink()
    return target


class Phases:
    """Seconds and peak memory of the phases gone through."""

    def __init__(self):
        self.seconds, self.peak, self.name = {}, {}, None

    def enter(self, name):
        now = time.time()
        if self.name:
            self.seconds[self.name] = now - self.since
            self.peak[self.name] = status("VmHWM")
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        self.name, self.since = name, time.time()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("fatezero", "model", "clip", "edited", "source"):
        options.add_argument("--" + name, required=True)
    for name in ("frames", "side", "steps"):
        options.add_argument("--" + name, required=True, type=int)
    options = options.parse_args()
    method.STEPS = options.steps
    method.JEEP = options.source
    method.prepare(pathlib.Path(options.fatezero))
    with tempfile.TemporaryDirectory() as folder:
        folder = as_bin(pathlib.Path(options.model), pathlib.Path(folder) / "model")
        pipeline = method.build(folder, {"lora": 160, "SparseCausalAttention_index": ["mid"], "least_sc_channel": 0}, torch.float32)
    factor = json.loads((pathlib.Path(options.model) / "vae" / "config.json").read_text())["scaling_factor"]
    encode, decode = pipeline.vae.encode, pipeline.vae.decode
    scaled = lambda x: encode(x).latent_dist.mode() * (factor / THEIR_FACTOR)
    pipeline.vae.encode = lambda x: types.SimpleNamespace(latent_dist=types.SimpleNamespace(sample=lambda _: scaled(x)))
    pipeline.vae.decode = lambda z: decode(z * (THEIR_FACTOR / factor))
    phases, kept = Phases(), []
    pipeline.decode_latents = lambda z: (phases.enter("decode"), kept.append(type(pipeline).decode_latents(pipeline, z)))[1] or z
    start, loaded = time.time() - BEGIN, status("VmRSS")

    frames = np.fromfile(options.clip, np.uint8).reshape(options.frames, options.side, options.side, 3)
    phases.enter("invert")  # encoding is a part of it
    images = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    text = pipeline._encode_prompt(options.source, "cpu", 1, True, None)
    latents = pipeline.prepare_latents_ddim_inverted(images, 1, 1, text, prompt=options.source, store_attention=True)
    phases.enter("edit")
    with tempfile.TemporaryDirectory() as drawings:
        pipeline(prompt="watercolor painting of " + options.source, source_prompt=options.source, edit_type="swap",
                 latents=latents[-1], num_inference_steps=options.steps, guidance_scale=7.5, height=options.side, width=options.side,
                 output_type=None, save_path=drawings, save_self_attention=False, is_replace_controller=False,
                 cross_replace_steps={"default_": 0.8}, self_replace_steps=0.8, use_inversion_attention=True,
                 eq_params={"words": ["watercolor"], "values": [10]})
    phases.enter(None)
    edited = np.asarray(kept[-1]).reshape(options.frames, options.side, options.side, 3)
    (edited * 255).round().astype(np.uint8).tofile(options.edited)
    print(json.dumps({"start": start, "loaded": loaded, "seconds": phases.seconds, "peak": phases.peak}))


if __name__ == "__main__":
    with torch.no_grad():
        main()
