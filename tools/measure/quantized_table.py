#!/usr/bin/env python3
"""The bundled model at each type, as a table in Markdown: quantized_table.py TEXT [TYPE...]

TEXT is held out: its first 1,000 tokens are scored. Each type is that of every matrix (MXFP4 experts included: --requantize). KL divergence,
in nats, of each position's distribution from the model as it ships, both exact; speeds by osso bench."""
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OSSO, MODEL = os.environ.get("OSSO_BIN", str(ROOT / "build/release/osso")), ROOT / "models/osso-small"
TYPES = ["mxfp4-q8", "F32", "BF16", "F16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "IQ4_NL", "Q4_0", "affine8", "affine6", "affine5", "affine4"]
TOKENS = 1000


def osso(*args):
    return subprocess.run([OSSO, *map(str, args)], check=True, capture_output=True, text=True).stdout


def logits(model, ids, place):
    out = place / "rows.npy"
    osso("logits", "-m", model, "--ids", ",".join(ids), "-o", out, "--exact")
    data = out.read_bytes()
    at = 10 + struct.unpack_from("<H", data, 8)[0]
    n = (len(data) - at) // 4 // len(ids)
    return [struct.unpack_from(f"<{n}f", data, at + 4 * n * i) for i in range(len(ids))]


def log_softmax(row):
    top = max(row)
    total = top + math.log(sum(math.exp(x - top) for x in row))
    return [x - total for x in row]


def speeds(model):
    rows = json.loads(osso("bench", "-m", model, "-p", "256", "-n", "32", "-r", "3", "-o", "json"))
    rows = rows if isinstance(rows, list) else rows["results"]
    find = lambda key: next((r for r in rows if key in json.dumps(r.get("test", r))), {})
    return [find(k).get("tokens_per_second", find(k).get("avg_ts", float("nan"))) for k in ("tg", "pp")]


def main():
    text, types = sys.argv[1], sys.argv[2:] or TYPES
    place = pathlib.Path(tempfile.mkdtemp(prefix="osso-table-"))
    ids = osso("tokenize", "-m", MODEL, "-f", text).split()[:TOKENS]
    spoken = osso("detokenize", "-m", MODEL, ",".join(ids[1:]))
    base = [log_softmax(r) for r in logits(MODEL, ids, place)]
    parameters = json.loads(osso("info", MODEL, "--json"))["parameters"]
    print("| type | bytes | bits a weight | mean KL | 99.9 % | same top id | bits per byte | decode tok/s | prefill tok/s |\n|---|---|---|---|---|---|---|---|---|")
    for kind in ["as it ships", *types]:
        out = MODEL
        if kind != "as it ships":
            out = place / f"{kind}.gguf" if not kind.startswith("affine") else place / kind
            osso("quantize", MODEL, out, "--type", kind, *(["--requantize"] if kind != "mxfp4-q8" else []))
        files = [out] if out.is_file() else sorted(out.glob("*.safetensors"))
        rows = [log_softmax(r) for r in logits(out, ids, place)]
        kl = sorted(sum(math.exp(p) * (p - q) for p, q in zip(a, b)) for a, b in zip(base, rows))
        same = sum(a.index(max(a)) == b.index(max(b)) for a, b in zip(base, rows)) / len(rows)
        bits = -sum(r[int(i)] for r, i in zip(rows, ids[1:])) / math.log(2) / len(spoken.encode())
        size = sum(f.stat().st_size for f in files)
        print(f"| {kind} | {size:,} | {8 * size / parameters:.2f} | {sum(kl) / len(kl):.1e} | {kl[int(len(kl) * .999)]:.1e} | {100 * same:.1f} % | {bits:.3f} | "
              + " | ".join(f"{s:.0f}" for s in speeds(out)) + " |", flush=True)


if __name__ == "__main__":
    main()
