"""What osso convert and osso quantize write, against its owners: python oracle_convert.py [--binary osso] [NAME...]

quantizers  bytes of Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 MXFP4 equal the gguf package's on normal, heavy-tailed, constant and zero rows
kquants     squared error of IQ4_NL Q4_K Q5_K Q6_K at most 1.02 times llama.cpp's (PEER_LLAMA_QUANTIZE: its libggml-base)
affine      squared error of affine 4, 5, 6, 8 bits at most 1.001 times MLX's rule (in numpy; MLX_PYTHON: MLX itself too)
forms       random models: hf -> gguf -> mlx -> original -> hf; the gguf package and transformers read what they should, and
            OpenAI's loader would find every parameter with its type and shape (oracle_owners.py asks the owners themselves)
quantized   a folder with MXFP4 experts opens in transformers, whose logits are osso's
"""
import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from oracle import compare, engine_logits, run_cases
from tiny_model import Spec, draw, draw_ids, transformers_logits, transformers_model, write_hf

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TYPE = gguf.GGMLQuantizationType
PLACE = tempfile.mkdtemp(prefix="osso-convert-")
EMBED = "model.embed_tokens.weight"


def run(*args):
    done = subprocess.run([OPTIONS.binary, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, f"osso {' '.join(map(str, args))}: {done.stderr.strip()}"
    return done.stdout


def rows():
    """[128, 512] of all kinds."""
    rng = np.random.default_rng(5)
    x = rng.normal(0, .02, (128, 512)).astype(np.float32)
    x[32:64] = rng.standard_t(2, (32, 512)) * .02
    x[64:72] = rng.normal(0, 1, (8, 1))
    x[72:80] = 0
    x[80:96, ::7] = 0
    x[96:112] = np.abs(x[96:112])
    return x


def model(name, embed, **more):
    spec = Spec(name, hidden=512, inter=64, layers=1, vocab=128, store="f32", experts_store="dense", **more)
    state, packed = draw(spec)
    state[EMBED] = torch.from_numpy(embed)
    folder = os.path.join(PLACE, name)
    write_hf(spec, folder, state, packed)
    return folder


def raw_embedding(folder, kind):
    out = os.path.join(PLACE, "q.gguf")
    run("quantize", folder, out, "--type", f"embeddings={kind}", "--force")
    return next(t for t in gguf.GGUFReader(out).tensors if t.name == "token_embd.weight").data


def quantizers():
    x = rows()
    folder = model("rows", x)
    for kind in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4"):
        got = np.asarray(raw_embedding(folder, kind)).view(np.uint8).reshape(128, -1)
        want = gguf.quants.quantize(x, TYPE[kind]).view(np.uint8).reshape(128, -1)
        bad = np.flatnonzero((got != want).any(1))
        assert not len(bad), f"{kind}: {len(bad)} rows differ, the first is {bad[0]}: {got[bad[0]][:40]} {want[bad[0]][:40]}"
        print(f"  {kind}: equal bytes")


def kquants():
    path = os.environ.get("PEER_LLAMA_QUANTIZE")
    if not path:
        print("  skipped: PEER_LLAMA_QUANTIZE names no libggml-base")
        return
    lib = ctypes.CDLL(path)
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    x = rows()
    folder = model("rows", x)
    parts = {"normal": x[:32], "heavy-tailed": x[32:64], "with zeros": x[80:96], "positive": x[96:112]}
    at = {"normal": slice(0, 32), "heavy-tailed": slice(32, 64), "with zeros": slice(80, 96), "positive": slice(96, 112)}
    for kind in ("IQ4_NL", "Q4_K", "Q5_K", "Q6_K"):
        t = TYPE[kind]
        got = gguf.quants.dequantize(np.asarray(raw_embedding(folder, kind)).view(np.uint8).reshape(128, -1), t)
        block, size = gguf.GGML_QUANT_SIZES[t]
        theirs = np.zeros((128, 512 // block * size), np.uint8)
        lib.ggml_quantize_chunk(int(t), np.ascontiguousarray(x).ctypes.data, theirs.ctypes.data, 0, 128, 512, None)
        want = gguf.quants.dequantize(theirs, t)
        for name, part in parts.items():
            a, b = (float(((y[at[name]].astype(np.float64) - part) ** 2).sum()) for y in (got, want))
            print(f"  {kind}, {name}: {a / b:.4f} of llama.cpp's squared error")
            assert a <= 1.02 * b, f"{kind}, {name}"


def to_bf16(x):
    u = x.astype(np.float32).view(np.uint32)
    return ((u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000).view(np.float32)


def mlx_rule(x, bits, group):
    """Values after MLX's affine_quantize, with scales and biases stored as bf16."""
    w = x.reshape(-1, group)
    low, high = w.min(1, keepdims=True), w.max(1, keepdims=True)
    mask = np.abs(low) > np.abs(high)
    scale = np.maximum((high - low) / np.float32(2 ** bits - 1), np.float32(1e-7))
    scale = np.where(mask, scale, -scale)
    edge = np.where(mask, low, high)
    q0 = np.rint(edge / scale)
    scale = np.where(q0 != 0, edge / np.where(q0 != 0, q0, 1), scale)
    bias = np.where(q0 == 0, 0, edge)
    q = np.clip(np.rint((w - bias) / scale), 0, 2 ** bits - 1)
    return (q * to_bf16(scale) + to_bf16(bias)).reshape(x.shape)


MLX = """
import sys, numpy as np, mlx.core as mx
x = mx.array(np.load(sys.argv[1])).astype(mx.bfloat16)
q = mx.quantize(x, group_size=int(sys.argv[3]), bits=int(sys.argv[2]))
y = mx.dequantize(*[a.astype(mx.float32) if i else a for i, a in enumerate(q)], group_size=int(sys.argv[3]), bits=int(sys.argv[2]))
np.save(sys.argv[4], np.array(y.astype(mx.float32)))
"""


def unpack_affine(words, scales, biases, bits, group):
    stream = np.unpackbits(words.view(np.uint8).reshape(words.shape[0], -1), axis=1, bitorder="little")
    codes = (stream.reshape(words.shape[0], -1, bits) << np.arange(bits)).sum(2)
    return codes * np.repeat(scales, group, 1) + np.repeat(biases, group, 1)


def affine():
    x = to_bf16(rows())
    folder = model("bf16rows", x)
    np.save(os.path.join(PLACE, "x.npy"), x)
    for bits in (4, 5, 6, 8):
        for group in (32, 64):
            out = os.path.join(PLACE, "mlx")
            run("quantize", folder, out, "--to", "mlx", "--type", f"embeddings=affine{bits}-g{group}", "--force")
            with safe_open(os.path.join(out, "model.safetensors"), "pt") as f:
                parts = [f.get_tensor(f"model.embed_tokens.{p}") for p in ("weight", "scales", "biases")]
            got = unpack_affine(parts[0].numpy(), parts[1].float().numpy().astype(np.float64), parts[2].float().numpy().astype(np.float64), bits, group)
            others = {"rule": mlx_rule(x, bits, group)}
            if os.environ.get("MLX_PYTHON"):
                y = os.path.join(PLACE, "y.npy")
                subprocess.run([os.environ["MLX_PYTHON"], "-c", MLX, os.path.join(PLACE, "x.npy"), str(bits), str(group), y], check=True)
                others["MLX"] = np.load(y)
            for name, want in others.items():
                a, b = (float(((v.astype(np.float64) - x) ** 2).sum()) for v in (got, want))
                print(f"  affine{bits}-g{group}: {a / b:.4f} of the squared error of {name}")
                assert a <= 1.001 * b


def original_parameters(c):
    """What gpt-oss's torch model asks its checkpoint for: shapes by name."""
    H, I, E, D, V = (c[k] for k in ("hidden_size", "intermediate_size", "num_experts", "head_dim", "vocab_size"))
    q, kv = c["num_attention_heads"] * D, c["num_key_value_heads"] * D
    want = {"embedding.weight": [V, H], "norm.scale": [H], "unembedding.weight": [V, H]}
    for n in range(c["num_hidden_layers"]):
        b = f"block.{n}."
        want |= {b + "attn.norm.scale": [H], b + "attn.qkv.weight": [q + 2 * kv, H], b + "attn.qkv.bias": [q + 2 * kv], b + "attn.sinks": [c["num_attention_heads"]],
                 b + "attn.out.weight": [H, q], b + "attn.out.bias": [H], b + "mlp.norm.scale": [H], b + "mlp.gate.weight": [E, H], b + "mlp.gate.bias": [E],
                 b + "mlp.mlp1_weight.blocks": [E, 2 * I, H // 32, 16], b + "mlp.mlp1_weight.scales": [E, 2 * I, H // 32], b + "mlp.mlp1_bias": [E, 2 * I],
                 b + "mlp.mlp2_weight.blocks": [E, H, I // 32, 16], b + "mlp.mlp2_weight.scales": [E, H, I // 32], b + "mlp.mlp2_bias": [E, H]}
    return want


ORIGINAL_KEYS = {"num_hidden_layers", "num_experts", "experts_per_token", "vocab_size", "hidden_size", "intermediate_size", "swiglu_limit", "head_dim",
                 "num_attention_heads", "num_key_value_heads", "sliding_window", "initial_context_length", "rope_theta", "rope_scaling_factor", "rope_ntk_alpha", "rope_ntk_beta"}


def bytes_of(path):
    with safe_open(path, "pt") as f:
        return {k: f.get_tensor(k) for k in f.keys()}


def forms():
    for i, spec in enumerate((Spec("a", seed=41), Spec("b", seed=42, hidden=96, inter=160, layers=3, experts=5, top_k=3))):
        spec.vocab, spec.rope = 300, None
        state, packed = draw(spec)
        start = os.path.join(PLACE, f"form-{i}")
        write_hf(spec, start, state, packed)
        at = start
        for to in ("gguf", "mlx", "original", "hf"):
            out = os.path.join(PLACE, f"form-{i}-{to}" + (".gguf" if to == "gguf" else ""))
            run("convert", at, out, "--to", to)
            at = out
        a, b = (bytes_of(os.path.join(p, "model.safetensors")) for p in (start, at))
        assert a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and bytes(a[k].view(torch.uint8).numpy().tobytes()) == bytes(b[k].view(torch.uint8).numpy().tobytes()) for k in a)
        ids = draw_ids(spec)
        want = transformers_logits(transformers_model(at, state), ids)
        for form in ("gguf", "mlx", "original", "hf"):
            got, wrong = engine_logits(OPTIONS.binary, os.path.join(PLACE, f"form-{i}-{form}" + (".gguf" if form == "gguf" else "")), ids, PLACE)
            good, line = compare(got, want) if got is not None else (False, wrong)
            print(f"  {spec.name}, {form}: {line}")
            assert good
        for t in gguf.GGUFReader(os.path.join(PLACE, f"form-{i}-gguf.gguf")).tensors:
            if t.name == "blk.0.ffn_up_exps.weight":
                values = gguf.quants.dequantize(t.data, t.tensor_type).reshape(spec.experts, spec.inter, spec.hidden)
                assert np.array_equal(values, state["model.layers.0.mlp.experts.gate_up_proj"].numpy().transpose(0, 2, 1)[:, 1::2])
        original = os.path.join(PLACE, f"form-{i}-original")
        config = json.load(open(os.path.join(original, "config.json")))
        tensors = bytes_of(os.path.join(original, "model.safetensors"))
        assert set(config) == ORIGINAL_KEYS, set(config) ^ ORIGINAL_KEYS
        assert {k: list(t.shape) for k, t in tensors.items()} == original_parameters(config)
        assert all(t.dtype == (torch.uint8 if k.endswith((".blocks", ".scales")) else torch.bfloat16) for k, t in tensors.items())


def quantized():
    spec = Spec("dense", seed=9, experts_store="dense", vocab=300)
    state, packed = draw(spec)
    start, out = os.path.join(PLACE, "dense"), os.path.join(PLACE, "dense-mxfp4")
    write_hf(spec, start, state, packed)
    run("quantize", start, out)
    from transformers import GptOssForCausalLM, Mxfp4Config
    theirs = GptOssForCausalLM.from_pretrained(out, quantization_config=Mxfp4Config(dequantize=True), dtype=torch.float32, attn_implementation="eager")
    ids = draw_ids(spec)
    got, wrong = engine_logits(OPTIONS.binary, out, ids, PLACE)
    good, line = compare(got, transformers_logits(theirs.eval().float(), ids).astype(np.float32))
    print(f"  transformers opens it: {line}")
    assert got is not None and json.load(open(os.path.join(out, "config.json")))["quantization_config"]["quant_method"] == "mxfp4", wrong
    assert good, line


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/osso"))
    parser.add_argument("names", nargs="*")
    OPTIONS = parser.parse_args()
    run_cases(((case.__name__, case) for case in (quantizers, kquants, affine, forms, quantized)), OPTIONS.names, PLACE)
