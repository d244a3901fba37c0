"""Writes infusion.safetensors: InFusion's stages on tiny/'s UNet, in a straightforward way of its own. See README.md for the names."""
import json
import pathlib

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).parent
SOURCE, TARGET = "a silver jeep on a road", "a red car on a road"
SOURCE_WORD, TARGET_WORD = "jeep", "car"
FRAMES, HEIGHT, WIDTH, KEY = 3, 16, 24, 1
STEPS, GUIDANCE, THRESHOLD = 5, 7.5, 0.6
BLOCKS, WEIGHT = ("up_blocks.1.resnets.0", "up_blocks.1.resnets.1"), 0.6
out = {}


class Pass:
    """One forward pass of one branch: what it records, and what of `source`, such a pass before it, takes the place of its own."""

    def __init__(self, tokens=None, source=None, stage=None, sums=None, outputs=False):
        self.tokens, self.source, self.stage, self.outputs = tokens, source, stage, outputs
        self.seen, self.features = {}, {}
        self.sum = sums if sums is not None else {}     # attention to the tokens, which may go on from pass to pass

    def attend(self, name, attn, x, text):
        heads = lambda y: y.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
        attended = x[KEY:KEY + 1].expand(len(x), -1, -1) if text is None else text
        q, k, v = heads(attn.to_q(x)), heads(attn.to_k(attended)), heads(attn.to_v(attended))
        if text is None:
            self.seen[name] = q, k, v
            y = self.self_attention(name, q, k, v)
        else:
            weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
            if self.tokens and x.shape[1] == HEIGHT * WIDTH // 4:
                positions = weights.mean(1)[..., self.tokens].sum(-1).reshape(len(x), 1, HEIGHT // 2, WIDTH // 2)
                self.sum["map"] = self.sum.get("map", 0) + positions
            y = weights @ v
        return attn.to_out[0](y.transpose(1, 2).flatten(2))

    def self_attention(self, name, q, k, v):
        attention = F.scaled_dot_product_attention
        if self.stage == "kv":
            return attention(q, *self.source.seen[name][1:])
        own = attention(q, k, v)
        if self.stage not in ("fusion", "whole"):
            return own
        qs, ks, vs = self.source.seen[name]
        fused = attention(qs, ks, vs if self.outputs else v)
        if self.stage == "whole":
            return fused
        h = next(n for n in range(1, HEIGHT + 1) if n * (n * WIDTH // HEIGHT) == q.shape[2])
        inside = torch.maximum(self.source.mask(h), self.mask(h)).flatten(1)[:, None, :, None]
        return torch.where(inside > 0, own, fused)

    def mask(self, h):
        pooled = F.interpolate(F.max_pool2d(self.sum["map"], 3, 1, 1), (h, h * WIDTH // HEIGHT), mode="nearest")
        return (pooled / pooled.amax((2, 3), keepdim=True) > THRESHOLD).float()

    def feature(self, name, h):
        self.features[name] = h
        if self.stage == "features" and name in BLOCKS:
            return h + WEIGHT * (self.source.features[name] - h)
        return h


class Network:
    def __init__(self):
        self.unet, self.now = UNet2DConditionModel.from_pretrained(HERE / "tiny/unet").eval(), None
        network = self

        class Processor:
            def __init__(self, name):
                self.name = name

            def __call__(self, attn, hidden_states, encoder_hidden_states=None, **_):
                return network.now.attend(self.name, attn, hidden_states, encoder_hidden_states)

        self.unet.set_attn_processor({name: Processor(name) for name in self.unet.attn_processors})
        for name, module in self.unet.named_modules():
            if name.endswith(".conv2"):
                module.register_forward_hook(lambda _, __, h, name=name.removesuffix(".conv2"): self.now.feature(name, h))

    def __call__(self, z, t, text, now):
        self.now = now
        return self.unet(z, t, encoder_hidden_states=text.expand(len(z), -1, -1)).sample


def encoded():
    """The prompts' encodings, and which tokens the two words are."""
    tokenizer = CLIPTokenizer.from_pretrained(HERE / "tiny/tokenizer")
    encoder = CLIPTextModel.from_pretrained(HERE / "tiny/text_encoder").eval()
    ids = tokenizer([SOURCE, "", TARGET], padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    found = []
    for prompt, word in ((SOURCE, SOURCE_WORD), (TARGET, TARGET_WORD)):
        pieces, wanted = tokenizer.tokenize(prompt), tokenizer.tokenize(word)
        first = next(i for i in range(len(pieces)) if pieces[i:i + len(wanted)] == wanted)
        found.append([1 + first + i for i in range(len(wanted))])
    return encoder(ids)[0], *found


def alpha_bars():
    config = json.loads((HERE / "tiny/scheduler/scheduler_config.json").read_text())
    betas = torch.linspace(config["beta_start"] ** 0.5, config["beta_end"] ** 0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


def main():
    network, bars = Network(), alpha_bars()
    text, source_tokens, target_tokens = encoded()
    stride = 1000 // STEPS
    timestep = lambda k: k * stride + 1
    level = lambda k: float(bars[max(timestep(k - 1), 0)])

    def step(z, epsilon, begin, end):
        clean = (z - (1 - begin) ** 0.5 * epsilon) / begin ** 0.5
        return end ** 0.5 * clean + (1 - end) ** 0.5 * epsilon

    def guided(z, k, row, now):
        free = network(z, timestep(k), text[1:2], Pass())
        return free + GUIDANCE * (network(z, timestep(k), text[row:row + 1], now) - free)

    z0 = torch.randn((FRAMES, 4, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1))
    z1 = torch.randn((FRAMES, 4, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(2))
    out.update(text=text, z0=z0, z1=z1, source_tokens=torch.tensor(source_tokens), target_tokens=torch.tensor(target_tokens))

    # single passes of the edit's branch: the source is z0, the edit z1, both at one timestep
    t, source = timestep(2), Pass()
    network(z0, t, text[0:1], source)
    for name, stage, outputs in (("features", "features", False), ("kv", "kv", False), ("maps", "whole", False),
                                 ("outputs", "whole", True)):
        out[name] = network(z1, t, text[2:3], Pass(source=source, stage=stage, outputs=outputs))

    # a whole edit: features in the noisiest step, keys and values in the next, then fusion
    latents, inverted = [z0], []
    for k in range(STEPS):
        inverted.append(Pass(source_tokens))
        epsilon = network(latents[k], timestep(k), text[0:1], inverted[k])
        latents.append(step(latents[k], epsilon, level(k), level(k + 1)))
    denoised, z = [None] * STEPS, latents[-1]
    for k in reversed(range(STEPS)):
        denoised[k] = Pass(source_tokens)
        z = step(z, guided(z, k, 0, denoised[k]), level(k + 1), level(k))
    out.update(zT=latents[-1], reconstructed=z)
    for name, sources, outputs in (("inversion", inverted, False), ("reconstruction", denoised, True)):
        z, sums = latents[-1], {}
        for k in reversed(range(STEPS)):
            stage = {STEPS - 1: "features", STEPS - 2: "kv"}.get(k, "fusion")
            z = step(z, guided(z, k, 2, Pass(target_tokens, sources[k], stage, sums, outputs)), level(k + 1), level(k))
            out[f"{name}.{k}"] = z


if __name__ == "__main__":
    with torch.no_grad():
        main()
    save_file({name: x.contiguous().clone() for name, x in out.items()}, HERE / "infusion.safetensors")
    for name, x in out.items():
        print(f"{name:24} {str(tuple(x.shape)):20} mean {x.float().mean():8.4f} std {x.float().std():8.4f}")
