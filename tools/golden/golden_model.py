"""Makes the committed golden models: tests/golden/model/NAME/ and tests/golden/taps/.

    python tools/golden/golden_model.py [NAME ...]      (all, by default; needs tools/oracle/oracle_requirements.txt)

Each NAME folder holds a tiny random gpt-oss model as a Hugging Face folder (config.json, model.safetensors), sometimes
the same values as model.gguf or original/, and what transformers' GptOssForCausalLM says about it in float32 with eager
attention: ids.txt (one comma-separated line), logits.npy (float32 [rows, vocab]) and, where not every position is kept,
positions.txt (one comma-separated line: the position of each row).

Three checks stand before anything is written. (1) transformers' own from_pretrained, reading the written folder, gives
the same logits bit for bit. (2) An independent float64 forward and a float32 one with float64 inverse
frequencies (tiny_reference.py) differ by less than 3e-5 of max(1, max |logit|), and no token is near another choice of
experts; else the next seed is tried. (3) Sensitivity: leaving out any one parameter, or changing any one setting, moves
the logits by at least ten times the tolerance the tests use (1e-4 of max(1, max |logit|)).
"""
import os
import shutil
import sys
from dataclasses import replace

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
from tiny_gguf import check_gguf, write_gguf, write_original
from tiny_model import (PLAIN, YARN, Spec, draw, draw_ids, transformers_logits, transformers_model, write_hf, write_ids)
from tiny_reference import forward, inverse_frequencies_f64, margins

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "..", "tests", "golden")
TOLERANCE = 1e-4

# Ends of the prefixes that tests run alone (1, 17, 127, 128, 129, 300 tokens) and the surroundings of page and window edges.
EDGES = [0, 1, 2, 15, 16, 17, 31, 32, 63, 64, 100, 126, 127, 128, 129, 130, 200, 255, 256, 257, 298, 299]
LONG_EDGES = [0, 1, 127, 128, 129, 255, 256, 1000, 1023, 1024, 2047, 2048, 3000, 4094, 4095, 4096, 4097, 4098, 4100, 4150,
              4198, 4199]
SHORT_YARN = dict(YARN, factor=8.0, original_max_position_embeddings=64)   # so that YaRN acts within a few tokens
NO_TRUNCATE_KEY = {k: v for k, v in YARN.items() if k != "truncate"}

SPECS = [
    Spec("yarn-mxfp4", hidden=32, inter=32, layers=4, heads=8, kv_heads=1, head_dim=16, experts=8, top_k=4, window=16,
         vocab=272, rope=YARN, positions=EDGES, gguf=True, original=True,
         about="the published form: MXFP4 + BF16, old rope_scaling with truncate false, 8 query heads a kv head; "
               "the same values as GGUF (MXFP4 + BF16) and as original/"),
    Spec("q8-gguf", hidden=32, inter=64, layers=3, heads=4, kv_heads=2, head_dim=32, experts=4, top_k=2, window=8, vocab=272,
         layer_types="fsf", rope=YARN, store="f32", q8=True, positions=EDGES, gguf=True,
         about="GGUF with MXFP4 experts, Q8_0 matrices and a sliding pattern array (full first); the folder form has the "
               "Q8_0 values as F32"),
    Spec("f32-gguf", hidden=24, inter=20, layers=2, heads=2, kv_heads=2, head_dim=16, experts=3, top_k=2, window=16, vocab=272,
         rope=PLAIN, store="f32", experts_store="dense", eps=1e-3, positions=EDGES, gguf=True,
         about="everything F32, dense transposed experts, plain rope, eps 1e-3, one query head a kv head; the same as GGUF F32"),
    Spec("bf16-export", hidden=40, inter=36, layers=3, heads=3, kv_heads=3, head_dim=32, experts=3, top_k=2, window=8, vocab=96,
         rope=dict(SHORT_YARN, truncate=True), rope_key="rope_parameters", max_positions=512, alpha=1.702, experts_store="dense",
         n_ids=129,
         about="what save_pretrained writes: BF16 transposed experts, rope_parameters, YaRN with truncate true; hidden not a "
               "multiple of 32; three layers; every position kept"),
    Spec("tied-full-first", hidden=32, inter=32, layers=3, heads=2, kv_heads=1, head_dim=80, experts=4, top_k=1, window=4,
         vocab=64, layer_types="fsf", rope=NO_TRUNCATE_KEY, tied=True, alpha=1.3, limit=2.5,
         about="tied embeddings, YaRN without a truncate key (true), head_dim 80, top-1, alpha 1.3, limit 2.5, window 4, "
               "full layer first; every position kept"),
    Spec("f16-sliding", hidden=40, inter=24, layers=2, heads=4, kv_heads=1, head_dim=16, experts=8, top_k=4, window=16,
         vocab=96, layer_types="ss", rope=PLAIN, theta=10000.0, store="f16", experts_store="dense", eps=1e-2, positions=EDGES,
         about="F16, all layers sliding, plain rope with theta 10000, eps 1e-2"),
    Spec("window128-sharded", hidden=32, inter=32, layers=2, heads=4, kv_heads=1, head_dim=64, experts=32, top_k=4, window=128,
         vocab=256, rope=None, shards=2, positions=EDGES,
         about="window 128, head_dim 64, 32 experts top-4, no rope key at all (gpt-oss's YaRN), two zero-based shards"),
    Spec("full-yarn8", hidden=64, inter=32, layers=2, heads=16, kv_heads=2, head_dim=16, experts=8, top_k=2, window=8, vocab=128,
         layer_types="ff", rope=SHORT_YARN, rope_key="rope_parameters", max_positions=512, positions=EDGES,
         about="all layers full, YaRN factor 8 over 64 positions in rope_parameters, MXFP4 experts"),
    Spec("wide-one-layer", hidden=160, inter=192, layers=1, heads=2, kv_heads=1, head_dim=16, experts=3, top_k=1, window=16,
         vocab=64, rope=YARN, positions=EDGES,
         about="5 and 6 blocks of 32 a row (not a multiple of the four partial sums), one layer, top-1"),
    Spec("long-yarn", hidden=32, inter=32, layers=2, heads=2, kv_heads=1, head_dim=64, experts=4, top_k=2, window=128, vocab=64,
         rope=YARN, n_ids=4200, positions=LONG_EDGES,
         about="4,200 tokens, past YaRN's original 4,096"),
]

TAPS = Spec("taps", hidden=32, inter=32, layers=3, heads=4, kv_heads=2, head_dim=16, experts=4, top_k=2, window=8, vocab=64,
            rope=SHORT_YARN, max_positions=512, n_ids=20, about="every intermediate tensor of a 20-token run")

MODEL_README = """# Golden models

Made by `tools/golden/golden_model.py` (its head comment says what is checked before a file is written); do not edit.
Each folder is a tiny random model with what transformers 5.23.0 computes for it in float32:

- `config.json`, `model.safetensors` (or shards and an index): the model as a Hugging Face folder
- `ids.txt`: the prompt, one comma-separated line
- `positions.txt`: the position of each row of `logits.npy`; where it is missing, every position is kept
- `logits.npy`: float32, [rows, vocab]. The model is causal, so row p also judges the prompt cut after p + 1 ids (1, 17, 127,
  128, 129 and 300 tokens are there)
- `model.gguf`, `original/`: the same values in other containers. In `yarn-mxfp4` (MXFP4 + BF16, norms, biases and router
  widened to F32 in the GGUF) and `f32-gguf` all forms must give identical bits. In `q8-gguf` the GGUF matrices are Q8_0
  and the folder has the same values as F32: equal within the tolerance, bit for bit only if a kernel's order agrees.

An engine passes with |difference| <= 1e-4 * max(1, max |logit|). The columns: largest difference of these logits to a
float64 forward, or to a float32 one with float64 inverse frequencies, in units of max(1, max |logit|); the narrowest choice
of an expert over the whole prompt in units of the float32 error of that row's router logits; the one parameter or setting whose loss
(or, for alpha, limit, eps, theta and window, whose small change) shows least, in units of the tolerance.

"""

TAPS_README = """# Golden intermediates

Made by `tools/golden/golden_model.py taps`; do not edit. A model (`config.json`, `model.safetensors`: MXFP4 + BF16, 3 layers sliding,
full, sliding, window 8, YaRN) and every intermediate of the 20 tokens in `ids.txt`, computed in float64 (rotary angles: the
float32 product) and rounded to float32; compared with transformers' own modules where they show the value. Everything
is float32, C order; n = 20, layers L = 0, 1, 2, H = 32 hidden, 4 query heads and 2 kv heads of 16, E = 4 experts, K = 2, I = 32.
`logits.npy` is transformers' own float32 result.

| file | shape | what |
|---|---|---|
| embed | n, H | rows of the embedding |
| layerL.resid_pre, resid_mid, resid_post | n, H | the residual before the layer, after attention, after the experts |
| layerL.attn_in, mlp_in | n, H | after the norm and its gain |
| layerL.q / k, v | n, 64 / n, 32 | projections with bias, before rope; head h at columns 16 h |
| layerL.q_rot / k_rot | n, 64 / n, 32 | after rope (with its concentration factor) |
| layerL.attn_z | n, 64 | each head's output, before o_proj |
| layerL.attn_lse | n, 4 | log(exp(sink) + sum of exp(scores)), natural logarithm, scores scaled |
| layerL.attn_out | n, H | o_proj with bias |
| layerL.router_logits | n, E | with bias |
| layerL.expert_ids, expert_weights | n, K | the chosen experts in ascending id (as float), softmax over the chosen logits |
| layerL.expert_gate, expert_up | n, K, I | with bias, before the clamp; experts in the order of expert_ids |
| layerL.expert_h | n, K, I | after the clamped SwiGLU |
| layerL.expert_out | n, K, H | with bias, before weighting |
| layerL.mlp_out | n, H | the weighted sum |
| final_norm | n, H | what the head multiplies |
| logits | n, 64 | |
"""


def from_pretrained_logits(folder, ids, positions):
    """What transformers itself makes of the folder, float32."""
    from transformers import GptOssForCausalLM, Mxfp4Config
    options = {"attn_implementation": "eager", "experts_implementation": "eager", "dtype": torch.float32}
    with open(os.path.join(folder, "config.json")) as f:
        if "quantization_config" in f.read():
            options["quantization_config"] = Mxfp4Config(dequantize=True)
    model = GptOssForCausalLM.from_pretrained(folder, **options).float().eval()
    return transformers_logits(model, ids, positions)


def sensitivity(model, state, ids):
    """(name, change in units of the tests' tolerance) of the parameter or setting whose loss shows least."""
    ids = ids[:160]
    config, scale = model.config, model.model.rotary_emb.attention_scaling
    w = model.model.rotary_emb.inv_freq

    def run(changed=None, w=w, scale=scale, change=None):
        return forward(config, {**state, **(changed or {})}, ids, torch.float32, w, scale, change=change)

    base = run()
    unit = TOLERANCE * max(1.0, float(base.abs().max()))
    moved = {}
    for name, x in state.items():
        moved[name] = run({name: torch.ones_like(x) if "norm" in name else torch.zeros_like(x)})
    moved["alpha"] = run(change={"alpha": config.swiglu_alpha * 0.95})
    moved["limit"] = run(change={"limit": config.swiglu_limit * 0.9})
    if config.rms_norm_eps > 1e-4:
        moved["eps"] = run(change={"eps": 1e-5})
    if "sliding_attention" in config.layer_types and config.sliding_window < len(ids):
        moved["window + 1"], moved["window - 1"] = run(change={"window": 1}), run(change={"window": -1})
    rope = config.rope_parameters
    others = {"theta": (dict(rope), rope["rope_theta"] * 1.1)}
    if rope["rope_type"] == "yarn":
        others["no yarn"] = (PLAIN, rope["rope_theta"])
        others["truncate"] = (dict(rope, truncate=not rope.get("truncate", True)), rope["rope_theta"])
    for name, (other, theta) in others.items():
        moved[name] = run(w=inverse_frequencies_f64(config.head_dim, theta, other)[0])
    if scale != 1.0:
        moved["concentration"] = run(scale=1.0)
    change = {name: float((x - base).abs().max()) / unit for name, x in moved.items()}
    return min(change.items(), key=lambda item: item[1])


def make(spec, folder):
    """Draws until the margins hold, writes the folder, returns a line for the table."""
    for seed in range(1, 60):
        spec = replace(spec, seed=seed)
        state, packed = draw(spec)
        ids, positions = draw_ids(spec), spec.positions or None
        shutil.rmtree(folder, ignore_errors=True)
        write_hf(spec, folder, state, packed)
        model = transformers_model(folder, state)
        logits = transformers_logits(model, ids, positions)
        w, _ = inverse_frequencies_f64(spec.head_dim, spec.theta, model.config.rope_parameters)
        margin, margin_w, gap = margins(model, state, ids, logits, positions, w)
        least, shows = sensitivity(model, state, ids)
        ok = max(margin, margin_w) < 3e-5 and gap > 4 and shows > 10 and logits.std() > 1
        print(f"{spec.name} seed {seed}: f32-f64 {margin:.1e}, with f64 frequencies {margin_w:.1e}, router gap/error {gap:.0f}, "
              f"least seen: {least} at {shows:.0f} tolerances, logits std {logits.std():.2f} max {np.abs(logits).max():.1f}"
              f"{'' if ok else '  -> next seed'}", flush=True)
        if ok:
            break
    else:
        raise SystemExit(f"{spec.name}: no seed is good enough")
    again = from_pretrained_logits(folder, ids, positions)
    assert np.array_equal(again, logits), (spec.name, np.abs(again - logits).max())
    write_ids(os.path.join(folder, "ids.txt"), ids)
    np.save(os.path.join(folder, "logits.npy"), logits.astype(np.float32))
    if positions:
        write_ids(os.path.join(folder, "positions.txt"), positions)
    if spec.gguf:
        path = os.path.join(folder, "model.gguf")
        write_gguf(spec, path, state, packed)
        check_gguf(spec, path, state)
    if spec.original:
        write_original(spec, os.path.join(folder, "original"), state, packed)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(folder) for f in files)
    row = f"| {spec.name} | {spec.about} | {len(ids)} | {size // 1024} | {max(margin, margin_w):.0e} | {gap:.0f} | {least}: {shows:.0f} |"
    return row, spec, model, state, ids, logits


def hooked(model, ids):
    """What transformers' own modules put out, by tap name, float32 [n, ...]."""
    seen, handles = {}, []
    places = {"input_layernorm": "attn_in", "self_attn.q_proj": "q", "self_attn.k_proj": "k", "self_attn.v_proj": "v",
              "self_attn.o_proj": "attn_out", "post_attention_layernorm": "mlp_in", "mlp": "mlp_out", "": "resid_post"}

    def keep(name, slot=None):
        def hook(module, inputs, output):
            x = output[slot] if slot is not None else output[0] if isinstance(output, tuple) else output
            seen[name] = x.detach().reshape(len(ids), -1).double()
        return hook

    for n, layer in enumerate(model.model.layers):
        for place, name in places.items():
            handles.append(layer.get_submodule(place).register_forward_hook(keep(f"layer{n}.{name}")))
        handles.append(layer.mlp.router.register_forward_hook(keep(f"layer{n}.router_logits", 0)))
        handles.append(layer.self_attn.o_proj.register_forward_hook(
            lambda m, inputs, output, n=n: seen.update({f"layer{n}.attn_z": inputs[0][0].detach().double()})))
    handles.append(model.model.norm.register_forward_hook(keep("final_norm")))
    handles.append(model.model.embed_tokens.register_forward_hook(keep("embed")))
    transformers_logits(model, ids)
    for handle in handles:
        handle.remove()
    return seen


def make_taps(folder):
    row, spec, model, state, ids, logits = make(TAPS, folder)
    taps = {}
    rotary = model.model.rotary_emb
    forward(model.config, state, ids, torch.float64, rotary.inv_freq, rotary.attention_scaling, taps)
    seen = dict(hooked(model, ids), logits=torch.from_numpy(logits).double())
    for name, x in seen.items():
        assert (x - taps[name]).abs().max() < 3e-6 * x.abs().max().clamp(min=1), name
    print(f"taps: {len(taps)} tensors, {len(seen)} of them compared with transformers' modules")
    del taps["logits"]                                           # make() has written transformers' own
    for name, x in taps.items():
        np.save(os.path.join(folder, name + ".npy"), x.to(torch.float32).numpy())
    with open(os.path.join(folder, "README.md"), "w") as f:
        f.write(TAPS_README)
    return row


def main():
    torch.set_num_threads(1)
    names = sys.argv[1:]
    rows = []
    for spec in SPECS:
        if not names or spec.name in names:
            rows.append(make(spec, os.path.join(GOLDEN, "model", spec.name))[0])
    if not names or "taps" in names:
        rows.append(make_taps(os.path.join(GOLDEN, "taps")))
    table = "\n".join(["| name | what it covers | tokens | KiB | f32 to f64 | router gap / error | shows least |",
                       "|---|---|---|---|---|---|---|"] + rows) + "\n"
    print(table)
    if not names:
        with open(os.path.join(GOLDEN, "model", "README.md"), "w") as f:
            f.write(MODEL_README + table)


if __name__ == "__main__":
    main()
