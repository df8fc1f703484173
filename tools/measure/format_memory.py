#!/usr/bin/env python3
"""What memory each form of file costs beside the file: a model is mapped, so the process should hold it and little more.

    tools/measure/format_memory.py [--binary osso] [--folder FOLDER] [--layers 2] [--context 4096] [--threads N] [FORM...]

A model of 20b's widths, vocabulary and tokenizer with few layers, in each FORM: mxfp4-q8 (GGUF), a number format of format_speed.py in every
matrix, affine4 .. affine8-g32 (an MLX folder), or hf, mlx, original (osso convert --expand bf16). Of each one process that fills most of its
context (osso generate: a long prompt, then 32 tokens): its largest resident set, the file's bytes, the difference; to that come the keys and
values of the full layers that 20b has and this model has not. More than 300 MB beside the file makes the command fail. Last the CPU time
of a start: osso logits of one token."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from format_speed import AFFINE, FORMATS, config_20b, make, make_affine, remove

FOLDERS = ("hf", "mlx", "original")
MOST = 300e6
LAYERS, VOCABULARY = 24, 201088 # of 20b
POSITION = 2 * 8 * 64 * 2       # bytes of keys and values of a layer
TEXT = "The tall ship sailed north. " # 6 tokens


def measured(command):
    """(largest resident set in bytes, seconds of CPU time)"""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"format_memory: {' '.join(map(str, command))}\n{complaint}")
    return usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def file_bytes(path):
    return sum(p.stat().st_size for p in pathlib.Path(path).iterdir()) if os.path.isdir(path) else os.path.getsize(path)


def write(args, twin, form, path):
    if form in AFFINE:
        make_affine(args, twin, form, path)
    elif form in FORMATS:
        make(twin, form, path)
    else:
        subprocess.run([args.binary, "convert", twin, path, "--to", form, "--expand", "bf16", "--force"], check=True, capture_output=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/osso")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the models are made (5 GB)")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=2880, help="another one only tries the script")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("forms", nargs="*", metavar="FORM", help="default: mxfp4-q8, hf, mlx, original, every number format")
    args = parser.parse_args()
    twin, config = (os.path.join(args.folder, "format-memory" + end) for end in ("-twin.gguf", ".json"))
    pathlib.Path(config).write_text(json.dumps(config_20b(args.layers, VOCABULARY, args.width)))
    subprocess.run([args.binary, "synth", "--preset", config, "--force", twin], check=True)
    prompt, npy = (os.path.join(args.folder, "format-memory" + end) for end in (".txt", ".npy"))
    pathlib.Path(prompt).write_text(TEXT * ((args.context - 64) // 6))
    more = (LAYERS - args.layers) // 2 * args.context * POSITION
    failed = 0
    for form in args.forms or ["mxfp4-q8", *FOLDERS, *FORMATS, *AFFINE]:
        path = twin if form == "mxfp4-q8" else os.path.join(args.folder, f"format-memory-{form}" + (".gguf" if form in FORMATS else ""))
        if path != twin:
            write(args, twin, form, path)
        peak, _ = measured([args.binary, "generate", "-m", path, "-c", args.context, "-f", prompt, "-n", 32, "-t", args.threads])
        _, start = measured([args.binary, "logits", "-m", path, "--ids", "1", "-o", npy, "-t", args.threads])
        beside = peak - file_bytes(path) + more
        failed += beside > MOST
        print(f"{form:12} file {file_bytes(path) / 1e6:7.1f} MB, resident {peak / 1e6:7.1f} MB, beside the file {beside / 1e6:6.1f} MB, {more / 1e6:.0f} of them of layers that are not there; "
              f"a start and one token {start:.2f} s of CPU time", flush=True)
        if path != twin:
            remove(path)
    for path in (twin, config, prompt, npy):
        os.unlink(path)
    print(f"{failed} above {MOST / 1e6:.0f} MB beside the file")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
