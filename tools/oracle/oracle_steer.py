#!/usr/bin/env python3
"""A control vector that osso wrote, in llama.cpp: PEER_LLAMA=LLAMA tools/oracle/oracle_steer.py [--binary osso] [--model MODEL]

LLAMA is a checkout that was built (libraries in build/bin). `osso inspect steer` writes the direction from sad sentences to glad ones as
safetensors and as llama.cpp's GGUF; llama.cpp reads the second and adds it to MODEL, converted to GGUF, at strengths -2 to 2: the mean
log-probability of other glad sentences less that of sad ones must rise with each. osso must say the same with either file, and another
thing than without. Needs a C++ compiler; without PEER_LLAMA it is skipped."""
import argparse
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STRENGTHS = [-2, -1, 0, 1, 2]
GLAD = ["Lily was very happy. She smiled and laughed.", "The dog was happy and jumped for joy.", "Tom had a big smile on his face. He was so glad.",
        "They all laughed and had a lot of fun.", "The girl was so happy that she hugged her mom.", "It was a good day and everyone was happy."]
SAD = ["Lily was very sad. She cried and cried.", "The dog was sad and lay down alone.", "Tom had tears on his face. He was so upset.",
       "They all cried and were very scared.", "The girl was so sad that she cried to her mom.", "It was a bad day and everyone was sad."]
HELD_OUT = [["Sue was happy and smiled.", "The cat was very happy.", "He laughed with joy.", "Mom was happy and hugged him.", "She was glad and had fun.",
             "The boy smiled a big smile."],
            ["Sue was sad and cried.", "The cat was very sad.", "He cried with fear.", "Mom was sad and left him.", "She was upset and had tears.",
             "The boy cried a big tear."]]


def run(*args):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"oracle_steer: {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def untied(model, to):
    """A copy whose unembedding is a tensor of its own: llama.cpp's gpt-oss knows no other."""
    shutil.copytree(model, to)
    config = json.loads((to / "config.json").read_text())
    if not config.get("tie_word_embeddings"):
        return
    (to / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    data = (to / "model.safetensors").read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header, values = json.loads(data[8:8 + n]), data[8 + n:]
    embed = header["model.embed_tokens.weight"]
    begin, end = embed["data_offsets"]
    header["lm_head.weight"] = {**embed, "data_offsets": [len(values), len(values) + end - begin]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (to / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + values + values[begin:end])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/release/osso")
    parser.add_argument("--model", default=ROOT / "models/osso-small")
    parser.add_argument("--layers", default="2-4")
    args = parser.parse_args()
    llama = os.environ.get("PEER_LLAMA")
    if not llama:
        print("skip  steering in llama.cpp: PEER_LLAMA names no checkout that was built")
        return
    llama, osso, failed = pathlib.Path(llama).resolve(), args.binary, 0
    with tempfile.TemporaryDirectory(prefix="osso-steer-") as place:
        place = pathlib.Path(place)
        program, libs = place / "llama_steer", llama / "build/bin"
        run("c++", "-std=c++17", "-O1", *(f"-I{llama / x}" for x in ("include", "ggml/include", "common")), "-o", program, HERE / "llama_steer.cpp",
            f"-L{libs}", f"-Wl,-rpath,{libs}", f"-Wl,-rpath-link,{libs}", "-lllama-common", "-lllama", "-lggml", "-lggml-base")
        for name, texts in (("glad.txt", GLAD), ("sad.txt", SAD)):
            (place / name).write_text("\n".join(texts) + "\n")
        said = set()
        for name in ("v.gguf", "v.safetensors"):
            run(osso, "inspect", "steer", "-m", args.model, place / "glad.txt", place / "sad.txt", "--layers", args.layers, "-o", place / name)
            said.add(run(osso, "generate", "-m", args.model, "-p", "The dog was very", "-n", 24, "--temp", 0, "--steer", f"{place / name}:8"))
        plain = run(osso, "generate", "-m", args.model, "-p", "The dog was very", "-n", 24, "--temp", 0)
        good = len(said) == 1 and plain not in said
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'}  osso says the same with either file, and another thing than without")
        untied(args.model, place / "untied")
        run(osso, "convert", place / "untied", place / "model.gguf", "--to", "gguf")
        lines = [run(osso, "tokenize", "-m", args.model, "-p", text).split() for kind in HELD_OUT for text in kind]
        (place / "ids.txt").write_text("\n".join(map(" ".join, lines)) + "\n")
        rows = [[float(x) for x in line.split()] for line in run(program, place / "model.gguf", place / "v.gguf", place / "ids.txt", *STRENGTHS).splitlines()]
        n = len(HELD_OUT[0])
        differences = [(sum(row[:n]) - sum(row[n:])) / n for row in rows]
        good = len(differences) == len(STRENGTHS) and all(a < b for a, b in zip(differences, differences[1:]))
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'}  in llama.cpp glad less sad, mean log-probability: " + ", ".join(f"{s:+d}: {d:.3f}" for s, d in zip(STRENGTHS, differences)))
    print(f"{2 - failed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
