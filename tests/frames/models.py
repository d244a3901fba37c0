"""Models that are not in the repository: a tuned one and a single file, made of what is. Python's own library suffices."""
import array
import gzip
import json
import math
import random
import shutil
import struct
import sys
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"
UNET = "unet/diffusion_pytorch_model.safetensors"
WIDER = 4  # the single file over the tiny model: its group norms have 32 groups, which takes 32 channels


def read(path):
    """Name -> (dtype, shape, bytes)."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]])
            for name, entry in header.items()}


def write(path, tensors):
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def tuned(folder, kind):
    """The tiny model with the temporal layers of tuned.safetensors: lowrank, as the authors' code has them, or dense."""
    shutil.copytree(GOLDEN / "tiny", folder, dirs_exist_ok=True)
    added = {name.removeprefix(kind + "/"): tensor for name, tensor in read(GOLDEN / "tuned.safetensors").items()
             if name.startswith(kind + "/")}
    write(folder / UNET, read(GOLDEN / "tiny" / UNET) | added)


def single(folder):
    """A checkpoint by the original names, wider than the tiny model, of random weights; beside it its tokenizer."""
    shutil.copytree(GOLDEN / "tiny/tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    generator = random.Random(0)
    normal = array.array("f", (generator.gauss(0, 1) for _ in range(1 << 16)))
    tensors = {}
    for row in gzip.open(GOLDEN / "ldm-names.tsv.gz", "rt"):
        part, name, _, extents = row.rstrip("\n").split("\t")
        shape = [int(extent) for extent in extents.split("x")]
        kept = {0, 1} if "quant_conv" in name else ({1} if name.endswith(("conv_in.weight", "input_blocks.0.0.weight")) else set())
        if name.rsplit(".", 1)[0].endswith(("conv_out", ".out.2")):  # to latents or pixels
            kept = {0}
        if "embedding" in name:  # of tokens and positions
            kept = {0}
        shape = [extent if axis in kept or axis > 1 else extent * WIDER for axis, extent in enumerate(shape)]
        if len(shape) == 4 and "decoder.conv_in" in name:
            shape[1] = 4
        size = math.prod(shape)
        if len(shape) == 1:
            values = array.array("f", [1 if name.endswith("weight") else 0]) * size
        else:
            scale = 1 / math.sqrt(size / shape[0])
            begin = generator.randrange(len(normal))
            values = array.array("f", (scale * normal[(begin + i) % len(normal)] for i in range(size)))
        tensors[name] = ("F32", shape, values.tobytes())
    write(folder / "single.safetensors", tensors)


def make(folder):
    for kind in ("lowrank", "dense"):
        tuned(folder / kind, kind)
    single(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
