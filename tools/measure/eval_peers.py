#!/usr/bin/env python3
"""osso eval beside lm-evaluation-harness (HFLM, f32, eager) on the same items, in turns: seconds, CPU seconds, peak memory.

    PYTHON tools/measure/eval_peers.py DATA [--task hellaswag] [--limit 500] [--rounds 3] [--batches 1,8,32,64] [--threads 2] [--out FILE.csv]

PYTHON has lm_eval 0.4.13, torch and transformers (tools/golden/golden_eval.py, whose tasks these are). Each turn is a process of its own, so
loading counts for both; the first round finds the harness's best batch size, the others have that one alone. Ratios are of medians; who begins
changes from round to round. On a machine that does other work only the CPU seconds mean something."""
import argparse
import csv
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from compare_builds import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
OSSO = ROOT / "build/release/osso"
COLUMNS = ["date", "machine", "what", "task", "items", "round", "seconds", "cpu_seconds", "peak_mb"]


def timed(call, env=None):
    """(seconds, CPU seconds, peak MB, standard output) of a process."""
    start = time.monotonic()
    process = subprocess.Popen(list(map(str, call)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"exit {process.returncode}: {' '.join(map(str, call))}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out


def one_harness(args):
    """In a process of its own: the task through HFLM."""
    sys.path.insert(0, str(ROOT / "tools/golden"))
    import golden_eval
    golden_eval.torch.set_num_threads(args.threads)
    args.data = pathlib.Path(args.data)
    lm = golden_eval.load(args.model, 2048, int(args.one))
    _, results = golden_eval.harness(lm, args, [args.task], 0)
    print(json.dumps(results[args.task]))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("data")
    p.add_argument("--model", type=pathlib.Path, default=ROOT / "models/osso-small")
    p.add_argument("--task", default="hellaswag")
    p.add_argument("--limit", type=int, default=500)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--batches", default="1,8,32,64")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--out", type=pathlib.Path)
    p.add_argument("--one", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.one:
        return one_harness(args)
    common = ["eval", args.task, "-m", args.model, "--data", args.data, "--limit", args.limit, "-c", 2048, "-t", args.threads, "--no-history", "--json"]
    sides = {"osso": [OSSO, *common], "osso --exact": [OSSO, *common, "--exact"]}
    for batch in args.batches.split(","):
        sides[f"HFLM batch {batch}"] = [sys.executable, __file__, args.data, "--model", args.model, "--task", args.task, "--limit", args.limit,
                                        "--threads", args.threads, "--one", batch]
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    rows, scores = [], {}
    for number in range(args.rounds):
        for name in list(sides)[::-1] if number % 2 else list(sides):
            seconds, cpu, peak, out = timed(sides[name], env)
            result = json.loads(out.splitlines()[-1])
            scores[name] = result.get("results", {args.task: result})[args.task]["acc,none"]
            rows.append([datetime.date.today(), machine(), name, args.task, args.limit, number, round(seconds, 2), round(cpu, 2), round(peak)])
            print(f"round {number}  {name:16} {seconds:8.1f} s  {cpu:8.1f} s of CPU  {peak:6.0f} MB  acc {scores[name]:.4f}", flush=True)
        if number == 0:
            best = min((r for r in rows if r[2].startswith("HFLM")), key=lambda r: r[6])[2]
            sides = {name: call for name, call in sides.items() if name == best or name.startswith("osso")}
    if args.out:
        with open(args.out, "w", newline="") as f:
            csv.writer(f).writerows([COLUMNS, *rows])
    for column, what in ((6, "seconds"), (7, "CPU seconds")):
        median = {name: statistics.median(r[column] for r in rows if r[2] == name) for name in sides}
        for name in ("osso", "osso --exact"):
            print(f"{what}: {name} {median[name]:.1f}, {best} {median[best]:.1f}: {median[best] / median[name]:.1f} times as fast")


if __name__ == "__main__":
    main()
