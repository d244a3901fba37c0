"""Writes words.json: the columns of each word of some prompts, by the authors' get_word_inds and the tokenizer of tiny/.

Usage: words.py --fatezero DIR, where DIR is a checkout of the authors' repository.
"""
import argparse, json, pathlib, sys

from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent
PROMPTS = [
    "a silver jeep driving down a curvy road in the countryside,",
    "The Ukiyo-e style painting of a man, with a rope",
    "a sci-fi car's 3rd road, #1 in C# country!",
    "a café in Ålesund: crème brûlée, naïve art",
    "two  blanks between a cat and a dog",
    "a 🚗 on a road",
    "A Cat and a cat.",
]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--fatezero", required=True)
    sys.path.insert(0, options.parse_args().fatezero)
    from video_diffusion.prompt_attention.ptp_utils import get_word_inds
    tokenizer = CLIPTokenizer.from_pretrained(HERE / "tiny" / "tokenizer")
    columns = {}
    for prompt in PROMPTS:
        try:
            columns[prompt] = [get_word_inds(prompt, i, tokenizer).tolist() for i in range(len(prompt.split(" ")))]
        except IndexError:
            print("their code fails on", prompt)
    lines = ",\n".join(f" {json.dumps(prompt)}: {json.dumps(words)}" for prompt, words in columns.items())
    (HERE / "words.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
