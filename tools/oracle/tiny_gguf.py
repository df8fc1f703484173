"""Write a tiny random model (tiny_model.py) as GGUF, with the keys and tensor names of gpt-oss files, and as OpenAI's
`original/` folder.

Types in the GGUF: norms, biases, sinks and the router F32, as every gpt-oss GGUF has them; matrices BF16, F32 or Q8_0;
experts MXFP4 (the same codes as the Hugging Face form, each block of 32 re-paired from neighbours to low/high halves) or
the type of the matrices. Every value is the value of the Hugging Face form.
"""
import json
import os

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

from tiny_model import YARN, stored_tensors

TYPE = gguf.GGMLQuantizationType


def byte_alphabet():
    """GPT-2's printable stand-ins for the 256 bytes."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + extra)
            extra += 1
    return [table[b] for b in range(256)]


def tokenizer(vocab):
    """(tokens, types, merges): 256 bytes, merges of small words, then control tokens named like gpt-oss's."""
    special = ["<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>", "<|start|>", "<|end|>",
               "<|message|>", "<|call|>"]
    merges = ["t h", "th e", "i n", "a n", "Ġ t", "e r", "o n"]
    tokens = byte_alphabet() + [m.replace(" ", "") for m in merges]
    types = [1] * len(tokens) + [3] * len(special)
    tokens += special
    assert vocab >= len(tokens), "a GGUF model needs room for the 256 bytes, the merges and the special tokens"
    while len(tokens) < vocab:
        types.append(5)
        tokens.append(f"[PAD{len(tokens)}]")
    return tokens, types, merges


def ggml_blocks(blocks, scales):
    """HF codes [E, rows, groups, 16] and scales [E, rows, groups] -> ggml bytes [E, rows, groups * 17]."""
    codes = np.stack([blocks & 15, blocks >> 4], -1).reshape(*blocks.shape[:3], 32)
    packed = codes[..., :16] | (codes[..., 16:] << 4)
    return np.concatenate([scales[..., None], packed], -1).reshape(*blocks.shape[:2], -1)


def write_gguf(spec, path, state, packed):
    w = gguf.GGUFWriter(path, "gpt-oss")
    w.add_type("model")
    w.add_name(spec.name)
    w.add_block_count(spec.layers)
    w.add_context_length(spec.max_positions)
    w.add_embedding_length(spec.hidden)
    w.add_feed_forward_length(spec.inter)
    w.add_head_count(spec.heads)
    w.add_head_count_kv(spec.kv_heads)
    w.add_rope_freq_base(spec.theta)
    w.add_layer_norm_rms_eps(spec.eps)
    w.add_expert_count(spec.experts)
    w.add_expert_used_count(spec.top_k)
    w.add_key_length(spec.head_dim)
    w.add_value_length(spec.head_dim)
    w.add_sliding_window(spec.window)
    w.add_expert_feed_forward_length(spec.inter)
    if spec.layer_types:
        w.add_sliding_window_pattern([spec.is_sliding(n) for n in range(spec.layers)])
    rope = spec.rope or YARN
    if rope["rope_type"] == "default":
        w.add_rope_scaling_type(gguf.RopeScalingType.NONE)
    else:
        assert not rope.get("truncate", True), "GGUF cannot say truncate; the engine reads it as unrounded"
        w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        w.add_rope_scaling_factor(rope["factor"])
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        w.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        w.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    assert spec.alpha is None and spec.limit == 7.0, "GGUF cannot say alpha and limit"
    tokens, types, merges = tokenizer(spec.vocab)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-4o")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges(merges)
    w.add_bos_token_id(tokens.index("<|startoftext|>"))
    w.add_eos_token_id(tokens.index("<|return|>"))
    w.add_pad_token_id(tokens.index("<|endoftext|>"))
    w.add_file_type(38 if packed else 0)

    matrix = TYPE.Q8_0 if spec.q8 else {"bf16": TYPE.BF16, "f16": TYPE.F16, "f32": TYPE.F32}[spec.store]

    def put(name, x, kind):
        x = np.ascontiguousarray(x, np.float32)
        if kind == TYPE.F32:
            w.add_tensor(name, x)
            return
        raw = gguf.quants.quantize(x, kind)
        assert np.array_equal(gguf.quants.dequantize(raw, kind).view(np.uint32), x.view(np.uint32)), name
        w.add_tensor(name, raw.view(np.uint8) if kind != TYPE.F16 else raw, raw_dtype=kind)

    get = lambda name: state[name].numpy()
    put("token_embd.weight", get("model.embed_tokens.weight"), matrix)
    put("output_norm.weight", get("model.norm.weight"), TYPE.F32)
    if not spec.tied:
        put("output.weight", get("lm_head.weight"), matrix)
    for n in range(spec.layers):
        p, b = f"model.layers.{n}.", f"blk.{n}."
        put(b + "attn_norm.weight", get(p + "input_layernorm.weight"), TYPE.F32)
        for hf, name in (("q_proj", "attn_q"), ("k_proj", "attn_k"), ("v_proj", "attn_v"), ("o_proj", "attn_output")):
            put(b + name + ".weight", get(p + f"self_attn.{hf}.weight"), matrix)
            put(b + name + ".bias", get(p + f"self_attn.{hf}.bias"), TYPE.F32)
        put(b + "attn_sinks.weight", get(p + "self_attn.sinks"), TYPE.F32)
        put(b + "post_attention_norm.weight", get(p + "post_attention_layernorm.weight"), TYPE.F32)
        put(b + "ffn_gate_inp.weight", get(p + "mlp.router.weight"), TYPE.F32)
        put(b + "ffn_gate_inp.bias", get(p + "mlp.router.bias"), TYPE.F32)
        for hf, parts in (("gate_up_proj", (("ffn_gate_exps", slice(0, None, 2)), ("ffn_up_exps", slice(1, None, 2)))),
                          ("down_proj", (("ffn_down_exps", slice(None)),))):
            full = p + "mlp.experts." + hf
            for name, rows in parts:
                if full + "_blocks" in packed:
                    raw = ggml_blocks(packed[full + "_blocks"][:, rows], packed[full + "_scales"][:, rows])
                    w.add_tensor(b + name + ".weight", np.ascontiguousarray(raw), raw_dtype=TYPE.MXFP4)
                else:
                    put(b + name + ".weight", get(full).transpose(0, 2, 1)[:, rows], matrix)
                put(b + name + ".bias", get(full + "_bias")[:, rows], TYPE.F32)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def check_gguf(spec, path, state):
    """Read the file back with the gguf package and compare every value."""
    tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}
    value = lambda name: gguf.quants.dequantize(tensors[name].data, tensors[name].tensor_type)
    for n in range(spec.layers):
        e = state[f"model.layers.{n}.mlp.experts.gate_up_proj"].numpy().transpose(0, 2, 1)
        assert np.array_equal(value(f"blk.{n}.ffn_gate_exps.weight").reshape(e[:, ::2].shape), e[:, ::2])
        assert np.array_equal(value(f"blk.{n}.ffn_up_exps.weight").reshape(e[:, 1::2].shape), e[:, 1::2])
        d = state[f"model.layers.{n}.mlp.experts.down_proj"].numpy().transpose(0, 2, 1)
        assert np.array_equal(value(f"blk.{n}.ffn_down_exps.weight").reshape(d.shape), d)
        for hf, name in (("q", "attn_q"), ("k", "attn_k"), ("v", "attn_v"), ("o", "attn_output")):
            assert np.array_equal(value(f"blk.{n}.{name}.weight"),
                                  state[f"model.layers.{n}.self_attn.{hf}_proj.weight"].numpy())


def write_original(spec, folder, state, packed):
    """OpenAI's own layout: fused qkv, other names, and a config.json with neither layer types, truncate nor eps."""
    assert packed and not spec.tied and not spec.layer_types and spec.eps == 1e-5 and spec.alpha is None
    rope = spec.rope or YARN
    assert rope["rope_type"] == "yarn" and not rope["truncate"]
    stored, out = stored_tensors(spec, state, packed), {}
    out["embedding.weight"] = stored["model.embed_tokens.weight"]
    out["norm.scale"] = stored["model.norm.weight"]
    out["unembedding.weight"] = stored["lm_head.weight"]
    for n in range(spec.layers):
        p, b = f"model.layers.{n}.", f"block.{n}."
        for kind in ("weight", "bias"):
            out[b + f"attn.qkv.{kind}"] = torch.cat([stored[p + f"self_attn.{c}_proj.{kind}"] for c in "qkv"])
            out[b + f"attn.out.{kind}"] = stored[p + f"self_attn.o_proj.{kind}"]
            out[b + f"mlp.gate.{kind}"] = stored[p + f"mlp.router.{kind}"]
        out[b + "attn.norm.scale"] = stored[p + "input_layernorm.weight"]
        out[b + "attn.sinks"] = stored[p + "self_attn.sinks"]
        out[b + "mlp.norm.scale"] = stored[p + "post_attention_layernorm.weight"]
        for hf, name in (("gate_up_proj", "mlp1"), ("down_proj", "mlp2")):
            full = p + "mlp.experts." + hf
            out[b + f"mlp.{name}_weight.blocks"] = stored[full + "_blocks"]
            out[b + f"mlp.{name}_weight.scales"] = stored[full + "_scales"]
            out[b + f"mlp.{name}_bias"] = stored[full + "_bias"]
    os.makedirs(folder, exist_ok=True)
    save_file(out, os.path.join(folder, "model.safetensors"))
    config = {
        "num_hidden_layers": spec.layers, "num_experts": spec.experts, "experts_per_token": spec.top_k,
        "vocab_size": spec.vocab, "hidden_size": spec.hidden, "intermediate_size": spec.inter,
        "swiglu_limit": spec.limit, "head_dim": spec.head_dim, "num_attention_heads": spec.heads,
        "num_key_value_heads": spec.kv_heads, "sliding_window": spec.window,
        "initial_context_length": rope["original_max_position_embeddings"], "rope_theta": spec.theta,
        "rope_scaling_factor": rope["factor"], "rope_ntk_alpha": rope["beta_slow"], "rope_ntk_beta": rope["beta_fast"]}
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
        f.write("\n")
