"""Renders a clip of tests/media, which its name chooses: held-out combinations, 256 x 256 at 8 frames a second.

    python demo.py tests/media/jeep.mp4
"""
import argparse
import subprocess
from pathlib import Path

from scenes import Scene, render

# object, colour, place, caption, frames
CLIPS = {
    "jeep": ("jeep", "red", "road", "a red jeep driving down a curvy road in the countryside", 24),
    "fox": ("fox", "orange", "forest", None, 8),
    "swan": ("swan", "silver", "river", None, 8),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    args = parser.parse_args()
    thing, colour, place, caption, count = CLIPS[Path(args.path).stem]
    scenes = (Scene(thing, colour, place, "photo", seed) for seed in range(1000, 2000))
    # in view throughout, and unoccluded
    whole = lambda mask: mask[:, :, (0, -1)].max() == 0 and mask.mean() > 0.06 * (1 + (thing == "jeep"))
    scene = next(scene for scene in scenes if caption in (None, scene.caption) and whole(render(scene, count, 128).mask))
    assert scene.held_out
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "256x256", "-r", "8", "-i", "-",
                    "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "16", "-preset", "veryslow", "-threads", "1", args.path],
                   input=render(scene, count, 256).frames.tobytes(), check=True)
    print(scene, scene.caption)


if __name__ == "__main__":
    main()
