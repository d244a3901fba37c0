"""Writes tokens.tsv.gz: 1000 prompts and their ids by transformers' CLIPTokenizer. Usage: tokens.py --bpe bpe_simple_vocab_16e6.txt.gz

A line is: the prompt as a JSON string, the ids with tiny/tokenizer, the ids with CLIP's own vocabulary; start and end tokens
included, cut at 77, not padded. It also writes tokenizer-pipeline.json, the same pipeline for the tokenizers library: put
vocab.json and merges.txt into its model and it gives the same ids (checked here for every prompt).
With --compare it only counts how many lines the installed transformers disagrees with (for its older, slow tokenizer).
"""
import argparse, gzip, json, pathlib, random, tempfile

from tokenizers import Tokenizer
from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent
SUBJECTS = ("a silver jeep;a black swan with a red beak;two dogs;the old man's hat;an astronaut;a girl;Van Gogh's sunflowers;3 cats;"
            "a robot").split(";")
PLACES = ("driving down a curvy road in the countryside;on the beach at night;in Tōkyō;swimming in a river near a wall and bushes;"
          "under the Eiffel Tower").split(";")
STYLES = ("watercolor painting of;a photo of;Makoto Shinkai style,;ukiyo-e print of;oil on canvas:;8K, high quality, ultra-detailed;"
          "pokémon cartoon of").split(";")
ODD = """don't|I'LL|we've|they're|it's|he'd|I'm|rock'n'roll|'s|''s|O'Neill's|can`t|it’s|“quoted”|—|…|...|!!!|?!|#hashtag|@user|
a_b_c|a-b--c|50%|$9.99|1,000,000|3.14159|
2024-01-01|007|½|²|Ⅳ|①|１２３|٣٤|Ａ|ﬁ|é|e\u0301|É|ñ|ü|ß|ẞ|İstanbul|ıI|ΣΊΣΥΦΟΣ|ǅ|naïve|Ångström|A\u030A|
façade|crème brûlée|Žižek|ﷺ|Привет мир|ΕΛΛΗΝΙΚΑ|שלום|مرحبا|
नमस्ते|ไทย|你好，世界|水墨画|東京タワー|カタカナ|ｶﾀｶﾅ|ひらがな|한국어|가|\u1100\u1161|
🚗|🚗🚗|👩‍🚀|👍🏽|🇩🇪|❤️|☃|©®™|→|∑∫|\u200b|a\u200bb|\u200d|\ufeff|\u00ad|\ufffd|𝔘𝔫𝔦|𐍈|
&amp;|&lt;b&gt;|<b>bold</b>|</w>|a</w>|[MASK]|{source}|(red:1.3)|[cat]|((sharp))|http://a.example/x?y=1&z=2|C:\\dir|a/b|x=y+z|~|^|\\|"|
\t|\n|a\tb|a\nb|a\r\nb|\u00a0|a\u00a0b|\u3000|a\u3000b|\u2028|\x00|a\x00b|\x07|\x1f|\x85|\x7f|
supercalifragilisticexpialidocious|Donaudampfschifffahrtsgesellschaft|aaaaaaaaaaaaaaaaaaaaaaaa|
XÆA-12|WATERCOLOR|iPhone|mRNA""".replace("|\n", "|").split("|")
SPECIAL = ["<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "a<|endoftext|>b", "<|startoftext|> a cat <|endoftext|>"]


def prompts():
    r = random.Random(0)
    yield from ["", " ", "   ", "\n", "a", "A", *(" ".join([r.choice(STYLES), s, p]) for s in SUBJECTS for p in PLACES), *ODD, *SPECIAL]
    yield from ["word " * 74, "word " * 75, "word " * 76, "jeep " * 200, "a " * 75 + "road", "x" * 500, "漢" * 60, "🚗" * 80, "1" * 90]
    while True:
        parts = [r.choice(r.choice((SUBJECTS, PLACES, STYLES, ODD, ODD))) for _ in range(r.choice((1, 2, 3, 4, 5, 30)))]
        text = "".join(part + r.choice((" ", " ", " ", "", "  ", ", ", " \t", "\u00a0")) for part in parts)
        text = r.choice((str, str, str, str.upper, str.title, str.swapcase))(text)
        if r.random() < 0.2:  # any letters at all
            letter = lambda: chr(r.choice((r.randrange(32, 0x250), r.randrange(0x370, 0x2000), r.randrange(0x3000, 0xA000))))
            text += "".join(letter() for _ in range(8))
        if not any(0xD800 <= ord(c) < 0xE000 for c in text):
            yield text


def thousand():
    seen = {}
    for p in prompts():
        seen.setdefault(p)
        if len(seen) == 1000:
            return list(seen)


def ids(tokenizer, prompt):
    return tokenizer(prompt, truncation=True, max_length=77).input_ids


def pipeline(tokenizer):
    """The tokenizer as JSON, without its words."""
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    spec["truncation"] = spec["padding"] = None
    spec["model"]["vocab"], spec["model"]["merges"] = {}, []
    return spec


def plain(spec, folder):
    """What an engine does: the pipeline, with the words of a checkpoint's folder."""
    spec = json.loads(json.dumps(spec))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    spec["model"]["vocab"] = vocabulary
    spec["model"]["merges"] = (folder / "merges.txt").read_text(encoding="utf-8").strip().split("\n")[1:]
    for token in spec["added_tokens"]:
        token["id"] = vocabulary[token["content"]]
    for side in ("sep", "cls"):
        spec["post_processor"][side][1] = vocabulary[spec["post_processor"][side][0]]
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.enable_truncation(77)
    return tokenizer


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bpe", required=True)
    options.add_argument("--compare", action="store_true")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folders = [HERE / "tiny/tokenizer", pathlib.Path(folder)]
        if options.compare:
            return compare(options.bpe, folders)
        from tiny import write_tokenizer
        write_tokenizer(folders[1], options.bpe, merges=49152 - 256 - 2)
        tokenizers = [CLIPTokenizer.from_pretrained(f) for f in folders]
        spec = pipeline(tokenizers[0])
        plains = [plain(spec, f) for f in folders]
        with gzip.GzipFile(HERE / "tokens.tsv.gz", "wb", mtime=0) as out:
            for prompt in thousand():
                columns = [ids(t, prompt) for t in tokenizers]
                assert columns == [t.encode(prompt).ids for t in plains], prompt
                out.write("\t".join([json.dumps(prompt), *(" ".join(map(str, c)) for c in columns)]).encode() + b"\n")
    (HERE / "tokenizer-pipeline.json").write_text(json.dumps(spec, indent=1) + "\n")


def compare(bpe, folders):
    lines = [line.decode().rstrip("\n").split("\t") for line in gzip.open(HERE / "tokens.tsv.gz")]
    tokenizer = CLIPTokenizer.from_pretrained(folders[0])
    from transformers.models.bert.tokenization_bert import BasicTokenizer
    fixed = getattr(tokenizer, "fix_text", None)
    for name, fix in (("without ftfy", None), ("with ftfy", fixed)):
        tokenizer.fix_text, tokenizer.nlp = fix, BasicTokenizer(do_lower_case=True)
        wrong = [line[0] for line in lines if " ".join(map(str, ids(tokenizer, json.loads(line[0])))) != line[1]]
        print(name, len(wrong), "of", len(lines), "differ", *wrong[:40], sep="\n  ")


if __name__ == "__main__":
    main()
