#!/usr/bin/env python3
"""A large random model through all forms: hf, gguf, mlx, original and back to hf, with equal bytes of every tensor and equal configuration.

    tests/torture/convert_round.py [--binary osso] [--folder FOLDER] [--preset 120b] [--layers 1] [--forms gguf,mlx,original,hf]

Each form is removed as soon as the next stands, so the folder needs room for three times the model (120b with one layer: 13 GB). The
small models' round trip is in tests/e2e/test_convert.py; this one has tensors of a gigabyte, which nobody holds whole."""
import argparse
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

PIECE = 16 << 20


def tensors(folder):
    """name: (file, dtype, shape, begin, end) of every tensor, in bytes of the file."""
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        with open(file, "rb") as f:
            n = struct.unpack("<Q", f.read(8))[0]
            header = json.loads(f.read(n))
        header.pop("__metadata__", None)
        for name, t in header.items():
            begin, end = t["data_offsets"]
            found[name] = (file, t["dtype"], t["shape"], 8 + n + begin, 8 + n + end)
    return found


def same(a, b):
    if a[1:3] != b[1:3] or a[4] - a[3] != b[4] - b[3]:
        return False
    with open(a[0], "rb") as x, open(b[0], "rb") as y:
        x.seek(a[3])
        y.seek(b[3])
        for at in range(0, a[4] - a[3], PIECE):
            n = min(PIECE, a[4] - a[3] - at)
            if x.read(n) != y.read(n):
                return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/osso")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--preset", default="120b")
    parser.add_argument("--layers", default="1")
    parser.add_argument("--forms", default="gguf,mlx,original,hf")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="convert-round-", dir=args.folder) as name:
        place = pathlib.Path(name)
        start = at = place / "start"
        subprocess.run([args.binary, "synth", "--format", "hf", "--preset", args.preset, "--layers", args.layers, start], check=True)
        for i, form in enumerate(args.forms.split(",")):
            out = place / (f"{i}.gguf" if form == "gguf" else f"{i}")
            subprocess.run([args.binary, "convert", at, out, "--to", form], check=True, stdout=subprocess.DEVNULL)
            if at != start:
                shutil.rmtree(at) if at.is_dir() else at.unlink()
            at = out
            print(f"{form} stands", file=sys.stderr, flush=True)
        first, last = tensors(start), tensors(at)
        apart = sorted(first.keys() ^ last.keys()) + [n for n in sorted(first.keys() & last.keys()) if not same(first[n], last[n])]
        configs = [json.loads((folder / "config.json").read_text()) for folder in (start, at)]
        apart += [f"config.json: {key}" for key in sorted(configs[0].keys() & configs[1].keys()) if configs[0][key] != configs[1][key]]
        for name in apart:
            print(f"not equal: {name}")
        print(f"{len(first)} tensors, {len(apart)} not equal")
        return len(apart) > 0


if __name__ == "__main__":
    sys.exit(main())
