"""Trains the small network that says what a frame shows, for clips that come without a description.

    python train_captioner.py --out ../../java-engine/pocket/captioner --pictures pictures.npz

renders the pictures first, then trains, measures on held-out scenes and writes config.json, with the words of every class, and
model.safetensors. Scenes are of the training side alone; a third of the pictures show something that it must not name.
"""
import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

import unknown
from evaluate.classifier import to_tensor, vary
from scenes import COLOURS, NATURAL, OBJECTS, PLACES, STYLES, Scene, combinations, held_out, render, training_scene
from scenes.captions import EMPTY, PLACE, STYLE, VERBS
from textures import photographs

NONE, UNKNOWN = "none", "unknown"
CLASSES = {"object": (*OBJECTS, NONE, UNKNOWN), "colour": tuple(COLOURS), "place": (*PLACES, UNKNOWN), "style": STYLES}
WIDTHS, STRIDES = (24, 48, 48, 72, 96, 128), (2, 2, 1, 2, 2, 1)
SIZE = 128
FIRST_SEED = 6 * 10**8        # of its scenes: neither the model's nor the evaluation's
UNREAD = -1                   # nothing to learn from this picture about this factor


class Reader(nn.Module):
    """(n, 3, h, w) in [-1, 1] -> for each factor the logits of its classes, (n, classes)."""

    def __init__(self):
        super().__init__()
        widths = (3, *WIDTHS)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride, 1, bias=False) for a, b, stride in zip(widths, WIDTHS, STRIDES))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in WIDTHS)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * WIDTHS[-1], len(classes)) for name, classes in CLASSES.items()})

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
        x = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return {name: head(x) for name, head in self.heads.items()}

    def exported(self):
        """Weights by name, each norm folded into its convolution, and the heads into one matrix in the order of CLASSES."""
        weights = {}
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            weights[f"convs.{i}.weight"] = conv.weight * gain[:, None, None, None]
            weights[f"convs.{i}.bias"] = norm.bias - norm.running_mean * gain
        weights["head.weight"] = torch.cat([head.weight for head in self.heads.values()])
        weights["head.bias"] = torch.cat([head.bias for head in self.heads.values()])
        return {name: value.detach().half().contiguous() for name, value in weights.items()}


def labels(scene):
    """The class of each factor, UNREAD for the colour in a pencil sketch and of nothing."""
    colour = UNREAD
    if scene.object and scene.style != "pencil sketch":
        colour = CLASSES["colour"].index(scene.colour or NATURAL[scene.object])
    return [CLASSES["object"].index(scene.object or NONE), colour, CLASSES["place"].index(scene.place), STYLES.index(scene.style)]


def picture(seed, images):
    """One picture (SIZE, SIZE, 3) uint8 and its labels, from its number alone."""
    rng, scene, at = np.random.default_rng([seed, 3]), training_scene(seed), seed % 8
    kind = rng.random()
    if kind < 0.12:
        found = [CLASSES["object"].index(UNKNOWN), UNREAD, CLASSES["place"].index(UNKNOWN), UNREAD]
        return unknown.nothing_known(rng, SIZE, images), found
    if 0.12 <= kind < 0.24:
        scene = scene.change(object=None, colour=None)
    clip = render(scene, 8, SIZE, at, at + 1)
    frame, found = clip.frames[0], labels(scene)
    if 0.12 <= kind < 0.20:
        return unknown.strange_thing(rng, frame, images), [CLASSES["object"].index(UNKNOWN), UNREAD, *found[2:]]
    if kind > 0.92 and scene.object and clip.mask[0].mean() > 0.03:
        return unknown.strange_place(rng, frame, clip.mask[0], images), [*found[:2], CLASSES["place"].index(UNKNOWN), UNREAD]
    return frame, found


def pictures(first, count):
    images = photographs()[::2]         # the others are for measuring
    made = []
    for seed in range(first, first + count):
        made.append(picture(seed, images))
        if len(made) % 2000 == 0:
            print(f"{len(made)} pictures", flush=True)
    return np.stack([image for image, _ in made]), np.array([found for _, found in made])


def closer(x, rng):
    """Half of the time a part of the pictures (n, 3, SIZE, SIZE), enlarged to their size: clips come in every shape."""
    if rng.random() < 0.5:
        return x
    side = int(rng.integers(SIZE * 3 // 4, SIZE))
    top, left = rng.integers(0, SIZE - side + 1, 2)
    return F.interpolate(x[:, :, top:top + side, left:left + side], SIZE, mode="bicubic", antialias=True)


def train(images, found, epochs, batch, rng):
    model = Reader().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    batches = len(images) // batch
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, epochs * batches)
    begin = time.time()
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for rows in order[:batches * batch].reshape(batches, batch):
            x = closer(vary(to_tensor(images[rows]), rng), rng).to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(x)
            loss = sum(F.cross_entropy(y.float(), found[rows, i], ignore_index=UNREAD) for i, y in enumerate(logits.values()))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            plan.step()
            total += loss.item()
        print(f"epoch {epoch + 1}, {time.time() - begin:.0f} s, loss {total / batches:.3f}", flush=True)
    return model.eval()


@torch.inference_mode()
def measure(model, count=400):
    """Prints the share of single frames of held-out scenes that are read rightly, and of unknown pictures that are not named."""
    rows, dice, right = [row for row in combinations() if held_out(*row)], np.random.default_rng(12), {}
    for i in range(count):
        scene = Scene(*rows[dice.integers(len(rows))], FIRST_SEED + 5 * 10**7 + i)
        logits = model(to_tensor(render(scene, 8, SIZE, i % 8, i % 8 + 1).frames))
        for (name, y), label in zip(logits.items(), labels(scene)):
            if label != UNREAD:
                right.setdefault(name, []).append(int(y.argmax()) == label)
    rng, images, silent = np.random.default_rng(13), photographs()[1::2], {"object": [], "place": []}
    for _ in range(count // 2):
        logits = model(to_tensor(unknown.nothing_known(rng, SIZE, images)[None]))
        for name, values in silent.items():
            values.append(CLASSES[name][int(logits[name].argmax())] == UNKNOWN)
    print("held-out scenes, right: " + ", ".join(f"{name} {np.mean(values):.1%}" for name, values in right.items()))
    print("pictures without a scene, not named: " + ", ".join(f"{name} {np.mean(values):.1%}" for name, values in silent.items()))


def words():
    """What a caption says of every class, as SceneWords reads it; those for nothing and for the unknown have no words."""
    return {
        "objects": [f"{name} {VERBS[name][0]}" for name in OBJECTS], "colours": list(COLOURS),
        "places": [PLACE[name][0] for name in PLACES], "empty_places": [EMPTY[name][0] for name in PLACES],
        "styles": [STYLE[name][0] for name in STYLES],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="where the rendered pictures are kept")
    parser.add_argument("--count", type=int, default=14000, help="pictures")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    args = parser.parse_args()
    torch.manual_seed(0)
    if not args.pictures.exists():
        images, found = pictures(FIRST_SEED, args.count)
        np.savez(args.pictures, images=images, found=found)
    stored = np.load(args.pictures)
    model = train(stored["images"], torch.from_numpy(stored["found"]), args.epochs, args.batch, np.random.default_rng(1))
    measure(model)
    args.out.mkdir(parents=True, exist_ok=True)
    save_file(model.exported(), args.out / "model.safetensors")
    config = {"model_type": "scene_reader", "size": SIZE, "widths": WIDTHS, "strides": STRIDES, **words()}
    (args.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    print(f"{args.out}: {(args.out / 'model.safetensors').stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
