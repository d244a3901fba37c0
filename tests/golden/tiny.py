"""Writes tiny/: a Stable Diffusion 1.x folder of about a megabyte. Usage: tiny.py --bpe bpe_simple_vocab_16e6.txt.gz"""
import argparse, gzip, json, pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel

from weights import fill

HERE = pathlib.Path(__file__).parent
LAST = "<|endoftext|>"


def clip_vocabulary(bpe, merges):
    """CLIP's own construction: bytes, bytes that end a word, one token a merge, two specials."""
    lines = gzip.open(bpe).read().decode().split("\n")[1:merges + 1]
    pairs = [tuple(line.split()) for line in lines]
    unicode = list(BYTES.values())
    tokens = unicode + [c + "</w>" for c in unicode] + ["".join(p) for p in pairs] + ["<|startoftext|>", LAST]
    return {token: i for i, token in enumerate(tokens)}, [" ".join(p) for p in pairs]


def byte_alphabet():
    """GPT-2's printable stand-in for each byte, in the order of CLIP's vocabulary."""
    bs = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [b for b in range(256) if b not in bs]
    return dict(zip(bs + rest, [chr(b) for b in bs] + [chr(256 + i) for i in range(len(rest))]))


BYTES = byte_alphabet()
assert set(BYTES.values()) == set(pre_tokenizers.ByteLevel.alphabet())


def write_tokenizer(folder, bpe, merges):
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, pairs = clip_vocabulary(bpe, merges)
    special = lambda s: {"content": s, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    names = {"bos_token": special("<|startoftext|>"), "eos_token": special(LAST), "pad_token": LAST, "unk_token": special(LAST)}
    write(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(pairs) + "\n", encoding="utf-8")
    write(folder / "special_tokens_map.json", names)
    write(folder / "tokenizer_config.json", {"add_prefix_space": False, "do_lower_case": True, "errors": "replace",
          "model_max_length": 77, "tokenizer_class": "CLIPTokenizer",
          **{k: {"__type": "AddedToken", **v} if isinstance(v, dict) else v for k, v in names.items()}})
    return vocabulary


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=None if len(value) > 100 else 2) + "\n", encoding="utf-8")


def write_model(folder, model, config, names=lambda n: n, file="diffusion_pytorch_model.safetensors"):
    write(folder / "config.json", config)
    save_file({names(k): v.contiguous() for k, v in model.state_dict().items() if "position_ids" not in k},
              folder / file, metadata={"format": "pt"})


def hub_text_names(name):
    return name if name.startswith("text_model.") else "text_model." + name


def hub_vae_names(name):
    """The published SD 1.4 and 1.5 folders keep the old names of the VAE's attention."""
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return name


def text_config(**sizes):
    return {"architectures": ["CLIPTextModel"], "attention_dropout": 0.0, "dropout": 0.0, "hidden_act": "quick_gelu",
            "initializer_factor": 1.0, "initializer_range": 0.02, "layer_norm_eps": 1e-05, "max_position_embeddings": 77,
            "model_type": "clip_text_model", "pad_token_id": 1, "torch_dtype": "float32", **sizes}


def vae_config(channels, groups, layers):
    return {"_class_name": "AutoencoderKL", "_diffusers_version": "0.11.1", "act_fn": "silu",
            "block_out_channels": channels, "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3,
            "latent_channels": 4, "layers_per_block": layers, "norm_num_groups": groups, "out_channels": 3,
            "sample_size": 512, "up_block_types": ["UpDecoderBlock2D"] * 4}


def unet_config(channels, groups, heads, text):
    return {"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.11.1", "act_fn": "silu",
            "attention_head_dim": heads, "block_out_channels": channels, "center_input_sample": False,
            "cross_attention_dim": text, "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
            "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
            "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": groups, "out_channels": 4,
            "sample_size": 64, "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3}


def write_rest(folder):
    write(folder / "scheduler/scheduler_config.json", {"_class_name": "DDIMScheduler", "_diffusers_version": "0.11.1",
          "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False,
          "num_train_timesteps": 1000, "set_alpha_to_one": False, "steps_offset": 1, "trained_betas": None})
    write(folder / "model_index.json", {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.11.1",
          "feature_extractor": [None, None], "safety_checker": [None, None],
          "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
          "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
          "vae": ["diffusers", "AutoencoderKL"]})


def text_model(config, seed):
    settings = {k: v for k, v in config.items() if k not in ("architectures", "model_type", "torch_dtype")}
    return fill(CLIPTextModel(CLIPTextConfig(**settings)), seed)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--bpe", required=True)
    options.add_argument("--merges", type=int, default=1500)
    options = options.parse_args()
    torch.manual_seed(0)
    out = HERE / "tiny"
    ids = write_tokenizer(out / "tokenizer", options.bpe, options.merges)
    config = text_config(hidden_size=16, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                         projection_dim=16, vocab_size=len(ids), bos_token_id=ids["<|startoftext|>"], eos_token_id=ids[LAST])
    write_model(out / "text_encoder", text_model(config, 1), config, hub_text_names, "model.safetensors")
    config = vae_config([8, 8, 8, 16], groups=4, layers=2)
    write_model(out / "vae", fill(AutoencoderKL.from_config(config), 2), config, hub_vae_names)
    config = unet_config([8, 16, 16, 16], groups=4, heads=2, text=16)
    write_model(out / "unet", fill(UNet2DConditionModel.from_config(config), 3), config)
    write_rest(out)
    print(sum(f.stat().st_size for f in out.rglob("*") if f.is_file()), "bytes")
