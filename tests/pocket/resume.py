"""Makes checkpoints of an exported model, so that its training goes on where only the weights were kept.

    python resume.py --model ../../java-engine/pocket --out DIR

Writes what export.py reads: DIR/vae.pt, unet.pt, scaling_factor.txt and tokenizer. The optimizers begin anew.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

import make_tokenizer
import sizes

WEIGHTS = {"vae": "diffusion_pytorch_model", "unet": "diffusion_pytorch_model", "text_encoder": "model"}


def read(model, part):
    """A part's weights as exported, in single precision."""
    return {name: tensor.float() for name, tensor in load_file(model / part / f"{WEIGHTS[part]}.safetensors").items()}


def main():
    parser = sizes.arguments(argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter))
    parser.add_argument("--model", type=Path, required=True, help="the exported folder")
    parser.add_argument("--out", type=Path, required=True, help="where the checkpoints go; must not have any")
    parser.add_argument("--samples", type=int, default=0, help="that it has seen")
    args = parser.parse_args()
    if any((args.out / name).exists() for name in ("vae.pt", "unet.pt")):
        parser.error(f"{args.out} has checkpoints already")
    args.out.mkdir(parents=True, exist_ok=True)

    make_tokenizer.write(args.out / "tokenizer")
    scale = json.loads((args.model / "vae/config.json").read_text())["scaling_factor"]
    (args.out / "scaling_factor.txt").write_text(f"{scale}\n")

    vae = sizes.vae(args)
    vae.load_state_dict(read(args.model, "vae"))
    optimizer = torch.optim.AdamW(vae.parameters())
    averaged = {"n_averaged": torch.tensor(1), **{f"module.{name}": value for name, value in vae.state_dict().items()}}
    torch.save({"model": vae.state_dict(), "ema": averaged, "optimizer": optimizer.state_dict(), "step": 0, "seconds": 0.0}, args.out / "vae.pt")

    weights = {f"{part}.{name}": value for part in ("text_encoder", "unet") for name, value in read(args.model, part).items()}
    optimizer = torch.optim.AdamW([torch.nn.Parameter(value) for name, value in weights.items()], betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    torch.save({"model": weights, "ema": weights, "optimizer": optimizer.state_dict(), "step": 1, "samples": args.samples, "seconds": 0.0,
                "images": 0}, args.out / "unet.pt")
    print(f"{args.out}: {sum(value.numel() for value in weights.values()) / 1e6:.2f} M parameters of UNet and text encoder go on")


if __name__ == "__main__":
    main()
