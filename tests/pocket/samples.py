"""A contact sheet of what the exported model makes of prompts, by diffusers' own pipeline: to be looked at.

    python samples.py MODEL sheet.png [--steps 20]
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from scenes import COLOURS, OBJECTS, PLACES, STYLES
from scenes.captions import caption


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=7.5)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--size", type=int, default=128)
    args = parser.parse_args()
    torch.set_num_threads(2)
    pipe = StableDiffusionPipeline.from_pretrained(args.model, safety_checker=None, requires_safety_checker=False,
                                                   torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    rows = []
    for row in range(args.rows):
        prompts = [caption(OBJECTS[(row * 5 + i) % 12], list(COLOURS)[(row + 2 * i) % 11], PLACES[(2 * row + i) % 8], style, row)
                   for i, style in enumerate(STYLES)]
        print(*prompts, sep="\n")
        images = pipe(prompts, num_inference_steps=args.steps, guidance_scale=args.guidance, height=args.size, width=args.size,
                      generator=torch.Generator().manual_seed(row), output_type="np").images
        rows.append(np.concatenate(list(images), 1))
    cv2.imwrite(str(args.sheet), np.round(np.concatenate(rows)[..., ::-1] * 255).astype(np.uint8))


if __name__ == "__main__":
    main()
