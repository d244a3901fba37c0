"""Trains the VAE on crops of rendered scenes and textures: L1 and L2 of pixels, L1 of their gradients, a little KL.

    python train_vae.py --out DIR [--minutes 30] [--device cuda]     again to resume from DIR/vae.pt
"""
import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import parallel
import sizes
from scenes import render, training_scene
from textures import photographs, texture
from vae_start import pyramid

TEXTURES = 0.25   # share of pictures that are not scenes


def scene_of(seed, styles):
    """The training scene of a number; of every second number one in these styles, if there are any."""
    scene = training_scene(seed)
    while styles and seed % 2 and scene.style not in styles:
        seed += 2 * 10**10
        scene = training_scene(seed)
    return scene


def picture(job):
    """One picture of the pool, uint8 (size, size, 3), from its number alone."""
    seed, size, images, styles = job
    rng = np.random.default_rng([seed, 1])
    if rng.random() < TEXTURES:
        return texture(rng, size, images)
    at = int(rng.integers(8))
    return render(scene_of(seed, styles), 8, size, at, at + 1).frames[0]


def pool(first, count, size, styles=()):
    """`count` pictures, uint8 (count, size, size, 3)."""
    images = photographs()
    return np.stack([picture((seed, size, images, styles)) for seed in range(first, first + count)])


def crops(rng, pictures, batch, crop):
    """Random crops, mirrored and with channels permuted at random: (batch, 3, crop, crop) in [-1, 1]."""
    out = np.empty((batch, crop, crop, 3), np.uint8)
    for i in range(batch):
        image = pictures[rng.integers(len(pictures))]
        y, x = rng.integers(0, image.shape[0] - crop + 1, 2)
        out[i] = image[y:y + crop, x:x + crop, rng.permutation(3) if rng.random() < 0.15 else slice(None)][:, ::rng.choice((-1, 1))]
    return torch.from_numpy(out).permute(0, 3, 1, 2).float() / 127.5 - 1


def loss_of(x, y, posterior):
    error = y - x
    edges = sum((torch.diff(error, dim=d)).abs().mean() for d in (2, 3))
    return 0.5 * error.abs().mean() + 4 * error.square().mean() + 0.3 * edges + 1e-6 * posterior.kl().mean()


def main(args, rank):
    torch.manual_seed(args.seed)
    model = pyramid(sizes.vae(args)).to(args.device, memory_format=sizes.VAE_LAYOUT)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    ema = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    path, step, spent = args.out / "vae.pt", 0, 0.0
    if path.exists():
        state = torch.load(path, map_location=args.device)
        model.load_state_dict(state["model"]), ema.load_state_dict(state["ema"]), optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["seconds"]
    if args.decoder_only:
        model.load_state_dict(ema.module.state_dict())
        for part in (model.encoder, model.quant_conv):
            part.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    torch.manual_seed(args.seed + 1000 * step + rank)
    rng = np.random.default_rng([args.seed, step, rank])
    pictures = pool(10**9 + (step * args.workers + rank) * args.pictures, args.pictures, args.size, args.styles)
    print(f"{len(pictures)} pictures, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)

    def save():
        torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "optimizer": optimizer.state_dict(), "step": step,
                    "seconds": spent + time.time() - begin}, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    begin, shown, total, first = time.time(), time.time(), 0.0, step
    while (elapsed := parallel.agree((time.time() - begin) / (60 * args.minutes))) < 1:
        optimizer.param_groups[0]["lr"] = args.rate * min(1, (step - first + 1) / 100) * max((1 - elapsed) ** 0.7, 0.01)
        x = crops(rng, pictures, args.batch, args.crop).to(args.device, memory_format=sizes.VAE_LAYOUT)
        with torch.autocast(torch.device(args.device).type, torch.bfloat16):
            posterior = model.encode(x).latent_dist
            y = model.decode(posterior.mean if args.decoder_only else posterior.sample()).sample
        loss = loss_of(x, y.float(), posterior)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(trained)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        ema.update_parameters(model)
        step, total = step + 1, total + (y.float() - x).square().mean().item()
        if rank == 0 and step % 50 == 0:
            print(f"step {step} {time.time() - shown:.0f}s psnr {10 * np.log10(4 * 50 / total):.2f} dB "
                  f"latent std {posterior.mean.float().std():.3f} rate {optimizer.param_groups[0]['lr']:.2e}", flush=True)
            total, shown = 0.0, time.time()
        if rank == 0 and step % 250 == 0:
            save()
    if rank == 0:
        save()


if __name__ == "__main__":
    parser = sizes.arguments(argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30, help="of this run")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--batch", type=int, default=8, help="crops a worker and step")
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--pictures", type=int, default=2000, help="rendered for a worker, at the start of a run")
    parser.add_argument("--styles", type=lambda text: tuple(text.split(",")), default=(),
                        help="cartoon,van gogh: of half of the scenes; without it they have all styles alike")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--decoder-only", action="store_true", help="keeps the latents as they are")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    parallel.launch(main, arguments)
