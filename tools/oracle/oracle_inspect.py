"""Checks what `osso inspect capture` writes against transformers (and, where it is installed, TransformerLens's bridge).

    tools/oracle/oracle_inspect.py [-n CASES] [--seed S] [--binary build/osso] [--model models/osso-small]

makes random tiny gpt-oss models (oracle.py's), captures every hook of them and of the bundled one with --exact, and asks for
|difference| <= 1e-4 * max(1, largest) of each: module paths against transformers' own module hooks, the residual stream, norms, heads, attention and each chosen expert against a
plain computation from transformers' parameters, and every name that TransformerLens's bridge has against its cache. transformer-lens is
found when it is importable (its trackers and data sets need not be); without it those comparisons are left out, and that is said.
"""
import argparse
import importlib.abc
import importlib.machinery
import os
import shutil
import subprocess
import sys
import tempfile
import types

import numpy as np
import torch
from safetensors import safe_open
from transformers.models.gpt_oss.modeling_gpt_oss import apply_rotary_pos_emb

from oracle import ROOT, TOLERANCE, Tally, describe, sure_case
from tiny_model import random_spec, transformers_model, write_ids


def captured(binary, model, ids, folder):
    ids_path, out = os.path.join(folder, "ids.txt"), os.path.join(folder, "out.safetensors")
    write_ids(ids_path, ids)
    done = subprocess.run([binary, "inspect", "capture", "-m", model, "--ids", ids_path, "--exact", "-o", out, "*"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"exit status {done.returncode}: {done.stderr}")
    with safe_open(out, "np") as f:
        return {name: f.get_tensor(name) for name in f.keys()}


def modules(model, ids):
    """{path or path.input: value} by transformers' own hooks, and the attention weights that it returns."""
    seen, handles = {}, []

    def note(path):
        def hook(_, args, kwargs, out):
            x = args[0] if args else kwargs["hidden_states"]
            if path != "model.embed_tokens":
                seen[path + ".input"] = x.detach()
            seen[path] = (out[0] if isinstance(out, tuple) else out).detach()
            if path.endswith(".self_attn"):
                seen[path + ":weights"] = out[1].detach()
        return hook

    for path, module in model.named_modules():
        if path and "rotary" not in path and path != "model" and path != "model.layers":
            handles.append(module.register_forward_hook(note(path), with_kwargs=True))
    with torch.no_grad():
        model(input_ids=torch.tensor([ids]), use_cache=False)
    for handle in handles:
        handle.remove()
    return {path: x.numpy().reshape(-1, x.shape[-1]) if not path.endswith(":weights") else x[0].numpy() for path, x in seen.items()}


def rms(x, eps):
    return np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + eps)


def attention(layer, m, want, name, model, ids):
    """Heads, scores, weights, sinks and results of one layer."""
    n, D, attn = len(ids), model.config.head_dim, model.model.layers[layer].self_attn
    q, k, v = (m[f"model.layers.{layer}.self_attn.{x}_proj"].reshape(n, -1, D) for x in "qkv")
    want[name + "hook_q"], want[name + "hook_k"], want[name + "hook_v"] = q, k, v
    cos, sin = model.model.rotary_emb(torch.zeros(1, n, 1), torch.arange(n)[None])
    turned = apply_rotary_pos_emb(torch.from_numpy(q.transpose(1, 0, 2))[None], torch.from_numpy(k.transpose(1, 0, 2))[None], cos, sin)
    q, k = (x[0].numpy().transpose(1, 0, 2) for x in turned)
    want[name + "hook_rot_q"], want[name + "hook_rot_k"] = q, k
    group = q.shape[1] // k.shape[1]
    scores = np.einsum("qhd,khd->hqk", q.astype(np.float64), np.repeat(k, group, 1).astype(np.float64)) / np.sqrt(D)
    at = np.arange(n)
    masked = at[None, :] > at[:, None]
    if model.config.layer_types[layer] == "sliding_attention":
        masked = masked | (at[None, :] <= at[:, None] - model.config.sliding_window)
    want[name + "hook_attn_scores"] = np.where(masked[None], -np.inf, scores)
    want[name + "hook_pattern"] = m[f"model.layers.{layer}.self_attn:weights"]
    sinks = attn.sinks.detach().numpy().astype(np.float64)
    top = np.maximum(np.where(masked[None], -np.inf, scores).max(-1), sinks[:, None])
    total = np.exp(np.where(masked[None], -np.inf, scores) - top[..., None]).sum(-1) + np.exp(sinks[:, None] - top)
    want[name + "hook_sink"] = np.exp(sinks[:, None] - top) / total
    z = m[f"model.layers.{layer}.self_attn.o_proj.input"].reshape(n, -1, D)
    want[name + "hook_z"] = z
    o = attn.o_proj.weight.detach().numpy().reshape(model.config.hidden_size, -1, D)
    want[name + "hook_result"] = np.einsum("nhd,ihd->nhi", z.astype(np.float64), o.astype(np.float64))


def experts(layer, m, want, name, model):
    """Routing, and each chosen expert by itself."""
    mlp, x = model.model.layers[layer].mlp, m[f"model.layers.{layer}.mlp.input"].astype(np.float64)
    logits = m[f"model.layers.{layer}.mlp.router"].astype(np.float64)
    ids = np.argsort(-logits, -1, kind="stable")[:, :model.config.num_experts_per_tok]
    chosen = np.take_along_axis(logits, ids, -1)
    weights = np.exp(chosen - chosen.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    dense = np.zeros_like(logits)
    np.put_along_axis(dense, ids, weights, -1)
    want[name + "router.hook_out"] = logits
    want[name + "hook_expert_indices"], want[name + "hook_router_scores"], want[name + "hook_expert_weights"] = ids, weights, dense
    e = mlp.experts
    w1, b1, w2, b2 = (p.detach().numpy().astype(np.float64) for p in (e.gate_up_proj, e.gate_up_proj_bias, e.down_proj, e.down_proj_bias))
    both = np.einsum("nh,nkhi->nki", x, w1[ids]) + b1[ids]
    gate, up = both[..., ::2], both[..., 1::2]
    want[name + "experts.hook_gate"], want[name + "experts.hook_up"] = gate, up
    g, u = np.minimum(gate, e.limit), np.clip(up, -e.limit, e.limit)
    act = (u + 1) * g / (1 + np.exp(-e.alpha * g))
    want[name + "experts.hook_act"] = act
    want[name + "experts.hook_out"] = np.einsum("nki,nkih->nkh", act, w2[ids]) + b2[ids]


def expected(model, ids):
    m = modules(model, ids)
    want = {path: x for path, x in m.items() if ":weights" not in path}
    want.update({"hook_embed": m["model.embed_tokens"], "unembed.hook_out": m["lm_head"], "ln_final.hook_out": m["model.norm"]})
    residuals = {"ln_final.": m["model.norm.input"]}
    for l in range(model.config.num_hidden_layers):
        block, layer = f"blocks.{l}.", f"model.layers.{l}"
        mid = m[layer + ".post_attention_layernorm.input"]
        want.update({block + "hook_resid_pre": m[layer + ".input"], block + "hook_resid_mid": mid, block + "hook_mlp_in": mid,
                     block + "hook_resid_post": m[layer], block + "ln1.hook_out": m[layer + ".input_layernorm"],
                     block + "ln2.hook_out": m[layer + ".post_attention_layernorm"], block + "hook_attn_out": m[layer + ".self_attn"],
                     block + "hook_mlp_out": m[layer + ".mlp"], block + "mlp.hook_pre": m[layer + ".mlp.input"], block + "mlp.hook_post": m[layer + ".mlp"]})
        residuals.update({block + "ln1.": m[layer + ".input"], block + "ln2.": mid})
        attention(l, m, want, block + "attn.", model, ids)
        experts(l, m, want, block + "mlp.", model)
    for name, x in residuals.items():
        want[name + "hook_scale"] = rms(x, model.config.rms_norm_eps)
        want[name + "hook_normalized"] = x / want[name + "hook_scale"]
    return want


def difference(have, want):
    """Of the larger of 1 and the largest value; nan where shapes or masks differ."""
    want, have = np.asarray(want, np.float64), have.astype(np.float64)
    if have.shape != want.shape or not (np.isinf(have) == np.isinf(want)).all():
        return float("nan")
    there = ~np.isinf(want)
    return np.abs(have[there] - want[there]).max(initial=0) / max(1, np.abs(want[there]).max(initial=0))


# ---- TransformerLens ------------------------------------------------------------------------------------------------------

class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Trackers, data sets and plots that transformer-lens imports and that nothing here needs."""
    NAMES = "datasets", "wandb", "pandas", "plotly", "matplotlib", "transformers_stream_generator", "sentencepiece"

    class Module(types.ModuleType):
        __path__ = []

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {"__class_getitem__": classmethod(lambda cls, _: cls)})

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] in self.NAMES else None

    def create_module(self, spec):
        return self.Module(spec.name)

    def exec_module(self, module):
        pass


def bridge_class():
    sys.meta_path.append(Missing())
    try:
        from transformer_lens.model_bridge import TransformerBridge
        return TransformerBridge, ""
    except Exception as why:
        return None, f"{type(why).__name__}: {why}"


def bridge_cache(Bridge, model, folder, ids):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast
    os.environ["HF_HUB_OFFLINE"] = "1"
    words = Tokenizer(WordLevel({str(i): i for i in range(model.config.vocab_size)}, unk_token="0"))  # the bridge wants one; ids alone are used
    PreTrainedTokenizerFast(tokenizer_object=words, bos_token="0", eos_token="1", pad_token="2", unk_token="0").save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    bridge = Bridge.boot_transformers(folder, hf_model=model, tokenizer=tokenizer, device="cpu", dtype=torch.float32, load_weights=True)
    with torch.no_grad():
        _, cache = bridge.run_with_cache(torch.tensor([ids]))
    return {name: x[0].numpy() for name, x in cache.items() if isinstance(x, torch.Tensor) and x.ndim > 1 and x.shape[0] == 1}


def compare_bridge(tally, case, have, cache):
    """Every name that both have. There scores are masked with a large negative number or not at all: only what is seen counts."""
    worst, shared, wrong = 0, 0, []
    for name, want in sorted(cache.items()):
        if name not in have:
            continue
        mine = have[name].astype(np.float64)
        want = want.astype(np.float64).reshape(mine.shape) if want.size == mine.size else want.astype(np.float64)
        if name.endswith("hook_attn_scores"):
            seen = np.isfinite(mine)
            mine, want = np.where(seen, mine, 0), np.where(seen, want, 0) if want.shape == mine.shape else want
        d = difference(mine, want)
        shared += 1
        worst = max(worst, d)
        if not d <= TOLERANCE:
            wrong.append(f"{name} ({d:.1e})")
    tally.add(shared > 20 and not wrong, f"{case}: {shared} names of TransformerLens, largest difference {worst:.1e}" + (": " + ", ".join(wrong[:8]) if wrong else ""))


def compare(args, tally, Bridge, keep, case, folder, model, ids, more):
    have, want = captured(args.binary, folder, ids, keep), expected(model, ids)
    differences = {name: difference(have[name], x) for name, x in want.items() if name in have}
    lost = sorted(set(have) - set(want)) + sorted(set(want) - set(have))
    wrong = [f"{name} ({d:.1e})" for name, d in differences.items() if not d <= TOLERANCE]
    said = f"{case}: {len(differences)} hooks, largest difference {max(differences.values()):.1e}"
    tally.add(not wrong and not lost, said + "".join(f": {', '.join(x[:8])}" for x in (wrong, lost) if x) + more)
    if Bridge:
        compare_bridge(tally, case, have, bridge_cache(Bridge, model, folder, ids))


def bundled(args, tally, Bridge, keep):
    """The model that ships with osso, over a text that is longer than its window."""
    from tokenizers import Tokenizer
    from transformers import GptOssForCausalLM, Mxfp4Config
    from transformers.utils import logging
    logging.disable_progress_bar()
    folder = os.path.join(keep, "bundled")
    shutil.copytree(args.model, folder)  # the bridge's tokenizer is written beside a model
    model = GptOssForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager",
                                              quantization_config=Mxfp4Config(dequantize=True)).float().eval()
    text = "Once upon a time there was a little fox. The fox lived in the forest and ate red berries. One day it met a cat. " * 6
    ids = Tokenizer.from_file(os.path.join(folder, "tokenizer.json")).encode(text, add_special_tokens=False).ids[:150]
    compare(args, tally, Bridge, keep, f"{os.path.basename(args.model)}, {len(ids)} tokens", folder, model, ids, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", dest="cases", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "osso"))
    parser.add_argument("--model", default=os.path.join(ROOT, "models", "osso-small"))
    args = parser.parse_args()
    tally, keep = Tally(), tempfile.mkdtemp(prefix="osso-inspect-")
    Bridge, why = bridge_class()
    if not Bridge:
        print(f"      TransformerLens is not compared ({why})")
    for i in range(args.cases):
        spec = random_spec(np.random.default_rng([args.seed, 17, i]), f"inspect{i}")
        folder = os.path.join(keep, spec.name)
        spec, state, _, ids, _ = sure_case(spec, folder)
        compare(args, tally, Bridge, keep, f"case {i}", folder, transformers_model(folder, state), ids, f"  [{describe(spec)}]")
        shutil.rmtree(folder)
    bundled(args, tally, Bridge, keep)
    shutil.rmtree(keep)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(tally.failed != 0)


if __name__ == "__main__":
    main()
