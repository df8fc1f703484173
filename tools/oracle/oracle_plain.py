"""Checks models of the plain block against transformers' Mixtral and Llama, by the commands a person types.

    tools/oracle/oracle_plain.py [N] [--seed S]        (in the environment of tools/oracle/oracle_all.sh)

Each case is a fresh random tiny model as save_pretrained writes it (float32 or bfloat16, one file or several). `osso logits --exact` must
agree within 1e-4 of max(1, largest |logit|); `--dump-grads` within 1e-4 of each tensor's largest, losses of the router on; the losses of
ten AdamW steps within 1e-5 and their norms within 1e-4; what they trained and its exports as f32 and bf16 are opened by transformers and give
the logits of `osso logits --exact` within 1e-4. Rows on which a rounding error could change a choice of experts are drawn again.
"""
import argparse
import json
import os
import sys
import tempfile

import numpy as np
import torch
from transformers.utils import logging

from oracle import engine_logits
from oracle_train_verbs import OSSO, check_gradients, osso
from tiny_model import transformers_logits
from tiny_plain import opened, plain_model, random_plain, write_plain
from train_reference import file_tensors, steps

ROWS, STEPS, GAP, BALANCE, Z = 4, 10, 1e-4, 0.02, 0.001


def sure_case(rng, i, folder):
    """Model and rows in `folder`, PyTorch's numbers: drawn again until no choice of experts is close."""
    for _ in range(60):
        spec = random_plain(rng, i)
        ids = rng.integers(0, spec.vocab, (ROWS, int(rng.integers(8, 140)))).astype(np.int32)
        mask = (rng.random((ROWS, ids.shape[1] - 1)) < 0.7).astype(np.uint8)
        mask[:, -1] = 1
        docs = [(row.astype(np.int64), np.concatenate([[1], m]).astype(np.float32)) for row, m in zip(ids, mask)]
        lines, gradients, gap = steps(plain_model(spec), [docs[:ROWS // 2], docs[ROWS // 2:]], spec.top_k, STEPS, BALANCE, Z)
        if gap > GAP:
            write_plain(spec, plain_model(spec), folder)
            np.save(os.path.join(folder, "ids.npy"), ids)
            np.save(os.path.join(folder, "mask.npy"), mask)
            return spec, ids, lines, file_tensors(gradients)
    return None


def check_logits(folder, ids, scratch):
    got, problem = engine_logits(OSSO, folder, ids, scratch)
    if got is None:
        return np.inf, problem
    want = transformers_logits(opened(folder), ids)
    return float(np.abs(got - want).max() / max(1, np.abs(want).max())), ""


def check_steps(settings, folder, lines):
    out = os.path.join(folder, "run")
    osso("train", *settings, "--steps", STEPS, "--out", out, "--lr", "1e-3", "--schedule", "constant", "--eval-every", 0)
    log = [json.loads(line) for line in open(os.path.join(out, "log.jsonl"))]
    worst = max(abs(have[key] - want[k]) / max(1, abs(want[k]))
                for have, want in zip(log, lines) for k, key in enumerate(("loss", "balance_loss", "z_loss")))
    norms = max(abs(have["grad_norm"] - want[3]) / want[3] for have, want in zip(log, lines))
    wrong = [f"{len(log)} steps"] * (len(log) != STEPS) + [f"losses {worst:.1e}"] * (not worst <= 1e-5)
    return wrong + [f"norms {norms:.1e}"] * (not norms <= 1e-4), worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="?", type=int, default=6)
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
            spec, ids, lines, want = case
            prompt = ids[0].tolist()
            settings = ["--init", folder, "--data-ids", os.path.join(folder, "ids.npy"), "--data-mask", os.path.join(folder, "mask.npy"),
                        "--batch-size", ROWS // 2, "--grad-accum", 2, "--balance-coef", BALANCE, "--z-coef", Z, "-t", 1 + i % 3,
                        "--checkpointing=" + ("true" if i % 4 > 1 else "false")]
            logits, problem = check_logits(folder, prompt, folder)
            wrong, gradients = check_gradients(settings, folder, lines[0], want)
            more, losses = check_steps(settings, folder, lines)
            wrong += [problem or f"logits {logits:.1e}"] * (not logits <= 1e-4) + more
            trained = os.path.join(folder, "run", open(os.path.join(folder, "run", "latest")).read().strip())
            for kind in ("checkpoint", "f32", "bf16"):
                path = trained if kind == "checkpoint" else os.path.join(folder, kind)
                if kind != "checkpoint":
                    osso("export", trained, "-o", path, "--type", kind)
                error, problem = check_logits(path, prompt, folder)
                logits = max(logits, error)
                wrong += [problem or f"{kind} logits {error:.1e}"] * (not error <= 1e-4)
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok':5} plain case {i}: {'Llama' if spec.experts == 1 else 'Mixtral'}, {spec.layers} layers, {spec.top_k} of "
              f"{spec.experts} experts, {spec.store}, {'tied, ' if spec.tied else ''}logits {logits:.1e}, gradients {gradients:.1e}, "
              f"losses {losses:.1e} {'; '.join(wrong[:6])}", flush=True)
    print(f"plain: {args.cases - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return failed > 0 or skipped == args.cases


if __name__ == "__main__":
    sys.exit(main())
