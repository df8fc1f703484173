#!/usr/bin/env python3
"""The whole evaluation: osso eval all over a folder of task files, with a report as JSON, Markdown and HTML.

    tools/measure/eval_all.py DATA [-m MODEL] [-t 2] [--out FOLDER] [--limit N] [--exact] [--page]

DATA (or OSSO_EVAL_DATA) is a folder with the files that src/eval/tasks.def names. What is done is kept in FOLDER: a run that was ended goes
on from there when it is started again, and ends with the same samples, byte for byte, and the same scores. --estimate N runs the first N items
of each task and says how long all of them would take. --page writes the scores into the marked block of docs/evaluation.md; with a
report's file (--page build/eval/report.json) it does that alone."""
import argparse
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
OSSO = pathlib.Path(os.environ.get("OSSO_BIN", ROOT / "build/release/osso"))
BEGIN, END = "<!-- scores: tools/measure/eval_all.py --page -->", "<!-- end of scores -->"


def task_files():
    """(task, file) of tasks.def, those with a file of their own."""
    return re.findall(r'^TASK\((\w+), "([^"]+)"', (ROOT / "src/eval/tasks.def").read_text(), re.M)


def command(args, *more):
    result = [OSSO, "eval", "all", "--data", args.data, "-t", args.threads, *more]
    return list(map(str, result + (["-m", args.model] if args.model else []) + (["--exact"] if args.exact else [])))


def estimate(args):
    """Seconds of all items, task by task, from the first of each; wikitext's pages by their bytes."""
    total = 0
    for task, name in task_files():
        path = pathlib.Path(args.data, name)
        if not path.exists():
            continue
        call = command(args, "--limit", args.estimate, "--json")
        call[2] = task
        cpu = os.times()
        report = json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout)
        cpu = sum(os.times()[2:4]) - sum(cpu[2:4])
        row = report["results"][task]
        share = row["bytes"] / path.stat().st_size if "bytes" in row else row["n"] / sum(1 for line in open(path, "rb") if line.strip())
        total += report["run_seconds"] / share
        print(f"{task:16} {row['n']:6} items {report['run_seconds']:8.1f} s ({cpu:.1f} s of CPU), all: {report['run_seconds'] / share:8.0f} s "
              f"({cpu / share:.0f} s of CPU)", flush=True)
    print(f"all: about {total / 60:.1f} minutes")


def die_with_us():
    """Whoever kills this script with a signal that it cannot see means the evaluation (Linux)."""
    try:
        ctypes.CDLL(None).prctl(1, 9)
    except AttributeError:
        pass


def whole(report):
    """The scores of whole tasks, with their 95 % intervals: (task, score, value, half or None, n)."""
    rows = []
    for task, row in report["results"].items():
        if row["alias"] != task:
            continue
        if "error" in row:
            raise ValueError(f"{task} has failed: {row['error']}")
        for key, value in row.items():
            if "," in key and "_stderr" not in key:
                error = row.get(key.replace(",", "_stderr,"))
                rows.append((task, key, value, None if error is None else 1.96 * error, row["n"]))
    return rows


def block(report):
    """What docs/evaluation.md says of a whole run."""
    model, config = report["model"], report["config"]
    if config["limit"]:
        raise ValueError(f"this report is of the first {config['limit']} items only")
    lines = [BEGIN, f"`./run eval-all DATA --page`, {report['date'][:10]}: {model.get('name', 'the model')} (hash {model['hash']}, {model['parameters'] / 1e6:.1f} million "
             f"parameters, {model['active_parameters'] / 1e6:.1f} of them active, {', '.join(model['formats'])}), {'`--exact`, ' if config['exact'] else ''}"
             f"K and V {config['kv_type']}, windows of {config['max_length']}, on {report['machine'].strip()}: {report['seconds'] / 60:.1f} minutes, "
             f"{report['peak_bytes'] / 1e6:.0f} MB at most.", "", "| task | score | value | +- 95 % | n |", "|---|---|---:|---:|---:|"]
    for task, score, value, half, n in whole(report):
        shown = "-" if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:.6g}"
        lines.append(f"| {task} | `{score}` | {shown} | {'' if half is None else f'{half:.4f}' if half < 1000 else f'{half:.6g}'} | {n} |")
    return "\n".join(lines + [END])


def write_page(report, path):
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{path} has no block between {BEGIN} and {END}")
    head, rest = text.split(BEGIN)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(head + block(report) + rest.split(END)[1], encoding="utf-8")
    temporary.replace(path)


def page(report, path):
    try:
        write_page(report, path)
    except (ValueError, OSError) as why:
        sys.exit(f"eval-all: --page: {why}")
    print(f"{path}: written")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("data", nargs="?", default=os.environ.get("OSSO_EVAL_DATA"))
    p.add_argument("-m", "--model")
    p.add_argument("-t", "--threads", type=int, default=2)
    p.add_argument("--out", type=pathlib.Path, default=ROOT / "build/eval")
    p.add_argument("--limit", type=int)
    p.add_argument("--estimate", type=int)
    p.add_argument("--exact", action="store_true")
    p.add_argument("--page", nargs="?", const="", metavar="REPORT.json")
    p.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs/evaluation.md", help="the page with the block")
    args = p.parse_args()
    if args.page:
        return page(json.loads(pathlib.Path(args.page).read_text()), args.docs)
    if args.page is not None and args.limit:
        sys.exit("eval-all: --page is for whole tasks; leave --limit out")
    if not args.data or not pathlib.Path(args.data).is_dir():
        sys.exit(f"eval-all: {args.data or 'no folder'}: give the folder of the task files as argument or in OSSO_EVAL_DATA (which files: "
                 "src/eval/tasks.def); they are not part of this repository")
    if not any(pathlib.Path(args.data, name).exists() for _, name in task_files()):
        sys.exit(f"eval-all: {args.data} holds none of the task files that src/eval/tasks.def names")
    if args.estimate:
        return estimate(args)
    args.out.mkdir(parents=True, exist_ok=True)
    more = ["--samples", args.out / "samples.jsonl", "--report", args.out / "report.html", "--json"]
    start = time.monotonic()
    done = subprocess.run(command(args, *more, *(["--limit", args.limit] if args.limit else [])), stdout=subprocess.PIPE, preexec_fn=die_with_us)
    if done.returncode:
        sys.exit(done.returncode if done.returncode > 0 else 1)
    (args.out / "report.json").write_bytes(done.stdout)
    report = json.loads(done.stdout)
    for task, row in report["results"].items():
        for key, value in row.items():
            if isinstance(value, float) and "," in key and "_stderr" not in key:
                half = row.get(key.replace(",", "_stderr,"))
                print(f"{task:28} {key:28} {value:12.4f}" + (f" +- {1.96 * half:.4f}" if half is not None else "") + f"  n {row['n']}")
    print(f"{(time.monotonic() - start) / 60:.1f} minutes, {report['peak_bytes'] / 1e6:.0f} MB at most; reports in {args.out}")
    if args.page is not None:
        page(report, args.docs)


if __name__ == "__main__":
    main()
