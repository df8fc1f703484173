#!/usr/bin/env python3
"""Write the bundled model as GGUF: MXFP4 experts bit for bit, Q8_0 matrices rounded from its BF16 ones.

    tools/measure/bundled_gguf.py OUT.gguf

Needs gguf, torch and safetensors. Its tokenizer is tiny_gguf.py's stand-in: tools/measure/compare_modes.py takes the ids from the
bundled model's own (--tokenizer). This is how the cost of int8 activations is measured for each weight format.
"""
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "oracle"))
from tiny_gguf import write_gguf
from tiny_model import q8_values

MODEL = ROOT / "models" / "osso-small"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    c = json.loads((MODEL / "config.json").read_text())
    stored = load_file(MODEL / "model.safetensors")
    packed = {name: x.numpy() for name, x in stored.items() if name.endswith(("_blocks", "_scales"))}
    state = {name: x.float() for name, x in stored.items() if name not in packed}
    for name, x in state.items():
        if x.dim() == 2 and name.endswith(".weight") and "router" not in name:
            state[name] = torch.from_numpy(q8_values(x.numpy()))
    spec = SimpleNamespace(
        name="osso-small", layers=c["num_hidden_layers"], max_positions=c["max_position_embeddings"], hidden=c["hidden_size"],
        inter=c["intermediate_size"], heads=c["num_attention_heads"], kv_heads=c["num_key_value_heads"],
        theta=c["rope_theta"], eps=c["rms_norm_eps"], experts=c["num_local_experts"], top_k=c["num_experts_per_tok"],
        head_dim=c["head_dim"], window=c["sliding_window"], vocab=c["vocab_size"], layer_types=c["layer_types"],
        is_sliding=lambda n: c["layer_types"][n] == "sliding_attention", rope=c["rope_scaling"], alpha=None,
        limit=c["swiglu_limit"], tied=c["tie_word_embeddings"], q8=True, store="bf16")
    write_gguf(spec, sys.argv[1], state, packed)


if __name__ == "__main__":
    main()
