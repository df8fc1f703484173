"""Makes tests/golden/quant/NAME.bin: blocks of a number format and the exact values that somebody else reads in them.

    python tools/golden/golden_quant.py [NAME...]

Names are the spellings of src/quant/dtype.def and of GGUF's types; without any, all that tests/quant and tests/backend need.
Who reads: gguf-py for GGUF's types, numpy for F32 and F16, bit arithmetic for BF16, gguf-py for MXFP4_HF and MXFP4_PAIRS with
their codes reordered, MLX's definition (value = scale * code + bias, codes one stream of bits, low bits first) in numpy for
AFFINE2 to AFFINE8, whose scales and biases are BF16. Each name has random numbers of its own.

A file: five u32 (blocks, values per block, bytes per block, bytes of the scale and of the offset that lie apart), the
blocks, the scales, the offsets, the values as f32; all little-endian.
"""
import os
import sys

import numpy as np

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "quant")
NAMES = ["F32", "F16", "BF16", "Q8_0", "MXFP4", "MXFP4_HF", "MXFP4_PAIRS", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "IQ4_XS",
         "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "NVFP4", "AFFINE2", "AFFINE3", "AFFINE4", "AFFINE5", "AFFINE6", "AFFINE8"]


def halves(exponent_bits):
    """Every sign and exponent of a 16-bit float, with mantissas of all kinds; NaN too."""
    mantissa_bits = 15 - exponent_bits
    exponents = np.arange(1 << exponent_bits)
    mantissas = np.array([0, 1, (1 << mantissa_bits) - 1, 0x2a5 & ((1 << mantissa_bits) - 1)])
    low = (exponents[:, None] << mantissa_bits | mantissas[None, :]).reshape(-1)
    return np.concatenate([low, low | 0x8000]).astype("<u2")


def plain(name):
    if name == "F32":
        values = np.concatenate([np.float32([0.0, -0.0, 1, -1.5, 1e-45, -1e-38, 3.4e38, np.inf, -np.inf, np.nan]),
                                 (rng.standard_normal(54) * 10.0 ** rng.integers(-30, 30, 54)).astype(np.float32)])
        return values.astype("<f4").view(np.uint8).reshape(-1, 4), values
    if name == "F16":
        bits = halves(5)
        return bits.view(np.uint8).reshape(-1, 2), bits.view(np.float16).astype(np.float32)
    bits = halves(8)
    return bits.view(np.uint8).reshape(-1, 2), (bits.astype(np.uint32) << 16).view(np.float32)


def gguf_blocks(name):
    """What gguf-py packs, where it can, and random bytes; a scale that is not finite says nothing about codes."""
    import gguf
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    n = 24 if block <= 32 else 6
    raw = rng.integers(0, 256, (40 * n, size), np.uint8)
    if name == "MXFP4":
        raw = raw[raw[:, 0] != 255]  # gguf-py has no NaN here
    try:
        packed = gguf.quants.quantize(rng.standard_normal((8, block)).astype(np.float32), kind).reshape(-1, size)
    except NotImplementedError:
        packed = raw[:0]
    raw = np.concatenate([packed, raw])
    with np.errstate(over="ignore", invalid="ignore"):
        values = gguf.quants.dequantize(raw, kind).reshape(-1, block)
    keep = np.isfinite(values).all(axis=1).nonzero()[0][:n]
    return raw[keep], values[keep]


def mxfp4_hf():
    """The codes brought into GGUF's order, as llama.cpp's converter does, and read by gguf-py: byte j has the values 2j (low
    bits) and 2j + 1, where GGUF's has j and j + 16. Scale byte 255 is left out (gguf-py has no NaN)."""
    import gguf
    n = 32
    blocks = rng.integers(0, 256, (n, 16), np.uint8)
    blocks[0] = np.arange(16) * 17
    scales = np.concatenate([[127, 0, 1, 252], rng.integers(0, 253, n - 4)]).astype(np.uint8).reshape(n, 1)
    codes = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(n, 32)
    raw = np.concatenate([scales, codes[:, :16] | codes[:, 16:] << 4], axis=1)
    return blocks, gguf.quants.dequantize(raw, gguf.GGMLQuantizationType.MXFP4).reshape(n, 32), scales


def mxfp4_pairs():
    """The same blocks with the scale in front."""
    blocks, values, scales = mxfp4_hf()
    return np.concatenate([scales, blocks], axis=1), values


def affine(bits):
    n = 24
    words = rng.integers(0, 256, (n, 4 * bits), np.uint8)
    stream = np.unpackbits(words, axis=1, bitorder="little").reshape(n, 32, bits)
    codes = (stream.astype(np.int64) << np.arange(bits)).sum(axis=2)
    scale, bias = (rng.standard_normal((2, n)).astype(np.float32).view(np.uint32) & 0xffff0000).view(np.float32)
    values = scale[:, None].astype(np.float64) * codes + bias[:, None]  # exact in f64, rounded once
    sides = [(x.view(np.uint32) >> 16).astype("<u2").view(np.uint8).reshape(n, 2) for x in (scale, bias)]
    return words, values.astype(np.float32), *sides


def make(name):
    global rng
    rng = np.random.default_rng([9, *name.encode()])
    none = np.zeros((0, 0), np.uint8)
    scales = offsets = none
    if name in ("F32", "F16", "BF16"):
        blocks, values = plain(name)
    elif name == "MXFP4_HF":
        blocks, values, scales = mxfp4_hf()
    elif name == "MXFP4_PAIRS":
        blocks, values = mxfp4_pairs()
    elif name.startswith("AFFINE"):
        blocks, values, scales, offsets = affine(int(name[6:]))
    else:
        blocks, values = gguf_blocks(name)
    values = np.ascontiguousarray(values, "<f4").reshape(len(blocks), -1)
    head = [len(blocks), values.shape[1], blocks.shape[1], scales.shape[1], offsets.shape[1]]
    path = os.path.join(GOLDEN, name + ".bin")
    with open(path, "wb") as f:
        for part in (np.array(head, "<u4"), blocks, scales, offsets, values):
            f.write(np.ascontiguousarray(part).tobytes())
    print(os.path.relpath(path), os.path.getsize(path))


for each in sys.argv[1:] or NAMES:
    make(each)
