#!/usr/bin/env python3
"""What training takes of memory, beside what `osso train --dry-run` says: the largest resident set of a few steps, by preset.

    tools/measure/train_memory.py [--binary osso] [--steps 3] [-t 2] [PRESET...]      base wide ultra_light light

Random ids, no tokenizer. ultra_light and light have GPT-2's 50,257 ids and rows of 1,024; light keeps its moments in bf16 and its activations
anew (checkpointing), else it is too large for 24 GiB. More than 5 % + 100 MB beside the dry run's figure makes the command fail. Tokens a second are the
last step's, and the hours an epoch of 2.4 million tokens takes at that speed (a quiet machine's, if it is one)."""
import argparse
import array
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# vocabulary, rows, tokens of a row, flags
PRESETS = {
    "base": (4096, 8, 512, []),
    "wide": (4096, 4, 512, []),
    "ultra_light": (50257, 4, 1024, []),
    "light": (50257, 4, 1024, ["--moments", "bf16", "--beta2", "0.98", "--checkpointing"]),
}


def write_ids(path, rows, tokens, vocab):
    """rows of tokens + 1 random ids, as numpy writes them."""
    r = random.Random(1)
    head = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({rows}, {tokens + 1}), }}".ljust(117) + "\n"
    ids = array.array("i", (r.randrange(vocab) for _ in range(rows * (tokens + 1))))
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + ids.tobytes())


def measured(command):
    """The largest resident set in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"train_memory: {' '.join(command)}\n{complaint}")
    return usage.ru_maxrss * 1024


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("presets", nargs="*", metavar="PRESET")
    p.add_argument("--binary", default=str(ROOT / "build/osso"))
    p.add_argument("--steps", type=int, default=3)
    p.add_argument("-t", "--threads", default="2")
    args = p.parse_args()
    unknown = [name for name in args.presets if name not in PRESETS]
    if unknown:
        p.error(f"{unknown[0]}: no such preset; there are {', '.join(PRESETS)}")
    bad = 0
    for name in args.presets or PRESETS:
        vocab, rows, tokens, flags = PRESETS[name]
        with tempfile.TemporaryDirectory() as folder:
            ids = pathlib.Path(folder) / "ids.npy"
            write_ids(ids, rows, tokens, vocab)
            command = [args.binary, "train", "--preset", name, "--data-ids", str(ids), "--seq-len", str(tokens), "--batch-size", str(rows),
                       "--steps", str(args.steps), "--save-every", "0", "--eval-every", "0", "-t", args.threads, "--out", f"{folder}/run", *flags]
            dry = subprocess.run([*command, "--dry-run"], check=True, capture_output=True, text=True).stdout
            said = float(re.search(r"in all +([\d.]+) GiB", dry)[1]) * 2 ** 30
            peak = measured(command)
            last = [json.loads(x) for x in open(f"{folder}/run/log.jsonl", encoding="utf-8")][-1]
        speed = last["tokens"] / last["seconds"]
        ok = abs(peak - said) <= 0.05 * said + 100e6
        bad += not ok
        print(f"{name}: {peak / 1e9:.2f} GB resident, {said / 1e9:.2f} said, {(peak - said) / 1e6:+.0f} MB{'' if ok else ': TOO FAR'}; {speed:.0f} tokens/s, "
              f"{2.4e6 / speed / 3600:.1f} hours for 2.4 M tokens", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
