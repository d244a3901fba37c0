"""Writes what other layouts of tiny/ are called and give, with diffusers as the judge: ldm-names.tsv.gz, lora-kohya.safetensors,
lora-diffusers.safetensors, lora.safetensors. Needs peft besides. See README.md."""
import gzip, pathlib, re

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.loaders import single_file_utils as converters
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).parent
TINY = HERE / "tiny"
RANK = 2


def original_unet(name):
    """The name of a diffusers tensor in the original checkpoints: the inverse of what the engine does, checked below."""
    part = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
            "conv_norm_out": "out.0", "conv_out": "out.2"}
    resnet = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
              "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
    stem, last = name.rsplit(".", 1)
    if stem in part:
        return f"{part[stem]}.{last}"
    words = name.split(".")
    if words[0] == "mid_block":
        at, rest = ("middle_block.1", words[3:]) if words[1] == "attentions" else (f"middle_block.{2 * int(words[2])}", words[3:])
    else:
        level, kind, j, rest = int(words[1]), words[2], int(words[3]), words[4:]
        if words[0] == "down_blocks":
            if kind == "downsamplers":
                return f"input_blocks.{3 * level + 3}.0.op.{last}"
            at = f"input_blocks.{3 * level + j + 1}.{int(kind == 'attentions')}"
        elif kind == "upsamplers":
            return f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}.conv.{last}"
        else:
            at = f"output_blocks.{3 * level + j}.{int(kind == 'attentions')}"
    if "transformer_blocks" not in rest and rest[0] in resnet:
        rest[0] = resnet[rest[0]]
    return ".".join([at, *rest])


def original_vae(name):
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    for new, old in attention.items():
        name = name.replace(f"mid_block.attentions.0.{new}.", f"mid.attn_1.{old}.")
    name = name.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block.", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    return name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")


def write_names(unet, vae, text):
    checkpoint, lines = {}, []
    for prefix, of, model, folder in (("model.diffusion_model.", original_unet, unet, "unet"),
                                      ("first_stage_model.", original_vae, vae, "vae"),
                                      ("cond_stage_model.transformer.", lambda n: n, text, "text_encoder")):
        for name, tensor in model.state_dict().items():
            one = "first_stage" in prefix and ".mid_block.attentions.0." in f".{name}" and tensor.ndim == 2
            checkpoint[prefix + of(name)] = tensor[:, :, None, None] if one else tensor
            lines.append(f"{folder}\t{prefix + of(name)}\t{name}\t{'x'.join(map(str, checkpoint[prefix + of(name)].shape))}")
    for model, convert in ((unet, converters.convert_ldm_unet_checkpoint), (vae, converters.convert_ldm_vae_checkpoint)):
        config = {**model.config, "layers_per_block": model.config.layers_per_block}
        converted = convert(dict(checkpoint), config=config)
        own = model.state_dict()
        assert converted.keys() == own.keys(), sorted(converted.keys() ^ own.keys())[:5]
        assert all(torch.equal(converted[n].reshape(own[n].shape), own[n]) for n in own)
    (HERE / "ldm-names.tsv.gz").write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode(), mtime=0))


def loras(unet, text):
    """The same random adaptation under both namings, alpha other than the rank in the first."""
    g = torch.Generator().manual_seed(7)
    kohya, diffusers = {}, {}
    for part, short, model in (("unet", "lora_unet", unet), ("text_encoder", "lora_te", text)):
        for name, module in model.named_modules():
            wanted = re.search(r"(down_blocks\.1|mid_block).*(attn[12]\.to_(q|k|v|out\.0)|ff\.net\.2|proj_in)$"
                               r"|layers\.1\.(self_attn\.[qkv]_proj|mlp\.fc1)$", name)
            if not wanted or not hasattr(module, "weight"):
                continue
            w = module.weight
            tail = (1, 1) if w.ndim == 4 else ()
            down, up = torch.randn(RANK, w.shape[1], *tail, generator=g), torch.randn(w.shape[0], RANK, *tail, generator=g) / 4
            flat = f"{short}_{name.replace('.', '_')}"
            kohya |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up, f"{flat}.alpha": torch.tensor(RANK / 2)}
            diffusers |= {f"{part}.{name}.lora_A.weight": down.clone(), f"{part}.{name}.lora_B.weight": up / 2}
    return kohya, diffusers


@torch.no_grad()
def main():
    unet, vae = UNet2DConditionModel.from_pretrained(TINY / "unet"), AutoencoderKL.from_pretrained(TINY / "vae")
    text, tokenizer = CLIPTextModel.from_pretrained(TINY / "text_encoder"), CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    hub = {"text_model." + n.removeprefix("text_model."): t for n, t in text.state_dict().items()}
    write_names(unet, vae, type("Text", (), {"state_dict": lambda self: hub})())
    modules = load_file(HERE / "modules.safetensors")
    latents, t, ids = modules["unet.wide.latents"], int(modules["unet.wide.timestep"]), modules["text.ids"][1:2]
    out, noise = {}, {}
    for kind, tensors in zip(("diffusers", "kohya"), loras(unet, text)[::-1]):
        save_file({n: x.half().contiguous() for n, x in tensors.items()}, HERE / f"lora-{kind}.safetensors")
        pipe = StableDiffusionPipeline(vae, text, tokenizer, unet, DDIMScheduler.from_pretrained(TINY / "scheduler"), None, None,
                                       requires_safety_checker=False)
        pipe.load_lora_weights(HERE, weight_name=f"lora-{kind}.safetensors")
        pipe.fuse_lora(lora_scale=0.7)
        if kind == "diffusers":           # this diffusers loses the text encoder's attention of the other kind
            out["text"] = pipe.text_encoder(ids)[0]
        noise[kind] = pipe.unet(latents, t, encoder_hidden_states=out["text"].repeat(len(latents), 1, 1)).sample
        pipe.unfuse_lora()
        pipe.unload_lora_weights()
    out["unet"] = noise["diffusers"]
    assert torch.allclose(*noise.values(), atol=1e-5)
    for name, plain in (("text", modules["text.out"][1:2]), ("unet", modules["unet.wide.out"])):
        print(f"moves {name} by {float((out[name] - plain).norm() / plain.norm()):.3f}")
    save_file({n: x.contiguous() for n, x in out.items()}, HERE / "lora.safetensors")


if __name__ == "__main__":
    main()
