"""The documents of ../shared/data/train, and which of them are held out.

Held out from all training, for ever: a document whose text's SHA-256 has a first byte below 13
(about 5 %), and generated worlds with seed >= 2^31. Fairytale stories that overlap a book of the
other files (the Lang books above all) are dropped first, so that nothing held out is trained on
under another title.
"""
import hashlib
import os
import re

FILES = ["tinystories_subset", "fairytaleqa_stories", "children_standardebooks", "children_gitenberg", "onestop_elementary"]


def documents(path):
    """Texts of one file; documents are separated by a line <|endoftext|>."""
    with open(path, encoding="utf-8") as f:
        return [d.strip() for d in f.read().split("<|endoftext|>") if d.strip()]


def held_out(text):
    return hashlib.sha256(text.encode("utf-8")).digest()[0] < 13


def shingles(text, n=8):
    words = re.findall(r"[a-z']+", text.lower())
    return {hash(tuple(words[i:i + n])) for i in range(0, len(words) - n + 1)}


def load(folder):
    """{file: (training documents, held-out documents)}; `folder` holds the .txt files."""
    docs = {name: documents(os.path.join(folder, name + ".txt")) for name in FILES}
    books = set()
    for name in ("children_standardebooks", "children_gitenberg"):
        for d in docs[name]:
            books |= shingles(d)
    keep = []
    for d in docs["fairytaleqa_stories"]:
        if overlap(d, books) < 0.1:
            keep.append(d)
    docs["fairytaleqa_stories"] = keep
    kept = {name: [d for d in ds if held_out(d)] for name, ds in docs.items()}
    secret = set().union(*(shingles(d) for ds in kept.values() for d in ds))
    return {name: ([d for d in ds if not held_out(d) and overlap(d, secret) < 0.1], kept[name]) for name, ds in docs.items()}


def overlap(text, others):
    """Share of the text's 8-grams that `others` has (the same story in a second edition)."""
    s = shingles(text)
    return len(s & others) / max(1, len(s))


def pieces(text, size=1500):
    """A long document cut at line ends into pieces of about `size` characters."""
    out, part = [], ""
    for line in text.split("\n"):
        if part and len(part) + len(line) > size:
            out.append(part)
            part = ""
        part = part + "\n" + line if part else line
    return out + [part] if part else out
