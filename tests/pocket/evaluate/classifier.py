"""A small network that reads a clip: which object, of which colour, where, in what style.

It is trained on the training side of the split alone, on scenes of its own seeds, as they are and as a VAE and noise leave
pictures; never on what the filter made.

    python -m evaluate.classifier --pictures pictures.npz      renders them first, a few minutes, then trains; writes classifier.npz
"""
import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from scenes import COLOURS, NATURAL, OBJECTS, PLACES, STYLES, render, training_scene

WEIGHTS = Path(__file__).with_name("classifier.npz")
CLASSES = {"object": (*OBJECTS, None), "colour": (*COLOURS, None), "place": PLACES, "style": STYLES}
SIDE = 128               # pixels of what it has seen
WIDTHS = (24, 48, 72, 96, 128)
FIRST_SEED = 5 * 10**8   # of its scenes: neither the model's nor the evaluation's


class Reader(nn.Module):
    """(n, 3, h, w) in [-1, 1] -> for each factor the logits of its classes, (n, classes)."""

    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for i, width in enumerate(WIDTHS):
            layers += [nn.Conv2d(channels, width, 3, 2 if i < 4 else 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            if i in (1, 2):
                layers += [nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * channels, len(classes)) for name, classes in CLASSES.items()})

    def forward(self, x):
        x = self.body(x)
        x = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return {name: head(x) for name, head in self.heads.items()}


class Classifier:
    """The trained network."""

    def __init__(self, path=WEIGHTS):
        self.model = Reader()
        stored = np.load(path)
        self.model.load_state_dict({name: torch.from_numpy(stored[name].astype(np.float32)) for name in stored.files}, strict=False)
        self.model.eval()

    @torch.inference_mode()
    def read(self, frames):
        """What a clip (n, h, w, 3) uint8 shows: a class for each factor, by the mean of its frames' log probabilities."""
        x = to_tensor(frames)
        if x.shape[-1] > SIDE:
            x = F.interpolate(x, size=(SIDE, SIDE), mode="area")
        logits = self.model(x)
        return {name: CLASSES[name][int(x.log_softmax(1).mean(0).argmax())] for name, x in logits.items()}


def to_tensor(frames):
    return torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1


def labels(scene):
    """The class of each factor; -1 where there is nothing to read: the colour in a pencil sketch."""
    colour = scene.object and (scene.colour or NATURAL[scene.object])
    values = {"object": scene.object, "colour": colour, "place": scene.place, "style": scene.style}
    found = [classes.index(values[name]) for name, classes in CLASSES.items()]
    if scene.style == "pencil sketch" and scene.object:
        found[1] = -1
    return found


@torch.inference_mode()
def through(vae, images, rng):
    """Images (n, h, w, 3) uint8 through the VAE with some noise on their latents, as editing leaves it: the same shape."""
    z = vae.encode(to_tensor(images).to(memory_format=torch.channels_last)).latent_dist.mean.float()
    noise = torch.from_numpy(rng.standard_normal(z.shape).astype(np.float32))
    scale = torch.from_numpy(rng.uniform(0, 0.25, (len(z), 1, 1, 1)).astype(np.float32))
    y = vae.decode((z + noise * scale * z.std()).to(memory_format=torch.channels_last)).sample.float().clamp(-1, 1)
    return ((y + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def pictures(vae, count, rng, batch=50):
    """One frame of each of `count` training scenes, every other one through the VAE: images (n, h, w, 3), labels (n, 4)."""
    images, found = [], []
    for start in range(0, count, batch):
        scenes = [training_scene(FIRST_SEED + start + i) for i in range(batch)]
        frames = np.stack([render(scene, 8, 128, i % 8, i % 8 + 1).frames[0] for i, scene in enumerate(scenes)])
        with torch.autocast("cpu", torch.bfloat16):
            frames[::2] = through(vae, frames[::2], rng)
        images.append(frames)
        found += [labels(scene) for scene in scenes]
        if start % 2000 == 0:
            print(f"{start} pictures", flush=True)
    return np.concatenate(images), np.array(found)


def vary(x, rng):
    """What edits do to pictures, at random and batch by batch: softness, noise, shifted colours, shifted and mirrored frames."""
    n = len(x)
    if rng.random() < 0.5:
        x = x.flip(3)
    x = torch.roll(x, tuple(rng.integers(-6, 7, 2)), (2, 3))
    soft = rng.random()
    if soft < 0.3:
        smaller = F.interpolate(x, scale_factor=float(rng.uniform(0.4, 0.9)), mode="bilinear", antialias=True)
        x = F.interpolate(smaller, 128, mode="bilinear")
    elif soft < 0.5:
        x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    draw = lambda low, high, channels: torch.from_numpy(rng.uniform(low, high, (n, channels, 1, 1)).astype(np.float32))
    x = x * draw(0.85, 1.15, 1) * draw(0.94, 1.06, 3) + draw(-0.08, 0.08, 1) + draw(-0.04, 0.04, 3)
    return x + torch.randn_like(x) * draw(0, 0.06, 1)


def train(images, found, epochs, batch, rng):
    """A network trained on `images` (n, h, w, 3) uint8 with labels `found` (n, 4)."""
    model = Reader().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    batches = len(images) // batch
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, epochs * batches)
    begin = time.time()
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for rows in order[:batches * batch].reshape(batches, batch):
            x = vary(to_tensor(images[rows]), rng).to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(x)
            loss = sum(F.cross_entropy(y.float(), found[rows, i], ignore_index=-1) for i, y in enumerate(logits.values()))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            plan.step()
            total += loss.item()
        print(f"epoch {epoch + 1}, {time.time() - begin:.0f} s, loss {total / batches:.3f}", flush=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="where the rendered pictures are kept")
    parser.add_argument("--vae", type=Path, default=Path(__file__).parents[3] / "java-engine/pocket/vae")
    parser.add_argument("--count", type=int, default=10000, help="pictures")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    torch.manual_seed(0)
    if not args.pictures.exists():
        from diffusers import AutoencoderKL
        vae = AutoencoderKL.from_pretrained(args.vae).float().eval().to(memory_format=torch.channels_last)
        images, found = pictures(vae, args.count, np.random.default_rng(0))
        np.savez(args.pictures, images=images, found=found)
    stored = np.load(args.pictures)
    model = train(stored["images"], torch.from_numpy(stored["found"]), args.epochs, args.batch, np.random.default_rng(1))
    state = {name: value.numpy().astype(np.float16) for name, value in model.state_dict().items() if "num_batches" not in name}
    np.savez_compressed(args.out, **state)
    print(f"{args.out}: {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
