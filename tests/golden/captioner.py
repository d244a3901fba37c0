"""What PyTorch makes of a few frames with pocket's captioner: captioner.safetensors.

    python captioner.py

Needs tests/pocket/requirements.txt. To be run again whenever the captioner is trained again.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "java-engine/pocket/captioner"
sys.path.insert(0, str(HERE.parent / "pocket"))
from scenes import Scene, render  # noqa: E402

SCENES = (Scene("swan", "white", "river", "photo", 41), Scene("fox", "orange", "snow", "watercolor", 42),
          Scene(None, None, "forest", "photo", 43))


def logits(frame, config, weights):
    """(h, w, 3) uint8 -> the logits of all classes, one factor after another."""
    x = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    scale = config["size"] / min(x.shape[2:])
    if scale != 1:
        x = F.interpolate(x, [round(side * scale) for side in x.shape[2:]], mode="bicubic", antialias=True)
    for i, stride in enumerate(config["strides"]):
        x = F.relu(F.conv2d(x, weights[f"convs.{i}.weight"], weights[f"convs.{i}.bias"], stride, 1))
    return F.linear(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1), weights["head.weight"], weights["head.bias"])[0]


def main():
    config = json.loads((MODEL / "config.json").read_text())
    weights = {name: value.float() for name, value in load_file(MODEL / "model.safetensors").items()}
    frames = [render(scene, 8, 128, 0, 1).frames[0] for scene in SCENES]
    frames.append(np.ascontiguousarray(render(SCENES[0], 8, 192, 0, 1).frames[0][8:]))   # 184 x 192
    stored = {}
    for i, frame in enumerate(frames):
        stored |= {f"{i}.frame": torch.from_numpy(frame), f"{i}.size": torch.tensor(frame.shape[:2]),
                   f"{i}.logits": logits(frame, config, weights)}
    save_file(stored, HERE / "captioner.safetensors")


if __name__ == "__main__":
    main()
