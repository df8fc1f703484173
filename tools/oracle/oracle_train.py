"""Checks gradients and AdamW steps of the built trainer against PyTorch on fresh random models.

    tools/oracle/oracle_train.py [N] [--seed S] [--dtype bf16] [--preset base] [--steps 10]     (oracle_all.sh runs it among the others)

Each case is a random tiny gpt-oss with a few documents, dealt to one or two batches, losses of the router on. Every
tensor's gradient must agree within 1e-4 of its largest, the losses of ten steps within 1e-5, norms within 1e-4. What was
trained is opened by transformers, and its logits must be those of `osso logits --exact` within 1e-4. Documents on which a rounding error could change a choice of experts (router logits closer than 1e-4) are drawn again.

--preset base: cases of that preset's shapes instead of tiny ones, one step: after ten, losses of a model of so many large values are some
1e-3 apart, and whether rounding alone does that was not shown. --steps 100: so many steps, whose losses must agree within 1e-4, norms
within 1e-3.

With --dtype bf16 PyTorch rounds the factors of the same products, and one step is compared. Its sums have another order,
and where one ends on the other side of a rounding a factor differs by 2^-8 and gradients by some 1e-3: documents on which
PyTorch's own gradients move, when what it rounds does by a last bit or two (the weights, which no sum made, stay), are drawn
again. Then the same 1e-4 holds.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import GptOssForCausalLM
from transformers.utils import logging

from oracle import compare as compare_logits, engine_logits
from tiny_model import PLAIN, YARN, Spec, draw, transformers_logits, transformers_model, write_hf
from train_reference import documents, round_products, steps, write_documents

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DUMP = "build/release/tests/train/dump_train"
GAP, STEPS, NOISE = 1e-4, 10, 6e-7


def random_case(rng, i):
    pick = lambda *xs: xs[int(rng.integers(len(xs)))]
    kv_heads = pick(1, 2, 3)
    experts = pick(3, 4, 6)
    spec = Spec(name=f"train{i}", seed=int(rng.integers(1 << 31)), hidden=pick(32, 48, 64), inter=pick(32, 40), layers=pick(1, 2, 3),
                heads=kv_heads * pick(1, 2, 4), kv_heads=kv_heads, head_dim=pick(8, 16, 32), experts=experts,
                top_k=min(pick(1, 2, 4), experts), window=pick(1, 4, 16), vocab=pick(50, 128), limit=pick(7.0, 3.0),
                rope=pick(PLAIN, dict(YARN), dict(YARN, factor=8.0, original_max_position_embeddings=64)),
                tied=i % 2 == 1, store="f32", experts_store="dense")
    return spec, [int(n) for n in rng.choice([2, 9, 17, 40, 130], pick(1, 2, 3))], dict(
        batches=pick(1, 2), balance=0.02, z=0.001, kept=pick(0, 1), threads=pick(1, 2, 3))


def base_case(rng):
    """The shapes of the preset base."""
    spec = Spec(name="base", seed=int(rng.integers(1 << 31)), hidden=256, inter=256, layers=6, heads=4, kv_heads=2, head_dim=64, experts=8,
                top_k=2, window=128, vocab=4096, rope=dict(YARN), tied=True, store="f32", experts_store="dense")
    return spec, [int(n) for n in rng.choice([9, 17, 30], 2)], dict(batches=2, balance=0.02, z=0.001, kept=0, threads=2)


def sure_case(spec, lengths, keys, folder, bf16=False, n_steps=STEPS):
    """Model, documents and PyTorch's numbers; drawn again until no choice of experts is close."""
    for attempt in range(60):
        spec = replace(spec, seed=spec.seed + attempt)
        state, packed = draw(spec)
        write_hf(spec, folder, state, packed)
        docs = documents(np.random.default_rng(spec.seed), spec.vocab, spec.vocab - 2, lengths)
        n = min(keys["batches"], len(docs))
        batches = [docs[len(docs) * k // n:len(docs) * (k + 1) // n] for k in range(n)]
        model = transformers_model(folder, state)
        run = lambda m, count: steps(m, batches, spec.top_k, count, keys["balance"], keys["z"])
        if not bf16:
            lines, gradients, gap = run(model, n_steps)
        else:
            lines, gradients, gap = run(round_products(model), 0)
            noisy = (run(round_products(transformers_model(folder, state), NOISE), 0)[1] for _ in range(4))
            if gap > GAP and any(max(apart(gradients, moved).values()) > 2e-5 for moved in noisy):
                continue
        if gap > GAP:
            return docs, n, lines, gradients
    return None


def apart(want, have):
    return {name: float(np.abs(have[name] - x).max() / np.abs(x).max()) for name, x in want.items()}


def compare(folder, want, lines):
    """What is wrong, in words; and the worst of the gradients, the losses, the norms."""
    wrong, worst = [], [0.0, 0.0, 0.0]
    have = load_file(os.path.join(folder, "gradients.safetensors"))
    if have.keys() != want.keys():
        wrong.append(f"tensors {sorted(have.keys() ^ want.keys())}")
    for name, x in want.items():
        got = have.get(name, np.zeros(0, np.float32))
        error = float(np.abs(got - x).max() / np.abs(x).max()) if got.shape == x.shape else np.inf
        worst[0] = max(worst[0], error)
        if not error <= 1e-4:
            wrong.append(f"{name} {error:.1e}")
    for got, (loss, balance, z, norm) in lines:
        _, *have = map(float, got.split())
        worst[1] = max([worst[1]] + [abs(h - w) / max(1, abs(w)) for h, w in zip(have, (loss, balance, z))])
        worst[2] = max(worst[2], abs(have[3] - norm) / norm)
    most, most_norm = (1e-5, 1e-4) if len(lines) <= STEPS else (1e-4, 1e-3)
    return wrong + [f"losses {worst[1]:.1e}"] * (not worst[1] <= most) + [f"norms {worst[2]:.1e}"] * (not worst[2] <= most_norm), worst


def check_trained(folder, ids):
    """What is wrong with the folder of the trained model, in words."""
    trained = os.path.join(folder, "trained")
    model = GptOssForCausalLM.from_pretrained(trained, attn_implementation="eager").eval()
    model.config._experts_implementation = "eager"
    if model.dtype != torch.float32:
        return [f"opens as {model.dtype}"]
    got, problem = engine_logits(os.path.join(ROOT, "build/release/osso"), trained, ids, folder)
    if got is None:
        return [problem]
    ok, line = compare_logits(got, transformers_logits(model, ids))
    return [] if ok else ["trained: " + line]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="?", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--preset", choices=("base",))
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    args.steps = 1 if args.preset else args.steps
    bf16 = args.dtype == "bf16"
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    subprocess.run(["make", "-s", DUMP, "build/release/osso"], cwd=ROOT, check=True)
    print(f"seed {args.seed}")
    failed = skipped = 0
    for i in range(args.cases):
        rng = np.random.default_rng([args.seed, i])
        spec, lengths, keys = base_case(rng) if args.preset else random_case(rng, i)
        if bf16:  # the fewer the values, the fewer of them are close to a rounding
            lengths, spec = [min(n, 4) for n in lengths][:2], replace(spec, layers=min(spec.layers, 2))
        with tempfile.TemporaryDirectory() as folder:
            case = sure_case(spec, lengths, keys, folder, bf16, args.steps)
            if case is None:
                print(f"skip  case {i}: no seed without a close choice of experts or rounding", flush=True)
                skipped += 1
                continue
            docs, n, lines, want = case
            write_documents(os.path.join(folder, "docs.txt"), docs)
            done = subprocess.run([os.path.join(ROOT, DUMP), folder, os.path.join(folder, "docs.txt"), folder, f"steps={1 if bf16 else args.steps}"]
                                  + [f"{key}={value}" for key, value in dict(keys, batches=n, bf16=int(bf16)).items()],
                                  capture_output=True, text=True)
            wrong, worst = (compare(folder, want, list(zip(done.stdout.splitlines(), lines)))
                            if done.returncode == 0 else ([done.stderr.strip()], [np.inf] * 3))
            if done.returncode == 0:
                wrong += check_trained(folder, docs[0][0][:-1].tolist())
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok':5} train case {i}: {spec.layers} layers, {spec.top_k} of {spec.experts} experts, "
              f"{'tied, ' if spec.tied else ''}documents {lengths}, {n} batches: gradients {worst[0]:.1e}, "
              f"losses {worst[1]:.1e}, norms {worst[2]:.1e} {'; '.join(wrong[:6])}", flush=True)
    print(f"train: {args.cases - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return failed > 0 or skipped == args.cases


if __name__ == "__main__":
    sys.exit(main())
