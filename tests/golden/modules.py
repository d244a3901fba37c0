"""Writes modules.safetensors: what diffusers and transformers compute with tiny/, module by module. See README.md for the names."""
import pathlib

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

TINY = pathlib.Path(__file__).parent / "tiny"
PROMPTS = ["", "a silver jeep driving down a curvy road in the countryside",
           "watercolor painting of a silver jeep driving down a curvy road in the countryside", "word " * 100]
out = {}


def randn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def record(name, module, *inputs, **named):
    """Runs a module once and keeps its inputs and output under one name."""
    for i, x in enumerate(inputs):
        out[f"{name}.in{i}"] = x
    result = module(*inputs, **named)
    out[f"{name}.out"] = result[0] if isinstance(result, tuple) else getattr(result, "sample", result)


@torch.no_grad()
def main():
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    text_encoder = CLIPTextModel.from_pretrained(TINY / "text_encoder").eval()
    vae = AutoencoderKL.from_pretrained(TINY / "vae").eval()
    unet = UNet2DConditionModel.from_pretrained(TINY / "unet").eval()
    ddim = DDIMScheduler.from_pretrained(TINY / "scheduler")

    ids = tokenizer(PROMPTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    text = text_encoder(ids)[0]
    out["text.ids"], out["text.out"] = ids, text

    pixels = torch.tanh(randn(1, 2, 3, 128, 96))
    out["vae.encode.in0"] = pixels
    moments = vae.encode(pixels).latent_dist
    z = moments.mean * vae.config.scaling_factor
    out["vae.encode.out"] = z
    out["vae.encode.logvar"] = moments.logvar
    out["vae.decode.in0"] = z
    out["vae.decode.out"] = vae.decode(z / vae.config.scaling_factor).sample

    for name, seed, shape, t, k in (("wide", 2, (2, 4, 16, 24), 1, 1), ("tall", 3, (2, 4, 16, 8), 501, 2),
                                    ("square", 4, (1, 4, 16, 16), 981, 0), ("odd", 5, (1, 4, 18, 13), 261, 2)):
        latents = randn(seed, *shape)
        states = text[k:k + 1].repeat(len(latents), 1, 1)
        out[f"unet.{name}.latents"], out[f"unet.{name}.timestep"], out[f"unet.{name}.text"] = latents, torch.tensor([t]), states
        out[f"unet.{name}.out"] = unet(latents, t, encoder_hidden_states=states).sample

    times = torch.tensor([1, 101, 501, 981])
    out["unet.time_proj.timesteps"] = times
    record("unet.time_proj", unet.time_proj, times)
    temb_in = out["unet.time_proj.out"]
    record("unet.time_embedding", unet.time_embedding, temb_in)
    temb = out["unet.time_embedding.out"][2:3]

    states = text[1:2].repeat(2, 1, 1)
    x8, x16 = randn(6, 2, 8, 16, 12), randn(7, 2, 16, 8, 6)
    record("unet.conv_in", unet.conv_in, randn(8, 2, 4, 16, 12))
    record("unet.down_blocks.1.resnets.0", unet.down_blocks[1].resnets[0], x8, temb.repeat(2, 1))
    record("unet.down_blocks.0.downsamplers.0", unet.down_blocks[0].downsamplers[0], x8)
    record("unet.up_blocks.1.upsamplers.0", unet.up_blocks[1].upsamplers[0], x16)
    attention = unet.down_blocks[1].attentions[0]
    block = attention.transformer_blocks[0]
    tokens = randn(9, 2, 48, 16)
    out["unet.down_blocks.1.attentions.0.text"] = states
    record("unet.down_blocks.1.attentions.0", attention, x16, encoder_hidden_states=states)
    name = "unet.down_blocks.1.attentions.0.transformer_blocks.0"
    record(name, block, tokens, encoder_hidden_states=states)
    record(f"{name}.norm1", block.norm1, tokens)
    record(f"{name}.attn1", block.attn1, tokens)
    record(f"{name}.attn2", block.attn2, tokens, encoder_hidden_states=states)
    record(f"{name}.ff", block.ff, tokens)
    skips = (randn(10, 2, 16, 8, 6),) * 3
    out["unet.up_blocks.1.skip"] = skips[0]
    out["unet.up_blocks.1.temb"] = temb.repeat(2, 1)
    record("unet.up_blocks.1", unet.up_blocks[1], x16, res_hidden_states_tuple=skips, temb=temb.repeat(2, 1), encoder_hidden_states=states)
    record("unet.mid_block", unet.mid_block, x16, temb.repeat(2, 1), encoder_hidden_states=states)
    record("vae.encoder.down_blocks.0.resnets.0", vae.encoder.down_blocks[0].resnets[0], x8, None)
    record("vae.encoder.down_blocks.0.downsamplers.0", vae.encoder.down_blocks[0].downsamplers[0], x8)
    record("vae.decoder.mid_block.attentions.0", vae.decoder.mid_block.attentions[0], x16)

    ddim.set_timesteps(10)
    out["schedule.alphaBar"] = ddim.alphas_cumprod
    out["schedule.timesteps10"] = ddim.timesteps
    ddim.set_timesteps(50)
    out["schedule.timesteps50"] = ddim.timesteps
    sample, epsilon = randn(11, 2, 4, 16, 12), randn(12, 2, 4, 16, 12)
    out["ddim.sample"], out["ddim.epsilon"] = sample, epsilon
    for t in (1, 21, 981):
        out[f"ddim.step{t}"] = ddim.step(epsilon, t, sample).prev_sample

    kept = {k: v.contiguous().clone() for k, v in out.items() if v is not None}
    save_file(kept, TINY.parent / "modules.safetensors", metadata={"prompts": "\n".join(PROMPTS)})
    for k, v in kept.items():
        print(f"{k:70} {str(tuple(v.shape)):20} mean {v.float().mean():8.4f} std {v.float().std():8.4f}")


if __name__ == "__main__":
    main()
