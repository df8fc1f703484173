#!/usr/bin/env python3
"""A training step beside PyTorch: osso and transformers' GptOss by turns, eager and compiled.

    ./run train-peers [--size base|wide] [--dtype f32|bf16] [--turns 5] [--out FILE.csv]
    ./run train-peers --table FILE.csv...

(This is make bench-train, tools/oracle/oracle_venv.sh and build/oracle/bin/python tools/measure/train_peers.py.) The models are bench/train.c's: `base`
(hidden 256, 6 layers, 8 experts top-2, vocab 4,096, 8 x 512 tokens a step) and `wide` (1,024, 4 x 512): forward, backward, clipping,
AdamW. A turn is a step of each, behind one that does not count. A peer is TYPE-HOW-EXPERTS: f32, bf16 (weights) or autocast (to
bf16, over f32 weights); eager or compiled (torch.compile, the loss included); the experts' products by grouped_mm or one by one
(eager). A peer that fails is left out, and said. Compiling takes a minute, later runs find it in torch's cache.

Wall clock for a quiet machine, CPU time of the whole process for one that is not. --out adds a row a step; --table prints medians
of what such files hold, so that turns may be taken in several runs.
"""
import argparse
import csv
import datetime
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from compare_builds import machine

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "release" / "bench" / "train"
VOCAB, LENGTH = 4096, 512
SIZES = {"base": dict(docs=8, hidden=256, heads=4, kv=2), "wide": dict(docs=4, hidden=1024, heads=16, kv=8)}
PEERS = {"f32": "f32-eager-grouped_mm,f32-compiled-grouped_mm,f32-compiled-eager",
         "bf16": "bf16-eager-grouped_mm,bf16-compiled-grouped_mm,autocast-compiled-grouped_mm,autocast-compiled-eager"}
COLUMNS = ["date", "machine", "commit", "model", "dtype", "threads", "turn", "who", "wall_ms", "cpu_ms"]


class Peer:
    """transformers' model, its optimizer, and how a step of it is run."""

    def __init__(self, name, size):
        import torch
        from transformers import GptOssConfig, GptOssForCausalLM
        kind, how, experts = name.split("-")
        shape = SIZES[size]
        torch.manual_seed(0)
        config = GptOssConfig(num_hidden_layers=6, hidden_size=shape["hidden"], intermediate_size=shape["hidden"], vocab_size=VOCAB,
                              num_attention_heads=shape["heads"], num_key_value_heads=shape["kv"], head_dim=64, num_local_experts=8,
                              num_experts_per_tok=2, sliding_window=128, max_position_embeddings=2048, tie_word_embeddings=True,
                              pad_token_id=None, layer_types=["sliding_attention", "full_attention"] * 3)
        config._attn_implementation = "eager"
        model = GptOssForCausalLM._from_config(config, dtype=torch.bfloat16 if kind == "bf16" else torch.float32,
                                               experts_implementation=experts).train()

        def loss(ids, targets):
            logits = model(input_ids=ids, use_cache=False).logits
            return torch.nn.functional.cross_entropy(logits.float().reshape(-1, VOCAB), targets.reshape(-1))

        self.torch, self.model = torch, model
        self.loss = torch.compile(loss) if how == "compiled" else loss
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
        self.ids = torch.randint(0, VOCAB, (shape["docs"], LENGTH + 1))
        self.context = (lambda: torch.autocast("cpu", torch.bfloat16)) if kind == "autocast" else nullcontext

    def step(self):
        """(wall clock, CPU time) in ms"""
        wall, cpu = time.monotonic(), time.process_time()
        self.optimizer.zero_grad()
        with self.context():
            loss = self.loss(self.ids[:, :-1], self.ids[:, 1:])
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return (time.monotonic() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def ours(args):
    out = subprocess.run([BENCH, args.size, str(args.threads), "1", args.isa, args.dtype, "whole"], check=True, capture_output=True,
                         text=True).stdout
    wall, cpu = re.search(r"a step, \d+ threads \(median of 1\): ([0-9.]+) ms.*CPU time ([0-9.]+) ms", out).groups()
    return float(wall), float(cpu)


def make(name, size):
    """A peer behind its first step; None where that fails."""
    began = time.monotonic()
    try:
        peer = Peer(name, size)
        peer.step()
        print(f"{name}: ready after {time.monotonic() - began:.0f} s", flush=True)
        return peer
    except Exception as error:  # whatever a compiler may throw
        print(f"{name}: left out, {type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}", flush=True)
        return None


def version(what):
    out = subprocess.run([ROOT / "build/release/osso", "--version"], capture_output=True, text=True).stdout
    found = re.search(rf"^{what}: (\S+)", out, re.M)
    return found[1] if found else ""


def table(rows):
    """Medians by model and type, and how many times as fast osso is as the best other."""
    cases = {}
    for row in rows:
        times = cases.setdefault((row["model"], row["dtype"]), {}).setdefault(row["who"], [])
        times.append((float(row["wall_ms"]), float(row["cpu_ms"])))
    print("| model, type | who | turns | ms a step (wall clock) | CPU time | osso is so many times as fast |\n|---|---|---|---|---|---|")
    for (model, dtype), found in cases.items():
        middle = {who: [statistics.median(t) for t in zip(*times)] for who, times in found.items()}
        for who, (wall, cpu) in sorted(middle.items(), key=lambda item: item[1]):
            ratio = f"{wall / middle['osso'][0]:.2f}" if "osso" in middle and who != "osso" else ""
            print(f"| {model}, {dtype} | {who} | {len(found[who])} | {wall:.0f} | {cpu:.0f} | {ratio} |")


def save(path, args, commit, turn, who, times):
    new = not path.exists()
    with open(path, "a", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([datetime.date.today().isoformat(), machine(), commit, args.size, args.dtype, args.threads, turn, who]
                        + [f"{t:.1f}" for t in times])


def one_turn(args, peers):
    """[(who, (wall clock, CPU time) in ms)]"""
    found = [("osso", ours(args))]
    for name, peer in peers.items():
        peer.step()
        found.append((name, peer.step()))
    return found


def measure(args):
    import torch
    torch.set_num_threads(args.threads)
    args.isa = args.isa or version("isa")
    commit = subprocess.run(["git", "rev-parse", "--short=8", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    print(f"{args.size}, {args.dtype}, {args.threads} threads, osso {args.isa}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}",
          flush=True)
    peers = {name: make(name, args.size) for name in (args.peers or PEERS[args.dtype]).split(",")}
    peers = {name: peer for name, peer in peers.items() if peer}
    rows = []
    for turn in range(1, args.turns + 1):
        for who, times in one_turn(args, peers):
            print(f"turn {turn}: {who} {times[0]:.0f} ms, CPU {times[1]:.0f}", flush=True)
            rows.append(dict(model=args.size, dtype=args.dtype, who=who, wall_ms=times[0], cpu_ms=times[1]))
            if args.out:
                save(args.out, args, commit, turn, who, times)
    table(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=sorted(SIZES), default="base")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--dtype", choices=sorted(PEERS), default="f32")
    parser.add_argument("--peers", help="TYPE-HOW-EXPERTS, separated by commas")
    parser.add_argument("--isa", help="the best that this CPU has")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path, nargs="+", metavar="FILE")
    args = parser.parse_args()
    if args.table:
        table([row for path in args.table for row in csv.DictReader(open(path))])
    else:
        measure(args)


if __name__ == "__main__":
    sys.exit(main())
