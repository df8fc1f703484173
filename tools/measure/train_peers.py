#!/usr/bin/env python3
"""A training step beside PyTorch: osso and transformers' GptOss by turns, eager and (where it compiles) compiled.

    make bench-train && build/oracle/bin/python tools/measure/train_peers.py [--threads 2] [--turns 5] [--dtype f32|bf16] [--isa avx2]

The model is bench/train.c's `base` (hidden 256, 6 layers, 8 experts top-2, vocab 4,096), a step 8 x 512 tokens: forward,
backward, clipping, AdamW. bf16: osso's dtype bf16 beside torch.autocast over f32 weights. A turn is a step of each; medians of
wall clock (for a quiet machine) and of CPU time of the whole process (which other programs disturb less). It ends after
--minutes (6) with the turns that it has; a compilation that takes longer than a third of that, or fails, is left out and said.
"""
import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from transformers import GptOssConfig, GptOssForCausalLM

BENCH = Path(__file__).resolve().parents[2] / "build" / "release" / "bench" / "train"
DOCS, LENGTH, VOCAB = 8, 512, 4096


class Peer:
    """transformers' model, its optimizer, and how a step of it is run."""

    def __init__(self, compiled, bf16):
        torch.manual_seed(0)
        config = GptOssConfig(num_hidden_layers=6, hidden_size=256, intermediate_size=256, vocab_size=VOCAB, num_attention_heads=4,
                              num_key_value_heads=2, head_dim=64, num_local_experts=8, num_experts_per_tok=2, sliding_window=128,
                              max_position_embeddings=2048, tie_word_embeddings=True, pad_token_id=None,
                              layer_types=["sliding_attention", "full_attention"] * 3)
        self.model = GptOssForCausalLM(config).float().train()
        self.run = torch.compile(self.model) if compiled else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
        self.ids = torch.randint(0, VOCAB, (DOCS, LENGTH + 1))
        self.context = (lambda: torch.autocast("cpu", torch.bfloat16)) if bf16 else nullcontext

    def step(self):
        """(wall clock, CPU time) in ms"""
        wall, cpu = time.monotonic(), time.process_time()
        self.optimizer.zero_grad()
        with self.context():
            logits = self.run(input_ids=self.ids[:, :-1], use_cache=False).logits
        torch.nn.functional.cross_entropy(logits.float().reshape(-1, VOCAB), self.ids[:, 1:].reshape(-1)).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return (time.monotonic() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def ours(args):
    out = subprocess.run([BENCH, "base", str(args.threads), "1", args.isa, args.dtype], check=True, capture_output=True, text=True).stdout
    wall, cpu = re.search(r"a step, \d+ threads \(median of 1\): ([0-9.]+) ms.*CPU time ([0-9.]+) ms", out).groups()
    return float(wall), float(cpu)


def too_long(*_):
    raise TimeoutError("it takes too long")


def make_compiled(args, seconds):
    """Compiled by its first step; None where that fails."""
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(int(seconds))
    try:
        began = time.monotonic()
        peer = Peer(True, args.dtype == "bf16")
        peer.step()
        print(f"compiled in {time.monotonic() - began:.0f} s", flush=True)
        return peer
    except Exception as error:  # whatever a compiler may throw
        print(f"compiled: left out, {type(error).__name__}: {str(error).splitlines()[0][:120]}", flush=True)
        return None
    finally:
        signal.alarm(0)


def best_isa():
    out = subprocess.run([BENCH.parents[1] / "osso", "--version"], capture_output=True, text=True).stdout
    return re.search(r"^isa: (\S+)", out, re.M)[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--isa", help="the best that this CPU has")
    parser.add_argument("--minutes", type=float, default=6)
    args = parser.parse_args()
    args.isa = args.isa or best_isa()
    end = time.monotonic() + args.minutes * 60
    torch.set_num_threads(args.threads)
    print(f"{args.dtype}, {args.threads} threads, osso {args.isa}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}", flush=True)
    peers = {"eager": Peer(False, args.dtype == "bf16")}
    peers["eager"].step()
    compiled = make_compiled(args, args.minutes * 20)
    if compiled:
        peers["compiled"] = compiled
    times = {name: [] for name in ["osso", *peers]}
    for turn in range(args.turns):
        began = time.monotonic()
        times["osso"].append(ours(args))
        for name, peer in peers.items():
            times[name].append(peer.step())
        print("; ".join(f"{name} {wall:.0f} ms, CPU {cpu:.0f}" for name, (*_, (wall, cpu)) in times.items()), flush=True)
        if time.monotonic() + (time.monotonic() - began) > end:
            print(f"the time is over after {turn + 1} of {args.turns} turns")
            break
    middle = {name: [statistics.median(values) for values in zip(*all_of)] for name, all_of in times.items()}
    for i, what in enumerate(("wall clock", "CPU time")):
        best = min(peers, key=lambda name: middle[name][i])
        print(f"medians of {what}: " + ", ".join(f"{name} {m[i]:.0f} ms" for name, m in middle.items())
              + f": osso is {middle[best][i] / middle['osso'][i]:.2f} times as fast as {best}")


if __name__ == "__main__":
    sys.exit(main())
