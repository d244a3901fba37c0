"""Cross-attention that shows its maps during training, so that words can be taught where their things are.

The renderer knows the object's mask. Each map of the object's noun is pulled towards `NOUN` inside the mask and 0 outside,
each map of its colour towards `COLOUR`; the rest of the attention stays free for style and place. The model that comes out
is an ordinary one; only its maps are easier to read, which is what blend masks live on.
"""
import torch
import torch.nn.functional as F

NOUN, COLOUR = 0.4, 0.2


class Plain:
    """Attention processor of two products and a softmax: with few channels a head, faster on CPUs than the fused kernel."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        split = lambda x: x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)           # (b, heads, n, d)
        q, k, v = split(attn.to_q(hidden_states)), split(attn.to_k(context)), split(attn.to_v(context))
        out = (self.seen((q * attn.scale @ k.transpose(-1, -2)).float().softmax(-1)).to(v.dtype) @ v).transpose(1, 2).flatten(-2)
        return attn.to_out[0](out)

    def seen(self, maps):
        return maps


class Shown(Plain):
    """For one cross-attention site; keeps the head-mean of its last map, (b, queries, tokens)."""

    def seen(self, maps):
        self.maps = maps.mean(1)
        return maps


def show(unet):
    """Installs processors at every attention site; returns those of the cross-attention sites."""
    for module in unet.modules():
        if hasattr(module, "attn2"):
            if next(unet.parameters()).device.type == "cpu":
                module.attn1.set_processor(Plain())
            module.attn2.set_processor(Shown())
    return [module.attn2.processor for module in unet.modules() if hasattr(module, "attn2")]


def loss(sites, words, masks, weight):
    """Cross-entropy between maps and masks. `words` (b, tokens, things, 2): 1 at the tokens of each thing's noun and colour;
    `masks` (b, things, h, w): where each thing is; `weight` (b): 0 for samples without caption."""
    total, things = 0.0, masks.shape[1]
    shown = torch.tensor([NOUN, COLOUR], device=masks.device).repeat(things)           # (things * 2)
    words = words.flatten(2)                                                           # (b, tokens, things * 2)
    present = (words.sum(1) > 0).float() * weight[:, None]                             # (b, things * 2)
    for site in sites:
        side = int(site.maps.shape[1] ** 0.5)
        inside = F.adaptive_avg_pool2d(masks, side).flatten(2).transpose(1, 2)         # (b, queries, things)
        target = inside.repeat_interleave(2, 2) * shown
        p = (site.maps @ words).clamp(1e-4, 1 - 1e-4)                                  # (b, queries, things * 2)
        error = -(target * p.log() + (1 - target) * (1 - p).log())
        total = total + (error.mean(1) * present).sum() / (present.sum() + 1e-6)
    return total / len(sites)
