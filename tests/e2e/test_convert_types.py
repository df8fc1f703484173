#!/usr/bin/env python3
"""osso convert and osso quantize, types that need a check of their own: those of 256 values, the search for scales, factors."""
from checkpoints import *
from harness import *
import random
from test_convert import convert, dense, folder_tensors, place

F32_TYPE, NVFP4 = 0, 40


def wide():
    """A folder whose rows have 256 values."""
    out = TEMP / "wide-rows"
    if not out.exists():
        tokens, _ = tiny()
        shapes = TEMP / "wide-rows.json"
        shapes.write_text(json.dumps(dict(json.loads((base("hf")[0] / "config.json").read_text()), hidden_size=256, intermediate_size=256,
                                          num_attention_heads=8, num_local_experts=2)))
        made = osso("synth", out, "--format", "hf", "--preset", shapes, "--tokenizer", tokens)
        assert made.code == 0, made
    return out


def test_bytes_do_not_depend_on_threads():
    for kind in ("Q4_K", "Q5_K", "Q6_K", "IQ4_NL"):
        one, five = (convert(wide(), None, f"threads-{n}.gguf", "--type", kind, "--requantize", "-t", n, verb="quantize") for n in (1, 5))
        assert one.read_bytes() == five.read_bytes(), kind
        assert logits(one)[1], kind
    for kind in ("affine4", "affine8-g32", "mxfp4"):
        one, five = (convert(wide(), None, f"threads-{n}", "--type", kind, "--requantize", "-t", n, verb="quantize") for n in (1, 5))
        assert folder_tensors(one) == folder_tensors(five), kind


def test_search_finds_smaller_errors():
    m = Folder()
    dense(m)
    start, errors = m.put("search"), []
    for more in ([], ["--search"]):
        made = osso("quantize", start, place(f"search{len(more)}"), "--type", "experts=mxfp4", "--json", *more)
        assert made.code == 0, made
        errors.append({t["name"]: t["relative_mse"] for t in json.loads(made.text)["tensors"] if "relative_mse" in t})
    plain, searched = errors
    assert plain.keys() == searched.keys() and len(plain) == 4, errors
    assert all(searched[name] < .99 * plain[name] for name in plain), errors
    assert folder_tensors(TEMP / "converted/search0") != folder_tensors(TEMP / "converted/search1")


def nvfp4(rng, n):
    """(bytes, values) of n blocks of 64: four scales (4 bits of exponent, 3 of mantissa), then 8 bytes of codes for each 16 values."""
    table, data, values = [0, .5, 1, 1.5, 2, 3, 4, 6, 0, -.5, -1, -1.5, -2, -3, -4, -6], b"", []
    for _ in range(n):
        scales, codes = [rng.randrange(0x18, 0x38) for _ in range(4)], [rng.randrange(16) for _ in range(64)]
        data += bytes(scales) + bytes(codes[16 * s + t] | codes[16 * s + t + 8] << 4 for s in range(4) for t in range(8))
        for i, code in enumerate(codes):
            byte = scales[i // 16]
            values.append((1 + byte % 8 / 8) * 2.0 ** (byte // 8 - 7) * table[code])
    return data, values


def with_factors(factors):
    """A file whose matrices `down` are NVFP4 and have a factor for each expert, or one; and what they hold."""
    file, rng, held = File(), random.Random(4), {}
    for layer in range(2):
        name = f"blk.{layer}.ffn_down_exps"
        dims = file.tensors[name + ".weight"][0]
        data, values = nvfp4(rng, dims[0] * dims[1] * dims[2] // 64)
        file.tensors[name + ".weight"] = [dims, NVFP4, data]
        file.tensors[name + ".scale"] = [[len(factors)], F32_TYPE, struct.pack(f"<{len(factors)}f", *factors)]
        each, exact = dims[0] * dims[1], struct.unpack(f"<{len(factors)}f", struct.pack(f"<{len(factors)}f", *factors))
        held[name + ".weight"] = struct.pack(f"<{len(values)}f", *(v * exact[i // each % len(factors)] for i, v in enumerate(values)))
    return file, held


def test_factors_are_multiplied_or_refused():
    for name, factors in (("each", (.3, 1.7, .01, 2.9)), ("one", (.7,)), ("powers", (.5, 2, .25, 1))):
        file, held = with_factors(factors)
        path = file.put(f"factors-{name}")
        refuses(osso("convert", path, place("factors.gguf"), "--to", "gguf"), 1, "factor of its own", "ffn_down_exps", "--expand")
        out = convert(path, "gguf", "factors.gguf", "--expand", "f32")
        _, tensors = read_gguf(out.read_bytes())
        for tensor, values in held.items():
            assert tensors[tensor][1] == F32_TYPE and tensors[tensor][2] == values, (name, tensor)
        assert not [n for n in tensors if n.endswith(".scale")], list(tensors)
        if name == "powers":  # a factor that is applied to the sum and one that is in the values give the same bits
            assert logits(path)[1] == logits(out)[1]


def test_refusals_name_every_tensor():
    """One name may end with another."""
    file, q8_0 = File(), 8
    for name, tensor in file.tensors.items():
        values = 1
        for n in tensor[0]:
            values *= n
        if name in ("blk.0.attn_output.weight", "output.weight"):
            tensor[1:] = q8_0, bytes(values // 32 * 34)
        elif tensor[1] == q8_0:
            tensor[1:] = F32_TYPE, bytes(values * 4)
    refuses(osso("convert", file.put("outputs"), place("outputs"), "--to", "hf"), 1, "blk.0.attn_output.weight, output.weight: is Q8_0")


if __name__ == "__main__":
    main(sys.modules[__name__])
