"""A trained network's weights for a wider one of the same layers (Net2Net, Chen et al. 2016), so that growing loses nothing.

A wide channel is a copy of a narrow one, next to its twin, so that the groups of a group norm hold the same values; what reads
the copies divides the narrow weight among them, at random, so that they part once training goes on. Only where a group norm
reads two maps side by side that grow unequally do its groups begin with other statistics.
"""
import re

import torch


def copies(narrow, wide):
    """For each of `wide` channels the narrow one that it copies, (wide)."""
    if wide % narrow:
        raise ValueError(f"{narrow} channels cannot become {wide}: a multiple is needed")
    return torch.arange(narrow).repeat_interleave(wide // narrow)


def side_by_side(narrow, wide):
    """`copies` of maps that are concatenated: (channels, ...) of each, narrow and wide."""
    parts, begin = [], 0
    for few, many in zip(narrow, wide):
        parts.append(copies(few, many) + begin)
        begin += few
    return torch.cat(parts)


def shared(weight, of, generator):
    """Inputs (dimension 1) divided among the copies that `of` names: shares between 0.2 and 0.8 of a pair."""
    wide = weight[:, of]
    share = 0.2 + 0.6 * torch.rand(wide.shape, generator=generator, dtype=wide.dtype)
    total = torch.zeros_like(weight).index_add_(1, of, share)
    return wide * share / total[:, of]


def inputs(name, module, narrow, wide):
    """What the inputs of the parameter `name` copy: up blocks of a UNet read the map before them and one kept on the way down."""
    found = re.match(r"up_blocks\.(\d+)\.resnets\.(\d+)\.(norm1|conv1|conv_shortcut)\.", name)
    if not found or not hasattr(module, "down_blocks"):
        return copies(narrow, wide)
    block, layer = int(found[1]), int(found[2])
    def parts(channels):
        levels = channels[::-1]
        out, before, after = levels[block], levels[max(block - 1, 0)], levels[min(block + 1, len(levels) - 1)]
        last = layer == module.config.layers_per_block
        return (before if layer == 0 else out, after if last else out)
    return side_by_side(parts(module.narrow), parts(module.config.block_out_channels))


@torch.no_grad()
def widen(weights, module, narrow, seed=0):
    """`weights` of a network whose levels have `narrow` channels, for `module`, whose levels are multiples of them.

    Heads stay as many: of queries and keys twice as long the product is scaled by what keeps the maps."""
    generator, out, module.narrow = torch.Generator().manual_seed(seed), {}, tuple(narrow)
    for name, target in module.state_dict().items():
        weight, shape = weights[name], tuple(target.shape)
        if weight.dim() == 1:
            resnet_norm = ".norm1." in name and "resnets" in name
            one = inputs(name, module, weight.shape[0], shape[0]) if resnet_norm else copies(weight.shape[0], shape[0])
            out[name] = weight[one].clone()
        else:
            if weight.shape[1] != shape[1]:
                weight = shared(weight, inputs(name, module, weight.shape[1], shape[1]), generator)
            out[name] = weight[copies(weight.shape[0], shape[0])].clone()
        if name.endswith(("to_q.weight", "to_k.weight", "to_q.bias", "to_k.bias")):
            out[name] *= (weights[name].shape[0] / shape[0]) ** 0.25
    return out
