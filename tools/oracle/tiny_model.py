"""Tiny random gpt-oss models: drawing values, writing them as Hugging Face folders, and running transformers on them.

Shared by golden_model.py (the committed golden data) and oracle.py (fresh random cases). A model is described by a
`Spec`; `draw` makes its values, already rounded to the number format they are stored in, so that the engine, reading
the file, and transformers, given the same values in float32, hold the same numbers bit for bit.

Every parameter is drawn large enough that leaving it out shows in the logits (GptOssConfig's own initialisation sets
biases to 0, norm gains to 1 and sinks to almost 0, which would hide exactly the mistakes these models are for).
Specification: docs of the model's Hugging Face form; see also tiny_reference.py and tiny_gguf.py.
"""
import json
import os
from dataclasses import dataclass, field

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import GptOssConfig, GptOssForCausalLM

FP4 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], np.float32)
FP4_RMS = float(np.sqrt(np.mean(FP4.astype(np.float64) ** 2)))
DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}

# What the published gpt-oss models say; a Spec's rope may be this, another dict, or None (key left out of config.json).
YARN = {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
        "original_max_position_embeddings": 4096, "truncate": False}
PLAIN = {"rope_type": "default"}


@dataclass
class Spec:
    name: str
    seed: int = 1
    hidden: int = 64
    inter: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 32
    experts: int = 4
    top_k: int = 2
    window: int = 16
    vocab: int = 128
    layer_types: str = ""            # one letter a layer, s(liding) or f(ull); "" leaves the key out (alternating, s first)
    rope: dict | None = None         # None: no such key, which transformers reads as gpt-oss's own YaRN
    rope_key: str = "rope_scaling"   # or "rope_parameters", the newer form with rope_theta inside
    theta: float = 150000.0
    eps: float = 1e-5
    alpha: float | None = None       # None: key left out, 1.702
    limit: float = 7.0
    tied: bool = False
    store: str = "bf16"              # of everything but MXFP4 experts
    experts_store: str = "mxfp4"     # or "dense": transposed experts in `store`
    q8: bool = False                 # matrices hold Q8_0 values (their GGUF form is Q8_0; `store` must be f32)
    shards: int = 1
    max_positions: int = 131072
    n_ids: int = 300
    positions: list = field(default_factory=list)   # positions whose logits are kept; empty: all
    gguf: bool = False
    original: bool = False
    about: str = ""

    def is_sliding(self, layer):
        return (self.layer_types[layer] == "s") if self.layer_types else layer % 2 == 0


def pack_mxfp4(rng, experts, rows, cols, std):
    """Random codes and scales: uint8 blocks [experts, rows, cols/32, 16] and scales [experts, rows, cols/32]."""
    groups = cols // 32
    blocks = rng.integers(0, 256, (experts, rows, groups, 16), dtype=np.uint8)
    base = int(round(np.log2(std / FP4_RMS))) + 127
    scales = (base + rng.choice([-1, 0, 0, 0, 1], (experts, rows, groups))).astype(np.uint8)
    # a few blocks with the smallest scales (2^-127 and 2^-126), which a kernel that builds exponents by shifting gets wrong
    tiny = rng.random((experts, rows, groups)) < 0.004
    scales[tiny] = rng.integers(0, 2, int(tiny.sum()), dtype=np.uint8)
    return blocks, scales


def unpack_mxfp4(blocks, scales):
    """float32 values [experts, rows, cols]; low nibble first."""
    codes = np.stack([blocks & 15, blocks >> 4], -1).reshape(*blocks.shape[:3], 32)
    out = FP4[codes] * np.ldexp(np.float32(1), scales.astype(np.int32) - 127)[..., None].astype(np.float32)
    return out.reshape(*blocks.shape[:2], -1).astype(np.float32)


def q8_values(x):
    """The values that Q8_0 keeps of a float32 matrix [rows, cols]."""
    import gguf
    kind = gguf.GGMLQuantizationType.Q8_0
    return gguf.quants.dequantize(gguf.quants.quantize(x, kind), kind).astype(np.float32)


def draw(spec):
    """(state, packed): float32 torch tensors under transformers' names, and uint8 arrays of MXFP4 experts by name."""
    rng = np.random.default_rng(spec.seed)
    state, packed = {}, {}
    H, I, E, D = spec.hidden, spec.inter, spec.experts, spec.head_dim
    q_width, kv_width = spec.heads * D, spec.kv_heads * D

    def put(name, shape, std, mean=0.0):
        x = (mean + std * rng.standard_normal(shape)).astype(np.float32)
        if spec.q8 and len(shape) == 2 and "router" not in name:
            x = q8_values(x)
        state[name] = torch.from_numpy(x).to(DTYPES[spec.store]).float()

    put("model.embed_tokens.weight", (spec.vocab, H), 1.0)
    for n in range(spec.layers):
        p = f"model.layers.{n}."
        put(p + "input_layernorm.weight", (H,), 0.3, 1.0)
        for name, width in (("q", q_width), ("k", kv_width), ("v", kv_width)):
            put(p + f"self_attn.{name}_proj.weight", (width, H), (1.5 if name == "v" else 0.9) / H ** 0.5)
            put(p + f"self_attn.{name}_proj.bias", (width,), 0.3)
        put(p + "self_attn.o_proj.weight", (H, q_width), 1.2 / q_width ** 0.5)
        put(p + "self_attn.o_proj.bias", (H,), 0.3)
        put(p + "self_attn.sinks", (spec.heads,), 1.0)
        put(p + "post_attention_layernorm.weight", (H,), 0.3, 1.0)
        put(p + "mlp.router.weight", (E, H), 1.5 / H ** 0.5)
        put(p + "mlp.router.bias", (E,), 0.3)
        gate_std = 3.5 / H ** 0.5 * min(1.0, spec.limit / 7.0)       # so that both clamps act on some units
        for name, rows, cols, std in (("gate_up_proj", 2 * I, H, gate_std), ("down_proj", H, I, 0.5 / I ** 0.5)):
            full = p + "mlp.experts." + name
            if spec.experts_store == "mxfp4":
                blocks, scales = pack_mxfp4(rng, E, rows, cols, std)
                packed[full + "_blocks"], packed[full + "_scales"] = blocks, scales
                state[full] = torch.from_numpy(unpack_mxfp4(blocks, scales)).transpose(1, 2).contiguous()
            else:
                put(full, (E, cols, rows), std)
            put(full + "_bias", (E, rows), 0.3)
    put("model.norm.weight", (H,), 0.3, 1.0)
    if not spec.tied:
        put("lm_head.weight", (spec.vocab, H), 2.0 / H ** 0.5)
    else:
        state["model.embed_tokens.weight"] = (state["model.embed_tokens.weight"] * 0.5).to(DTYPES[spec.store]).float()
    return state, packed


def draw_ids(spec):
    return np.random.default_rng(spec.seed + 7_000_000).integers(0, spec.vocab, spec.n_ids).tolist()


def config_dict(spec):
    """What goes into config.json, in the form this Spec asks for."""
    c = {
        "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "attention_bias": True, "attention_dropout": 0.0,
        "vocab_size": spec.vocab, "hidden_size": spec.hidden, "intermediate_size": spec.inter,
        "num_hidden_layers": spec.layers, "num_attention_heads": spec.heads, "num_key_value_heads": spec.kv_heads,
        "head_dim": spec.head_dim, "num_local_experts": spec.experts, "num_experts_per_tok": spec.top_k,
        "experts_per_token": spec.top_k, "sliding_window": spec.window, "hidden_act": "silu",
        "initializer_range": 0.02, "max_position_embeddings": spec.max_positions, "rms_norm_eps": spec.eps,
        "swiglu_limit": spec.limit, "tie_word_embeddings": spec.tied, "use_cache": True,
        "eos_token_id": spec.vocab - 1, "pad_token_id": spec.vocab - 2,
    }
    if spec.alpha is not None:
        c["swiglu_alpha"] = spec.alpha
    if spec.layer_types:
        c["layer_types"] = [{"s": "sliding_attention", "f": "full_attention"}[x] for x in spec.layer_types]
    if spec.rope_key == "rope_parameters":
        c["rope_parameters"] = dict(spec.rope, rope_theta=spec.theta)
        c["dtype"] = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}[spec.store]
    else:
        c["rope_theta"] = spec.theta
        c["torch_dtype"] = {"bf16": "bfloat16", "f16": "float16", "f32": "float32"}[spec.store]
        if spec.rope is not None:
            c["rope_scaling"] = spec.rope
            c["initial_context_length"] = spec.rope.get("original_max_position_embeddings", 4096)
    if spec.experts_store == "mxfp4":
        c["quantization_config"] = {
            "quant_method": "mxfp4", "modules_to_not_convert": [
                "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]}
    return c


def stored_tensors(spec, state, packed):
    """The tensors of the safetensors files, in the stored formats."""
    out = {}
    for name, x in state.items():
        if name + "_blocks" in packed:
            out[name + "_blocks"] = torch.from_numpy(packed[name + "_blocks"])
            out[name + "_scales"] = torch.from_numpy(packed[name + "_scales"])
        else:
            out[name] = x.to(DTYPES[spec.store]).contiguous()
    return out


def write_hf(spec, folder, state, packed):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config_dict(spec), f, indent=1, sort_keys=True)
        f.write("\n")
    tensors = stored_tensors(spec, state, packed)
    if spec.shards == 1:
        save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        return
    # Zero based and "of" the last index, as the published gpt-oss checkpoints have it; names dealt round robin.
    weight_map, total = {}, 0
    for shard in range(spec.shards):
        file = f"model-{shard:05d}-of-{spec.shards - 1:05d}.safetensors"
        part = {name: x for i, (name, x) in enumerate(tensors.items()) if i % spec.shards == shard}
        save_file(part, os.path.join(folder, file), metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
        total += sum(x.numel() * x.element_size() for x in part.values())
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, f, indent=1, sort_keys=True)
        f.write("\n")


def write_ids(path, ids):
    with open(path, "w") as f:
        f.write(",".join(map(str, ids)) + "\n")


def transformers_model(folder, state):
    """GptOssForCausalLM, float32, eager everywhere: configuration from the written config.json, values from `state`."""
    config = GptOssConfig.from_pretrained(folder)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    model = GptOssForCausalLM(config).float().eval()
    state = dict(state)
    if config.tie_word_embeddings:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True)
    return model


@torch.no_grad()
def transformers_logits(model, ids, positions=None):
    """float32 [n, vocab]; positions: only these rows."""
    keep = 0 if positions is None else torch.tensor(positions)
    return model(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=keep).logits[0].numpy()


def random_spec(rng, name, long=False):
    """A random model for the oracle: anything the engine says it reads, kept small."""
    pick = lambda *xs: xs[int(rng.integers(len(xs)))]
    dense = bool(rng.random() < 0.4)
    layers = 2 if long else int(rng.integers(1, 5))
    kv_heads = 1 if long else pick(1, 2, 3)
    rope = pick(None, PLAIN, dict(YARN), dict(YARN, truncate=True),
                dict(YARN, factor=float(pick(4, 8)), original_max_position_embeddings=pick(32, 64, 4096)),
                {k: v for k, v in YARN.items() if k != "truncate"})
    experts = pick(2, 3, 4) if long else pick(2, 3, 4, 8, 32)   # long: fewer chances of a near-tie
    spec = Spec(
        name=name, seed=int(rng.integers(1 << 31)), layers=layers, kv_heads=kv_heads,
        hidden=pick(24, 40, 72) if dense else pick(32, 64, 96, 160), inter=pick(20, 36, 56) if dense else pick(32, 64, 96),
        heads=4 if long else kv_heads * pick(1, 2, 4, 8),
        head_dim=pick(16, 32, 64) if long else pick(16, 32, 64, 80), experts=experts,
        top_k=min(pick(1, 2, 4), experts), window=pick(1, 4, 8, 16, 100, 128), vocab=pick(50, 128, 201, 272, 272),
        layer_types=pick("", "", "".join(pick("s", "f") for _ in range(layers))), rope=rope,
        rope_key=pick("rope_scaling", "rope_parameters") if rope else "rope_scaling",
        theta=float(pick(150000, 150000, 10000)), eps=pick(1e-5, 1e-5, 1e-6, 1e-2), alpha=pick(None, None, 1.5),
        limit=pick(7.0, 7.0, 3.0), tied=bool(rng.random() < 0.2), store=pick("bf16", "bf16", "f16", "f32"),
        experts_store="dense" if dense else "mxfp4", shards=pick(1, 1, 2),
        n_ids=int(rng.integers(4097, 4300)) if long else int(pick(1, 2, 17, 127, 128, 129, 130, 256, 300)))
    if rng.random() < 0.5:           # something that GGUF, and mostly original/, can say too
        rope = pick(None, dict(YARN), dict(YARN, factor=8.0, original_max_position_embeddings=64), PLAIN)
        spec.rope, spec.rope_key = rope, "rope_scaling"
        spec.vocab, spec.alpha, spec.limit = pick(272, 300), None, 7.0
        spec.eps, spec.tied = pick(1e-5, 1e-5, 1e-3), bool(rng.random() < 0.1)
    unrounded = rope is None or rope["rope_type"] == "default" or not rope.get("truncate", True)
    spec.gguf = spec.vocab >= 272 and unrounded and spec.alpha is None and spec.limit == 7.0
    spec.q8 = spec.gguf and spec.store == "f32" and not dense and spec.heads * spec.head_dim % 32 == 0 and pick(True, False)
    spec.original = (unrounded and rope != PLAIN and not dense and not spec.tied and not spec.layer_types
                     and spec.alpha is None and spec.eps == 1e-5)
    return spec
