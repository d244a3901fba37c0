"""Writes tuned.safetensors: temporal layers for tiny/, and what the authors' code makes of them. Usage: tuned.py --fatezero DIR, in the
environment of method.py. See README.md."""
import argparse, collections, pathlib, tempfile

import torch
from einops import rearrange
from safetensors.torch import load_file, save_file

import method

STEPS, FRAMES, SIDE = 4, 3, 16
KINDS = {"lowrank": {"lora": 160}, "dense": {}}     # their variant; the one that it was made from
EDIT = {**method.WATERCOLOR, "cross_replace_steps": {"default_": 0.8}, "self_replace_steps": 0.8}


def temporal(unet, seed):
    """Random temporal layers, far from the identity that they begin as."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(unet.named_parameters()):
        if "_temporal" not in name:
            continue
        noise = torch.randn(p.shape, generator=g)
        if p.ndim == 1:
            p.copy_(0.1 * noise + ("norm" in name and name.endswith("weight")))
        else:
            dirac = torch.nn.init.dirac_(torch.empty_like(p)) if name.endswith("conv_temporal.weight") else 0
            p.copy_(noise * (1.5 if "to_q" in name or "to_k" in name else 0.5) / p[0].numel() ** 0.5 + dirac)
        yield name, p.clone()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fatezero", required=True, type=pathlib.Path)
    method.prepare(options.parse_args().fatezero)
    method.STEPS = STEPS
    modules, out = load_file(method.HERE / "modules.safetensors"), {}
    masks = method.record_masks()
    with tempfile.TemporaryDirectory() as folder:
        folder = method.tiny_as_bin(pathlib.Path(folder) / "tiny")
        for seed, (kind, model_config) in enumerate(KINDS.items()):
            pipeline = method.build(folder, model_config, torch.float32)
            out |= {f"{kind}/{name}": p for name, p in temporal(pipeline.unet, 20 + seed)}
            z0 = torch.randn(FRAMES, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(30 + seed))
            z = rearrange(z0, "f c h w -> 1 c f h w")
            text = modules["unet.wide.text"][:1]
            out[f"{kind}.z0"], out["text"] = z0, text
            out[f"{kind}.epsilon"] = method.frames_first(pipeline.unet(z, 501, encoder_hidden_states=text).sample)
            zT = method.invert(pipeline, z0)[-1]
            out[f"{kind}.zT"] = method.frames_first(zT)
            latents, _ = method.edit(pipeline, EDIT, zT, masks)
            out[f"{kind}.edited"] = latents[-1]
            plain = method.build(folder, model_config, torch.float32).unet(z, 501, encoder_hidden_states=text).sample
            print(kind, "temporal layers move the noise by",
                  float((method.frames_first(plain) - out[f"{kind}.epsilon"]).norm() / plain.norm()), "edited", out[f"{kind}.edited"].std())
    save_file({k: v.contiguous() for k, v in out.items()}, method.HERE / "tuned.safetensors")


if __name__ == "__main__":
    with torch.no_grad():
        main()
