#!/usr/bin/env python3
"""What looking into a run costs, on a model of few layers of gpt-oss-20b's widths, as ratios of CPU time on one thread.

    tools/measure/inspect_cost.py [--layers 4] [--tokens 512] [--positions 48] [--rounds 5] [--stride 8] [--goals] [--memory] [--keep DIR]

capture: every residual of 512 tokens into a file, less writing as many bytes, beside the plain prompt (goal: 1.03).
patch: a map of all layers by 48 positions beside the same runs computed whole, one after another (goal: a third); of the
whole runs every --stride-th is run. memory: the most of RssAnon while osso inspect capture runs, beside what it said before, of residuals,
of attention weights and of logits (goal: 5 % or 8 MB); --memory: this alone. --goals: exit 1 where one is missed. The model (some GB) is made and removed, or kept
in --keep. Needs make bench-inspect."""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def memory(model, tokens, folder):
    """[{hooks, said, held}] in bytes"""
    found = []
    ids = ",".join(str((i * 7919 + 13) % 200000) for i in range(tokens))
    for hooks in (["hook_embed", "blocks.*.hook_resid_*"], ["blocks.*.attn.hook_pattern"], ["unembed.hook_out"]):
        run = subprocess.Popen([ROOT / "build/release/osso", "inspect", "capture", "-m", model, "--ids", ids, "-o", "memory.safetensors", "--json", *hooks],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder)
        held = 0
        while run.poll() is None:
            try:
                line = re.search(r"RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{run.pid}/status").read_text())
            except OSError:
                line = None
            held = max(held, int(line[1]) * 1024 if line else 0)
            time.sleep(0.002)
        if run.returncode:
            sys.exit("inspect_cost: osso inspect capture failed")
        found.append({"hooks": hooks, "said": json.loads(run.stdout.read())["memory_bytes"], "held": held})
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("layers", 4), ("tokens", 512), ("positions", 48), ("rounds", 5), ("stride", 8)):
        p.add_argument(f"--{name}", type=int, default=value)
    p.add_argument("--goals", action="store_true")
    p.add_argument("--memory", action="store_true")
    p.add_argument("--keep", type=pathlib.Path)
    args = p.parse_args()
    args.keep = args.keep and args.keep.resolve()  # the run has a folder of its own
    with tempfile.TemporaryDirectory(dir=args.keep) as temp:
        model = (args.keep or pathlib.Path(temp)) / f"20b-{args.layers}.gguf"
        if not model.exists():
            subprocess.run([ROOT / "build/release/osso", "synth", "--preset", "20b", "--layers", str(args.layers), model], check=True)
        found = {"memory": memory(model, args.tokens, temp)}
        if not args.memory:
            done = subprocess.run([ROOT / "build/release/bench/inspect", model, *map(str, (args.tokens, args.positions, args.rounds, args.stride))],
                                  stdout=subprocess.PIPE, text=True, cwd=temp)
            if done.returncode:
                sys.exit("inspect_cost: the run failed")
            found.update(json.loads(done.stdout))
    print(json.dumps(found, indent=1))
    missed = [f"{' '.join(m['hooks'])}: {m['held']} bytes of memory held, said were {m['said']}" for m in found["memory"]
              if abs(m["held"] - m["said"]) > max(m["said"] * 0.05, 8e6)]
    c, m = found.get("capture"), found.get("patch")
    missed += [f"a capture costs {c['ratio']:.3f} of the plain prompt (1.03)"] if c and c["ratio"] > 1.03 else []
    missed += [f"a patch map costs {m['ratio']:.3f} of whole runs (0.333)"] if m and m["ratio"] > 1 / 3 else []
    missed += [f"the file has {c['bytes']} bytes, said were {c['bytes_said']}"] if c and c["bytes"] != c["bytes_said"] else []
    for words in missed:
        print(f"inspect_cost: {words}", file=sys.stderr)
    sys.exit(1 if args.goals and missed else 0)


if __name__ == "__main__":
    main()
