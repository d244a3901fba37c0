"""Makes the CLIP-format byte-level BPE from the captions: vocab.json, merges.txt, tokenizer.json and their configurations.

    python make_tokenizer.py DIR

The base alphabet is all 256 bytes, so every text can be written; each word of the captions becomes one token.
"""
import argparse
import json
from collections import Counter
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers.models.clip.tokenization_clip import bytes_to_unicode

from scenes import captions
from scenes.factors import COLOURS, OBJECTS
from sizes import MAX_LENGTH

START, END = "<|startoftext|>", "<|endoftext|>"
PIECES = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def words():
    """Every word of every caption, sorted."""
    tables = (captions.VERBS, captions.PLACE, captions.EMPTY, captions.STYLE, captions.NAMES, captions.SHADES, captions.WHERE,
              captions.MANNER)
    texts = [text for table in tables for row in table.values() for text in row]
    texts += [*OBJECTS, *COLOURS, *captions.GENERIC_VERBS, *captions.WEATHER.values(), *captions.CRISP, *captions.SOFT, "a an the one"]
    letters = (ch if ch.isalpha() else " " for ch in " ".join(texts))
    return sorted(set("".join(letters).split()))


def learn_merges(vocabulary):
    """BPE merges, most frequent pair first, until each word is one token."""
    pieces = [[*word[:-1], word[-1] + "</w>"] for word in vocabulary]
    merges = []
    while pairs := Counter(pair for word in pieces for pair in zip(word, word[1:])):
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append((left, right))
        for word in pieces:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == (left, right):
                    word[i:i + 2] = [left + right]
                i += 1
    return merges


def write(folder):
    """Writes the tokenizer's files; the same captions always give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = list(bytes_to_unicode().values())
    merges = learn_merges(words())
    tokens = alphabet + [letter + "</w>" for letter in alphabet] + [left + right for left, right in merges] + [START, END]
    tokens = list(dict.fromkeys(tokens))     # two pairs can give one token
    vocabulary = {token: number for number, token in enumerate(tokens)}
    dump = lambda name, value: (folder / name).write_text(
        json.dumps(value, ensure_ascii=False, indent=None if name == "vocab.json" else 2) + "\n", encoding="utf-8")
    dump("vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges), encoding="utf-8")
    special = lambda token: {"content": token, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    dump("special_tokens_map.json", {"bos_token": special(START), "eos_token": special(END), "pad_token": END, "unk_token": special(END)})
    dump("tokenizer_config.json", {
        "add_prefix_space": False, "bos_token": START, "do_lower_case": True, "eos_token": END, "errors": "replace",
        "model_max_length": MAX_LENGTH, "pad_token": END, "tokenizer_class": "CLIPTokenizer", "unk_token": END})

    fast = Tokenizer(models.BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token=END))
    fast.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    fast.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    fast.decoder = decoders.ByteLevel()
    fast.post_processor = processors.RobertaProcessing((END, vocabulary[END]), (START, vocabulary[START]), add_prefix_space=False,
                                                       trim_offsets=False)
    fast.add_special_tokens([AddedToken(token, normalized=True, special=True) for token in (START, END)])
    fast.enable_truncation(MAX_LENGTH)
    fast.enable_padding(length=MAX_LENGTH, pad_id=vocabulary[END], pad_token=END)
    fast.save(str(folder / "tokenizer.json"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)
