"""Writes the averaged weights of a checkpoint as a diffusers folder, fp16 safetensors, while training goes on or after.

    python export.py --out DIR --model java-engine/pocket
"""
import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import DDIMScheduler
from transformers import CLIPTokenizer

import make_tokenizer
import sizes
from latents import load_vae
from train import SCHEDULE

INDEX = {
    "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.35.2", "feature_extractor": [None, None],
    "image_encoder": [None, None], "requires_safety_checker": False, "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
}
GUIDANCE = 3.0      # what its edits are best with, by `make evaluate TRAINING=1`; diffusers does not read it
CARD = Path(__file__).parents[2] / "java-engine/pocket/MODEL_CARD.md"


def main():
    parser = sizes.arguments(argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter))
    parser.add_argument("--out", type=Path, required=True, help="where the checkpoints are")
    parser.add_argument("--model", type=Path, required=True, help="the folder to write")
    args = parser.parse_args()
    args.device = "cpu"
    args.model.mkdir(parents=True, exist_ok=True)

    make_tokenizer.write(args.model / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(args.model / "tokenizer")
    state = torch.load(args.out / "unet.pt", map_location="cpu")
    modules = {"text_encoder": sizes.text_encoder(args, len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id),
               "unet": sizes.unet(args), "vae": load_vae(args)}
    for part in ("text_encoder", "unet"):
        weights = {name.removeprefix(part + "."): value for name, value in state["ema"].items() if name.startswith(part + ".")}
        modules[part].load_state_dict(weights)
    for part, module in modules.items():
        module.to(torch.float16).to(memory_format=torch.contiguous_format).save_pretrained(args.model / part, safe_serialization=True)
        config = args.model / part / "config.json"
        settings = {key: value for key, value in json.loads(config.read_text()).items() if key != "_name_or_path"}
        config.write_text(json.dumps(settings, indent=2) + "\n")
    DDIMScheduler(**SCHEDULE, clip_sample=False, set_alpha_to_one=False, steps_offset=1).save_pretrained(args.model / "scheduler")
    config = args.model / "scheduler/scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "_guidance_scale": GUIDANCE}, indent=2) + "\n")
    (args.model / "model_index.json").write_text(json.dumps(INDEX, indent=2) + "\n")
    if CARD.parent != args.model.resolve():
        shutil.copy(CARD, args.model / CARD.name)
    size = sum(path.stat().st_size for path in args.model.rglob("*") if path.is_file())
    print(f"step {state['step']}, {state['samples']} samples, {state['seconds'] / 60:.1f} minutes, {state['images']} images; "
          f"{size / 1e6:.1f} MB in {args.model}")


if __name__ == "__main__":
    main()
