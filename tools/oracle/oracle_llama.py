"""What osso wrote, opened by llama.cpp: oracle_llama.py LLAMA [--binary osso] [--model MODEL] [--ids 256] [TYPE...]

LLAMA is a checkout that was built (libraries in build/bin, or static ones). MODEL, a folder, without its YaRN (llama.cpp rounds the
bounds), is converted to GGUF as it is (--untie: llama.cpp knows no tied gpt-oss) and quantized to each TYPE; llama.cpp loads each and computes the logits of random ids, and so does `osso logits
--exact`. Allowed: a mean KL divergence of 5e-3 nats. Needs numpy and a C compiler; runs by itself, not as part of ./run oracle."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
TYPES = ["mxfp4-q8", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL", "BF16", "F16", "F32"]
LIMIT = 5e-3


def run(*args):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.strip()[-400:]}")


def build(llama, place):
    program, made = os.path.join(place, "llama_logits"), os.path.join(os.path.abspath(llama), "build")
    include = [f"-I{llama}/include", f"-I{llama}/ggml/include"]
    if os.path.exists(f"{made}/bin/libllama.so"):
        run("cc", "-O1", *include, "-o", program, os.path.join(HERE, "llama_logits.c"), f"-L{made}/bin", f"-Wl,-rpath,{made}/bin", f"-Wl,-rpath-link,{made}/bin",
            "-lllama", "-lggml", "-lggml-base")
        return program
    archives = [f"{made}/src/libllama.a", *(f"{made}/ggml/src/libggml{part}.a" for part in ("", "-cpu", "-base"))]
    run("cc", "-O1", *include, "-c", "-o", program + ".o", os.path.join(HERE, "llama_logits.c"))
    run("c++", "-o", program, program + ".o", "-Wl,--start-group", *archives, "-Wl,--end-group", "-fopenmp", "-ldl", "-pthread")
    return program


def without_yarn(model, place):
    """The same weights, at plain positions."""
    out = os.path.join(place, "plain")
    shutil.copytree(model, out)
    path = os.path.join(out, "config.json")
    config = json.load(open(path))
    json.dump(config | {"rope_scaling": {"rope_type": "default"}}, open(path, "w"))
    return out


def log_softmax(x):
    x = x.astype(np.float64)
    x -= x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("llama")
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/osso"))
    parser.add_argument("--model", default=os.path.join(ROOT, "models/osso-small"))
    parser.add_argument("--ids", type=int, default=256)
    parser.add_argument("types", nargs="*", metavar="TYPE")
    args = parser.parse_args()
    failed, kinds = 0, ["convert", *(args.types or TYPES)]
    with tempfile.TemporaryDirectory(prefix="osso-llama-") as place:
        model, program, ids = without_yarn(args.model, place), build(args.llama, place), os.path.join(place, "ids.txt")
        numbers = np.random.default_rng(7).integers(0, 4000, args.ids)
        open(ids, "w").write(",".join(map(str, numbers)) + "\n")
        for kind in kinds:
            path, raw, rows = (os.path.join(place, f"{kind}.{end}") for end in ("gguf", "raw", "npy"))
            try:
                if kind == "convert":
                    run(args.binary, "convert", model, path, "--to", "gguf", "--untie")
                else:
                    run(args.binary, "quantize", model, path, "--type", kind, "--untie", *(["--requantize"] if kind != "mxfp4-q8" else []))
                run(program, path, ids, raw)
                run(args.binary, "logits", "-m", path, "--ids", ids, "-o", rows, "--exact")
            except RuntimeError as error:
                print(f"FAIL  {kind}: {error}", flush=True)
                failed += 1
                continue
            ours = np.load(rows)
            a, b = log_softmax(ours), log_softmax(np.fromfile(raw, np.float32).reshape(ours.shape))
            kl = (np.exp(a) * (a - b)).sum(1)
            good = kl.mean() < LIMIT
            failed += not good
            print(f"{'ok   ' if good else 'FAIL '} {kind}: KL mean {kl.mean():.1e}, largest {kl.max():.1e}; same top id {100 * (a.argmax(1) == b.argmax(1)).mean():.1f} %",
                  flush=True)
    print(f"{len(kinds) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
