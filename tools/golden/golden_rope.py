"""Makes tests/golden/rope.json: how transformers reads the rope settings of a config.json, in all their spellings.

    python tools/golden/golden_rope.py

Each entry: `config`, the keys that matter (everything else as a small model has it); `scale`, the factor on cos and sin;
`w`, transformers' float32 inverse frequencies (each printed number is one float32 exactly); `ulp_f64`, the largest distance
of the same computed in float64 and rounded once, in units in the last place, and `angle_f64`, what that distance does to the
rotary angle at position 4,096, in radians.
"""
import json
import logging
import os
import sys

import numpy as np
from transformers import GptOssConfig
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssRotaryEmbedding

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
from tiny_reference import inverse_frequencies_f64

YARN = {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "original_max_position_embeddings": 4096}
FULL = dict(YARN, truncate=False)
CASES = {
    "published": {"rope_theta": 150000.0, "rope_scaling": FULL, "initial_context_length": 4096},
    "no key at all": {},
    "theta only: still gpt-oss's yarn": {"rope_theta": 10000.0},
    "rope_scaling null": {"rope_theta": 10000.0, "rope_scaling": None},
    "rope_scaling empty: as null": {"rope_theta": 10000.0, "rope_scaling": {}},
    "rope_parameters null: as absent": {"rope_parameters": None},
    "rope_parameters": {"rope_parameters": dict(FULL, rope_theta=150000.0)},
    "rope_parameters without rope_type: plain": {"rope_parameters": {"rope_theta": 777.0}},
    "theta beside rope_parameters": {"rope_theta": 123.0, "rope_parameters": {"rope_type": "default"}},
    "theta inside wins": {"rope_theta": 123.0, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    "both dicts: rope_scaling wins": {"rope_scaling": {"rope_type": "default"},
                                      "rope_parameters": dict(FULL, rope_theta=10000.0)},
    "truncate true": {"rope_scaling": dict(YARN, truncate=True)},
    "truncate missing: true": {"rope_scaling": YARN},
    "plain": {"rope_theta": 10000.0, "rope_scaling": {"rope_type": "default"}},
    "old key type": {"rope_scaling": {"type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096}},
    "betas missing": {"rope_scaling": {"rope_type": "yarn", "factor": 32.0, "original_max_position_embeddings": 4096,
                                       "truncate": False}},
    "original missing: max_position_embeddings": {"rope_scaling": {"rope_type": "yarn", "factor": 8.0, "truncate": False},
                                                  "initial_context_length": 4096, "max_position_embeddings": 2048},
    "factor 1": {"rope_scaling": dict(FULL, factor=1.0)},
    "attention_factor": {"rope_scaling": dict(FULL, attention_factor=1.1)},
    "mscale": {"rope_scaling": dict(FULL, mscale=1.0, mscale_all_dim=0.5)},
    "other betas": {"rope_scaling": dict(FULL, beta_fast=16.0, beta_slow=2.0)},
    "short original": {"rope_scaling": dict(FULL, factor=4.0, original_max_position_embeddings=32)},
    "short original, truncate": {"rope_scaling": dict(YARN, factor=4.0, original_max_position_embeddings=32)},
    "head_dim 16": {"head_dim": 16, "rope_scaling": FULL},
    "head_dim 32": {"head_dim": 32, "rope_scaling": FULL},
    "head_dim 80": {"head_dim": 80, "rope_scaling": FULL},
    "head_dim 128": {"head_dim": 128, "rope_scaling": FULL},
    "head_dim 128, theta 10000": {"head_dim": 128, "rope_theta": 10000.0, "rope_scaling": FULL},
}


def main():
    logging.getLogger("transformers").setLevel(logging.ERROR)
    entries = []
    for name, given in CASES.items():
        config = GptOssConfig.from_dict(json.loads(json.dumps({"head_dim": 64, **given})))
        rotary = GptOssRotaryEmbedding(config)
        w, rope = rotary.inv_freq.numpy(), config.rope_parameters
        ours, _ = inverse_frequencies_f64(config.head_dim, rope["rope_theta"], rope)
        ulp = np.abs(w.view(np.int32).astype(np.int64) - ours.view(np.int32))
        angle = 4096 * np.abs(w.astype(np.float64) - ours)
        entry = {"name": name, "config": {"head_dim": 64, "max_position_embeddings": 131072, **given},
                 "scale": rotary.attention_scaling, "w": [float(str(x)) for x in w], "ulp_f64": int(ulp.max()),
                 "angle_f64": float(f"{angle.max():.1e}")}
        assert np.array_equal(np.array(entry["w"], np.float32), w)
        entries.append(entry)
        print(f"{name}: scale {rotary.attention_scaling:.6f}, {ulp.max()} ulp, {(ulp > 0).sum()} of {len(w)} differ, "
              f"angle {angle.max():.1e}")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "rope.json")
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")


if __name__ == "__main__":
    main()
