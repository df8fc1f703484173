"""Checks what `osso train` and `osso export` write against PyTorch, by the commands a person types.

    tools/oracle/oracle_train_verbs.py [N] [--seed S]        (in the environment of tools/oracle/oracle_all.sh)

Each case is a random tiny gpt-oss with data_ids and data_mask. `--dump-grads` must agree with transformers within 1e-4 of each tensor's
largest; what a few steps trained is exported as f32 and bf16, opened by transformers, and its logits are those of `osso logits --exact`
within 1e-4 x max(1, largest). The lr of every schedule in the log is that of its formula.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from transformers import GptOssForCausalLM
from transformers.utils import logging

from oracle import engine_logits
from oracle_train import GAP, random_case
from tiny_model import draw, transformers_logits, transformers_model, write_hf
from train_reference import steps

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OSSO = os.path.join(ROOT, "build/release/osso")
ROWS, LENGTH = 4, 24


def osso(*args):
    done = subprocess.run([OSSO, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"osso {' '.join(map(str, args))}: {done.stderr.strip()}")


def sure_case(rng, i, folder):
    """Model and rows in `folder`, PyTorch's loss and gradients: drawn again until no choice of experts is close."""
    for _ in range(60):
        spec, _, keys = random_case(rng, i)
        state, packed = draw(spec)
        write_hf(spec, folder, state, packed)
        ids = rng.integers(0, spec.vocab - 2, (ROWS, LENGTH + 1)).astype(np.int32)  # below the pad id: see train_reference.py
        mask = (rng.random((ROWS, LENGTH)) < 0.7).astype(np.uint8)
        mask[:, -1] = 1
        docs = [(row.astype(np.int64), np.concatenate([[1], m]).astype(np.float32)) for row, m in zip(ids, mask)]
        batches = [docs[:ROWS // 2], docs[ROWS // 2:]]
        lines, gradients, gap = steps(transformers_model(folder, state), batches, spec.top_k, 0, keys["balance"], keys["z"])
        if gap > GAP:
            np.save(os.path.join(folder, "ids.npy"), ids)
            np.save(os.path.join(folder, "mask.npy"), mask)
            return spec, keys, lines[0], gradients, ids
    return None


def check_gradients(settings, folder, line, want):
    path = os.path.join(folder, "gradients.safetensors")
    osso("train", *settings, "--steps", 1, "--dump-grads", path)
    have = load_file(path)
    with safe_open(path, "np") as f:
        loss = float(f.metadata()["loss"])
    wrong = [f"tensors {sorted(have.keys() ^ want.keys())[:4]}"] if have.keys() != want.keys() else []
    worst = max(float(np.abs(have[name] - x).max() / max(np.abs(x).max(), 1e-12)) if have[name].shape == x.shape else np.inf
                for name, x in want.items() if name in have)  # of an expert that nobody chose all are 0
    if not worst <= 1e-4:
        wrong.append(f"gradients {worst:.1e}")
    if not abs(loss - line[0]) <= 1e-5 * max(1, abs(line[0])):
        wrong.append(f"loss {loss} for {line[0]}")
    return wrong, worst


def check_exports(settings, folder, ids):
    out, wrong, worst = os.path.join(folder, "run"), [], 0.0
    osso("train", *settings, "--steps", 3, "--out", out, "--lr", "1e-3")
    for kind in ("f32", "bf16"):
        exported = os.path.join(folder, kind)
        osso("export", os.path.join(out, "latest"), "-o", exported, "--type", kind)
        model = GptOssForCausalLM.from_pretrained(exported, attn_implementation="eager", dtype=torch.float32).eval()
        model.config._experts_implementation = "eager"
        got, problem = engine_logits(OSSO, exported, ids, folder)
        if got is None:
            wrong.append(problem)
            continue
        want = transformers_logits(model, ids)
        error = float(np.abs(got - want).max() / max(1, np.abs(want).max()))
        worst = max(worst, error)
        if not error <= 1e-4:
            wrong.append(f"{kind} logits {error:.1e}")
    return wrong, worst


def formula(kind, t, n, warm, decay, peak, low):
    if t <= warm:
        return peak * t / warm
    p = (t - warm) / (n - warm) if kind != "wsd" else max(0, t - (n - decay)) / decay
    share = {"constant": 1, "cosine": (1 + math.cos(math.pi * p)) / 2}.get(kind, 1 - p)
    return peak if kind == "constant" else low + (peak - low) * share


def check_rates(settings, folder):
    wrong = []
    for kind in ("constant", "cosine", "linear", "wsd"):
        log = os.path.join(folder, f"{kind}.jsonl")
        osso("train", *settings, "--steps", 20, "--schedule", kind, "--warmup-steps", 4, "--decay-steps", 6, "--lr", "3e-4", "--min-lr", "1e-5",
             "--out", os.path.join(folder, kind), "--log", log, "--eval-every", 0)
        rates = [json.loads(line)["lr"] for line in open(log)]
        want = [formula(kind, t, 20, 4, 6, 3e-4, 1e-5) for t in range(1, 21)]
        if len(rates) != 20 or not all(math.isclose(a, b, rel_tol=1e-8) for a, b in zip(rates, want)):
            wrong.append(f"lr of {kind}: {rates}")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="?", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    print(f"seed {args.seed}")
    failed = skipped = 0
    for i in range(args.cases):
        with tempfile.TemporaryDirectory() as folder:
            case = sure_case(np.random.default_rng([args.seed, i]), i, folder)
            if case is None:
                print(f"skip  case {i}: no seed without a close choice of experts", flush=True)
                skipped += 1
                continue
            spec, keys, line, want, ids = case
            settings = ["--init", folder, "--data-ids", os.path.join(folder, "ids.npy"), "--data-mask", os.path.join(folder, "mask.npy"),
                        "--batch-size", ROWS // 2, "--grad-accum", 2, "--balance-coef", keys["balance"], "--z-coef", keys["z"], "-t", keys["threads"]]
            wrong, gradients = check_gradients(settings, folder, line, want)
            more, logits = check_exports(settings, folder, ids[0].tolist())
            wrong += more + (check_rates(settings, folder) if i == 0 else [])
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok':5} verbs case {i}: {spec.layers} layers, {spec.top_k} of {spec.experts} experts, "
              f"{'tied, ' if spec.tied else ''}gradients {gradients:.1e}, logits {logits:.1e} {'; '.join(wrong[:6])}", flush=True)
    print(f"verbs: {args.cases - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return failed > 0 or skipped == args.cases


if __name__ == "__main__":
    sys.exit(main())
