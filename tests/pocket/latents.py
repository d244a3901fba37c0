"""Renders training scenes and keeps their latents: the VAE runs once an image, not once a step.

    python latents.py --out DIR --first 0 --count 40000 [--size 128] [--device cuda]

Writes DIR/latents-SIZE/NUMBER.npz: `latents` (n, channels, h, w) float16, not yet scaled; `masks` (n, 2, h, w) uint8, each object's
share of each latent pixel; `factors` (n, 8) int8: indices of object, colour, place, style, weather, second object and its colour, -1 for
none; 1 if it is soft.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

import sizes
from scenes import COLOURS, OBJECTS, PLACES, STYLES, WEATHERS, render, richer, soft, training_scene

SHARD, BATCH = 2000, 50
NAMES = (OBJECTS, tuple(COLOURS), PLACES, STYLES, WEATHERS, OBJECTS, tuple(COLOURS))
SOFT, LEFT = 0.25, (0.2, 0.6)    # share of photographs that are soft; how much of their size is left


def load_vae(args):
    """The VAE's averaged weights from DIR/vae.pt, with the scaling factor of its latents if they were measured."""
    state = torch.load(args.out / "vae.pt", map_location=args.device)
    scale = args.out / "scaling_factor.txt"
    model = sizes.vae(args, float(scale.read_text()) if scale.exists() else 1.0)
    model.load_state_dict({name.removeprefix("module."): value for name, value in state["ema"].items() if name != "n_averaged"})
    return model.to(args.device, memory_format=sizes.VAE_LAYOUT).eval()


@torch.no_grad()
def encode(model, images):
    """uint8 (n, h, w, 3) -> posterior means (n, channels, h', w'), float32."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    x = x.to(model.device, memory_format=sizes.VAE_LAYOUT)
    with torch.autocast(x.device.type, torch.bfloat16):
        return model.encode(x).latent_dist.mean.float().cpu()


def shard(model, first, count, size):
    latents, masks, factors = [], [], []
    for start in range(first, first + count, BATCH):
        images = []
        for seed in range(start, start + BATCH):
            scene, at = richer(training_scene(seed)), seed % 8
            clip, dice = render(scene, 8, size, at, at + 1), scene.rng("soft")
            blurred = scene.style == "photo" and dice.random() < SOFT
            images.append(soft(clip.frames[0], round(size * dice.uniform(*LEFT))) if blurred else clip.frames[0])
            side = size // 2 ** (len(model.config.block_out_channels) - 1)
            second = clip.second_mask[0] if scene.second else np.zeros_like(clip.mask[0])
            masks.append(np.stack([np.round(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
                                   for mask in (clip.mask[0] - second, second)]))
            values = (scene.object, scene.colour, scene.place, scene.style, scene.weather, scene.second, scene.second_colour)
            factors.append([*(names.index(value) if value else -1 for names, value in zip(NAMES, values)), int(blurred)])
        latents.append(encode(model, np.stack(images)).numpy().astype(np.float16))
    return {"latents": np.concatenate(latents), "masks": np.stack(masks), "factors": np.array(factors, np.int8)}


def main():
    parser = sizes.arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=40000)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    folder = args.out / f"latents-{args.size}"
    folder.mkdir(exist_ok=True)
    model, scale = load_vae(args), args.out / "scaling_factor.txt"
    if not scale.exists():                                       # 1 / deviation of the latents, once and for all
        scale.write_text(f"{1 / shard(model, args.first, 4 * BATCH, args.size)['latents'].astype(np.float32).std():.5f}\n")
    for first in range(args.first, args.first + args.count, SHARD):
        path = folder / f"{first // SHARD:05d}.npz"
        if path.exists():
            continue
        data = shard(model, first, SHARD, args.size)
        with open(path.with_suffix(".tmp"), "wb") as file:
            np.savez(file, **data)
        path.with_suffix(".tmp").rename(path)
        print(path.name, flush=True)


if __name__ == "__main__":
    main()
