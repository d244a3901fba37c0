"""A BLIP captioning model of seeded random weights, and what transformers makes of frames with it.

    python blip.py [--out blip]             the tiny one of `make test`, with blip.safetensors beside it
    python blip.py --full DIR               of Salesforce/blip-image-captioning-base's sizes, 0.9 GB, for BlipTest -Dfull=DIR

Needs torch, transformers 4.55, tokenizers and Pillow 11: later ones resize tall pictures down before across, which rounds otherwise.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessor
from PIL import Image

WORDS = "a the red white blue jeep swan fox road river snow in on under drive ##ing ##s walk swim cat flower and near tree sky".split()
SIZES = dict(
    text_config=dict(vocab_size=48, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                     max_position_embeddings=24, bos_token_id=46, eos_token_id=2, sep_token_id=3, pad_token_id=0),
    vision_config=dict(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8))
FULL = dict(text_config=dict(num_attention_heads=12), vision_config={})


def tokenizer(size):
    """A word-piece vocabulary of `size` tokens; the first are [PAD] [UNK] [EOS] [SEP], the last [DEC] and one unused."""
    names = ["[PAD]", "[UNK]", "[EOS]", "[SEP]", *WORDS]
    names += [f"word{i}" for i in range(len(names), size - 2)] + ["[DEC]", "[ENC]"]
    made = Tokenizer(models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]", "[EOS]", "[SEP]", "[DEC]", "[ENC]"])
    return made


def frames():
    """Pictures uint8 (h, w, 3) of smooth random colours."""
    rng = np.random.default_rng(5)
    return [np.array(Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size, Image.BICUBIC))
            for size in ((67, 45), (32, 32), (40, 90))]


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("blip"))
    parser.add_argument("--full", type=Path)
    args = parser.parse_args()
    out, sizes = (args.full, FULL) if args.full else (args.out, SIZES)
    torch.manual_seed(7)
    model = BlipForConditionalGeneration(BlipConfig(**sizes)).eval()
    for name, weight in sorted(model.named_parameters()):
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=(0.5 if "embeddings" in name else 1.2) / weight[0].numel() ** 0.5)
        elif name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    out.mkdir(parents=True, exist_ok=True)
    side = model.config.vision_config.image_size
    processor = BlipImageProcessor(size={"height": side, "width": side})
    model.save_pretrained(out)
    processor.save_pretrained(out)
    (out / "generation_config.json").unlink(missing_ok=True)
    words = tokenizer(model.config.text_config.vocab_size)
    words.save(str(out / "tokenizer.json"))

    stored, captions = {}, []
    for i, frame in enumerate(frames()):
        pixels = processor(Image.fromarray(frame), return_tensors="pt").pixel_values
        image = model.vision_model(pixels).last_hidden_state
        ids = torch.tensor([[model.config.text_config.bos_token_id, 5, 8, 13], [model.config.text_config.bos_token_id, 20, 4, 6]])
        logits = model.text_decoder(ids, encoder_hidden_states=image.repeat(2, 1, 1)).logits
        stored |= {f"{i}.frame": torch.from_numpy(frame.copy()), f"{i}.size": torch.tensor(frame.shape[:2]), f"{i}.ids": ids,
                   f"{i}.image": image, f"{i}.logits": logits[:, -1]}
        for beams in (1, 3, 5):
            made = model.generate(pixels, num_beams=beams, max_length=20)[0].tolist()[1:]
            made = made[:made.index(model.config.text_config.sep_token_id)] if model.config.text_config.sep_token_id in made else made
            stored[f"{i}.beams{beams}"] = torch.tensor(made)
            captions.append(words.decode(made))
            print(i, beams, made, captions[-1])
    save_file({name: value.contiguous() for name, value in stored.items()}, out.with_suffix(".safetensors"),
              {"captions": json.dumps(captions)})


if __name__ == "__main__":
    main()
