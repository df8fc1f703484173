#!/usr/bin/env python3
"""CPU time of a training step: osso and transformers' GptOss in float32, by turns.

    make bench-train && build/oracle/bin/python tools/measure/train_peers.py [--threads 2] [--turns 5] [--compile] [--isa avx2]

The model is bench/train.c's `base` (hidden 256, 6 layers, 8 experts top-2, vocab 4,096), a step 8 x 512 tokens: forward,
backward, clipping, AdamW. CPU time of the whole process, so that other programs disturb little; medians of the turns.
"""
import argparse
import re
import statistics
import subprocess
import time
from pathlib import Path

import torch
from transformers import GptOssConfig, GptOssForCausalLM

BENCH = Path(__file__).resolve().parents[2] / "build" / "release" / "bench" / "train"


def make(compiled):
    torch.manual_seed(0)
    config = GptOssConfig(num_hidden_layers=6, hidden_size=256, intermediate_size=256, vocab_size=4096, num_attention_heads=4,
                          num_key_value_heads=2, head_dim=64, num_local_experts=8, num_experts_per_tok=2, sliding_window=128,
                          max_position_embeddings=2048, tie_word_embeddings=True, pad_token_id=None,
                          layer_types=["sliding_attention", "full_attention"] * 3)
    model = GptOssForCausalLM(config).float().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
    ids = torch.randint(0, 4096, (8, 513))
    return (torch.compile(model) if compiled else model), model, optimizer, ids


def step(run, model, optimizer, ids):
    optimizer.zero_grad()
    logits = run(input_ids=ids[:, :-1], use_cache=False).logits
    torch.nn.functional.cross_entropy(logits.reshape(-1, 4096), ids[:, 1:].reshape(-1)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--isa")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    peer = make(args.compile)
    step(*peer)
    ours, theirs = [], []
    for _ in range(args.turns):
        out = subprocess.run([BENCH, "base", str(args.threads), "1"] + ([args.isa] if args.isa else []), check=True,
                             capture_output=True, text=True).stdout
        ours.append(float(re.search(r"CPU time ([0-9.]+) ms", out)[1]))
        start = time.process_time()
        step(*peer)
        theirs.append((time.process_time() - start) * 1e3)
        print(f"osso {ours[-1]:.0f} ms, transformers {theirs[-1]:.0f} ms", flush=True)
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"medians of CPU time: osso {a:.0f} ms, transformers {b:.0f} ms: {b / a:.2f} times")


if __name__ == "__main__":
    main()
