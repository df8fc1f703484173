"""The gpt-oss forward pass written once more, in plain torch, with every intermediate visible.

It exists to judge golden data, not to make logits: run in float64 it says how far transformers' float32 logits are from
the exact ones and how close any token came to choosing other experts (a near-tie would make an honest engine look
wrong); and it supplies the intermediate tensors ("taps") that tests compare one by one. golden_model.py asserts that its
logits equal transformers'. The rotary angle stays the float32 product of position and inverse frequency in every
precision: that rounding belongs to the model.
"""
import math

import numpy as np
import torch


def inverse_frequencies_f64(head_dim, theta, rope):
    """(w float32 [head_dim/2], concentration): computed in float64 and rounded once, as the engine does."""
    rope = rope or {}
    i = np.arange(head_dim // 2, dtype=np.float64)
    plain = theta ** (-2 * i / head_dim)
    if rope.get("rope_type", "default") == "default":
        return plain.astype(np.float32), 1.0
    factor, original = rope["factor"], rope["original_max_position_embeddings"]
    bound = lambda beta: head_dim * math.log(original / (beta * 2 * math.pi)) / (2 * math.log(theta))
    low, high = bound(rope.get("beta_fast") or 32), bound(rope.get("beta_slow") or 1)
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    ramp = np.clip((i - low) / ((high - low) or 0.001), 0, 1)
    scale = rope.get("attention_factor") or (0.1 * math.log(factor) + 1 if factor > 1 else 1.0)
    return (plain * (1 - ramp) + plain / factor * ramp).astype(np.float32), scale


def forward(config, state, ids, dtype, w, concentration, taps=None, change=None):
    """Logits [n, vocab]. config: GptOssConfig; state: float32 tensors under transformers' names; w: float32 inverse
    frequencies. taps: a dict to fill. change: a dict of deliberate mistakes (see golden_model.py's sensitivity check)."""
    change = change or {}
    W = lambda name: state[name].to(dtype)
    n, D = len(ids), config.head_dim
    NQ, NKV, K = config.num_attention_heads, config.num_key_value_heads, config.num_experts_per_tok
    window = config.sliding_window + change.get("window", 0)
    alpha, limit = change.get("alpha", config.swiglu_alpha), change.get("limit", config.swiglu_limit)
    position = torch.arange(n)
    angle = position[:, None].float() * torch.as_tensor(w)[None, :]
    cos, sin = angle.to(dtype).cos() * concentration, angle.to(dtype).sin() * concentration

    def tap(layer, name, x):
        if taps is not None:
            taps[f"layer{layer}.{name}" if layer is not None else name] = x.detach().clone()

    def norm(x, gain):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + change.get("eps", config.rms_norm_eps)) * W(gain)

    def rotate(x):                                   # [n, heads, D]
        a, b = x[..., :D // 2], x[..., D // 2:]
        c, s = cos[:, None], sin[:, None]
        return torch.cat([a * c - b * s, b * c + a * s], -1)

    x = W("model.embed_tokens.weight")[torch.tensor(ids)]
    tap(None, "embed", x)
    for l in range(config.num_hidden_layers):
        p = f"model.layers.{l}."
        tap(l, "resid_pre", x)
        t = norm(x, p + "input_layernorm.weight")
        tap(l, "attn_in", t)
        q, k, v = (t @ W(p + f"self_attn.{c}_proj.weight").T + W(p + f"self_attn.{c}_proj.bias") for c in "qkv")
        tap(l, "q", q), tap(l, "k", k), tap(l, "v", v)
        q, k = rotate(q.view(n, NQ, D)), rotate(k.view(n, NKV, D))
        v = v.view(n, NKV, D)
        tap(l, "q_rot", q.reshape(n, -1)), tap(l, "k_rot", k.reshape(n, -1))
        z, lse = torch.empty(n, NQ, D, dtype=dtype), torch.empty(n, NQ, dtype=dtype)
        sinks = W(p + "self_attn.sinks")
        for first in range(0, n, 256):               # a block of queries at a time, to keep the scores small
            rows = slice(first, min(first + 256, n))
            sliding = config.layer_types[l] == "sliding_attention"
            keys = slice(max(0, first - window + 1) if sliding else 0, rows.stop)
            back = position[rows, None] - position[None, keys]
            hidden_key = (back < 0) | (back >= window) if sliding else back < 0
            for h in range(NQ):
                g = h // (NQ // NKV)
                score = (q[rows, h] @ k[keys, g].T) / math.sqrt(D)
                score.masked_fill_(hidden_key, -math.inf)
                sink = sinks[h].expand(len(score), 1)
                lse[rows, h] = torch.logsumexp(torch.cat([score, sink], 1), 1)
                z[rows, h] = torch.exp(score - lse[rows, h, None]) @ v[keys, g]
        tap(l, "attn_z", z.reshape(n, -1)), tap(l, "attn_lse", lse)
        out = z.reshape(n, -1) @ W(p + "self_attn.o_proj.weight").T + W(p + "self_attn.o_proj.bias")
        tap(l, "attn_out", out)
        x = x + out
        tap(l, "resid_mid", x)
        t = norm(x, p + "post_attention_layernorm.weight")
        tap(l, "mlp_in", t)
        router = t @ W(p + "mlp.router.weight").T + W(p + "mlp.router.bias")
        tap(l, "router_logits", router)
        top = torch.sort(router, dim=-1, descending=True, stable=True)
        chosen, order = torch.sort(top.indices[:, :K], dim=-1)
        weight = torch.softmax(top.values[:, :K], -1).gather(1, order)
        tap(l, "expert_ids", chosen), tap(l, "expert_weights", weight)
        gate, up, h_out = (torch.empty(n, K, config.intermediate_size, dtype=dtype) for _ in range(3))
        y = torch.empty(n, K, config.hidden_size, dtype=dtype)
        e_name = p + "mlp.experts."
        for e in chosen.unique().tolist():
            row, slot = torch.where(chosen == e)
            u = t[row] @ W(e_name + "gate_up_proj")[e] + W(e_name + "gate_up_proj_bias")[e]
            gate[row, slot], up[row, slot] = u[:, ::2], u[:, 1::2]
            a, b = u[:, ::2].clamp(max=limit), u[:, 1::2].clamp(-limit, limit)
            h = a * torch.sigmoid(alpha * a) * (b + 1)
            h_out[row, slot] = h
            y[row, slot] = h @ W(e_name + "down_proj")[e] + W(e_name + "down_proj_bias")[e]
        tap(l, "expert_gate", gate), tap(l, "expert_up", up), tap(l, "expert_h", h_out), tap(l, "expert_out", y)
        moe = (y * weight[..., None]).sum(1)
        tap(l, "mlp_out", moe)
        x = x + moe
        tap(l, "resid_post", x)
    x = norm(x, "model.norm.weight")
    tap(None, "final_norm", x)
    head = "lm_head.weight" if "lm_head.weight" in state else "model.embed_tokens.weight"
    logits = x @ W(head).T
    tap(None, "logits", logits)
    return logits


def margins(model, state, ids, logits, positions, w_engine):
    """How sure golden logits are, as three numbers: the largest difference to float64, and to a float32 forward with the
    engine's inverse frequencies, over the kept positions, both in units of max(1, max |logit|); and the narrowest
    choice between an expert taken and one left out, over all tokens and layers, in units of that row's float32 error."""
    rotary, config = model.model.rotary_emb, model.config
    exact, engine = {}, {}
    forward(config, state, ids, torch.float64, rotary.inv_freq, rotary.attention_scaling, exact)
    forward(config, state, ids, torch.float32, w_engine, rotary.attention_scaling, engine)
    unit = max(1.0, float(np.abs(logits).max()))
    golden = torch.from_numpy(logits).double()
    rows = torch.tensor(positions) if positions else slice(None)
    apart = [float((x["logits"][rows].double() - golden).abs().max()) / unit for x in (exact, engine)]
    narrowest, K = math.inf, config.num_experts_per_tok
    if K < config.num_local_experts:
        for n in range(config.num_hidden_layers):
            router = exact[f"layer{n}.router_logits"]
            error = (router - engine[f"layer{n}.router_logits"].double()).abs().max(1).values
            top = router.topk(K + 1, dim=1).values
            narrowest = min(narrowest, float(((top[:, K - 1] - top[:, K]) / error.clamp(min=2 * float(error.median()))).min()))
    return apart[0], apart[1], narrowest
