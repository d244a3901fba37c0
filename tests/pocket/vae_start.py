"""Where the VAE starts from: a plain pyramid, so that training only has to add the detail.

The first three latent channels begin as the colours' box means, the decoder as their smooth enlargement: about 21 dB
before the first step. Eight channels carry it through the network: +R +G +B -R -G -B and a constant +C -C. The constants
keep GroupNorm's statistics from depending on the picture; the pairs undo SiLU, since silu(y) - silu(-y) = y.
"""
import torch

C, CARRIED = 4.0, 8


@torch.no_grad()
def identity(weight, bias=None, taps=((1.0,),)):
    """Carried channels pass through a convolution with the given spatial taps; they neither leave nor enter other channels."""
    taps = torch.tensor(taps)
    weight[:CARRIED] = 0
    at = (weight.shape[2] - taps.shape[0]) // 2
    for i in range(CARRIED):
        weight[i, i, at:at + taps.shape[0], at:at + taps.shape[1]] = taps
    if bias is not None:
        bias[:CARRIED] = 0


@torch.no_grad()
def paired(conv, gain=1.0):
    """First convolution of a stack: three inputs become the eight carried channels."""
    conv.weight[:CARRIED] = 0
    conv.bias[:CARRIED] = 0
    for i in range(3):
        conv.weight[i, i, 1, 1], conv.weight[i + 3, i, 1, 1] = gain, -gain
    conv.bias[6], conv.bias[7] = C, -C


@torch.no_grad()
def unpaired(conv, outputs, gain=1.0):
    """Last convolution of a stack: the eight carried channels become three outputs."""
    conv.weight[:outputs] = 0
    conv.bias[:outputs] = 0
    for i in range(3):
        conv.weight[i, i, 1, 1], conv.weight[i, i + 3, 1, 1] = gain, -gain


@torch.no_grad()
def pyramid(vae):
    """Sets an AutoencoderKL's fresh weights. Needs GroupNorm groups of at least eight channels."""
    for name, module in vae.named_modules():
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "conv2" or name.endswith("to_out.0"):
            torch.nn.init.zeros_(module.weight), torch.nn.init.zeros_(module.bias)
        elif leaf == "conv_shortcut":
            identity(module.weight, module.bias)
        elif name.endswith("downsamplers.0.conv"):                                  # padded right and below: taps 0, 1
            identity(module.weight, module.bias, ((0.25, 0.25, 0.0), (0.25, 0.25, 0.0), (0.0, 0.0, 0.0)))
        elif name.endswith("upsamplers.0.conv"):
            identity(module.weight, module.bias, ((1 / 16, 2 / 16, 1 / 16), (2 / 16, 4 / 16, 2 / 16), (1 / 16, 2 / 16, 1 / 16)))
    paired(vae.encoder.conv_in), unpaired(vae.encoder.conv_out, 3)
    paired(vae.decoder.conv_in), unpaired(vae.decoder.conv_out, 3)
    for conv in (vae.quant_conv, vae.post_quant_conv):
        torch.nn.init.zeros_(conv.bias), torch.nn.init.dirac_(conv.weight)
    vae.encoder.conv_out.weight[4:], vae.encoder.conv_out.bias[4:] = 0, -9.0           # next to no noise in the latents
    coarse = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    x = torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(-1, 1)
    for _ in range(2):
        z = vae.encode(x).latent_dist.mean
        gain = (z[:, :3].square().mean() / torch.nn.functional.avg_pool2d(x, 64 // z.shape[2]).square().mean()).sqrt()
        vae.decoder.conv_in.weight[:6] /= vae.decoder.conv_in.weight[0, 0, 1, 1] * gain
        y = vae.decode(z).sample
        vae.decoder.conv_out.weight[:3] *= (x * y).mean() / y.square().mean()
    return vae
