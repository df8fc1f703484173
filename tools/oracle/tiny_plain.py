"""Tiny random models of the plain block: MixtralForCausalLM and LlamaForCausalLM, as transformers makes and writes them.

Shared by golden_plain.py (committed golden data) and oracle_plain.py (fresh random cases). Every parameter is drawn large enough
that leaving it out shows in the logits.
"""
import json
import os
from dataclasses import dataclass

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM


@dataclass
class Plain:
    seed: int = 1
    hidden: int = 32
    inter: int = 32
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    experts: int = 4        # 1: Llama's layer
    top_k: int = 2
    vocab: int = 64
    theta: float = 10000.0
    eps: float = 1e-5
    tied: bool = False
    store: str = "float32"
    shard: str = "5GB"      # the largest file


def plain_config(spec):
    same = dict(vocab_size=spec.vocab, hidden_size=spec.hidden, intermediate_size=spec.inter, num_hidden_layers=spec.layers,
                num_attention_heads=spec.heads, num_key_value_heads=spec.kv_heads, head_dim=spec.head_dim, rms_norm_eps=spec.eps,
                rope_parameters={"rope_type": "default", "rope_theta": spec.theta}, max_position_embeddings=512,
                tie_word_embeddings=spec.tied, bos_token_id=None, eos_token_id=spec.vocab - 1, attn_implementation="eager")
    if spec.experts == 1:
        return LlamaConfig(**same)
    return MixtralConfig(**same, num_local_experts=spec.experts, num_experts_per_tok=spec.top_k, experts_implementation="eager")


def plain_model(spec):
    """In float32, its values such as `store` holds exactly."""
    model = (LlamaForCausalLM if spec.experts == 1 else MixtralForCausalLM)(plain_config(spec)).float().eval()
    rng = np.random.default_rng(spec.seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            mean, std = (1.0, 0.3) if "norm" in name else (0.0, 1.5 / p.shape[-1] ** 0.5)
            if "embed_tokens" in name:
                std = 0.5 if spec.tied else 1.0
            x = torch.from_numpy((mean + std * rng.standard_normal(tuple(p.shape))).astype(np.float32))
            p.copy_(x.to(getattr(torch, spec.store)).float())
    return model


def write_plain(spec, model, folder):
    """As save_pretrained writes it."""
    os.makedirs(folder, exist_ok=True)
    stored = type(model)(model.config)
    stored.load_state_dict(model.state_dict())
    stored.to(getattr(torch, spec.store)).save_pretrained(folder, max_shard_size=spec.shard)


def opened(folder):
    """What transformers makes of a folder, in float32, eager: by its own word for what it is."""
    with open(os.path.join(folder, "config.json")) as f:
        name = json.load(f)["architectures"][0]
    model = {"LlamaForCausalLM": LlamaForCausalLM, "MixtralForCausalLM": MixtralForCausalLM}[name].from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32).eval()
    model.config._experts_implementation = "eager"
    return model


def random_plain(rng, i):
    pick = lambda *xs: xs[int(rng.integers(len(xs)))]
    kv_heads, experts = pick(1, 2, 3), 1 if i % 2 else pick(2, 4, 11)
    heads = kv_heads * pick(1, 2)
    return Plain(seed=int(rng.integers(1 << 31)), hidden=heads * pick(8, 16), inter=pick(24, 32, 40), layers=pick(1, 2, 3), heads=heads,
                 kv_heads=kv_heads, head_dim=pick(8, 16, 32), experts=experts, top_k=min(pick(1, 2, 4), experts), vocab=pick(50, 128),
                 theta=pick(10000.0, 1e6), eps=pick(1e-5, 1e-6, 1e-3), tied=bool(rng.integers(2)), store=pick("float32", "bfloat16"),
                 shard=pick("5GB", "20KB"))
