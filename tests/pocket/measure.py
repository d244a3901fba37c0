"""PSNR of the exported VAE on held-out scenes, style by style, and on a folder of pictures if one is given.

    python measure.py MODEL [--pictures FOLDER]
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL

from scenes import STYLES, Scene, combinations, held_out, render


@torch.no_grad()
def psnr(vae, images):
    """uint8 (n, h, w, 3) -> mean over the images of their PSNR through the VAE, dB."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    y = torch.cat([vae.decode(vae.encode(one[None]).latent_dist.mean).sample.clamp(-1, 1) for one in x])
    return (10 * torch.log10(4 / (y - x).square().mean((1, 2, 3)))).mean().item()


def centre(image, size):
    """The largest central square, resized to size x size."""
    side = min(image.shape[:2])
    y, x = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return cv2.resize(image[y:y + side, x:x + side], (size, size), interpolation=cv2.INTER_AREA)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=8, help="scenes a style")
    args = parser.parse_args()
    vae = AutoencoderKL.from_pretrained(args.model / "vae").float().eval()
    dice, values = np.random.default_rng(11), []
    for style in STYLES:
        rows = [row for row in combinations() if row[3] == style and held_out(*row)]
        scenes = [Scene(*rows[dice.integers(len(rows))], 10**8 + i) for i in range(args.count)]
        values.append(psnr(vae, np.concatenate([render(scene, 8, 128, 4, 5).frames for scene in scenes])))
        print(f"{style}: {values[-1]:.2f} dB")
    print(f"held-out scenes: {np.mean(values):.2f} dB")
    if args.pictures:
        images = [cv2.imread(str(path))[..., ::-1] for path in sorted(args.pictures.glob("*.png"))]
        for size in (128, 256):
            print(f"{args.pictures.name} at {size}: {psnr(vae, np.stack([centre(image, size) for image in images])):.2f} dB")


if __name__ == "__main__":
    main()
