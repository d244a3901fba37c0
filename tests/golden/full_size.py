"""Writes a folder of Stable Diffusion 1.4's sizes with random weights, and beside it, as OUT.safetensors, what diffusers and
transformers compute with it. Usage: full_size.py --out DIR [--bpe bpe_simple_vocab_16e6.txt.gz] [--dtype float32]

Takes about 4.3 GB of disk in fp32 and 8 GB of memory. With --bpe the folder gets CLIP's tokenizer too. With float16 or bfloat16 the
stored weights are rounded and the references computed in fp32 from the rounded ones.
"""
import argparse, gc, pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file

from tiny import hub_text_names, text_config, text_model, unet_config, vae_config, write_model, write_rest, write_tokenizer
from weights import fill


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def main():
    options = argparse.ArgumentParser()
    options.add_argument("--out", required=True, type=pathlib.Path)
    options.add_argument("--bpe")
    options.add_argument("--dtype", default="float32", choices=("float32", "float16", "bfloat16"))
    options = options.parse_args()
    out, dtype, results = options.out, getattr(torch, options.dtype), {}

    def saved(model, folder, config, **names):
        write_model(out / folder, model.to(dtype), config, **names)
        return model.float()

    write_rest(out)
    if options.bpe:
        write_tokenizer(out / "tokenizer", options.bpe, merges=49152 - 256 - 2)

    config = text_config(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                         projection_dim=768, vocab_size=49408, bos_token_id=0, eos_token_id=2)
    text_encoder = saved(text_model(config, 1), "text_encoder", config, names=hub_text_names, file="model.safetensors")
    ids = torch.randint(0, 49406, (2, 77), generator=torch.Generator().manual_seed(4))
    ids[:, 0], ids[0, 20:], ids[1, 76] = 49406, 49407, 49407
    text = text_encoder(ids)[0]
    results.update({"text.ids": ids, "text.out": text})

    config = vae_config([128, 256, 512, 512], groups=32, layers=2)
    vae = saved(fill(AutoencoderKL.from_config(config), 2), "vae", config)
    pixels = torch.tanh(randn(5, 1, 3, 256, 256))
    z = vae.encode(pixels).latent_dist.mean * vae.config.scaling_factor
    results.update({"vae.encode.in0": pixels, "vae.encode.out": z,
                    "vae.decode.in0": z, "vae.decode.out": vae.decode(z / vae.config.scaling_factor).sample})
    del text_encoder, vae
    gc.collect()

    config = unet_config([320, 640, 1280, 1280], groups=32, heads=8, text=768)
    unet = saved(fill(UNet2DConditionModel.from_config(config), 3), "unet", config)
    latents = randn(6, 1, 4, 64, 64)
    results.update({"unet.latents": latents, "unet.timestep": torch.tensor([501]), "unet.text": text[:1],
                    "unet.out": unet(latents, 501, encoder_hidden_states=text[:1]).sample})
    save_file({k: v.contiguous().clone() for k, v in results.items()}, f"{out}.safetensors")
    for k, v in results.items():
        print(f"{k:16} {str(tuple(v.shape)):20} mean {v.float().mean():8.4f} std {v.float().std():8.4f}")


if __name__ == "__main__":
    main()
