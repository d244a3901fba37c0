"""Makes checkpoints of an exported model, so that its training goes on where only the weights were kept.

    python resume.py --model ../../java-engine/pocket --out DIR [--unet-channels 32,64,192]

Writes what export.py reads: DIR/vae.pt, unet.pt, scaling_factor.txt and tokenizer. The optimizers begin anew. Larger sizes than
the model's begin as copies of its channels (widen.py), words that its tokenizer did not know as the mean of their letters.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

import make_tokenizer
import sizes
from widen import widen

WEIGHTS = {"vae": "diffusion_pytorch_model", "unet": "diffusion_pytorch_model", "text_encoder": "model"}


def read(model, part):
    """A part's weights as exported, in single precision."""
    return {name: tensor.float() for name, tensor in load_file(model / part / f"{WEIGHTS[part]}.safetensors").items()}


def wide(model, part, module):
    """A part's weights for `module`, which may be wider than what was exported."""
    return widen(read(model, part), module, json.loads((model / part / "config.json").read_text())["block_out_channels"])


def retold(embedding, before, after):
    """Token embeddings (tokens, width) of one vocabulary for another: {token: row} each. New tokens get the mean of their letters."""
    letters = lambda token: ([*token.removesuffix("</w>")[:-1], token.removesuffix("</w>")[-1] + "</w>"] if token.endswith("</w>")
                             else [*token])
    mean = lambda token: torch.stack([embedding[before[letter]] for letter in letters(token)]).mean(0)
    of = lambda token: embedding[before[token]] if token in before else mean(token)
    return torch.stack([of(token) for token in sorted(after, key=after.get)])


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
    vae.load_state_dict(wide(args.model, "vae", vae))
    optimizer = torch.optim.AdamW(vae.parameters())
    averaged = {"n_averaged": torch.tensor(1), **{f"module.{name}": value for name, value in vae.state_dict().items()}}
    torch.save({"model": vae.state_dict(), "ema": averaged, "optimizer": optimizer.state_dict(), "step": 0, "seconds": 0.0},
               args.out / "vae.pt")

    text = read(args.model, "text_encoder")
    words = "text_model.embeddings.token_embedding.weight"
    vocabulary = lambda folder: json.loads((folder / "vocab.json").read_text())
    text[words] = retold(text[words], vocabulary(args.model / "tokenizer"), vocabulary(args.out / "tokenizer"))
    parts = {"text_encoder": text, "unet": wide(args.model, "unet", sizes.unet(args))}
    weights = {f"{part}.{name}": value for part, tensors in parts.items() for name, value in tensors.items()}
    parameters = [torch.nn.Parameter(value) for name, value in weights.items()]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    torch.save({"model": weights, "ema": weights, "optimizer": optimizer.state_dict(), "step": 1, "samples": args.samples, "seconds": 0.0,
                "images": 0}, args.out / "unet.pt")
    print(f"{args.out}: {sum(value.numel() for value in weights.values()) / 1e6:.2f} M parameters of UNet and text encoder go on")


if __name__ == "__main__":
    main()
