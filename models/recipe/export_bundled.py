"""Writes the bundled model: python3 models/recipe/export_bundled.py --state DIR/state.pt --tok DIR --out models/osso-small

HF form of gpt-oss: experts MXFP4 (blocks and scales), everything else BF16. The head is trained
tied to the embedding and written as a tensor of its own, as in the big models. Then the result is
opened with transformers (dequantized) and compared with the weights that were trained.
"""
import argparse
import json
import os
import shutil

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, Mxfp4Config

import mxfp4
from train_bundled import ROPE, SHAPE, is_expert, make_config


def tensors(master):
    out = {}
    for name, w in master.items():
        if is_expert(name):                             # [E, in, out] -> rows of the output, blocks along the input
            out[name + "_blocks"], out[name + "_scales"] = mxfp4.pack(w.transpose(1, 2).contiguous())
        else:
            out[name] = w.to(torch.bfloat16).contiguous()
    if "lm_head.weight" not in out:
        out["lm_head.weight"] = out["model.embed_tokens.weight"].clone()
    return out


def config(vocab, special):
    """All keys of the published models' config.json."""
    n = SHAPE["num_hidden_layers"]
    return {
        "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "attention_bias": True, "attention_dropout": 0.0,
        "eos_token_id": special["<|return|>"], "pad_token_id": special["<|endoftext|>"], "experts_per_token": SHAPE["num_experts_per_tok"], **SHAPE,
        "hidden_act": "silu", "initial_context_length": 2048, "max_position_embeddings": 2048, "initializer_range": 0.04,
        "layer_types": ["full_attention" if i % 2 else "sliding_attention" for i in range(n)], "sliding_window": 128, "swiglu_limit": 7.0, "swiglu_alpha": 1.702,
        "rms_norm_eps": 1e-05, "rope_theta": ROPE["rope_theta"], "rope_scaling": {"rope_type": "default"}, "rope_parameters": ROPE,
        "output_router_logits": False, "router_aux_loss_coef": 0.01, "tie_word_embeddings": False, "use_cache": True, "vocab_size": vocab,
        "torch_dtype": "bfloat16", "transformers_version": "5.23.0",
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]},
    }


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def check(out, master):
    """The folder opens in transformers, and holds what was trained."""
    tok = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, quantization_config=Mxfp4Config(dequantize=True), dtype=torch.float32)
    worst = 0.0
    for name, p in model.named_parameters():
        if name == "lm_head.weight":
            continue
        w = mxfp4.round_trip(master[name].transpose(1, 2)).transpose(1, 2) if is_expert(name) else master[name].to(torch.bfloat16).float()
        worst = max(worst, (p.float() - w).abs().max().item())
    ids = tok("<|start|>user<|message|>Tell me a story about a fox.<|end|><|start|>assistant", return_tensors="pt").input_ids
    text = tok.decode(model.generate(ids, max_new_tokens=60, do_sample=False)[0])
    print(f"opens in transformers, largest difference {worst}\n{text}")
    assert worst == 0.0


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--state", required=True)
    ap.add_argument("--tok", required=True)
    ap.add_argument("--out", default="models/osso-small")
    ap.add_argument("--temperature", type=float, default=0.5)
    ap.add_argument("--top-p", type=float, default=0.9)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    state = torch.load(a.state, weights_only=False)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(os.path.join(a.tok, name), a.out)
    with open(os.path.join(a.out, "tokenizer.json")) as f:
        special = {t["content"]: t["id"] for t in json.load(f)["added_tokens"]}
    assert make_config(len(special)).rope_parameters["rope_type"] == ROPE["rope_type"]
    write_json(os.path.join(a.out, "config.json"), config(max(special.values()) + 1, special))
    write_json(os.path.join(a.out, "generation_config.json"), {
        "bos_token_id": special["<|startoftext|>"], "pad_token_id": special["<|endoftext|>"], "do_sample": True, "temperature": a.temperature, "top_p": a.top_p,
        "eos_token_id": [special[t] for t in ("<|return|>", "<|endoftext|>", "<|call|>")], "transformers_version": "5.23.0"})
    save_file(tensors(state["master"]), os.path.join(a.out, "model.safetensors"), metadata={"format": "pt"})
    size = sum(os.path.getsize(os.path.join(a.out, f)) for f in os.listdir(a.out))
    print(f"step {state['step']}, {state['tokens']} tokens, {sum(p.numel() for p in state['master'].values())} parameters, folder {size} bytes")
    check(a.out, state["master"])


if __name__ == "__main__":
    main()
