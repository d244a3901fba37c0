"""Writes frames.safetensors: what the authors' ImageSequenceDataset makes of some clips of noise.

Usage: frames.py --fatezero DIR, where DIR is a checkout of the authors' repository.
"""
import argparse, json, pathlib, sys, tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
CLIPS = {  # frames, height, width; the data set's settings
    "smaller": (1, 45, 45, {"n_sample_frame": 1, "image_size": 16}),
    "larger": (1, 20, 20, {"n_sample_frame": 1, "image_size": 32}),
    "wide": (11, 27, 46, {"n_sample_frame": 3, "start_sample_frame": 2, "sampling_rate": 3, "image_size": 16,
                          "offset": {"left": 3, "right": 0, "top": 1, "bottom": 2}}),
    "tall": (4, 47, 24, {"n_sample_frame": 2, "sampling_rate": 2, "image_size": 24,
                         "offset": {"left": 0, "right": 1, "top": 0, "bottom": 4}}),
    "partial": (2, 230, 9, {"n_sample_frame": 2, "image_size": 8, "offset": {"left": 1}}),  # without top it is 200
}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fatezero", required=True)
    sys.path.insert(0, options.parse_args().fatezero)
    from video_diffusion.data.dataset import ImageSequenceDataset
    out = {}
    for seed, (name, (n, h, w, settings)) in enumerate(CLIPS.items()):
        source = np.random.default_rng(seed).integers(0, 256, (n, h, w, 3), np.uint8)
        with tempfile.TemporaryDirectory() as folder:
            for i, frame in enumerate(source):
                Image.fromarray(frame).save(f"{folder}/{i:03}.png")
            images = ImageSequenceDataset(folder, None, "", **settings)[0]["images"]
        out[f"{name}.source"] = torch.from_numpy(source)
        out[f"{name}.images"] = images.permute(1, 0, 2, 3).contiguous()
        print(name, tuple(out[f"{name}.images"].shape))
    save_file(out, HERE / "frames.safetensors", {name: json.dumps(clip[-1]) for name, clip in CLIPS.items()})


if __name__ == "__main__":
    main()
