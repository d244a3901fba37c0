"""What a model draws from noise alone, read by the evaluation's classifier: does it show what the prompt says?

    python drawn.py MODEL [--prompts 200] [--guidance 3]

Prints the share of pictures that are read right, factor by factor; the colour of those whose style has any.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from evaluate.classifier import CLASSES, Classifier
from evaluate.intervals import of_share
from scenes import Scene, combinations

BATCH = 25


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3)
    args = parser.parse_args()
    pipe = StableDiffusionPipeline.from_pretrained(args.model, safety_checker=None, requires_safety_checker=False,
                                                   torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    dice, everything, reader, right = np.random.default_rng(17), list(combinations()), Classifier(), {factor: [] for factor in CLASSES}
    for first in range(0, args.prompts, BATCH):
        scenes = [Scene(*everything[dice.integers(len(everything))], first + i) for i in range(min(BATCH, args.prompts - first))]
        frames = pipe([scene.caption for scene in scenes], num_inference_steps=args.steps, guidance_scale=args.guidance,
                      height=128, width=128, generator=torch.Generator().manual_seed(first), output_type="np").images
        for scene, frame in zip(scenes, np.round(frames * 255).astype(np.uint8)):
            read = reader.read(frame[None])
            for factor in CLASSES:
                if (factor, scene.style) != ("colour", "pencil sketch"):
                    right[factor].append(read[factor] == getattr(scene, factor))
    for factor, hits in right.items():
        low, high = of_share(hits)
        print(f"{factor}: {100 * np.mean(hits):.0f} % ({100 * low:.0f} to {100 * high:.0f}) of {len(hits)}", flush=True)


if __name__ == "__main__":
    main()
