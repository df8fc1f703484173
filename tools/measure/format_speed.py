#!/usr/bin/env python3
"""Each number format beside MXFP4 + Q8_0, as speed: is a model in it about as fast?

    tools/measure/format_speed.py [--binary osso] [--folder FOLDER] [--isa avx2] [--threads N] [--rounds 5] [--layers 4]
                                  [--out ROWS.csv] [FORMAT...]

A model of 20b's widths with few layers and a vocabulary of 32,768 (`osso synth`) is the twin: MXFP4 experts, Q8_0 elsewhere. Of
its file a copy is made for each format, in which every matrix but the router has that format's blocks (formats of 256 values only where
a row holds whole ones; what does not fit takes Q5_0), with random codes and scales of a sane size; MLX's affine formats come from
`osso quantize`. Twin and copy run in
turns, each round both; the ratio is copy / twin of each round, and the median of them counts. At one row it is of tokens/s times the
weight bytes that a token reads, and of tokens/s; at 512 rows of tokens/s. One CSV row per format and test, appended to --out."""
import argparse
import csv
import datetime
import json
import os
import pathlib
import resource
import statistics
import struct
import shutil
import subprocess
import sys
import tempfile

# GGUF type, values and bytes of a block, where its f16 factors stand (codes are random).
FORMATS = {"Q4_0": (2, 32, 18, (0,)), "Q4_1": (3, 32, 20, (0, 2)), "Q5_0": (6, 32, 22, (0,)), "Q5_1": (7, 32, 24, (0, 2)), "Q8_0": (8, 32, 34, (0,)),
           "IQ4_NL": (20, 32, 18, (0,)), "Q2_K": (10, 256, 84, (80, 82)), "Q3_K": (11, 256, 110, (108,)), "Q4_K": (12, 256, 144, (0, 2)),
           "Q5_K": (13, 256, 176, (0, 2)), "Q6_K": (14, 256, 210, (208,)), "IQ4_XS": (23, 256, 136, (0,)), "MXFP4": (39, 32, 17, ()),
           "NVFP4": (40, 64, 36, ())}
MIXES = {"Q4_K_M": {"attn_output": "Q4_K", "attn": "Q5_0", "token_embd": "Q5_0", "output": "Q8_0", "exps": "MXFP4"}}
AFFINE = ("affine4", "affine4-g32", "affine8", "affine8-g32")
# Wanted of these are at least 80 and 65 % of the twin, of the mix 75 and 60 %, of all others 20 %.
NEAR = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", *AFFINE)
ALIGNMENT = 32
EXPERTS, PICKED = 32, 4


def read_gguf(path):
    """(bytes of the header before the tensors' table, [name, dims, type, offset], where data begins)."""
    data = pathlib.Path(path).open("rb").read(1 << 26)
    at = 24
    n_tensors, n_keys = struct.unpack_from("<QQ", data, 8)

    def text():
        nonlocal at
        n, = struct.unpack_from("<Q", data, at)
        at += 8 + n
        return data[at - n:at].decode("utf-8", "replace")

    def skip(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            inner, n = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(n):
                skip(inner)
        else:
            at += {0: 1, 1: 1, 7: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4}.get(kind, 8)
    for _ in range(n_keys):
        text()
        kind, = struct.unpack_from("<I", data, at)
        at += 4
        skip(kind)
    head, tensors = data[:at], []
    for _ in range(n_tensors):
        name = text()
        rank, = struct.unpack_from("<I", data, at)
        dims = struct.unpack_from(f"<{rank}Q", data, at + 4)
        kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * rank)
        at += 16 + 8 * rank
        tensors.append([name, dims, kind, offset])
    return head, tensors, -(-at // ALIGNMENT) * ALIGNMENT


def wanted(format, name, dims):
    """The format that a matrix gets."""
    if format in MIXES:
        mix = MIXES[format]
        return next(mix[part] for part in mix if (part in name if part != "output" else name.startswith("output")))
    return format if dims[0] % FORMATS[format][1] == 0 else "Q5_0"


def blocks(format, n):
    """n blocks as bytes: a megabyte or so of random ones, over and over."""
    kind, values, size, factors = FORMATS[format]
    some = bytearray(os.urandom(size * 4096))
    for b in range(4096):
        if format == "MXFP4":
            some[b * size] = 119 + some[b * size] % 3
        if format == "NVFP4":
            some[b * size:b * size + 4] = bytes(24 + x % 16 for x in some[b * size:b * size + 4])
        for i, at in enumerate(factors):
            some[b * size + at:b * size + at + 2] = struct.pack("<e", (-0.01, 0.002)[i == 0])
    return some, n * size


def make(twin, format, path):
    """The copy; returns the weight bytes that one token reads."""
    head, tensors, data_at = read_gguf(twin)
    source, table, plan, offset = open(twin, "rb"), b"", [], 0
    for name, dims, kind, old in tensors:
        n = 1
        for d in dims:
            n *= d
        if len(dims) > 1 and "ffn_gate_inp" not in name and kind in (8, 39):
            to = wanted(format, name, dims)
            what = blocks(to, n // FORMATS[to][1])
            kind = FORMATS[to][0]
        else:
            what = None, n * {0: 4, 1: 2, 30: 2}[kind]
        plan.append((name, what, old))
        table += struct.pack("<Q", len(name)) + name.encode() + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)
        offset += -(-what[1] // ALIGNMENT) * ALIGNMENT
    read = 0
    with open(path, "wb") as out:
        out.write(head + table)
        out.write(bytes(-out.tell() % ALIGNMENT))
        for name, (some, size), old in plan:
            begin = out.tell()
            if some is None:
                source.seek(data_at + old)
                out.write(source.read(size))
            while out.tell() - begin < size:
                out.write(some[:size - (out.tell() - begin)])
            out.write(bytes(-out.tell() % ALIGNMENT))
            read += 0 if "token_embd" in name else size * PICKED // EXPERTS if "exps" in name else size
    return read


def make_affine(args, twin, format, path):
    """The copy as an MLX folder; returns the weight bytes that one token reads."""
    subprocess.run([args.binary, "quantize", twin, path, "--type", format, "--requantize", "--force"], check=True, capture_output=True)
    read = 0
    for file in pathlib.Path(path).glob("*.safetensors"):
        with open(file, "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        for name, t in header.items():
            size = 0 if name == "__metadata__" or "embed_tokens" in name else t["data_offsets"][1] - t["data_offsets"][0]
            read += size * PICKED // EXPERTS if ".experts." in name else size
    return read


def remove(path):
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def bench(args, path, *options):
    """tokens/s by the clock, and tokens per second of CPU time."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OSSO_")} | ({"OSSO_ISA": args.isa} if args.isa else {})
    command = [args.binary, "bench", "-m", path, "-r", "1", "-o", "json", "-t", str(args.threads), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"format_speed: {' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout)[-1]["avg_ts"], 1 / (after.ru_utime - before.ru_utime)


def config_20b(layers, vocab, width):
    """gpt-oss-20b's config.json, with so many layers and ids, of this width."""
    return {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "num_hidden_layers": layers, "num_local_experts": EXPERTS,
            "num_experts_per_tok": PICKED, "hidden_size": width, "intermediate_size": width, "vocab_size": vocab, "num_attention_heads": 64,
            "num_key_value_heads": 8, "head_dim": 64, "sliding_window": 128, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5,
            "rope_theta": 150000, "swiglu_limit": 7.0, "tie_word_embeddings": False, "attention_bias": True,
            "layer_types": [("sliding_attention", "full_attention")[n % 2] for n in range(layers)],
            "rope_scaling": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
                             "original_max_position_embeddings": 4096}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/osso")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the models are made (4 GB)")
    parser.add_argument("--isa")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocab", type=int, default=32768)
    parser.add_argument("--width", type=int, default=2880, help="another one only tries the script: --width 256 --layers 1 --vocab 512 --rounds 1 --tests pp32,tg4")
    parser.add_argument("--tests", default="pp512,tg32")
    parser.add_argument("--out")
    parser.add_argument("--goals", action="store_true", help="only the formats of which more than 20 %% is wanted, and the mix Q4_K_M")
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help="default: all, and the mix Q4_K_M")
    args = parser.parse_args()
    twin = os.path.join(args.folder, "format-speed-twin.gguf")
    config = os.path.join(args.folder, "format-speed.json")
    pathlib.Path(config).write_text(json.dumps(config_20b(args.layers, args.vocab, args.width)))
    subprocess.run([args.binary, "synth", "--preset", config, "--force", twin], check=True)
    twin_bytes = weight_bytes(twin)
    rows = []
    for format in args.formats or ([*NEAR, *MIXES] if args.goals else [*FORMATS, *AFFINE, *MIXES]):
        path = os.path.join(args.folder, f"format-speed-{format}" + ("" if format in AFFINE else ".gguf"))
        read = (make_affine(args, twin, format, path) if format in AFFINE else make(twin, format, path))
        for test in args.tests.split(","):
            options = ["-p", test[2:], "-n", "0"] if test.startswith("pp") else ["-p", "0", "-n", test[2:]]
            wall, cpu = [], []
            for n in range(args.rounds):
                pair = {which: bench(args, which, *options) for which in ((twin, path), (path, twin))[n % 2]}
                wall.append(pair[path][0] / pair[twin][0])
                cpu.append(pair[path][1] / pair[twin][1])
            speed, by_bytes = statistics.median(wall), statistics.median(wall) * read / twin_bytes
            rows.append([datetime.date.today(), args.isa or "best", args.threads, format, test, f"{speed:.3f}", f"{by_bytes:.3f}" if test.startswith("tg") else "",
                         f"{statistics.median(cpu):.3f}"])
            if args.out:
                with open(args.out, "a", newline="") as f:
                    csv.writer(f).writerow(rows[-1])
            print(f"{format:11} {test}: {speed:.2f} of the twin's tokens/s" + (f", {by_bytes:.2f} of its bytes/s" if rows[-1][6] else "") +
                  f" ({statistics.median(cpu):.2f} by CPU time of the whole process)", flush=True)
        remove(path)
    remove(twin)


def weight_bytes(path):
    """The weight bytes that one token reads of a file as it is."""
    sizes = {f[0]: f[1:3] for f in FORMATS.values()} | {0: (1, 4), 1: (1, 2), 30: (1, 2)}
    total = 0
    for name, dims, kind, _ in read_gguf(path)[1]:
        n = 1
        for d in dims:
            n *= d
        size = n // sizes[kind][0] * sizes[kind][1]
        total += 0 if "token_embd" in name else size * PICKED // EXPERTS if "exps" in name else size
    return total


if __name__ == "__main__":
    main()
