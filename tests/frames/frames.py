"""Prints the MD5 of every frame of a list of edits: a table to compare before and after a change that must not change any.

    python3 tests/frames/frames.py [engine folder] > table     the engine that build/ffmpeg has, or the one in that folder
    make same BASE=commit                                      the differences from that commit's

All edits run in one ffmpeg, in single precision on the CPU, on a few small frames."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import models

ROOT = Path(__file__).resolve().parents[2]
FFMPEG = ROOT / "build/ffmpeg/bin/ffmpeg"
MADE = ROOT / "build/frames"
CLIP = ROOT / "tests/media/jeep.mp4"
GOLDEN = ROOT / "tests/golden"

COMMON = "device=cpu:precision=fp32:steps=4:window=3:size=128:store=keep"
FRAMES = 4  # a full window and the rest
SOURCE = "source=a red jeep driving down a road"
JEEP = f"{SOURCE}:from=jeep:to=porsche car"
ROAD = f"{SOURCE}:from=down a road:to=in the snow"
EDIT = f"{SOURCE}:prompt=a watercolor of a blue jeep driving down a road"
TINY = f"model={GOLDEN}/tiny:{EDIT}:size=64"
AUTHORS = f"preset={ROOT}/tests/configurations/jeep.yaml:device=cpu:precision=fp32:window=4:steps=4"
SWAP = f"preset=swap-object:{JEEP}"
KEPT = f"inversion={MADE}/inversions"

EDITS = {
    "watercolor": f"preset=watercolor:{SOURCE}",
    "cartoon": f"preset=cartoon:{SOURCE}",
    "enhance": f"preset=enhance:{SOURCE}",
    "makoto-shinkai": f"preset=makoto-shinkai:{SOURCE}",
    "monet": f"preset=monet:{SOURCE}",
    "ukiyo-e": f"preset=ukiyo-e:{SOURCE}",
    "van-gogh": f"preset=van-gogh:{SOURCE}",
    "background": f"preset=background:{ROAD}",
    "swap-attribute": f"preset=swap-attribute:{ROAD}",
    "recolor": f"preset=recolor:{SOURCE}:from=red:to=blue",
    "swap-object": SWAP,
    "remove-object": f"preset=remove-object:{SOURCE}:from=a red jeep driving down:blend=jeep",
    "several presets": f"presets=watercolor|monet|cartoon:{SOURCE}",
    "store=recompute": f"{SWAP}:store=recompute",
    "store=recompute, no mask": f"preset=watercolor:{SOURCE}:store=recompute",
    "several presets, store=recompute": f"presets=watercolor|monet:{SOURCE}:store=recompute",
    "show=mask": f"{SWAP}:show=mask",
    "show=compare": f"{SWAP}:show=compare",
    "show=compare, no mask": f"preset=watercolor:{SOURCE}:show=compare",
    "show=attention of the source": f"{SWAP}:show=attention=jeep",
    "show=attention of the prompt": f"preset=watercolor:{SOURCE}:show=attention=watercolor",
    "parity": f"{SWAP}:parity=1",
    "parity, replace": f"preset=recolor:{SOURCE}:from=red:to=blue:parity=1:control=replace:blend_latents=1",
    "replace": f"preset=recolor:{SOURCE}:from=red:to=blue:control=replace",
    "attention=reconstruction": f"{SWAP}:attention=reconstruction",
    "attention=reconstruction, store=recompute": f"{SWAP}:attention=reconstruction:store=recompute",
    "infusion": f"preset=infusion:{JEEP}",
    "infusion, store=recompute": f"preset=infusion:{JEEP}:store=recompute:inject_at=up1.0+up2.0:inject_weight=0.5:fuse_at=8",
    "infusion, whole attention":
        f"preset=watercolor:{SOURCE}:method=infusion:inject=0.3:inject_kv=0.5:fuse=outputs:attention=reconstruction",
    "solver=implicit": f"{SWAP}:solver=implicit:store=recompute",
    "start": f"preset=watercolor:{SOURCE}:start=0.5",
    "start=0": f"preset=watercolor:{SOURCE}:start=0",
    "strength=0.2": f"preset=watercolor:{SOURCE}:strength=0.2",
    "strength=0.9": f"{SWAP}:strength=0.9",
    "keys of each frame and the first, norm=window": f"preset=watercolor:{SOURCE}:keys=self+first:norm=window",
    "keys at channels": f"preset=watercolor:{SOURCE}:keys=-1+last:keys_at=64ch",
    "keys of each frame": f"preset=watercolor:{SOURCE}:keys=self",
    "fuse_at": f"{SWAP}:fuse_at=8:store=recompute",
    "no fusion": f"{SWAP}:self_replace=0:cross_replace=0:blend=:blend_latents=0:emphasize=",
    "self-attention of the middle": f"{EDIT}:self_replace=0.2-0.7:cross_replace=0.8+watercolor=0.2+blue=0.1-1",
    "emphasis, guidance, negative": f"{EDIT}:emphasize=blue=3+watercolor=0.5:guidance=3:negative=a photo",
    "guidance=1": f"{EDIT}:guidance=1",
    "two masks": f"{EDIT}:blend=red+jeep/blue+jeep:threshold=0.4:blend_latents=0.2-1",
    "all but words": f"{EDIT}:blend=-jeep:blend_latents=0.2-1:blend_attention=0",
    "another size, uneven": f"preset=watercolor:{SOURCE}:size=136",
    "one frame at a time": f"preset=watercolor:{SOURCE}:window=1",
    "tiny": TINY,
    "tiny, store=recompute": f"{TINY}:blend=jeep:blend_latents=0.2-1:store=recompute",
    "lora": f"{TINY}:lora={GOLDEN}/lora-kohya.safetensors",
    "lora of diffusers, scaled": f"{TINY}:lora={GOLDEN}/lora-diffusers.safetensors\\:0.5",
    "single file": f"model={MADE}/single.safetensors:{EDIT}:size=64",
    "tuned, low rank": f"model={MADE}/lowrank:{EDIT}:keys=-1+first:size=64",
    "tuned, dense": f"model={MADE}/dense:{EDIT}:keys=-1+first:norm=window:store=recompute:size=64",
    "authors' configuration": AUTHORS,
    "authors' configuration, its shape edit": f"{AUTHORS}:edit=2",
    "inversion": f"{SWAP}:{KEPT}",
    "inversion, reconstruction": f"{SWAP}:{KEPT}:attention=reconstruction",
}

# what a second run finds on the disk
AGAIN = {
    "inversion again": f"{SWAP}:{KEPT}",
    "inversion again, its mask": f"{SWAP}:{KEPT}:show=mask",
    "inversion again, reconstruction": f"{SWAP}:{KEPT}:attention=reconstruction",
    "inversion again, several presets": f"presets=swap-object|recolor:{JEEP}:{KEPT}",
}


def run(edits, environment):
    graph, outputs = [], []
    for i, options in enumerate(edits.values()):
        n = options.count("|") + 1
        pads = [f"[o{i}.{j}]" for j in range(n)]
        graph.append(f"[i{i}]fatezero={COMMON}:{quoted(options)}{''.join(pads)}")
        outputs += pads
    inputs = "".join(f"[i{i}]" for i in range(len(edits)))
    graph.insert(0, f"[0:v]trim=end_frame={FRAMES},scale=160:128:flags=bitexact+bicubic,format=gbrp,split={len(edits)}{inputs}")
    command = [FFMPEG, "-v", "error", "-nostdin", "-i", CLIP, "-filter_complex", ";".join(graph)]
    for pad in outputs:
        command += ["-map", pad]
    result = subprocess.run([*command, "-fps_mode", "passthrough", "-f", "framemd5", "-"],
                            env=environment, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(result.returncode)
    hashes = {}
    for line in result.stdout.splitlines():
        if not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            hashes.setdefault(int(fields[0]), []).append(fields[-1])
    stream = 0
    for name, options in edits.items():
        for j in range(options.count("|") + 1):
            for frame, hash in enumerate(hashes[stream]):
                print(f"{name}{f' {j}' if '|' in options else ''}, frame {frame}: {hash}")
            stream += 1


def quoted(options):
    """Commas and the like are a filter graph's own signs."""
    return "'" + options.replace("'", "'\\''") + "'"


def main():
    environment = dict(os.environ)
    if len(sys.argv) > 1:
        environment["FATEZERO_HOME"] = str(Path(sys.argv[1]).resolve())
    shutil.rmtree(MADE, ignore_errors=True)
    MADE.mkdir(parents=True)
    models.make(MADE)
    run(EDITS, environment)
    run(AGAIN, environment)


main()
