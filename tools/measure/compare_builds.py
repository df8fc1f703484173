#!/usr/bin/env python3
"""Two builds of osso in turns, on the same files: is the newer one as fast?

    tools/measure/compare_builds.py OLD NEW -m 20b.gguf [--text FILE] [--isa NAME] [--rounds 9] [--tests pp512,tg32,...] [--out ROWS.csv]

OLD and NEW are osso programs (build/release/osso of two work trees). Each round runs every test once with each build, and
who begins changes from round to round; every test has its own ratio NEW / OLD per round (above 1: the newer one is
faster), and the median of them is what counts. Tests: pp512 (a prompt), tg32 (generation), tg16x8 (8 sequences
together), start (exec to exit of generating one token), text (`osso tokenize` of --text, MB/s of user time).
One CSV row per round and test, appended to --out."""
import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

COLUMNS = "date,machine,old,new,isa,model,threads,test,round,first,unit,old_value,new_value,ratio".split(",")


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    field = lambda name: re.search(rf"^{name}\s*:\s*(.*)$", info, re.M)[1]
    return f"{field('model name').strip()} (family {field('cpu family')}, model {field('model')})"


def commit(program):
    """The newest commit of what the program is made of, in the work tree that it lies in."""
    root = pathlib.Path(program).resolve().parents[2]
    git = lambda *args: subprocess.run(["git", "-C", root, *args], capture_output=True, text=True).stdout.strip()
    parts = ("src", "include", "Makefile")
    return git("log", "-1", "--format=%h", "--", *parts) + ("-dirty" if git("status", "--porcelain", "--", *parts) else "")


def run(args, command):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OSSO_")}
    if args.isa:
        env["OSSO_ISA"] = args.isa
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"compare_builds: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def bench(args, program, *options):
    rows = json.loads(run(args, [program, "bench", "-m", args.model, "-r", "1", "-o", "json", *options]))
    return rows[-1]["avg_ts"]


def start(args, program):
    begin = time.perf_counter()
    run(args, [program, "generate", "-m", args.model, "-p", "Hello", "-n", "1", "--temp", "0"])
    return 1 / (time.perf_counter() - begin)


def text(args, program):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run(args, [program, "tokenize", "-f", args.text])
    return os.path.getsize(args.text) / 1e6 / (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)


TESTS = {
    "pp512": ("tok/s", lambda a, p: bench(a, p, "-p", "512", "-n", "0")),
    "tg32": ("tok/s", lambda a, p: bench(a, p, "-p", "0", "-n", "32")),
    "tg16x8": ("tok/s", lambda a, p: bench(a, p, "-p", "0", "-n", "16", "--parallel", "8")),
    "start": ("1/s", start),
    "text": ("MB/s", text),
}


def one_round(args, number, names, writer):
    for name in names:
        unit, measure = TESTS[name]
        value, order = {}, ("old", "new") if number % 2 else ("new", "old")
        for which in order:
            value[which] = measure(args, getattr(args, which))
        ratio = value["new"] / value["old"]
        args.ratios.setdefault(name, []).append((ratio, value["old"], value["new"]))
        row = [datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), machine(), args.commits[0],
               args.commits[1], args.isa or "best", os.path.basename(args.model), "default", name, number, order[0], unit,
               f"{value['old']:.4f}", f"{value['new']:.4f}", f"{ratio:.4f}"]
        if writer:
            writer.writerow(row)
        print(f"round {number} {name}: {value['old']:.2f} {value['new']:.2f} {unit}, ratio {ratio:.3f}", file=sys.stderr)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("old")
    ap.add_argument("new")
    ap.add_argument("-m", "--model", required=True)
    ap.add_argument("--text", help="a text file for the test text")
    ap.add_argument("--isa")
    ap.add_argument("--rounds", type=int, default=9)
    ap.add_argument("--tests", default="pp512,tg32,tg16x8,start")
    ap.add_argument("--out")
    args = ap.parse_args()
    args.ratios, args.commits = {}, (commit(args.old), commit(args.new))
    names = [n for n in args.tests.split(",") if n]
    unknown = [n for n in names if n not in TESTS]
    if unknown or ("text" in names and not args.text):
        ap.error(f"no test {', '.join(unknown)}; there are {', '.join(TESTS)}" if unknown else "the test text needs --text")
    file = open(args.out, "a", newline="") if args.out else None
    writer = csv.writer(file, lineterminator="\n") if file else None
    if writer and file.tell() == 0:
        writer.writerow(COLUMNS)
    for number in range(1, args.rounds + 1):
        one_round(args, number, names, writer)
        if file:
            file.flush()
    print("| test | old | new | ratio, median | lowest | highest | rounds |\n|---|---|---|---|---|---|---|")
    for name, found in args.ratios.items():
        ratios, old, new = ([f[i] for f in found] for i in range(3))
        print(f"| {name} ({TESTS[name][0]}) | {statistics.median(old):.2f} | {statistics.median(new):.2f} | "
              f"{statistics.median(ratios):.3f} | {min(ratios):.3f} | {max(ratios):.3f} | {len(ratios)} |")


if __name__ == "__main__":
    main()
