"""Writes method.safetensors and method.json: the authors' public code, run on tiny/ in the settings below.

Usage: method.py --fatezero DIR, where DIR is a checkout of the authors' repository. Their code runs unmodified but for what
`prepare` does: no GPU name, no drawings, latents given instead of sampled, and the temporal attention that a plain 2-D
checkpoint lacks made a true identity (its output bias is random in their code, see METHOD.md).
"""
import argparse, collections, json, pathlib, shutil, sys, tempfile, types

import torch
import torch.nn.functional as F
from einops import rearrange
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
STEPS, STRIDE = 10, 4
JEEP = "a silver jeep driving down a curvy road in the countryside"
MID = {"lora": 160, "SparseCausalAttention_index": ["mid"], "least_sc_channel": 16}
DEFAULT = {"lora": 160}
CLIPS = {  # frames, height, width of the latents; keys of the spatial-temporal attention
    "mid": (4, 40, 40, MID), "default": (4, 40, 40, DEFAULT), "wide": (5, 32, 48, MID), "single": (1, 40, 40, DEFAULT)}
POSCHE = {"prompt": "a Porsche car driving down a curvy road in the countryside", "is_replace_controller": True}


def masked(threshold):
    """Thresholds far from every value of the random maps, so that no rounding flips a pixel."""
    return {"blend_words": [["silver", "jeep"], ["Porsche", "car"]], "blend_self_attention": True, "blend_th": [threshold] * 2}


WATERCOLOR = {"prompt": "watercolor painting of " + JEEP, "is_replace_controller": False,
              "eq_params": {"words": ["watercolor"], "values": [10]}}
EDITS = {
    "style": ("mid", {**WATERCOLOR, "cross_replace_steps": {"default_": 0.8}, "self_replace_steps": 0.8}),
    "attribute": ("mid", {"prompt": "a red boat driving down a curvy road in the countryside", "is_replace_controller": True,
                          "cross_replace_steps": {"default_": 0.7}, "self_replace_steps": 0.8}),
    "shape": ("default", {**POSCHE, **masked(0.7347), "cross_replace_steps": {"default_": 0.5}, "self_replace_steps": 0.5}),
    "shape_local": ("default", {**POSCHE, **masked(0.7342), "cross_replace_steps": {"default_": 0.5}, "self_replace_steps": 0.5,
                                "blend_latents": True}),
    "words": ("wide", {"prompt": "a rusty old jeep driving down a snowy road, Monet style", "is_replace_controller": False,
                       "cross_replace_steps": {"default_": 0.75, "rusty": 0.2, "snowy": (0.25, 1.0)},
                       "self_replace_steps": (0.2, 0.75),
                       "eq_params": {"words": ["snowy", "Monet"], "values": [2.0, 0.5]}}),
    "image": ("single", {**POSCHE, **masked(0.69), "eq_params": {"words": ["Porsche"], "values": [3.0]},
                         "cross_replace_steps": {"default_": 0.95}, "self_replace_steps": 0.55}),
    "reconstruction": ("default", {**POSCHE, **masked(0.7887), "cross_replace_steps": {"default_": 0.5}, "self_replace_steps": 0.5,
                                   "use_inversion_attention": False}),
}


def prepare(folder):
    """Makes their modules importable and harmless on a machine without a GPU."""
    sys.path.insert(0, str(folder))
    torch.cuda.get_device_name = lambda *_: "none"
    import torchvision.utils
    torchvision.utils.save_image = lambda *_, **__: None
    from video_diffusion.prompt_attention import attention_util
    attention_util.show_cross_attention = lambda *_, **__: None


def tiny_as_bin(target):
    """Their loader reads *.bin only."""
    shutil.copytree(HERE / "tiny", target)
    for weights in target.rglob("*.safetensors"):
        name = "pytorch_model.bin" if "text" in str(weights) else "diffusion_pytorch_model.bin"
        torch.save(load_file(weights), weights.with_name(name))
        weights.unlink()
    return target


def build(folder, model_config, dtype):
    from diffusers import AutoencoderKL, DDIMScheduler
    from transformers import CLIPTextModel, CLIPTokenizer
    from video_diffusion.models.unet_3d_condition import UNetPseudo3DConditionModel
    from video_diffusion.pipelines.p2p_ddim_spatial_temporal import P2pDDIMSpatioTemporalPipeline
    unet = UNetPseudo3DConditionModel.from_2d_model(str(folder / "unet"), model_config=model_config)
    for name, p in unet.named_parameters():
        if "attn_temporal.to_out.0.bias" in name:
            torch.nn.init.zeros_(p)
    pipeline = P2pDDIMSpatioTemporalPipeline(
        vae=AutoencoderKL.from_pretrained(folder / "vae"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"), unet=unet.to(dtype),
        scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"))
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler.set_timesteps(STEPS)
    encode = pipeline._encode_prompt
    pipeline._encode_prompt = lambda *arguments: encode(*arguments).to(dtype)
    pipeline.decode_latents = lambda latents: latents
    return pipeline


def invert(pipeline, z0):
    """z0 (frames, 4, h, w) -> the latents of all levels, and their store of attention maps inside the pipeline."""
    given = types.SimpleNamespace(latent_dist=types.SimpleNamespace(sample=lambda _: z0 / 0.18215))
    pipeline.vae.encode = lambda _: given
    text = pipeline._encode_prompt(JEEP, "cpu", 1, True, None)
    return pipeline.prepare_latents_ddim_inverted(None, 1, 1, text, prompt=JEEP, store_attention=True)


def frames_first(latent):
    return rearrange(latent, "1 c f h w -> f c h w")


def record_masks():
    """Their blender computes a mask a call; keep each of them, and its values before the threshold."""
    from video_diffusion.prompt_attention.spatial_blend import SpatialBlender
    original, kept = SpatialBlender.get_mask, []

    def get_mask(self, maps, alpha, use_pool, h=None, w=None, x_t=None, step_in_store=None):
        values = F.interpolate(F.max_pool2d((maps * alpha).sum(-1).mean(1), 3, 1, 1), size=(h, w))
        values = values / values.amax((-2, -1), keepdim=True)
        mask = original(self, maps, alpha, use_pool, h, w, x_t, step_in_store)
        kept.append(types.SimpleNamespace(kind=self.prompt_choose, mask=mask, values=values, h=h, th=self.th[0]))
        return mask

    SpatialBlender.get_mask = get_mask
    return kept


def record_controllers(dtype):
    from video_diffusion.prompt_attention import attention_util
    original, kept = attention_util.make_controller, []

    def make_controller(*arguments, **named):
        kept.append(original(*arguments, **named))
        inner = getattr(kept[-1], "prev_controller", None) or kept[-1]
        if inner.mapper.is_floating_point():
            inner.mapper = inner.mapper.to(dtype)
        return kept[-1]

    attention_util.make_controller = make_controller
    return kept


def edit(pipeline, settings, zT, masks):
    """One edit; returns the latent after every step and the masks, by kind and resolution, in the order of the steps."""
    latents, by_step = [], []
    masks.clear()

    def after_step(step, t, z):
        latents.append(frames_first(z))
        by_step.append(list(masks))
        masks.clear()

    inversion_attention = settings.get("use_inversion_attention", True)
    common = {"source_prompt": JEEP, "latents": zT, "num_inference_steps": STEPS, "guidance_scale": 7.5,
              "height": 320, "width": 320, "output_type": None}
    if not inversion_attention:
        pipeline(prompt=JEEP, edit_type="save", **common)
    with tempfile.TemporaryDirectory() as drawings:
        pipeline(edit_type="swap", callback=after_step, save_path=drawings, save_self_attention=False,
                 **common, **{**settings, "use_inversion_attention": inversion_attention})
    return torch.stack(latents), by_step


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fatezero", required=True, type=pathlib.Path)
    options.add_argument("--double", action="store_true", help="64-bit: only report how far the 32-bit numbers are")
    options = options.parse_args()
    dtype = torch.float64 if options.double else torch.float32
    prepare(options.fatezero)
    out, about = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        folder = tiny_as_bin(pathlib.Path(folder) / "tiny")
        masks, controllers = record_masks(), record_controllers(dtype)
        for seed, (clip, (n, h, w, model_config)) in enumerate(CLIPS.items()):
            torch.manual_seed(0)
            pipeline = build(folder, model_config, dtype)
            base = torch.randn(1, 4, h, w, generator=torch.Generator().manual_seed(100 + seed))
            drift = torch.randn(n, 4, h, w, generator=torch.Generator().manual_seed(200 + seed))
            z0 = (0.8 * base + 0.4 * drift).to(dtype)
            levels = torch.stack([frames_first(z) for z in invert(pipeline, z0)])
            out[f"{clip}.z0"], out[f"{clip}.zT"] = levels[0], levels[-1]
            out[f"{clip}.inverted"] = levels[..., ::STRIDE, ::STRIDE]
            about[clip] = {"frames": n, "height": h, "width": w, "prompt": JEEP,
                           "keys": model_config.get("SparseCausalAttention_index", [-1, "first"]),
                           "least_sc_channel": model_config.get("least_sc_channel", 0),
                           "ids": pipeline.tokenizer(JEEP, padding="max_length").input_ids}
            zT = rearrange(levels[-1], "f c h w -> 1 c f h w")
            for name, (_, settings) in ((k, v) for k, v in EDITS.items() if v[0] == clip):
                store(name, settings, *edit(pipeline, settings, zT, masks), controllers[-1], pipeline.tokenizer, out, about)
                about[name]["clip"] = clip
    if options.double:
        stored = load_file(HERE / "method.safetensors")
        for k, v in out.items():
            print(f"{k:32} {(v.double() - stored[k].double()).norm() / v.double().norm():.2e}")
        return
    save_file({k: v.contiguous() for k, v in out.items()}, HERE / "method.safetensors")
    (HERE / "method.json").write_text(json.dumps({"steps": STEPS, "guidance": 7.5, "stride": STRIDE, "settings": about}, indent=1) + "\n")


def store(name, settings, latents, by_step, controller, tokenizer, out, about):
    out[f"{name}.edited"] = latents[..., ::STRIDE, ::STRIDE]
    out[f"{name}.last"] = latents[-1]
    out[f"{name}.cross_alpha"] = controller.cross_replace_alpha[:, 0, 0, 0]  # (steps + 1, tokens)
    inner = getattr(controller, "prev_controller", None) or controller
    out[f"{name}.mapper"] = inner.mapper[0]  # refine: (tokens,), replace: (tokens, tokens)
    if hasattr(inner, "alphas"):
        out[f"{name}.mapper_alpha"] = inner.alphas[0, 0, 0]
    if hasattr(controller, "equalizer"):
        out[f"{name}.equalizer"] = controller.equalizer[0]
    about[name] = {**settings, "ids": tokenizer(settings["prompt"], padding="max_length").input_ids,
                   "num_self_replace": controller.num_self_replace}
    if controller.attention_blend is not None:
        about[name]["mask_tokens"] = [layer.flatten().nonzero().flatten().tolist() for layer in controller.attention_blend.alpha_layers]
    margin = collections.defaultdict(lambda: 9.0)
    for step, calls in enumerate(by_step):
        for call in calls:
            if call.kind == "both" and not int(0.2 * STEPS) < step + 1 < int(0.8 * STEPS):
                continue  # made, but not used
            key = f"{name}.{'latent_' if call.kind == 'both' else ''}mask.{step}.{call.h}"
            out[key] = call.mask[-1].to(torch.uint8)  # of the source, or the union of source and edit
            margin[call.kind] = min(margin[call.kind], (call.values - call.th).abs().min().item())
            if call.kind == "both" or call.h == 10:
                out[key.replace("mask", "mask_values")] = call.values[..., ::4, ::4] if call.kind == "both" else call.values[0]
    about[name]["mask_margin"] = dict(margin)
    print(name, "std by step", [f"{z.std():.2f}" for z in latents], "mask margin", dict(margin),
          "share", [f"{c[0].mask.float().mean():.2f}" for c in by_step if c])


if __name__ == "__main__":
    with torch.no_grad():
        main()
