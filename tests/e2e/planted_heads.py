"""Tiny models in which two heads do what is known: one looks at the token before, one at what followed an earlier copy of
its token (induction), which needs what the first one wrote. All other heads are noise. Layers and heads are drawn at random;
a control has the same values in other places."""
import math
import random

from planted import HEADS, HIDDEN, KV_HEADS, Model

HEAD_DIM = 64
CODE = 30                                  # dims of a token's code; the code of the token before stands behind it
FAST, SLOW = range(8), range(17, 32)       # pairs of a head that turn as the published frequencies say, and that hardly do
THETA = 150000.0
TURN, MATCH, WRITE = 7.0, 2.5, 0.7         # how sharply the heads look, and how strongly the first one writes


class Head:
    """Room for one head of a layer: its own dims, and those of its keys and values, which it shares."""

    def __init__(self, model, layer, head):
        self.model, self.part = model, f"model.layers.{layer}.self_attn."
        self.q, self.kv = head * HEAD_DIM, head // (HEADS // KV_HEADS) * HEAD_DIM

    def clear(self, part, first):
        for row in range(first, first + HEAD_DIM):
            for column in range(HIDDEN):
                self.model.set(self.part + part + ".weight", row, column, to=0.0)

    def clear_output(self):
        for row in range(HIDDEN):
            for column in range(self.q, self.q + HEAD_DIM):
                self.model.set(self.part + "o_proj.weight", row, column, to=0.0)

    def set(self, name, *place, to):
        self.model.set(self.part + name, *place, to=to)


def plant_previous(h):
    """Scores that depend on the distance alone, largest at 1: the query is the key turned one step on. It copies the
    code of the token it looks at."""
    h.clear("q_proj", h.q)
    h.clear("k_proj", h.kv)
    h.clear("v_proj", h.kv)
    h.clear_output()
    for i in FAST:
        angle = THETA ** (-2 * i / HEAD_DIM)
        h.set("q_proj.bias", h.q + i, to=TURN * math.cos(angle))
        h.set("q_proj.bias", h.q + i + HEAD_DIM // 2, to=-TURN * math.sin(angle))
        h.set("k_proj.bias", h.kv + i, to=TURN)
    for d in range(CODE):
        h.set("v_proj.weight", h.kv + d, d, to=1.0)
        h.set("o_proj.weight", CODE + d, h.q + d, to=WRITE)


def plant_induction(h):
    """Its query is the token's own code, its key the code of the token before."""
    h.clear("q_proj", h.q)
    h.clear("k_proj", h.kv)
    for d, dim in enumerate(i + half for i in SLOW for half in (0, HEAD_DIM // 2)):
        h.set("q_proj.weight", h.q + dim, d, to=MATCH)
        h.set("k_proj.weight", h.kv + dim, CODE + d, to=MATCH)


def make(folder, seed, shuffled=False):
    """Writes the model; returns the places (layer, head) of the previous-token and of the induction head."""
    rng = random.Random(seed)
    layers = rng.randint(2, 4)
    first, second = sorted(rng.sample(range(layers), 2))
    places = (first, rng.randrange(HEADS)), (second, rng.randrange(HEADS))
    m = Model(layers, head_dim=HEAD_DIM)
    m.layer_types = [rng.choice(("full_attention", "sliding_attention")) for _ in range(layers)]
    m.noise("lm_head.weight", rng, 0.1)
    for token in range(m.vocab):
        for d in range(CODE):
            m.set("model.embed_tokens.weight", token, d, to=rng.choice((-1.0, 1.0)))
    for n in range(layers):  # heads that look at nothing in particular and hardly say a thing; the experts say nothing
        for part, scale in (("q", 0.1), ("k", 0.1), ("v", 0.02), ("o", 0.02)):
            m.noise(f"model.layers.{n}.self_attn.{part}_proj.weight", rng, scale)
    plant_previous(Head(m, *places[0]))
    plant_induction(Head(m, *places[1]))
    for _, values in m.tensors.values() if shuffled else ():
        rng.shuffle(values)
    m.write(folder)
    return places
