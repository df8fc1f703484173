"""Tiny models in which two heads do what is known: one looks at the token before, one at what followed an earlier copy of
its token (induction), which needs what the first one wrote. All other heads are noise. Layers and heads are drawn at random;
a control has the same values in other places."""
import math
import pathlib
import random

import tiny_chat
from harness import json

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, EXPERTS, INTER = 64, 4, 2, 64, 2, 32
CODE = 30                                  # dims of a token's code; the code of the token before stands behind it
FAST, SLOW = range(8), range(17, 32)       # pairs of a head that turn as the published frequencies say, and that hardly do
THETA = 150000.0
TURN, MATCH, WRITE = 7.0, 2.5, 0.7         # how sharply the heads look, and how strongly the first one writes


class Tensor:
    """A matrix [rows][columns] of noise, or of one value, in which places can be set."""

    def __init__(self, rows, columns, rng=None, noise=0.0, value=0.0):
        self.shape = [rows, columns] if columns else [rows]
        self.columns = columns or 1
        self.values = [rng.gauss(0, noise) for _ in range(rows * self.columns)] if noise else [value] * (rows * self.columns)

    def __setitem__(self, place, value):
        row, column = place if isinstance(place, tuple) else (place, 0)
        self.values[row * self.columns + column] = value

    def clear(self, rows):
        for row in rows:
            self.values[row * self.columns:(row + 1) * self.columns] = [0.0] * self.columns

    def clear_columns(self, columns):
        for row in range(self.shape[0]):
            for column in columns:
                self[row, column] = 0.0


def plant_previous(layer, head):
    """Scores that depend on the distance alone, largest at 1: the query is the key turned one step on. It copies the
    code of the token it looks at."""
    kv, first = head // (HEADS // KV_HEADS), head * HEAD_DIM
    layer["q_proj"].clear(range(first, first + HEAD_DIM))
    layer["k_proj"].clear(range(kv * HEAD_DIM, (kv + 1) * HEAD_DIM))
    layer["v_proj"].clear(range(kv * HEAD_DIM, (kv + 1) * HEAD_DIM))
    layer["o_proj"].clear_columns(range(first, first + HEAD_DIM))
    for i in FAST:
        angle = THETA ** (-2 * i / HEAD_DIM)
        layer["q_bias"][first + i] = TURN * math.cos(angle)
        layer["q_bias"][first + i + HEAD_DIM // 2] = -TURN * math.sin(angle)
        layer["k_bias"][kv * HEAD_DIM + i] = TURN
    for d in range(CODE):
        layer["v_proj"][kv * HEAD_DIM + d, d] = 1.0
        layer["o_proj"][CODE + d, first + d] = WRITE


def plant_induction(layer, head):
    """Its query is the token's own code, its key the code of the token before."""
    kv, first = head // (HEADS // KV_HEADS), head * HEAD_DIM
    layer["q_proj"].clear(range(first, first + HEAD_DIM))
    layer["k_proj"].clear(range(kv * HEAD_DIM, (kv + 1) * HEAD_DIM))
    dims = [i + half for i in SLOW for half in (0, HEAD_DIM // 2)]
    for d, dim in enumerate(dims):
        layer["q_proj"][first + dim, d] = MATCH
        layer["k_proj"][kv * HEAD_DIM + dim, CODE + d] = MATCH


def noise(rng):
    """A layer whose heads look at nothing in particular and hardly say a thing; its experts say nothing."""
    q, kv = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    return {"q_proj": Tensor(q, HIDDEN, rng, 0.1), "q_bias": Tensor(q, 0), "k_proj": Tensor(kv, HIDDEN, rng, 0.1), "k_bias": Tensor(kv, 0),
            "v_proj": Tensor(kv, HIDDEN, rng, 0.02), "v_bias": Tensor(kv, 0), "o_proj": Tensor(HIDDEN, q, rng, 0.02), "o_bias": Tensor(HIDDEN, 0)}


def make(folder, seed, shuffled=False):
    """Writes the model; returns the places (layer, head) of the previous-token and of the induction head."""
    rng = random.Random(seed)
    layers = rng.randint(2, 4)
    first, second = sorted(rng.sample(range(layers), 2))
    places = (first, rng.randrange(HEADS)), (second, rng.randrange(HEADS))
    vocab = tiny_chat.tokenizer(tiny_chat.WORDS)[2]
    tensors = {"model.embed_tokens.weight": Tensor(vocab, HIDDEN), "lm_head.weight": Tensor(vocab, HIDDEN, rng, 0.1),
               "model.norm.weight": Tensor(HIDDEN, 0, value=1.0)}
    for token in range(vocab):
        for d in range(CODE):
            tensors["model.embed_tokens.weight"][token, d] = rng.choice((-1.0, 1.0))
    for n in range(layers):
        layer, p = noise(rng), f"model.layers.{n}."
        if n == first:
            plant_previous(layer, places[0][1])
        if n == second:
            plant_induction(layer, places[1][1])
        for part in "qkvo":
            tensors[p + f"self_attn.{part}_proj.weight"] = layer[part + "_proj"]
            tensors[p + f"self_attn.{part}_proj.bias"] = layer[part + "_bias"]
        tensors[p + "self_attn.sinks"] = Tensor(HEADS, 0)
        for norm in ("input", "post_attention"):
            tensors[p + norm + "_layernorm.weight"] = Tensor(HIDDEN, 0, value=1.0)
        for name, shape in (("router.weight", [EXPERTS, HIDDEN]), ("router.bias", [EXPERTS]), ("experts.gate_up_proj", [EXPERTS, HIDDEN, 2 * INTER]),
                            ("experts.gate_up_proj_bias", [EXPERTS, 2 * INTER]), ("experts.down_proj", [EXPERTS, INTER, HIDDEN]),
                            ("experts.down_proj_bias", [EXPERTS, HIDDEN])):
            tensors[p + "mlp." + name] = Tensor(math.prod(shape), 0)
            tensors[p + "mlp." + name].shape = shape
    folder = pathlib.Path(folder)
    tiny_chat.make(folder)  # its tokenizer and configuration; the tensors are ours
    for tensor in tensors.values() if shuffled else ():
        rng.shuffle(tensor.values)
    tiny_chat.save(folder, {name: (tensor.shape, tiny_chat.bf16(tensor.values)) for name, tensor in tensors.items()})
    config = json.loads((folder / "config.json").read_text())
    config.update({"num_hidden_layers": layers, "layer_types": [rng.choice(("full_attention", "sliding_attention")) for _ in range(layers)],
                   "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM})
    (folder / "config.json").write_text(json.dumps(config))
    return places


if __name__ == "__main__":
    import sys
    print(*make(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
