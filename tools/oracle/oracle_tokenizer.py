#!/usr/bin/env python3
"""Checks `osso tokenizer train` against Hugging Face's tokenizers: the learned vocabulary against BpeTrainer's, the files
that are written against Tokenizer.from_file on random strings, GPT-2's own vocabulary, and that threads change nothing.

usage: oracle_tokenizer.py [--strings N] [--gpt2 DIR] [FILE...]
       oracle_tokenizer.py --golden tests/golden/token/trained.json
(in the environment of `./run oracle`; FILE: texts to learn from; DIR: what tools/golden/gpt2_tokenizer.py makes)
"""
import argparse
import ctypes
import itertools
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

import oracle_text

PATTERN = oracle_text.PATTERN


class Osso:
    """The library's tokenizer, with the names of special tokens as ids: that is what Hugging Face's does."""

    def __init__(self, folder):
        self.lib = ctypes.CDLL(os.path.abspath("build/release/libosso.so"))
        self.error = ctypes.create_string_buffer(512)
        self.tokenizer, self.ids = ctypes.c_void_p(), oracle_text.Ids()
        assert self.lib.osso_tokenizer_open(str(folder).encode(), ctypes.byref(self.tokenizer), self.error) == 0, self.error.value

    def encode(self, data):
        self.ids.len = 0
        assert self.lib.osso_tokenizer_encode(self.tokenizer, data, ctypes.c_size_t(len(data)), 1, ctypes.byref(self.ids), self.error) == 0
        return self.ids.data[:self.ids.len] if self.ids.len else []


def split_of(kind):
    if kind == "gpt2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PATTERN), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train(out, size, kind, files, *more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([os.environ.get("OSSO_BIN", "build/release/osso"), "tokenizer", "train", "-o", str(out), "--vocab-size", str(size), "--split", kind,
                    *more, *files], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def learned(folder):
    return json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]


def check_vocabulary(folder, kind, files):
    """The same tokens with the same ids as BpeTrainer, which breaks ties in the same way."""
    own = learned(folder)
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = split_of(kind)
    t.train_from_iterator([pathlib.Path(f).read_text() for f in files], trainers.BpeTrainer(
        vocab_size=len(own), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    theirs = t.get_vocab()
    differ = sorted(i for token, i in own.items() if theirs.get(token) != i)
    print(f"{kind}: {len(own)} tokens, {len(differ)} differ from BpeTrainer's" + (f", the first is {differ[0]}" if differ else ""))
    return not differ


def check_strings(folder, kind, texts, ids_of=None):
    own = Osso(folder)
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids_of = ids_of or (lambda text: theirs.encode(text).ids)
    wrong = 0
    for text in texts:
        want, got = ids_of(text), own.encode(text.encode())
        if want != got:
            wrong += 1
            if wrong == 1:
                print("differs:", repr(text), want, got)
    print(f"{kind}: {len(texts)} strings, {wrong} differ")
    return wrong == 0


def check_gpt2(folder, texts):
    """Against transformers' GPT2Tokenizer over GPT-2's own two files."""
    from transformers import GPT2Tokenizer
    theirs = GPT2Tokenizer.from_pretrained(str(folder / "own"))
    return check_strings(folder, "GPT2Tokenizer", texts, lambda text: theirs.encode(text, add_special_tokens=False))


def check_digits(folder):
    bad = [w for w in learned(folder) if any(c.isdigit() and c.isascii() for c in w) and len(w) > 1]
    print(f"--digits 1: {len(bad)} tokens join a digit to something")
    return not bad


def golden(path, texts):
    """What BpeTrainer learns of a text, and the ids that Tokenizer gives with every split of its tokens as a merge."""
    text = pathlib.Path("docs/decisions.md").read_text()[:6000] + "".join(oracle_text.SAMPLES).replace("\0", "") * 3
    cases = []
    for kind in "o200k", "gpt2":
        t = Tokenizer(models.BPE())
        t.pre_tokenizer = split_of(kind)
        t.train_from_iterator([text], trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        vocab = t.get_vocab()
        splits = sorted((i, vocab[w[:k]], vocab[w[k:]], w[:k], w[k:]) for w, i in vocab.items() for k in range(1, len(w)) if w[:k] in vocab and w[k:] in vocab)
        t = Tokenizer(models.BPE(vocab=vocab, merges=[s[3:] for s in splits]))
        t.pre_tokenizer = split_of(kind)
        cases.append({"split": kind, "tokens": sorted(vocab, key=vocab.get)[256:], "ids": [t.encode(s).ids for s in texts]})
    pathlib.Path(path).write_text(json.dumps({"text": text, "strings": texts, "cases": cases}, ensure_ascii=False) + "\n")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--strings", type=int, default=100000)
    ap.add_argument("--gpt2")
    ap.add_argument("--golden")
    ap.add_argument("files", nargs="*")
    a = ap.parse_args()
    rng = random.Random(1)
    known = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]  # new ones may be of another class there
    texts = list(itertools.islice(oracle_text.random_strings(rng, known), a.strings))
    if a.golden:
        golden(a.golden, [t for t in texts if len(t) < 60][:100])
        return
    temp = pathlib.Path(tempfile.mkdtemp())
    ok = True
    for kind in ("o200k", "gpt2") if a.files else ():
        seconds = train(temp / kind, 4096, kind, a.files, "-t", "1")
        print(f"{kind}: {seconds:.1f} s of CPU time")
        ok &= check_vocabulary(temp / kind, kind, a.files)
        ok &= check_strings(temp / kind, kind, texts)
        for n in "2", "3":
            train(temp / n, 4096, kind, a.files, "-t", n)
            ok &= (temp / n / "tokenizer.json").read_bytes() == (temp / kind / "tokenizer.json").read_bytes()
        train(temp / "digits", 4096, kind, a.files, "--digits", "1")
        ok &= check_digits(temp / "digits")
    if a.gpt2:
        ok &= check_gpt2(pathlib.Path(a.gpt2), texts)
    print("equal" if ok else "NOT EQUAL")
    sys.exit(not ok)


if __name__ == "__main__":
    main()
