"""Writes clip/, a CLIP folder of random weights, and measures.safetensors: what transformers, Pillow and scikit-image measure of
two small clips. See README.md for the names."""
import json
import os
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage.metrics import structural_similarity
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

from tiny import write
from weights import fill

HERE = pathlib.Path(__file__).parent
FOLDER, TOKENIZER = HERE / "clip", HERE / "tiny/tokenizer"
SOURCE, TARGET = "a silver jeep driving down a curvy road in the countryside", "an oil painting of a jeep"
PROMPTS = [SOURCE, TARGET, "", "word " * 100]
# width, height, to width, to height
RESIZES = [(53, 31, 24, 14), (31, 53, 31, 20), (20, 11, 45, 25), (97, 3, 40, 1), (16, 16, 16, 16), (640, 4, 36, 36)]


def write_clip():
    vocabulary = json.loads((TOKENIZER / "vocab.json").read_text(encoding="utf-8"))
    text = dict(hidden_size=16, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, vocab_size=len(vocabulary),
                hidden_act="quick_gelu", projection_dim=12, bos_token_id=vocabulary["<|startoftext|>"],
                eos_token_id=vocabulary["<|endoftext|>"], pad_token_id=1)
    vision = dict(hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=32, patch_size=8,
                  hidden_act="gelu", projection_dim=12)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)).eval()
    for seed, part in enumerate((model.text_model, model.vision_model, model.text_projection, model.visual_projection)):
        fill(part, 20 + seed)
    FOLDER.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}, FOLDER / "model.safetensors",
              metadata={"format": "pt"})
    write(FOLDER / "config.json", {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 12,
          "text_config": text, "vision_config": vision})
    write(FOLDER / "preprocessor_config.json", {"crop_size": {"height": 32, "width": 32}, "do_center_crop": True, "do_convert_rgb": True,
          "do_normalize": True, "do_rescale": True, "do_resize": True, "feature_extractor_type": "CLIPFeatureExtractor",
          "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3,
          "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 36}})
    for name in ("vocab.json", "merges.txt"):
        (FOLDER / name).unlink(missing_ok=True)
        os.symlink(os.path.relpath(TOKENIZER / name, FOLDER), FOLDER / name)
    return model


def clip(rng, n, height, width):
    """Waves that move, with hard edges and noise: (n, height, width, 3) uint8."""
    y, x, t = np.mgrid[0:height, 0:width, 0:n].transpose(0, 3, 1, 2)
    channels = []
    for _ in range(3):
        a, b, c, d = rng.uniform(-0.3, 0.3, 4) * (1, 1, 6, 1)
        channels.append(np.sin(a * x + b * y + c * t) + 0.7 * (np.cos(d * x * y / 9 + t) > 0))
    frames = 110 + 70 * np.stack(channels, -1) + rng.normal(0, 12, (n, height, width, 3))
    return np.clip(frames, 0, 255).astype(np.uint8)


def psnr(a, b, where):
    return 10 * np.log10(255 ** 2 / np.square(a.astype(np.float64) - b)[where].mean())


@torch.no_grad()
def main():
    rng = np.random.default_rng(7)
    model = write_clip()
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
    processor = CLIPImageProcessor.from_pretrained(FOLDER)
    out = {}

    for width, height, to_width, to_height in RESIZES:
        image = np.where(rng.random((height, width, 3)) < 0.5, rng.integers(0, 256, (height, width, 3)),
                         rng.integers(0, 2, (height, width, 3)) * 255)
        name = f"resize.{width}x{height}.{to_width}x{to_height}"
        out[name + ".in"] = image.astype(np.uint8)
        out[name + ".out"] = np.array(Image.fromarray(image.astype(np.uint8)).resize((to_width, to_height), Image.Resampling.BICUBIC))

    source, edited = clip(rng, 4, 45, 80), clip(rng, 4, 45, 80)
    edited = np.clip(0.6 * source + 0.4 * edited, 0, 255).astype(np.uint8)
    tall = clip(rng, 1, 61, 37)
    out["source"], out["edited"], out["tall"] = source, edited, tall
    pixels = {name: processor(list(out[name]), return_tensors="pt").pixel_values for name in ("edited", "tall")}
    image = {name: model.visual_projection(model.vision_model(p).pooler_output) for name, p in pixels.items()}
    ids = tokenizer(PROMPTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    text = model.text_projection(model.text_model(ids).pooler_output)
    unit = image["edited"] / image["edited"].norm(dim=-1, keepdim=True)
    prompts = text / text.norm(dim=-1, keepdim=True)
    tem_con = (unit[1:] * unit[:-1]).sum(-1).mean()
    towards = unit @ (prompts[1] - prompts[0])
    print("target minus source", towards, "consecutive", (unit[1:] * unit[:-1]).sum(-1))
    for name in pixels:
        out[f"pixels.{name}"], out[f"image.{name}"] = pixels[name], image[name]
    out["text"], out["tem_con"], out["frame_acc"] = text, tem_con.reshape(1), (towards > 0).float().mean().reshape(1)

    y, x = np.mgrid[0:45, 0:80]
    mask = np.stack([(x - 30 - 5 * i) ** 2 + (y - 20) ** 2 < 220 for i in range(4)])
    maps = np.stack([structural_similarity(a, b, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5,
                                           use_sample_covariance=False, full=True)[1] for a, b in zip(edited, source)])
    whole = np.zeros_like(mask)
    whole[:, 5:-5, 5:-5] = True  # where a window of 11 fits
    out["mask"] = mask.astype(np.uint8) * 255
    for name, where in (("whole", np.ones_like(mask)), ("inside", mask), ("outside", ~mask)):
        out[f"psnr.{name}"] = np.float32([psnr(edited, source, where)])
        out[f"ssim.{name}"] = np.float32([maps[where & whole].mean()])

    tensors = {k: (torch.from_numpy(v) if isinstance(v, np.ndarray) else v).contiguous() for k, v in out.items()}
    save_file(tensors, HERE / "measures.safetensors", metadata={"prompts": "\n".join(PROMPTS)})
    for k, v in tensors.items():
        print(f"{k:30} {str(tuple(v.shape)):20} {v.float().mean():9.4f} {v.float().std():9.4f}" if v.numel() > 1
              else f"{k:30} {v.item():.6f}")


if __name__ == "__main__":
    main()
