"""Random weights that behave like trained ones: activations of order one, attention maps that are far from uniform."""
import torch


@torch.no_grad()
def fill(model, seed):
    """Every parameter from one seeded generator, in the order of the names, so that the same seed gives the same file."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        noise = torch.randn(p.shape, generator=g)
        if p.ndim == 1 and "norm" in name:
            p.copy_(1 + 0.2 * noise if name.endswith("weight") else 0.1 * noise)
        elif p.ndim == 1:
            p.copy_(0.1 * noise)
        elif "embed" in name and "time" not in name:
            p.copy_(noise)
        else:
            sharp = any(q in name for q in ("to_q", "to_k", "q_proj", "k_proj", "query", "key"))
            p.copy_(noise * (1.5 if sharp else 1.0) / p[0].numel() ** 0.5)
    return model.eval()
