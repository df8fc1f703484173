"""A GGUF file as three generations of Ollama's converter have written gpt-oss: "a" (August 2025: architecture gptoss, MXFP4 as
type 4 with codes in OpenAI's order, old names, Q, K and V in one tensor, gate and up in one of alternating rows), "b" (gptoss and old
names, tensors and codes as everybody's), "c" (as everybody's)."""
import struct

from checkpoints import gguf, read_gguf, string

LOW = bytes(i & 15 for i in range(256))
HIGH = bytes(i >> 4 for i in range(256))
UP = bytes((i & 15) << 4 for i in range(256))
OLD = {"attn_output": "attn_out", "attn_sinks.weight": "attn_sinks", "post_attention_norm": "ffn_norm"}


def either(a, b):
    return (int.from_bytes(a, "little") | int.from_bytes(b, "little")).to_bytes(len(a), "little")


def in_pairs(data):
    """MXFP4 blocks: byte j held values j and j + 16, now values 2j and 2j + 1."""
    out = bytearray(data)
    low, high = ([data[1 + j::17].translate(table) for j in range(16)] for table in (LOW, HIGH))
    values = low + high
    for j in range(16):
        out[1 + j::17] = either(values[2 * j], values[2 * j + 1].translate(UP))
    return bytes(out)


def alternating(a, b, rows):
    n = len(a) // rows
    return b"".join(x[i:i + n] for i in range(0, len(a), n) for x in (a, b))


def fused(tensors, layers):
    out = dict(tensors)
    for n in range(layers):
        for part in ("weight", "bias"):
            q, k, v = (out.pop(f"blk.{n}.attn_{m}.{part}") for m in "qkv")
            out[f"blk.{n}.attn_qkv.{part}"] = [[*q[0][:-1], q[0][-1] + k[0][-1] + v[0][-1]], q[1], q[2] + k[2] + v[2]]
            gate, up = (out.pop(f"blk.{n}.ffn_{m}_exps.{part}") for m in ("gate", "up"))
            rows = gate[0][1] * gate[0][2] if part == "weight" else gate[0][0] * gate[0][1]
            dims = [gate[0][0], 2 * gate[0][1], gate[0][2]] if part == "weight" else [2 * gate[0][0], gate[0][1]]
            out[f"blk.{n}.ffn_gate_up_exps.{part}"] = [dims, gate[1], alternating(gate[2], up[2], rows)]
    return out


def generation(data, which):
    if which == "c":
        return data
    keys, tensors = read_gguf(data)
    keys = {name.replace("gpt-oss.", "gptoss."): value for name, value in keys.items()}
    keys["general.architecture"] = string("gptoss")
    layers, = struct.unpack("<I", keys["gptoss.block_count"][1])
    for gone in ("gptoss.expert_feed_forward_length", "gptoss.feed_forward_length", "gptoss.rope.scaling.type", "tokenizer.ggml.pre"):
        keys.pop(gone, None)
    if which == "a":
        tensors = fused(tensors, layers)
    out = {}
    for name, (dims, kind, blob) in tensors.items():
        for new, old in OLD.items():
            name = name.replace(new, old)
        out[name] = [dims, 4, in_pairs(blob)] if which == "a" and kind == 39 else [dims, kind, blob]
    return gguf(keys, out)
