#!/usr/bin/env python3
"""The bundled model at each type, as a table in Markdown.

    tools/measure/quantized_table.py [--text FILE | --data FOLDER] [--bytes 16000] [--model MODEL] [--no-speed] [--rounds 5] [TYPE...]
    tools/measure/quantized_table.py --fill docs/converting.md [--model MODEL] [--rounds 5]

The second measures speed alone, of the rows of the table in that page, and writes its two columns there. Each type is that of
every matrix (MXFP4 experts included: --requantize); names as `osso quantize --type` has them. Without --text: the beginning of
the held-out documents of --data (models/recipe/corpus.py), shuffled with seed 1. `osso eval compare --exact` says how far, in nats, each token's distribution is from that of the model as it ships, how often the most likely
id is the same, and the bits per byte of the text; `osso bench` measures speed: the median of the rounds, in which the types take turns.
Bits a weight: all bytes of the tensors over all parameters."""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "recipe"))
import corpus

OSSO = os.environ.get("OSSO_BIN", str(ROOT / "build/release/osso"))
TYPES = ["mxfp4-q8", "F32", "BF16", "F16", "Q8_0", "Q6_K", "Q5_1", "Q5_0", "Q5_K", "Q4_1", "IQ4_NL", "Q4_0", "Q4_K",
         *(f"affine{bits}-g{group}" for bits in (8, 6, 5, 4) for group in (32, 64))]
COLUMNS = "| type | bytes | bits a weight | mean KL | 99.9 % | same top id | bits per byte |"
SPEEDS = " decode tok/s | prefill tok/s |"
SHIPPED = "as it ships"


def osso(*args):
    done = subprocess.run([OSSO, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"quantized_table: osso {' '.join(map(str, args))}: {done.stderr.strip()}")
    return done.stdout


def held_out(data, size):
    documents = [text for _, kept in corpus.load(str(data)).values() for text in kept]
    random.Random(1).shuffle(documents)
    return "\n\n".join(documents)[:size]


def make(model, kinds, place):
    models = {}
    for kind in kinds:
        models[kind] = model if kind == SHIPPED else place / (kind if kind.lower().startswith("affine") else f"{kind}.gguf")
        if kind != SHIPPED:
            osso("quantize", model, models[kind], "--type", kind, *(["--requantize"] if kind != "mxfp4-q8" else []))
    return models


def speed(model, *test):
    return json.loads(osso("bench", "-m", model, *test, "-r", "1", "-o", "json"))[-1]["avg_ts"]


def speeds(models, rounds):
    """The two cells of each: the types take turns."""
    decode, prefill = ({kind: [] for kind in models} for _ in range(2))
    for _ in range(rounds):
        for kind, model in models.items():
            decode[kind].append(speed(model, "-p", "0", "-n", "64"))
            prefill[kind].append(speed(model, "-p", "512", "-n", "0"))
    return {kind: f" {statistics.median(decode[kind]):.0f} | {statistics.median(prefill[kind]):.0f} |" for kind in models}


def quality(kind, model, shipped, text):
    info = json.loads(osso("info", model, "--json"))
    far = json.loads(osso("eval", "compare", "--exact", "--json", "--data", text, shipped, model))
    size, kl = info["bytes"]["total"], far["kl"]
    return (f"| {kind} | {size:,} | {8 * size / info['parameters']['total']:.2f} | {kl['mean']:.1e} | {kl['p99_9']:.1e} | "
            f"{100 * far['top1_agreement']:.1f} % | {far['b']['bits_per_byte']:.3f} |")


def fill(page, args, place):
    """The two columns of speed, in the table that the page has."""
    lines, n = page.read_text(encoding="utf-8").split("\n"), COLUMNS.count("|")
    first = next((i for i, line in enumerate(lines) if line.startswith(COLUMNS)), None)
    if first is None:
        sys.exit(f"quantized_table: {page} has no table that begins with {COLUMNS}")
    last = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
    row_of = {lines[i].split("|")[1].strip(): i for i in range(first + 2, last)}
    cells = speeds(make(args.model, row_of, place), args.rounds)
    for i, more in [(first, SPEEDS), (first + 1, "---|---|"), *((row_of[kind], cells[kind]) for kind in row_of)]:
        lines[i] = "|".join(lines[i].split("|")[:n]) + "|" + more
    page.write_text("\n".join(lines), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--data", default=ROOT / ".." / "shared" / "data" / "train")
    parser.add_argument("--bytes", type=int, default=16000, help="of the held-out documents")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/osso-small")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--fill", type=pathlib.Path, metavar="PAGE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("types", nargs="*", metavar="TYPE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="osso-table-") as folder:
        place = pathlib.Path(folder)
        if args.fill:
            return fill(args.fill, args, place)
        text = args.text or place / "text"
        if not args.text:
            text.write_text(held_out(args.data, args.bytes), encoding="utf-8")
        models = make(args.model, [SHIPPED, *(args.types or TYPES)], place)
        cells = {} if args.no_speed else speeds(models, args.rounds)
        print(COLUMNS + (SPEEDS if cells else ""))
        print("|---" * (COLUMNS.count("|") - 1) + "|" + ("---|---|" if cells else ""))
        for kind, model in models.items():
            print(quality(kind, model, args.model, text) + cells.get(kind, ""), flush=True)


if __name__ == "__main__":
    main()
