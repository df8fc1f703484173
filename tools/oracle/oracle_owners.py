"""What osso wrote, opened by its owners: python oracle_owners.py [--binary osso] [NAME...]

openai  gpt-oss's own torch program (GPT_OSS: the folder of `pip install --target FOLDER --no-deps --ignore-requires-python gpt-oss==0.0.9`):
        all parameters that it loads of original/ are equal, and its logits, in bf16, are near those of osso --exact
mlx     mlx-lm (MLX_PYTHON: a Python that has mlx 0.32.4, mlx-cpu and mlx-lm 0.32.2) loads strictly what was converted, and what was
        quantized in its types; all dequantized tensors are equal
gguf    the gguf package reads every value as it was; the file that it writes of what it read gives osso the same logits, bit for bit
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
from safetensors import safe_open

from oracle import engine_logits, run_cases
from tiny_model import Spec, draw, draw_ids, write_hf

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PLACE = tempfile.mkdtemp(prefix="osso-owners-")
SPECS = [dict(seed=51), dict(seed=52, hidden=96, inter=160, experts=5, top_k=3), dict(seed=53, hidden=256, inter=512, heads=8, head_dim=64, experts=8)]
# A position's logits beside those of a program that rounds every sum to bf16: the median of their relative errors.
BF16 = 0.05
GGUF = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn": "attn_sinks",
        "post_attention_layernorm": "post_attention_norm", "mlp.router": "ffn_gate_inp", "mlp.experts.gate_proj": "ffn_gate_exps",
        "mlp.experts.up_proj": "ffn_up_exps", "mlp.experts.down_proj": "ffn_down_exps"}


def run(*args):
    done = subprocess.run([OPTIONS.binary, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == 0, f"osso {' '.join(map(str, args))}: {done.stderr.strip()}"


def checkpoints():
    """(spec, values by name with experts apart, folder)"""
    for i, more in enumerate(SPECS):
        spec = Spec(f"model {i}", vocab=300, n_ids=64, **more)
        state, packed = draw(spec)
        folder = os.path.join(PLACE, f"hf-{i}")
        if not os.path.exists(folder):
            write_hf(spec, folder, state, packed)
        yield spec, apart({name: x.numpy() for name, x in state.items()}), folder


def apart(state):
    """Matrices of experts as [expert, out, in], gate and up alone."""
    out = {}
    for name, x in state.items():
        module, bias = name.removesuffix("_bias"), name.endswith("_bias")
        if not module.endswith(("experts.gate_up_proj", "experts.down_proj")):
            out[name] = x
            continue
        x, kind = x if bias else x.transpose(0, 2, 1), "bias" if bias else "weight"
        for part, rows in (("gate", slice(0, None, 2)), ("up", slice(1, None, 2))) if "gate_up" in module else (("down", slice(None)),):
            out[f"{module.rsplit('.', 1)[0]}.{part}_proj.{kind}"] = x[:, rows]
    return out


def equal(got, want, what):
    assert got.keys() == want.keys(), f"{what}: {sorted(got.keys() ^ want.keys())}"
    for name in want:
        assert got[name].shape == want[name].shape and np.array_equal(got[name], want[name]), f"{what}: {name} differs"


def converted(folder, to, *how):
    out = os.path.join(PLACE, f"{os.path.basename(folder)}-{'-'.join([to, *how])}" + (".gguf" if to == "gguf" else "")).replace("=", "-")
    run("quantize" if how else "convert", folder, out, "--to", to, *(x for h in how for x in ("--type", h)))
    return out


# ---- OpenAI's -----------------------------------------------------------------------------------------------------


def openai_names(values, layers):
    out = {"embedding.weight": values["model.embed_tokens.weight"], "norm.scale": values["model.norm.weight"], "unembedding.weight": values["lm_head.weight"]}
    for n in range(layers):
        p, b = f"model.layers.{n}.", f"block.{n}."
        gate, up = ({kind: values[p + f"mlp.experts.{m}_proj.{kind}"] for kind in ("weight", "bias")} for m in ("gate", "up"))
        for kind in ("weight", "bias"):
            out[b + f"attn.qkv.{kind}"] = np.concatenate([values[p + f"self_attn.{m}_proj.{kind}"] for m in "qkv"])
            out[b + f"attn.out.{kind}"] = values[p + f"self_attn.o_proj.{kind}"]
            out[b + f"mlp.gate.{kind}"] = values[p + f"mlp.router.{kind}"]
            out[b + f"mlp.mlp1_{kind}"] = np.stack([gate[kind], up[kind]], 2).reshape(gate[kind].shape[0], -1, *gate[kind].shape[2:])
            out[b + f"mlp.mlp2_{kind}"] = values[p + f"mlp.experts.down_proj.{kind}"]
        out |= {b + "attn.norm.scale": values[p + "input_layernorm.weight"], b + "mlp.norm.scale": values[p + "post_attention_layernorm.weight"],
                b + "attn.sinks": values[p + "self_attn.sinks"]}
    return out


def openai():
    place = os.environ.get("GPT_OSS")
    if not place:
        return print("  skipped: GPT_OSS names no folder with gpt_oss")
    sys.path.insert(0, place)
    from gpt_oss.torch.model import Transformer
    for spec, values, folder in checkpoints():
        out, ids = converted(folder, "original"), draw_ids(spec)
        model = Transformer.from_checkpoint(out, "cpu")
        equal({name: p.float().numpy() for name, p in model.named_parameters()}, openai_names(values, spec.layers), spec.name)
        want = model(torch.tensor(ids)).float().numpy()
        got, wrong = engine_logits(OPTIONS.binary, out, ids, PLACE)
        assert got is not None, wrong
        off = np.sqrt(((got - want) ** 2).sum(1) / (want ** 2).sum(1))
        print(f"  {spec.name}: {len(values)} parameters equal; logits apart by {np.median(off):.1e} (median), {off.max():.1e} (largest)")
        assert np.median(off) < BF16 and (off > 4 * BF16).mean() < .25


# ---- MLX's --------------------------------------------------------------------------------------------------------

MLX_LOAD = """
import sys, pathlib, numpy as np, mlx.core as mx
from mlx_lm.utils import load_model
model, out = load_model(pathlib.Path(sys.argv[1]), strict=True)[0], {}
wide = lambda x: x.astype(mx.float32) if x is not None and x.dtype in (mx.bfloat16, mx.float16) else x
for name, module in model.named_modules():
    own = {k: v for k, v in module.items() if isinstance(v, mx.array) and not k.startswith("_")}
    if "scales" in own:
        own["weight"] = mx.dequantize(own["weight"], wide(own.pop("scales")), wide(own.pop("biases", None)), group_size=module.group_size, bits=module.bits, mode=module.mode)
    out |= {f"{name}.{k}": np.array(wide(v)) for k, v in own.items()}
np.savez(sys.argv[2], **out)
"""


def codes_read(folder, values):
    """The values, with those of matrices that became affine codes read here, by the format's definition."""
    said, out = json.load(open(os.path.join(folder, "config.json")))["quantization"], dict(values)
    with safe_open(os.path.join(folder, "model.safetensors"), "pt") as f:
        for name in f.keys():
            if not name.endswith(".biases"):
                continue
            module = name.removesuffix(".biases")
            how = said.get(module, said)
            words, scales, biases = (f.get_tensor(f"{module}.{part}") for part in ("weight", "scales", "biases"))
            stream = np.unpackbits(words.numpy().view(np.uint8), axis=-1, bitorder="little")
            codes = (stream.reshape(*stream.shape[:-1], -1, how["bits"]) << np.arange(how["bits"])).sum(-1).astype(np.float32)
            out[module + ".weight"] = codes * np.repeat(scales.float().numpy(), how["group_size"], -1) + np.repeat(biases.float().numpy(), how["group_size"], -1)
            far = np.abs(out[module + ".weight"] - values[module + ".weight"]).max()
            assert far < 2 * np.ptp(values[module + ".weight"]) / (2 ** how["bits"] - 1), f"{module}: {far}"  # scales and offsets are bf16
    return out


def mlx():
    python = os.environ.get("MLX_PYTHON")
    if not python:
        return print("  skipped: MLX_PYTHON names no Python with mlx-lm")
    for spec, values, folder in checkpoints():
        ways = [(), ("mxfp4-q8",) if spec.hidden % 64 == 0 else ("attention=affine8-g32", "embeddings=affine5-g32", "head=affine6-g32"),
                ("attention=affine4-g32", "head=affine6-g32")]
        for how in ways:
            out, found = converted(folder, "mlx", *how), os.path.join(PLACE, "found.npz")
            subprocess.run([python, "-c", MLX_LOAD, out, found], check=True)
            equal(dict(np.load(found)), codes_read(out, values) if how else values, f"{spec.name} {how}")
            print(f"  {spec.name} {', '.join(how) or 'converted'}: mlx-lm loads it strictly, {len(values)} tensors equal")


# ---- GGUF's -------------------------------------------------------------------------------------------------------


def gguf_name(name):
    layer, module = "", name.rsplit(".", 1)[0]
    kind = name.rsplit(".", 1)[1]
    if name.startswith("model.layers."):
        n, module = module.removeprefix("model.layers.").split(".", 1)
        layer = f"blk.{n}."
    return f"{layer}{GGUF[module]}.{'weight' if kind == 'sinks' else kind}"


def written_again(reader, path):
    writer = gguf.GGUFWriter(path, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind, item = field.types[0], field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=item)
    for t in reader.tensors:
        writer.add_tensor(t.name, t.data, raw_dtype=t.tensor_type)
    writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()


def ggufs():
    for spec, values, folder in checkpoints():
        out, ids = converted(folder, "gguf"), draw_ids(spec)
        reader = gguf.GGUFReader(out)
        want = {gguf_name(name): x for name, x in values.items()}
        equal({t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape(want[t.name].shape) for t in reader.tensors}, want, spec.name)
        for how in ((), ("mxfp4-q8",), ("attention=Q5_1", "head=Q4_0", "embeddings=IQ4_NL")):
            one = converted(folder, "gguf", *how) if how else out
            two = one + "-again.gguf"
            written_again(gguf.GGUFReader(one), two)
            rows = [engine_logits(OPTIONS.binary, path, ids, PLACE) for path in (one, two)]
            assert rows[0][0] is not None and rows[1][0] is not None, rows
            assert rows[0][0].tobytes() == rows[1][0].tobytes(), f"{spec.name} {how}"
        print(f"  {spec.name}: {len(want)} tensors equal; written again by the package, the same logits")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/osso"))
    parser.add_argument("names", nargs="*")
    OPTIONS = parser.parse_args()
    run_cases((("openai", openai), ("mlx", mlx), ("gguf", ggufs)), OPTIONS.names, PLACE)
