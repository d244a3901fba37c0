"""Trains the UNet and the text encoder together on cached latents: epsilon prediction on Stable Diffusion's own schedule.

    python train.py --out DIR --size 64 --minutes 30     small pictures first: a quarter of the work a sample
    python train.py --out DIR --minutes 90               again, to go on from DIR/unet.pt

What makes few samples go far, none of it left in the model: the text encoder first learns to name the factors; timesteps
are drawn where min-SNR weights are large; the object's area counts double; cross-attention maps are shown where the
object is (attention.py).
"""
import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPTokenizer

import attention
import parallel
import sizes
from latents import NAMES
from scenes import COLOURS, OBJECTS
from scenes import captions

DROPPED, GARBLED = 0.12, 0.02    # share of captions left out; share with a meaningless word, so that unknown words do little
LOOSE, CRISP, SOFT = 0.4, 0.15, 0.6    # share of captions in other words; of crisp and of soft pictures whose caption says so
GAMMA = 5.0                      # of min-SNR
# of each channel's noise: the schedule leaves a picture's mean colours readable in zT, so that edits would keep them
OFFSET = 0.05
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)


def alpha_bar():
    """Cumulative products of 1 - beta, (1000,)."""
    s = SCHEDULE
    return torch.cumprod(1 - torch.linspace(s["beta_start"] ** 0.5, s["beta_end"] ** 0.5, s["num_train_timesteps"],
                                            dtype=torch.float64) ** 2, 0).float()


class Words:
    """Captions as tokens, and where their nouns and colours stand."""

    def __init__(self, folder):
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)
        self.empty = self.tokens("")
        ids = lambda names: sorted((self.tokenizer(name, add_special_tokens=False).input_ids for name in names), key=len, reverse=True)
        self.nouns = [ids((name, *captions.NAMES[name])) for name in OBJECTS]
        self.colours = [ids((name, *captions.SHADES.get(name, ()))) for name in COLOURS]

    def tokens(self, text):
        return np.array(self.tokenizer(text, padding="max_length", truncation=True, max_length=sizes.MAX_LENGTH).input_ids)

    def of(self, rng, factors):
        """factors (8,) -> tokens (77,); where the noun and the colour of each of two objects stand, (77, 2, 2); wording at random."""
        object, colour, place, style, weather, second, second_colour = (table[i] if i >= 0 else None for table, i in zip(NAMES, factors))
        word = captions.loosely if rng.random() < LOOSE else captions.caption
        text = word(object, colour, place, style, int(rng.integers(1 << 30)), weather, second, second_colour)
        if rng.random() < (SOFT if factors[-1] else CRISP):
            text = str(rng.choice(captions.SOFT if factors[-1] else captions.CRISP)).format(text)
        if rng.random() < GARBLED:
            words = text.split()
            words.insert(int(rng.integers(len(words) + 1)), "".join(chr(97 + int(c)) for c in rng.integers(0, 26, rng.integers(2, 9))))
            text = " ".join(words)
        tokens = self.tokens(text)
        where = [[phrase(tokens, table[i]) if i >= 0 else np.zeros(len(tokens), bool) for table, i in zip((self.nouns, self.colours), pair)]
                 for pair in (factors[:2], factors[5:7])]
        return tokens, np.array(where).transpose(2, 0, 1)


def phrase(tokens, phrases):
    """Where the first of the `phrases` that is among the tokens stands, (tokens): the road in 'off road car', not that it drives on."""
    found = np.zeros(len(tokens), bool)
    for ids in phrases:
        for at in range(len(tokens) - len(ids) + 1):
            if (tokens[at:at + len(ids)] == ids).all():
                found[at:at + len(ids)] = True
                return found
    return found


class Data:
    """The cached latents, read again as more of them appear."""

    def __init__(self, folder):
        self.folder, self.shards = folder, {}
        self.refresh()

    def refresh(self):
        for path in sorted(self.folder.glob("*.npz")):
            if path not in self.shards:
                with np.load(path) as data:
                    self.shards[path] = {name: data[name] for name in data.files}
        self.names = sorted(self.shards)
        self.count = sum(len(self.shards[name]["latents"]) for name in self.names)

    def batch(self, rng, size):
        out = []
        for at in rng.integers(0, self.count, size):
            for name in self.names:
                shard = self.shards[name]
                if at < len(shard["latents"]):
                    break
                at -= len(shard["latents"])
            out.append((shard["latents"][at], shard["masks"][at], shard["factors"][at]))
        latents, masks, factors = map(np.stack, zip(*out))
        return torch.from_numpy(latents).float(), torch.from_numpy(masks).float() / 255, factors


def name_the_factors(text, words, rng, device, steps, batch=32):
    """Pretrains the text encoder: each token from the end on must tell object, colour, place, style and weather."""
    heads = torch.nn.ModuleList(torch.nn.Linear(text.config.hidden_size, len(names) + 1) for names in NAMES).to(device)
    optimizer = torch.optim.AdamW([*text.parameters(), *heads.parameters()], lr=1e-3)
    for step in range(steps):
        factors = np.stack([[*(rng.integers(-1 if i in (0, 1, 4) else 0, len(names)) for i, names in enumerate(NAMES)), 0]
                            for _ in range(batch)])
        factors[factors[:, 0] < 0, 1] = -1
        factors[:, 5:7] = -1                                                # one object alone
        tokens = np.stack([words.of(rng, row)[0] for row in factors])
        last = (tokens == words.tokenizer.eos_token_id).argmax(1)
        at = torch.from_numpy(np.minimum(last + rng.integers(0, 50, batch), tokens.shape[1] - 1)).to(device)
        hidden = text(torch.from_numpy(tokens).to(device)).last_hidden_state[torch.arange(batch, device=device), at]
        loss = sum(F.cross_entropy(head(hidden), torch.from_numpy(factors[:, i] + 1).to(device)) for i, head in enumerate(heads[:5]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"naming {step} loss {loss.item():.3f}", flush=True)


def main(args, rank):
    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    words = Words(args.out / "tokenizer")
    tokenizer = words.tokenizer
    text = sizes.text_encoder(args, len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id).to(device)
    unet = sizes.unet(args).to(device, memory_format=sizes.layout(device))
    sites = attention.show(unet)
    model = torch.nn.ModuleDict({"text_encoder": text, "unet": unet})
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=args.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    ema = {name: value.detach().clone() for name, value in model.named_parameters()}
    path, step, spent, seen = args.out / "unet.pt", 0, 0.0, 0
    if path.exists():
        state = torch.load(path, map_location=device)
        model.load_state_dict(state["model"]), optimizer.load_state_dict(state["optimizer"])
        ema = {name: state["ema"][name] for name in ema}                     # in the order of the parameters
        step, spent, seen = state["step"], state["seconds"], state["samples"]
    if step == 0:
        name_the_factors(text, words, np.random.default_rng(args.seed), device, args.naming)
    rng = np.random.default_rng([args.seed, step, rank])
    torch.manual_seed(args.seed + 1000 * step + rank)
    data = Data(args.out / f"latents-{args.size}")
    scale = float((args.out / "scaling_factor.txt").read_text())
    abar = alpha_bar().to(device)
    snr = abar / (1 - abar)
    weights = torch.clamp(GAMMA / snr, max=1)                         # min(SNR, gamma) / SNR
    draw = 0.4 / len(abar) + 0.6 * weights / weights.sum()
    weights = weights / weights.mean() / (draw * len(abar))           # so that the expected loss is the min-SNR one
    print(f"{data.count} images, {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M + "
          f"{sum(p.numel() for p in text.parameters()) / 1e6:.2f} M parameters", flush=True)

    def save():
        torch.save({"model": model.state_dict(), "ema": ema, "optimizer": optimizer.state_dict(), "step": step, "samples": seen,
                    "seconds": spent + time.time() - begin, "images": data.count}, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    parallel.average([p.data for p in parameters])
    begin, shown, sums, first = time.time(), time.time(), np.zeros(2), step
    while (elapsed := parallel.agree((time.time() - begin) / (60 * args.minutes))) < 1:
        optimizer.param_groups[0]["lr"] = args.rate * min(1, (step - first + 1) / 100) * max(min(1, 2 * (1 - elapsed)), args.floor)
        z, mask, factors = data.batch(rng, args.batch)
        tokens, named = map(np.stack, zip(*(words.of(rng, row) for row in factors)))
        dropped = rng.random(args.batch) < DROPPED
        tokens[dropped] = words.empty
        z, mask = (z * scale).to(device, memory_format=sizes.layout(device)), mask.to(device)
        named = torch.from_numpy(named).float().to(device)
        t = torch.multinomial(draw, args.batch, replacement=True)
        noise = torch.randn_like(z) + OFFSET * torch.randn(args.batch, z.shape[1], 1, 1, device=device)
        a = abar[t][:, None, None, None]
        with torch.autocast(device.type, torch.bfloat16):
            hidden = text(torch.from_numpy(tokens).to(device)).last_hidden_state
            epsilon = unet(a.sqrt() * z + (1 - a).sqrt() * noise, t, hidden).sample
        error = ((epsilon.float() - noise).square() * (1 + mask.sum(1, keepdim=True))).mean((1, 2, 3))
        shown_where = attention.loss(sites, named, mask, torch.from_numpy(~dropped).float().to(device))
        loss = (error * weights[t]).mean() + args.attention * shown_where
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step, seen = step + 1, seen + args.batch * args.workers
        decay = min(args.ema, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.values()), [p.detach() for p in parameters], 1 - decay)
        sums += ((error.detach() * weights[t]).mean().item(), shown_where.item())
        if step % 100 == 0 and rank == 0:
            print(f"step {step} {time.time() - shown:.0f}s loss {sums[0] / 100:.4f} attention {sums[1] / 100:.4f} "
                  f"rate {optimizer.param_groups[0]['lr']:.1e} images {data.count}", flush=True)
            sums, shown = np.zeros(2), time.time()
        if step % 100 == 0:
            data.refresh()
        if step % 200 == 0 and rank == 0:
            save()
    if rank == 0:
        save()


if __name__ == "__main__":
    parser = sizes.arguments(argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90, help="of this run")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--batch", type=int, default=16, help="samples a worker and step")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--floor", type=float, default=0.05, help="of the rate, which falls in the run's second half")
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--attention", type=float, default=0.03, help="weight of the attention loss")
    parser.add_argument("--naming", type=int, default=400, help="steps of the text encoder's own pretraining")
    parser.add_argument("--seed", type=int, default=0)
    parallel.launch(main, parser.parse_args())
