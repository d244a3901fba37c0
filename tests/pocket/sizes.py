"""The model's sizes as diffusers and transformers configurations. A larger model is another set of these numbers."""
import argparse

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

MAX_LENGTH = 77   # tokens of a prompt, as in SD 1.x


def integers(text):
    return tuple(int(number) for number in text.split(","))


def arguments(parser: argparse.ArgumentParser):
    """Adds the sizes to a command line."""
    parser.add_argument("--size", type=int, default=128, help="pixels of a training image's side")
    parser.add_argument("--vae-channels", type=integers, default=(32, 64, 128),
                        help="per level; a level halves the image, but for the last")
    parser.add_argument("--unet-channels", type=integers, default=(32, 64, 192), help="per level; all but the first have attention")
    parser.add_argument("--unet-heads", type=int, default=4)
    parser.add_argument("--unet-layers", type=int, default=1)
    parser.add_argument("--text-width", type=int, default=128)
    parser.add_argument("--text-layers", type=int, default=2)
    return parser


VAE_LAYOUT = torch.channels_last    # how its maps lie: 1.4 times as fast in training


def layout(device):
    """How the UNet's maps lie: channels last where CUDA's convolutions want that; on CPUs its group norms, of more groups, are slow
    with it."""
    return torch.channels_last if torch.device(device).type == "cuda" else torch.contiguous_format


def vae(args, scaling_factor=1.0):
    levels = len(args.vae_channels)
    return AutoencoderKL(
        block_out_channels=args.vae_channels, down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels, layers_per_block=1, norm_num_groups=2, latent_channels=4,
        sample_size=args.size, scaling_factor=scaling_factor)


def unet(args):
    levels = len(args.unet_channels)
    return UNet2DConditionModel(
        sample_size=args.size // 2 ** (len(args.vae_channels) - 1), block_out_channels=args.unet_channels,
        down_block_types=["DownBlock2D"] + ["CrossAttnDownBlock2D"] * (levels - 1),
        up_block_types=["CrossAttnUpBlock2D"] * (levels - 1) + ["UpBlock2D"], layers_per_block=args.unet_layers,
        cross_attention_dim=args.text_width, attention_head_dim=args.unet_heads, norm_num_groups=16)


def text_encoder(args, vocabulary, start, end):
    """`vocabulary` tokens in all; `start` and `end` are the ids of <|startoftext|> and <|endoftext|>."""
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=args.text_width, intermediate_size=4 * args.text_width,
        num_hidden_layers=args.text_layers, num_attention_heads=args.text_width // 32, max_position_embeddings=MAX_LENGTH,
        hidden_act="quick_gelu", projection_dim=args.text_width, bos_token_id=start, eos_token_id=end, pad_token_id=end))
