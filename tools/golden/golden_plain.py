"""Writes tests/golden/plain: tiny models of the plain block, and what transformers and PyTorch make of them in float32.

    build/oracle/bin/python tools/golden/golden_plain.py

mixtral, llama: a folder as save_pretrained writes it (Mixtral in bfloat16, two files, twelve experts), ids.txt and logits.npy
[rows, vocab] as in tests/golden/model; documents.txt, steps.txt and gradients.txt as in tests/golden/train. A seed is good when no
choice of experts is close and when leaving out any tensor moves the logits by ten tolerances of the tests.
"""
import os
import shutil
import sys
from dataclasses import replace

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "oracle"))
from tiny_model import transformers_logits, write_ids
from tiny_plain import Plain, opened, plain_model, write_plain
from train_reference import arena_tensors, documents, router_logits, steps, write_documents

GOLDEN = os.path.join(HERE, "..", "..", "tests", "golden", "plain")
SPECS = {"mixtral": Plain(experts=12, store="bfloat16", shard="100KB"),
         "llama": Plain(experts=1, top_k=1, inter=40, kv_heads=1, eps=1e-3, tied=True)}
LENGTHS, BALANCE, Z, STEPS, GAP, VALUES, N_IDS, TOLERANCE = (33, 2, 14, 20), 0.02, 0.001, 10, 1e-4, 12, 150, 1e-4


@torch.no_grad()
def shows_least(model, ids, logits):
    """How many tolerances of the tests the logits move when a tensor is left out, at least."""
    unit, least = TOLERANCE * max(1.0, np.abs(logits).max()), np.inf
    for name, p in model.named_parameters():
        kept = p.clone()
        p.fill_(1.0 if "norm" in name else 0.0)
        least = min(least, np.abs(transformers_logits(model, ids) - logits).max() / unit)
        p.copy_(kept)
    return least


def choice_gap(model, ids, top_k):
    gap = np.inf
    for logits in router_logits(model, ids)[1]:
        best = logits.detach().sort(-1, descending=True).values
        if top_k < best.shape[1]:
            gap = min(gap, float((best[:, top_k - 1] - best[:, top_k]).min()))
    return gap


def make(name, spec):
    folder = os.path.join(GOLDEN, name)
    for seed in range(1, 200):
        spec = replace(spec, seed=seed)
        model = plain_model(spec)
        ids = np.random.default_rng(seed).integers(0, spec.vocab, N_IDS).tolist()
        docs = documents(np.random.default_rng(seed), spec.vocab, spec.vocab - 1, LENGTHS)
        logits = transformers_logits(model, ids)
        gap, least = choice_gap(model, ids, spec.top_k), shows_least(model, ids, logits)
        if gap > GAP and least > 10:
            lines, gradients, gap = steps(plain_model(spec), [docs[:2], docs[2:]], spec.top_k, STEPS, BALANCE, Z)
        if gap > GAP and least > 10:
            break
    else:
        raise SystemExit(f"{name}: no seed is good enough")
    shutil.rmtree(folder, ignore_errors=True)
    write_plain(spec, model, folder)
    assert np.array_equal(transformers_logits(opened(folder), ids), logits)
    write_ids(os.path.join(folder, "ids.txt"), ids)
    np.save(os.path.join(folder, "logits.npy"), logits.astype(np.float32))
    write_documents(os.path.join(folder, "documents.txt"), docs)
    with open(os.path.join(folder, "steps.txt"), "w") as f:
        f.writelines(" ".join(f"{x:.9g}" for x in line) + "\n" for line in lines)
    rng = np.random.default_rng(seed)
    with open(os.path.join(folder, "gradients.txt"), "w") as f:
        for tensor, x in arena_tensors(gradients, plain=True).items():
            some = sorted(set(rng.integers(0, len(x), VALUES).tolist()) | {int(np.abs(x).argmax())})
            f.write(f"{tensor.replace('.', ' ')} {np.abs(x).max():.9g} {np.linalg.norm(x.astype(np.float64)):.9g} "
                    + " ".join(f"{i}:{x[i]:.9g}" for i in some) + "\n")
    print(f"{name}: seed {seed}, router gap {gap:.1e}, shows least {least:.0f} tolerances, losses {lines[0][0]:.4f} to {lines[-1][0]:.4f}")


def main():
    torch.set_num_threads(1)
    for name, spec in SPECS.items():
        make(name, spec)
    with open(os.path.join(GOLDEN, "README.md"), "w") as f:
        f.write("# Golden models of the plain block\n\nMade by `tools/golden/golden_plain.py` with transformers 5.23.0 and torch 2.13.0; do "
                "not edit. Its head comment says what the files are. Steps: two batches of two documents each, "
                f"balance {BALANCE}, z {Z}, AdamW as in `tests/golden/train`.\n")


if __name__ == "__main__":
    main()
