"""Writes tuning.safetensors: one-shot tuning of tiny/ with the temporal layers of tuned.safetensors, gradients and all, in the authors'
modules and PyTorch's AdamW. Usage: tuning.py --fatezero DIR, in the environment of method.py. See README.md."""
import argparse, pathlib, tempfile

import torch
from einops import rearrange
from safetensors.torch import load_file, save_file

import method

TIMESTEPS, LIMIT = (501, 21, 801), 0.145      # the limit on the gradient bites in the first step alone
BLOCK = "mid_block.attentions.0.transformer_blocks.0."


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fatezero", required=True, type=pathlib.Path)
    method.prepare(options.parse_args().fatezero)
    tuned, out = load_file(method.HERE / "tuned.safetensors"), {}
    with tempfile.TemporaryDirectory() as folder:
        pipeline = method.build(method.tiny_as_bin(pathlib.Path(folder) / "tiny"), {}, torch.float32)
    unet = pipeline.unet.eval().requires_grad_(False)
    unet.load_state_dict({k.removeprefix("dense/"): v for k, v in tuned.items() if k.startswith("dense/")}, strict=False)
    trained = {name: p.requires_grad_() for name, p in unet.named_parameters() if ".attn_temporal." in name or ".to_q." in name}
    optimizer = torch.optim.AdamW(trained.values(), lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
    z0, text = tuned["dense.z0"], tuned["text"]
    noise = torch.randn(len(TIMESTEPS), *z0.shape, generator=torch.Generator().manual_seed(40))
    losses, norms = [], []
    for t, epsilon in zip(TIMESTEPS, noise):
        level = pipeline.scheduler.alphas_cumprod[t]
        z = rearrange(level ** 0.5 * z0 + (1 - level) ** 0.5 * epsilon, "f c h w -> 1 c f h w")
        predicted = method.frames_first(unet(z, t, encoder_hidden_states=text).sample)
        loss = torch.nn.functional.mse_loss(predicted, epsilon)
        optimizer.zero_grad()
        loss.backward()
        if not losses:
            out |= {f"gradient/{name}": p.grad.clone() for name, p in trained.items()}
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), LIMIT))
        optimizer.step()
        losses.append(loss.detach())
    out |= {f"tuned/{name}": p.detach() for name, p in trained.items() if name.startswith(BLOCK)}
    out |= {"noise": noise, "losses": torch.stack(losses), "norms": torch.stack(norms)}
    print(len(trained), "losses", out["losses"], "norms", out["norms"])
    save_file({k: v.contiguous() for k, v in out.items()}, method.HERE / "tuning.safetensors")


if __name__ == "__main__":
    main()
