#!/usr/bin/env python3
"""Writes tests/golden/token/o200k.jsonl: mixed-script strings, the lengths in bytes of the pieces that the pattern cuts
them into (by tokenizers, whose pieces can be seen), and tiktoken's ids for them.

usage: golden_text.py RANK_FILE [OUT]        (needs tiktoken 0.14, tokenizers 0.23.3)
"""
import json
import pathlib
import random
import sys

from tokenizers import Regex, pre_tokenizers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
from oracle_text import PATTERN, SAMPLES, load_tiktoken, random_strings


def main():
    reference = load_tiktoken(sys.argv[1])
    rng = random.Random(2024)
    code_points = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    source = random_strings(rng, code_points)
    texts = SAMPLES + [next(source) for _ in range(650)]
    # Case pairs of every contraction, and every kind of white space between words.
    texts += [f"{w}'{s} {w}’{s}" for w in ("he", "ÇA", "я", "中", "9", "a\u0301") for s in ("s", "S", "ſ", "t", "RE", "vE", "ll", "x", "l")]
    texts += [f"a{w}b {w}c{w}{w}d{w}\n{w}e{w}" for w in "\t\v\f\r \x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u200b"]
    texts += [x * n for x in ("A", "é", "1", " ", "\n", "🙂", "\u0301", "中", "=", "\t") for n in (15, 16, 17, 63, 64, 65, 300)]
    texts += ["ʰA ʰABC AʰB 中Bb ǅA", "he'ſo he'ſh 'ſ", "a'", "a'r", "a'R", "a'l", "a'lL", "a''s", "9's", "\u0301A"]
    splitter = pre_tokenizers.Split(Regex(PATTERN), "isolated")
    with open(sys.argv[2] if len(sys.argv) > 2 else "tests/golden/token/o200k.jsonl", "w", encoding="utf-8") as f:
        for text in texts:
            f.write(json.dumps({"text": text, "pieces": [len(piece.encode()) for piece, _ in splitter.pre_tokenize_str(text)],
                                "ids": reference.encode_ordinary(text)}, ensure_ascii=False,
                               separators=(",", ":")) + "\n")


main()
