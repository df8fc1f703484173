"""Tiny models in which something is known, since it was put there: what osso inspect has to find."""
import json
import pathlib
import random

import tiny_chat

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, INTER = 64, 4, 2, 32, 32


class Model:
    """A model of zeros (its norms are ones), to be filled place by place."""

    def __init__(self, layers, experts=2, chosen=1, head_dim=HEAD_DIM):
        self.document, self.ids, self.vocab = tiny_chat.tokenizer(tiny_chat.WORDS)
        self.layers, self.experts, self.chosen, self.head_dim, self.tensors = layers, experts, chosen, head_dim, {}
        self.layer_types = ["full_attention"] * layers
        for name, shape in (("model.embed_tokens.weight", [self.vocab, HIDDEN]), ("lm_head.weight", [self.vocab, HIDDEN])):
            self.put(name, shape)
        self.put("model.norm.weight", [HIDDEN], 1.0)
        width, kv = HEADS * head_dim, KV_HEADS * head_dim
        for n in range(layers):
            for name, shape in (("self_attn.q_proj.weight", [width, HIDDEN]), ("self_attn.q_proj.bias", [width]),
                                ("self_attn.k_proj.weight", [kv, HIDDEN]), ("self_attn.k_proj.bias", [kv]),
                                ("self_attn.v_proj.weight", [kv, HIDDEN]), ("self_attn.v_proj.bias", [kv]),
                                ("self_attn.o_proj.weight", [HIDDEN, width]), ("self_attn.o_proj.bias", [HIDDEN]),
                                ("self_attn.sinks", [HEADS]), ("mlp.router.weight", [experts, HIDDEN]), ("mlp.router.bias", [experts]),
                                ("mlp.experts.gate_up_proj", [experts, HIDDEN, 2 * INTER]),
                                ("mlp.experts.gate_up_proj_bias", [experts, 2 * INTER]),
                                ("mlp.experts.down_proj", [experts, INTER, HIDDEN]), ("mlp.experts.down_proj_bias", [experts, HIDDEN])):
                self.put(f"model.layers.{n}.{name}", shape)
            self.put(f"model.layers.{n}.input_layernorm.weight", [HIDDEN], 1.0)
            self.put(f"model.layers.{n}.post_attention_layernorm.weight", [HIDDEN], 1.0)

    def put(self, name, shape, value=0.0):
        n = 1
        for d in shape:
            n *= d
        self.tensors[name] = (shape, [value] * n)

    def set(self, name, *place, to):
        """One value: set("lm_head.weight", row, column, to=1.0)."""
        shape, values = self.tensors[name]
        at = 0
        for d, i in zip(shape, place):
            at = at * d + i
        values[at] = to

    def noise(self, name, rng, scale, dims=None):
        """Random values; dims: only where the last axis is one of these."""
        shape, values = self.tensors[name]
        for i in range(len(values)):
            if dims is None or i % shape[-1] in dims:
                values[i] = rng.gauss(0, scale)

    def write(self, folder):
        folder = pathlib.Path(folder)
        tiny_chat.make(folder)  # its tokenizer and configuration; the tensors are ours
        tiny_chat.save(folder, {name: (shape, tiny_chat.bf16(values)) for name, (shape, values) in self.tensors.items()})
        config = json.loads((folder / "config.json").read_text())
        config.update({"num_hidden_layers": self.layers, "layer_types": self.layer_types, "num_attention_heads": HEADS,
                       "head_dim": self.head_dim, "num_key_value_heads": KV_HEADS, "num_local_experts": self.experts, "num_experts_per_tok": self.chosen})
        (folder / "config.json").write_text(json.dumps(config))
        return folder


def head(folder, layers, layer, head, huge=None):
    """The last token's `head` in `layer` looks at the word " good" or " friend", wherever it stands, and writes which of them it
    was; the model's head reads just that. Another layer's head looks there too and writes where nobody reads."""
    m = Model(layers)
    words = {m.ids[" good"]: 0, m.ids[" friend"]: 1}
    for i in range(m.vocab):
        m.set("model.embed_tokens.weight", i, words.get(i, 2 + i % 30), to=1.0)
    if huge:  # a word whose values are as large as they may be
        m.set("model.embed_tokens.weight", m.ids[huge], 33, to=1e37)
    m.set("lm_head.weight", m.ids["Hello"], 40, to=1.0)
    m.set("lm_head.weight", m.ids["The"], 41, to=1.0)
    slow = HEAD_DIM - 1  # a dimension that hardly rotates
    looks = {layer: (head, 40), (layer + 1) % layers: ((head + 1) % HEADS, 50)} if layers > 1 else {layer: (head, 40)}
    for n in range(layers):
        p = f"model.layers.{n}.self_attn."
        mine, to = looks.get(n, (None, None))
        kv = mine // (HEADS // KV_HEADS) if n in looks else 0
        for d in (0, 1):
            m.set(p + "v_proj.weight", kv * HEAD_DIM + d, d, to=1.0)
            if n in looks:
                m.set(p + "k_proj.weight", kv * HEAD_DIM + slow, d, to=1.0)
                m.set(p + "o_proj.weight", to + d, mine * HEAD_DIM + d, to=0.1)
        if n in looks:
            m.set(p + "q_proj.bias", mine * HEAD_DIM + slow, to=16.0)
    return m.write(folder)


def expert(folder, seed):
    """One expert of one layer writes what the head of "Hello" reads, and it alone; the word " good" goes to it,
    " greets" never, and others by chance. All experts write a little of what other words' heads read. Returns (folder, layer, expert)."""
    rng = random.Random(seed)
    layers, experts, chosen = rng.randint(1, 4), rng.choice((4, 6, 8)), rng.choice((1, 2))
    layer, which = rng.randrange(layers), rng.randrange(experts)
    m = Model(layers, experts, chosen)
    marks = {i: 2 + i % 30 for i in range(m.vocab)}
    marks[m.ids[" good"]], marks[m.ids[" greets"]] = 0, 1
    for i, dim in marks.items():
        m.set("model.embed_tokens.weight", i, dim, to=1.0)
    m.set("lm_head.weight", m.ids["Hello"], 40, to=0.6)
    for n, word in enumerate(("The", " me", " greets", " friend")):
        m.set("lm_head.weight", m.ids[word], 50 + n, to=0.6)
    for n in range(layers):
        p = f"model.layers.{n}.mlp."
        m.noise(p + "router.weight", rng, 0.3)
        m.noise(p + "experts.down_proj_bias", rng, 0.05, dims=range(50, 54))
    p = f"model.layers.{layer}.mlp."
    for e in range(experts):
        m.set(p + "router.weight", e, 0, to=1.0 if e == which else -1.0)  # where " good" is marked
        m.set(p + "router.weight", e, 40, to=0.0)
    m.set(p + "router.weight", which, 1, to=-1.0)
    m.set(p + "experts.down_proj_bias", which, 40, to=2.0)
    return m.write(folder), layer, which


def keeper(folder, seed):
    """The word " good" brings a value that is read in the layer behind one expert's with a weight that f16 cannot hold times it, and
    that expert alone takes it back. Returns (folder, layer, expert)."""
    rng = random.Random(seed)
    layer, which = rng.randrange(2), rng.randrange(4)
    m = Model(layer + 2, 4, 1)
    good = m.ids[" good"]
    for i in range(m.vocab):
        m.set("model.embed_tokens.weight", i, 0 if i == good else 2 + i % 30, to=1.0)
    m.set("model.embed_tokens.weight", good, 33, to=64.0)
    m.set("lm_head.weight", m.ids["Hello"], 0, to=1.0)
    for e in range(4):
        m.set(f"model.layers.{layer}.mlp.router.weight", e, 0, to=8.0 if e == which else -8.0)
    m.set(f"model.layers.{layer}.mlp.router.bias", which, to=-0.5)
    m.set(f"model.layers.{layer}.mlp.experts.down_proj_bias", which, 33, to=-64.0)
    m.set(f"model.layers.{layer + 1}.self_attn.v_proj.weight", 0, 33, to=1e6)
    return m.write(folder), layer, which
