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
    for kind in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "Q4_K", "Q5_K", "Q6_K", "mxfp4-q8"):
        one, five = (convert(wide(), None, f"threads-{n}.gguf", "--type", kind, "--requantize", "-t", n, verb="quantize") for n in (1, 5))
        assert one.read_bytes() == five.read_bytes(), kind
        assert logits(one)[1], kind
    for kind in (*(f"affine{bits}-g{group}" for bits in (4, 5, 6, 8) for group in (32, 64)), "mxfp4"):
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


def nvfp4(rng, shape, factors):
    """A tensor of GGUF's blocks of 64 with 4 scales, its factors, and the products as float32 bytes."""
    codes = (0, .5, 1, 1.5, 2, 3, 4, 6, 0, -.5, -1, -1.5, -2, -3, -4, -6)
    product = 1
    for d in shape:
        product *= d
    scales, raw, values = struct.pack(f"<{len(factors)}f", *factors), b"", []
    exact = struct.unpack(f"<{len(factors)}f", scales)
    for i in range(product // 64):
        factor = exact[i * 64 * len(factors) // product]
        block = bytes(rng.randrange(24, 64) for _ in range(4)) + rng.randbytes(32)
        raw += block
        for at in range(64):
            scale = (1 + (block[at // 16] & 7) / 8) * 2.0 ** ((block[at // 16] >> 3) - 7)
            values.append(scale * codes[block[4 + at // 16 * 8 + at % 8] >> at % 16 // 8 * 4 & 15] * factor)
    return [shape, NVFP4, raw], [[len(factors)], F32_TYPE, scales], struct.pack(f"<{len(values)}f", *values)


def with_factors(factors):
    """A file whose matrices `down` are NVFP4 and have a factor for each expert, or one; and what they hold."""
    file, rng, held = File(), random.Random(4), {}
    for name in ("blk.0.ffn_down_exps", "blk.1.ffn_down_exps"):
        dims = file.tensors[f"{name}.weight"][0]
        file.tensors[f"{name}.weight"], file.tensors[f"{name}.scale"], held[f"{name}.weight"] = nvfp4(rng, dims, factors)
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


def test_factors_of_nvfp4():
    rng, m, want = random.Random(9), File(), {}
    m.keys, m.tensors = read_gguf(convert(base("hf")[0], "gguf", "without.gguf").read_bytes())
    for name, shape, factors in (("blk.0.attn_output", [128, 64], [.5625]), ("blk.0.ffn_down_exps", [64, 64, 4], [.5, 3.0, .375, 1.0]),
                                 ("blk.1.attn_output", [128, 64], [2.0]), ("blk.1.ffn_down_exps", [64, 64, 4], [.0625])):
        m.tensors[f"{name}.weight"], m.tensors[f"{name}.scale"], want[name] = nvfp4(rng, shape, factors)
    start = m.put("nvfp4")
    for to in ("gguf", "hf"):
        refusal = osso("convert", start, place(f"nvfp4-{to}"), "--to", to)
        refuses(refusal, 1, "blk.0.attn_output.weight, blk.0.ffn_down_exps.weight, blk.1.attn_output.weight and 1 more: is NVFP4", "factor", "--expand")
    _, tensors = read_gguf(convert(start, "gguf", "nvfp4.gguf", "--expand", "f32").read_bytes())
    for name, values in want.items():
        assert tensors[f"{name}.weight"][1:] == [0, values] and f"{name}.scale" not in tensors, name
    whole = folder_tensors(convert(start, "hf", "nvfp4-hf", "--expand", "f32"))
    assert whole["model.layers.0.self_attn.o_proj.weight"] == ("F32", [64, 128], want["blk.0.attn_output"])
    stack, kind = struct.unpack("<16384f", want["blk.0.ffn_down_exps"]), whole["model.layers.0.mlp.experts.down_proj"]
    assert kind[:2] == ("F32", [4, 64, 64])
    assert struct.unpack("<16384f", kind[2]) == tuple(stack[e * 4096 + o * 64 + i] for e in range(4) for i in range(64) for o in range(64))
    report = json.loads(osso("quantize", start, place("nvfp4-q8.gguf"), "--type", "*.attn_output.weight=q8_0", "--type", "*_down_exps.weight=q8_0", "--json").text)
    costs = {t["name"]: t["relative_mse"] for t in report["tensors"] if t["from"] == "NVFP4"}
    assert len(costs) == 4 and all(0 < x < 1e-4 for x in costs.values()), report
    _, tensors = read_gguf((TEMP / "converted/nvfp4-q8.gguf").read_bytes())
    for name, values in want.items():
        kind, raw = tensors[f"{name}.weight"][1:]
        got = [d * code for at in range(0, len(raw), 34) for d, in [struct.unpack_from("<e", raw, at)] for code in struct.unpack_from("<32b", raw, at + 2)]
        n = len(got)
        off = sum((a - b) ** 2 for a, b in zip(got, struct.unpack(f"<{n}f", values)))
        assert kind == 8 and off < 1e-4 * sum(x * x for x in struct.unpack(f"<{n}f", values)), name


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
