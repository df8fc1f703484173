#!/usr/bin/env python3
"""How well osso embed finds the text that answers a question: the table of docs/embeddings.md.

    tools/measure/embed_retrieval.py SCIQ.jsonl [-m MODEL] [--all]         (needs NumPy and build/release/osso)

SCIQ.jsonl: sciq's validation questions, with "question" and "support" (an empty support is left out). Each question is looked
for among all supports by the cosine of their vectors; recall at k: how often its own is among the k nearest. Equal cosines
count against it. Beside it bags of words: lower-case words, counts, with and without weights log(n / documents with the word).
--all: each layer and pool, not the default alone; and vectors less the mean of all supports' vectors.
"""
import argparse
import collections
import json
import math
import pathlib
import re
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def recall(questions, supports, k):
    near = questions @ supports.T
    rank = (near >= np.diag(near)[:, None]).sum(1)  # its own among them
    return float((rank <= k).mean())


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)


def bags(questions, supports, weighted):
    words = [[re.findall(r"\w+", text.lower()) for text in texts] for texts in (questions, supports)]
    places = {w: i for i, w in enumerate(sorted({w for texts in words for text in texts for w in text}))}
    seen = collections.Counter(w for text in words[1] for w in set(text))
    out = []
    for texts in words:
        x = np.zeros((len(texts), len(places)), np.float32)
        for row, text in zip(x, texts):
            for w in text:
                row[places[w]] += math.log(len(supports) / max(seen[w], 1)) if weighted else 1
        out.append(unit(x))
    return out


def vectors(model, texts, *options):
    with tempfile.TemporaryDirectory() as folder:
        lines, out = pathlib.Path(folder, "texts.jsonl"), pathlib.Path(folder, "v.npy")
        lines.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
        subprocess.run([ROOT / "build/release/osso", "embed", *(["-m", model] if model else []), "--data", lines, "-o", out,
                        *options], check=True)
        return np.load(out)


def row(name, q, s):
    print(f"| {name} | {100 * recall(q, s, 1):.1f} % | {100 * recall(q, s, 10):.1f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("-m")
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    docs = [d for d in map(json.loads, open(args.data)) if d["support"].strip()]
    questions, supports = [d["question"] for d in docs], [d["support"] for d in docs]
    print(f"{len(docs)} questions\n\n| vectors | recall at 1 | at 10 |\n|---|---|---|")
    row("words, counted", *bags(questions, supports, False))
    row("words, weighted", *bags(questions, supports, True))
    layers = 1
    if args.all:
        info = subprocess.run([ROOT / "build/release/osso", "info", "--json", *([args.m] if args.m else [])], stdout=subprocess.PIPE, check=True)
        layers = json.loads(re.search(rb'"n_layers":(\d+)|"layers":(\d+)', info.stdout).group(0).split(b":")[1])
    for layer in ["last", *(range(layers) if args.all else [])]:
        for pool in ("mean", "last", "max") if args.all else ("mean",):
            q, s = (vectors(args.m, texts, "--layer", str(layer), "--pool", pool) for texts in (questions, supports))
            row(f"layer {layer}, {pool}", q, s)
            if args.all:
                row(f"layer {layer}, {pool}, less the mean", unit(q - s.mean(0)), unit(s - s.mean(0)))


if __name__ == "__main__":
    main()
