#!/usr/bin/env python3
"""Whether thinking pays: python3 models/recipe/check_efforts.py [--model models/osso-small] [--osso build/osso] [-n 200]

Held-out two-digit sums and questions about a text after two moves, each asked at low, medium and high effort: exact answers,
and the difference of high and low, pair by pair, with its 95 % interval. Of the sums also where they go wrong: with and
without a carry, and at high effort which step of the work was the first wrong one. Exit status 1 where high is not at
least 15 points above low.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import family_numbers
import family_reading
from exchange import EFFORTS, HELD_OUT, Ask

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST_SEED = HELD_OUT + 10_000_000                      # beyond those of make_held_out.py
AT_LEAST = 15.0                                         # points
SETS = {"two-digit sums": family_numbers, "two moves": family_reading}


def questions(kind, count):
    """Different questions of a kind that open a draw: nothing was said before."""
    seed, out = FIRST_SEED, {}
    while len(out) < count:
        e = SETS[kind].draw(Ask(seed, "high"))[0]
        seed += 1
        if e.kind == kind:
            out.setdefault(e.user, e)
    return list(out.values())


def answers(a, exchanges):
    """{effort: [a line of --samples for each]}."""
    with tempfile.TemporaryDirectory() as folder:
        lines, samples = pathlib.Path(folder, "lines.jsonl"), pathlib.Path(folder, "samples.jsonl")
        lines.write_text("".join(json.dumps({"messages": [{"role": "user", "content": e.user}], "effort": effort, **e.check}) + "\n" for effort in EFFORTS for e in exchanges))
        done = subprocess.run([a.osso, "eval", "chat", "-m", a.model, "--data", lines, "--samples", samples], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(f"{a.osso} eval chat ended with {done.returncode}")
        rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    n = len(exchanges)
    return {effort: rows[i * n:(i + 1) * n] for i, effort in enumerate(EFFORTS)}


def paired(low, high):
    """Mean of high - low in points, and half its 95 % interval."""
    d = [100.0 * (h["acc"] - l["acc"]) for l, h in zip(low, high)]
    mean = sum(d) / len(d)
    return mean, 1.96 * (sum((x - mean) ** 2 for x in d) / max(1, len(d) - 1) / len(d)) ** 0.5


def share(rows):
    return 100.0 * sum(r["acc"] for r in rows) / max(1, len(rows))


def first_wrong_step(e, row):
    """Of a sum at high effort: the first part of what was thought that differs from the work."""
    if row["acc"]:
        return "none"
    thought = re.search(r"analysis<\|message\|>(.*?)<\|end\|>", row["text"], re.S)
    if not thought:
        return "no thought"
    want, got = (re.split(r"(?<=\.) ", text) for text in (e.think["high"], thought.group(1)))
    for name, w, g in zip(("copy of the sum", "ones", "tens"), want, got):
        if w != g:
            return name
    return "answer"


def tell_sums(exchanges, rows):
    def carries(e):
        return not re.search("(carry|borrow) 0", e.think["high"])
    for name, of in (("without carry", lambda e: not carries(e)), ("with carry", carries), ("+", lambda e: " + " in e.answer), ("-", lambda e: " - " in e.answer)):
        at = [i for i, e in enumerate(exchanges) if of(e)]
        print(f"  {name:14} ({len(at):3})  " + "  ".join(f"{effort} {share([rows[effort][i] for i in at]):5.1f}" for effort in EFFORTS))
    steps = collections.Counter(first_wrong_step(e, row) for e, row in zip(exchanges, rows["high"]))
    print("  first wrong step at high effort: " + ", ".join(f"{step} {n}" for step, n in steps.most_common() if step != "none"))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", default=str(ROOT / "models/osso-small"))
    p.add_argument("--osso", default=str(ROOT / "build/osso"))
    p.add_argument("-n", type=int, default=200)
    a = p.parse_args()
    kept = True
    for kind in SETS:
        exchanges = questions(kind, a.n)
        rows = answers(a, exchanges)
        more, interval = paired(rows["low"], rows["high"])
        kept = kept and more >= AT_LEAST
        print(f"{kind:15}  " + "  ".join(f"{effort} {share(rows[effort]):5.1f}" for effort in EFFORTS) +
              f"  high - low {more:+.1f} +- {interval:.1f}" + ("" if more >= AT_LEAST else f"  (less than {AT_LEAST:.0f})"))
        if kind == "two-digit sums":
            tell_sums(exchanges, rows)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
