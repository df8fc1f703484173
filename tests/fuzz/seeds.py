#!/usr/bin/env python3
"""Small models in every form that osso reads, as fuzz_gguf and fuzz_model take them: tests/fuzz/seeds.py [CORPUS]

Writes CORPUS/gguf and CORPUS/model (tests/fuzz/corpus). Headers and configurations only: the weights are zeros, which the targets
add, so that a form is a few kilobytes. Needs a built osso."""
import functools
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import checkpoints
import ollama_forms
from harness import OSSO, TEMP

PLACES = ["config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json", *checkpoints.SHARDS, "tokenizer.json",
          "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json", "metadata.gguf", "original/config.json", "original/model.safetensors",
          *(f"m-0000{i}-of-00003.gguf" for i in (1, 2, 3))]
SHAPES = dict(model_type="gpt_oss", num_hidden_layers=1, hidden_size=256, intermediate_size=256, vocab_size=32, sliding_window=128, num_attention_heads=4,
              num_key_value_heads=2, head_dim=64, num_local_experts=2, num_experts_per_tok=1, rope_theta=150000.0, max_position_embeddings=131072,
              rope_scaling=dict(rope_type="yarn", factor=32.0, beta_fast=32.0, beta_slow=1.0, truncate=False, original_max_position_embeddings=4096))
GGML = {"F32": (0, 1, 4), "F16": (1, 1, 2), "BF16": (30, 1, 2), "Q8_0": (8, 32, 34), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22),
        "Q5_1": (7, 32, 24), "IQ4_NL": (20, 32, 18), "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176),
        "Q6_K": (14, 256, 210), "IQ4_XS": (23, 256, 136), "MXFP4": (39, 32, 17), "NVFP4": (40, 64, 36)}
WIDTH = {"BF16": 2, "F16": 2, "F32": 4, "U8": 1, "U32": 4}
MATRICES = ("q_proj.weight", "k_proj.weight", "v_proj.weight", "o_proj.weight", "embed_tokens.weight", "lm_head.weight", "gate_proj.weight", "up_proj.weight",
            "down_proj.weight", "router.weight")


def osso(*args):
    subprocess.run([OSSO, *map(str, args)], check=True, capture_output=True)


@functools.cache
def synth(form):
    shapes, out = TEMP / "shapes.json", TEMP / form
    shapes.write_text(json.dumps(SHAPES))
    osso("synth", out, "--format", form, "--preset", shapes)
    return out


# ---- a GGUF file: its header, and how many zeros follow ---------------------------------------------------------


def value_end(data, at, kind):
    if kind == checkpoints.STRING:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind != checkpoints.ARRAY:
        return at + checkpoints.WIDTH[kind]
    inner, n = struct.unpack_from("<IQ", data, at)
    at += 12
    for _ in range(n):
        at = value_end(data, at, inner)
    return at


def header(data):
    """Without its tensors."""
    at, (n_tensors, n_keys) = 24, struct.unpack_from("<QQ", data, 8)
    for _ in range(n_keys):
        at += 8 + struct.unpack_from("<Q", data, at)[0]
        at = value_end(data, at + 4, struct.unpack_from("<I", data, at)[0])
    for _ in range(n_tensors):
        at += 8 + struct.unpack_from("<Q", data, at)[0]
        at += 16 + 8 * struct.unpack_from("<I", data, at)[0]
    return data[:(at + 31) // 32 * 32]


def cut(data):
    head = header(data)
    return struct.pack("<I", len(data) - len(head)) + head


def retyped(tensors, kinds):
    """Every matrix of one of these types, in turn."""
    out, turn = {}, 0
    for name, (dims, kind, data) in tensors.items():
        if len(dims) > 1 and name.endswith(".weight") and "ffn_gate_inp" not in name:
            kind, block, size = GGML[kinds[turn % len(kinds)]]
            data, turn = bytes(math.prod(dims) // block * size), turn + 1
        out[name] = [dims, kind, data]
        if kind == GGML["NVFP4"][0]:
            out[name.removesuffix(".weight") + ".scale"] = [[dims[2] if len(dims) > 2 else 1], 0, bytes(4 * (dims[2] if len(dims) > 2 else 1))]
    return out


def ggufs(vocabulary):
    data = synth("gguf").read_bytes()
    keys, tensors = checkpoints.read_gguf(data)
    seeds = {f"types-{i}": cut(checkpoints.gguf(keys, retyped(tensors, kinds))) for i, kinds in enumerate(
        (["Q4_0", "Q4_1", "Q5_0"], ["Q5_1", "IQ4_NL", "Q8_0"], ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"], ["F32", "BF16", "F16"], ["Q8_0", *["NVFP4"] * 7]))}
    seeds |= {f"ollama-{which}": cut(ollama_forms.generation(data, which)) for which in "ab"}
    return seeds | {"tokens": cut(checkpoints.gguf(keys | vocabulary, tensors))}


def parts(keys, tensors):
    """A model in three files."""
    names = sorted(tensors)
    for i in range(3):
        own = {"split.no": (2, struct.pack("<H", i)), "split.count": (2, struct.pack("<H", 3)), "split.tensors.count": (5, struct.pack("<i", len(names)))}
        yield cut(checkpoints.gguf((keys if i == 0 else {}) | own, {name: tensors[name] for name in names[i::3]}))


# ---- a folder: its files one after the other, weights as headers ------------------------------------------------


def file(name, data, zeros=0, bare=False):
    assert len(data) < 65536, (name, len(data))
    return struct.pack("<BHI", PLACES.index(name) | (16 if bare else 0), len(data), zeros) + data


def weights(name, tensors):
    """tensors: {name: (type, shape)}"""
    head, at = {}, 0
    for key, (kind, shape) in tensors.items():
        end = at + WIDTH[kind] * math.prod(shape)
        head[key], at = {"dtype": kind, "shape": shape, "data_offsets": [at, end]}, end
    return file(name, json.dumps(head, separators=(",", ":")).encode(), at, bare=True)


def opened(folder):
    """(tensors, configuration)"""
    data = (folder / "model.safetensors").read_bytes()
    return ({name: t[:2] for name, t in checkpoints.read_safetensors(data).items()}, (folder / "config.json").read_bytes())


def in_mlx(plain, config, bits, group, own=None):
    """A BF16 model in MLX's affine codes; own: (module, bits, group), or False for one left alone."""
    out, said = {}, {"group_size": group, "bits": bits, "mode": "affine"}
    for name, (kind, shape) in plain.items():
        module, b, g = name.removesuffix(".weight"), bits, group
        if own and own[0] in name:
            b, g = own[1:] or (0, 0)
            said[module] = {"group_size": g, "bits": b} if b else False
        if not name.endswith(MATRICES) or not b:
            out[name] = (kind, shape)
            continue
        out[name] = ("U32", [*shape[:-1], shape[-1] * b // 32])
        for part in ("scales", "biases"):
            out[f"{module}.{part}"] = (kind, [*shape[:-1], shape[-1] // g])
    return weights("model.safetensors", out) + file("config.json", json.dumps(json.loads(config) | {"quantization": said}).encode())


def convert(folder, to):
    out = TEMP / f"{folder.name}-{to}"
    osso("convert", folder, out, "--to", to)
    return out


def models(texts, vocabulary):
    hf = synth("hf")
    tensors, config = opened(hf)
    seeds = {"hf": weights("model.safetensors", tensors) + file("config.json", config) + file("generation_config.json", b'{"temperature": 0.7, "eos_token_id": [3, 4]}')}
    halves = [dict(list(tensors.items())[i::2]) for i in range(2)]
    index = {"metadata": {"total_size": 1}, "weight_map": {name: checkpoints.SHARDS[i] for i in range(2) for name in halves[i]}}
    seeds["shards"] = file("config.json", config) + b"".join(weights(checkpoints.SHARDS[i], halves[i]) for i in range(2)) + \
        file("model.safetensors.index.json", json.dumps(index).encode())
    seeds["texts"] = weights("model.safetensors", tensors) + file("config.json", config) + b"".join(file(*t) for t in texts.items())
    metadata = checkpoints.gguf({"some.key": checkpoints.string("kept"), "other.list": checkpoints.numbers([1, 2])}, {})
    seeds["metadata"] = seeds["hf"] + file("metadata.gguf", metadata)
    tensors, config = opened(convert(hf, "original"))
    for below in ("", "original/"):
        seeds[f"original{'-below' if below else ''}"] = weights(below + "model.safetensors", tensors) + file(below + "config.json", config)
    tensors, config = opened(convert(hf, "mlx"))
    seeds["mlx"] = weights("model.safetensors", tensors) + file("config.json", config)
    plain = {name.replace(".scales", ".gone"): ("BF16", [*shape[:-1], 256]) if kind == "U32" else (kind, shape) for name, (kind, shape) in tensors.items()}
    plain = {name: t for name, t in plain.items() if not name.endswith(".gone")}
    for i, (bits, group, *own) in enumerate(((2, 32), (3, 64), (4, 128), (5, 64, "up_proj", 6, 32), (8, 64, "router"), (4, 64, "o_proj", 8, 128))):
        seeds[f"affine-{i}"] = in_mlx(plain, config, bits, group, own)
    dense = {name: t for name, t in opened(hf)[0].items() if not name.endswith(("_blocks", "_scales"))}
    for name, rows in (("gate_up_proj", 512), ("down_proj", 256)):
        dense[f"model.layers.0.mlp.experts.{name}"] = ("BF16", [2, 256, rows])
    bare = {k: v for k, v in json.loads(opened(hf)[1]).items() if k != "quantization_config"}
    seeds["dense"] = weights("model.safetensors", dense) + file("config.json", json.dumps(bare).encode())
    seeds = {name: bytes([i % 16]) + data for i, (name, data) in enumerate(seeds.items())}
    keys, tensors = checkpoints.read_gguf(synth("gguf").read_bytes())
    three = b"".join(struct.pack("<BHI", 13 + i, len(part) - 4, struct.unpack_from("<I", part)[0]) + part[4:] for i, part in enumerate(parts(keys | vocabulary, tensors)))
    return seeds | {"parts": b"\x80" + three}


def main():
    corpus = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "corpus")
    letters = [*map(chr, range(ord("a"), ord("z") + 1)), "\u0120", "ab", "<|start|>", "<|return|>", "<|end|>", "<|message|>"]
    vocabulary = {"tokenizer.ggml.model": checkpoints.string("gpt2"), "tokenizer.ggml.tokens": checkpoints.strings(letters),
                  "tokenizer.ggml.token_type": checkpoints.numbers([1] * 28 + [3] * 4), "tokenizer.ggml.merges": checkpoints.strings(["a b"]),
                  "tokenizer.chat_template": checkpoints.string("{{ x }}")}
    words = {"model": {"type": "BPE", "vocab": {s: i for i, s in enumerate(letters[:28])}, "merges": [["a", "b"]]},
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
             "added_tokens": [{"id": 28 + i, "content": s, "special": True} for i, s in enumerate(letters[28:])]}
    texts = {"tokenizer.json": json.dumps(words).encode(), "tokenizer_config.json": b'{"chat_template": "{{ x }}", "eos_token": "<|return|>"}',
             "chat_template.jinja": b"{{ messages }}", "special_tokens_map.json": b'{"eos_token": "<|return|>"}'}
    for target, seeds in (("gguf", ggufs(vocabulary)), ("model", models(texts, vocabulary))):
        (corpus / target).mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (corpus / target / name).write_bytes(data)
            print(f"{target}/{name}: {len(data)} bytes")
    shutil.rmtree(TEMP)


if __name__ == "__main__":
    main()
