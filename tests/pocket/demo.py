"""Renders the demonstration clip: a held-out combination, 24 frames of 256 x 256 at 8 frames a second.

    python demo.py tests/media/jeep.mp4
"""
import argparse

import imageio_ffmpeg

from scenes import Scene, render

CAPTION = "a red jeep driving down a curvy road in the countryside"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    args = parser.parse_args()
    scenes = (Scene("jeep", "red", "road", "photo", seed) for seed in range(1000, 2000))
    whole = lambda mask: mask[:, :, (0, -1)].max() == 0 and mask.mean() > 0.12      # in view throughout, and unoccluded
    scene = next(scene for scene in scenes if scene.caption == CAPTION and whole(render(scene, 24, 128).mask))
    assert scene.held_out
    writer = imageio_ffmpeg.write_frames(args.path, (256, 256), fps=8, codec="libx264", quality=None, macro_block_size=16,
                                         output_params=["-crf", "16", "-preset", "veryslow", "-threads", "1"])
    writer.send(None)
    for frame in render(scene, 24, 256).frames:
        writer.send(frame.tobytes())
    writer.close()
    print(scene)


if __name__ == "__main__":
    main()
