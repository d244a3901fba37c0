"""Runs the filter as a user does, frames through pipes, and keeps what it made: a run that was interrupted goes on."""
import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np


def escape(value):
    """An option's value inside -vf: once for the filter's options, once more for the graph."""
    for special in ("\\':", "\\'[],;"):
        value = "".join("\\" + c if c in special else c for c in value)
    return value


def run(ffmpeg, frames, options):
    """`frames` (n, h, w, 3) uint8 through the filter with `options` -> the same shape."""
    n, height, width, _ = frames.shape
    graph = "fatezero=" + ":".join(f"{name}={escape(str(value))}" for name, value in options.items())
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    command = [ffmpeg, "-v", "error", *raw, "-s", f"{width}x{height}", "-r", "8", "-i", "-", "-vf", graph, *raw, "-"]
    done = subprocess.run(list(map(str, command)), input=frames.tobytes(), capture_output=True)
    if done.returncode or len(done.stdout) != frames.nbytes:
        raise RuntimeError(f"-vf {graph}: {len(done.stdout)} bytes of {frames.nbytes} came back\n{done.stderr.decode()}")
    return np.frombuffer(done.stdout, np.uint8).reshape(frames.shape)


class Kept:
    """Edited clips in a folder, one file for each answer to: which software, which frames, which options."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, software, frames, options, make):
        """The frames that `make()` gives, or gave before."""
        text = json.dumps([software, hashlib.sha256(frames.tobytes()).hexdigest(), options], sort_keys=True)
        path = self.folder / (hashlib.sha256(text.encode()).hexdigest()[:24] + ".npy")
        if not path.exists():
            made = make()
            with open(path.with_suffix(".tmp"), "wb") as file:
                np.save(file, made)
            path.with_suffix(".tmp").rename(path)
        return np.load(path)


def content(path: Path):
    """A digest of what a jar, a file or a folder holds, whenever it was written."""
    if path.suffix == ".jar":
        with zipfile.ZipFile(path) as jar:
            parts = sorted((entry.filename, entry.CRC) for entry in jar.infolist() if not entry.is_dir())
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
