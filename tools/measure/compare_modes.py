#!/usr/bin/env python3
"""Fast mode against exact mode on real text: KL divergence and top-1 agreement per token.

    tools/measure/compare_modes.py [TEXT] [-m MODEL] [--tokenizer MODEL] [--tokens 20000] [--context 512]
                           [--kv-type f16]

Needs numpy. Without TEXT: the held-out documents of ../shared/data/train (models/recipe/corpus.py), shuffled with seed 1. The text is tokenized with the model's own tokenizer and cut into windows; `osso logits` runs each twice.
Prints mean, median, 99.9th percentile and largest KL(exact || fast) in nats, and how often the most likely id agrees.
"""
import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "recipe"))
import corpus

OSSO = ROOT / "build" / "osso"


def log_softmax(x):
    x = x.astype(np.float64)
    x -= x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def logits(model, ids, folder, *options):
    (folder / "ids.txt").write_text(",".join(map(str, ids)) + "\n")
    out = folder / "out.npy"
    subprocess.run([OSSO, "logits", "-m", model, "--ids", folder / "ids.txt", "-o", out, *options], check=True)
    return log_softmax(np.load(out))


def held_out(folder):
    documents = [text for _, kept in corpus.load(str(folder)).values() for text in kept]
    random.Random(1).shuffle(documents)
    return "\n\n".join(documents)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, nargs="?")
    parser.add_argument("--data", default=ROOT / ".." / "shared" / "data" / "train")
    parser.add_argument("-m", "--model", type=Path, default=ROOT / "models" / "osso-small")
    parser.add_argument("--tokenizer", type=Path, help="the model whose tokenizer makes the ids (MODEL)")
    parser.add_argument("--tokens", type=int, default=20000)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--kv-type", default="f16")
    args = parser.parse_args()
    text = args.text.read_text(encoding="utf-8") if args.text else held_out(args.data)
    text = text[: args.tokens * 8]
    ids = subprocess.run([OSSO, "tokenize", "-m", args.tokenizer or args.model], input=text, text=True, check=True, capture_output=True)
    ids = [int(i) for i in ids.stdout.split()][: args.tokens]
    kl, same, nll = [], 0, 0.0
    with tempfile.TemporaryDirectory() as name:
        for at in range(0, len(ids) - 1, args.context):
            window = ids[at : at + args.context]
            exact = logits(args.model, window, Path(name), "--exact")
            fast = logits(args.model, window, Path(name), "--kv-type", args.kv_type)
            kl.append((np.exp(exact) * (exact - fast)).sum(axis=1))
            same += int((exact.argmax(axis=1) == fast.argmax(axis=1)).sum())
            nll -= exact[np.arange(len(window) - 1), window[1:]].sum()
    kl = np.concatenate(kl)
    print(f"{len(kl)} tokens: KL mean {kl.mean():.2e}, median {np.median(kl):.2e}, 99.9 % {np.quantile(kl, 0.999):.2e}, "
          f"largest {kl.max():.2e}; same top id {100 * same / len(kl):.2f} %; exact {nll / len(kl):.3f} nats a token")


if __name__ == "__main__":
    main()
