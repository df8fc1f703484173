#!/usr/bin/env python3
"""osso inspect patch finds what was planted: models in which one answer goes through one head, places drawn at random."""
import random

import tiny_chat
from harness import *

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, EXPERTS, INTER = 64, 4, 2, 32, 2, 32
CLEAN, CORRUPTED = "The good greets me me", "The friend greets me me"


def planted(folder, layers, layer, head):
    """The last token's `head` in `layer` looks at the word " good" or " friend", wherever it stands, and writes which of them it
    was; the model's head reads just that. Another layer's head looks there too and writes where nobody reads."""
    document, ids, vocab = tiny_chat.tokenizer(tiny_chat.WORDS)
    tensors = {}

    def put(name, shape, **at):
        n = 1
        for d in shape:
            n *= d
        values = [at.pop("all", 0.0)] * n
        for place, value in at.get("where", {}).items():
            values[place] = value
        tensors[name] = (shape, tiny_chat.bf16(values))

    embed = {i * HIDDEN + 2 + i % 30: 1.0 for i in range(vocab)}
    for dim, word in enumerate((" good", " friend")):
        embed.pop(ids[word] * HIDDEN + 2 + ids[word] % 30)
        embed[ids[word] * HIDDEN + dim] = 1.0
    put("model.embed_tokens.weight", [vocab, HIDDEN], where=embed)
    put("lm_head.weight", [vocab, HIDDEN], where={ids["Hello"] * HIDDEN + 40: 1.0, ids["The"] * HIDDEN + 41: 1.0})
    put("model.norm.weight", [HIDDEN], all=1.0)
    for n in range(layers):
        p = f"model.layers.{n}."
        looks = {layer: (head, 40), (layer + 1) % layers: ((head + 1) % HEADS, 50)} if layers > 1 else {layer: (head, 40)}
        mine, to = looks.get(n, (None, None))
        kv = mine // (HEADS // KV_HEADS) if n in looks else 0
        slow, width = HEAD_DIM - 1, HEADS * HEAD_DIM  # a dimension that hardly rotates
        put(p + "input_layernorm.weight", [HIDDEN], all=1.0)
        put(p + "post_attention_layernorm.weight", [HIDDEN], all=1.0)
        put(p + "self_attn.q_proj.weight", [width, HIDDEN])
        put(p + "self_attn.q_proj.bias", [width], where={mine * HEAD_DIM + slow: 16.0} if n in looks else {})
        key = (kv * HEAD_DIM + slow) * HIDDEN
        put(p + "self_attn.k_proj.weight", [KV_HEADS * HEAD_DIM, HIDDEN], where={key: 1.0, key + 1: 1.0} if n in looks else {})
        put(p + "self_attn.k_proj.bias", [KV_HEADS * HEAD_DIM])
        put(p + "self_attn.v_proj.weight", [KV_HEADS * HEAD_DIM, HIDDEN],
            where={(kv * HEAD_DIM + d) * HIDDEN + d: 1.0 for d in (0, 1)})
        put(p + "self_attn.v_proj.bias", [KV_HEADS * HEAD_DIM])
        put(p + "self_attn.o_proj.weight", [HIDDEN, width],
            where={(to + d) * width + mine * HEAD_DIM + d: 0.1 for d in (0, 1)} if n in looks else {})
        put(p + "self_attn.o_proj.bias", [HIDDEN])
        put(p + "self_attn.sinks", [HEADS])
        put(p + "mlp.router.weight", [EXPERTS, HIDDEN])
        put(p + "mlp.router.bias", [EXPERTS])
        for name, shape in (("gate_up_proj", [EXPERTS, HIDDEN, 2 * INTER]), ("gate_up_proj_bias", [EXPERTS, 2 * INTER]),
                            ("down_proj", [EXPERTS, INTER, HIDDEN]), ("down_proj_bias", [EXPERTS, HIDDEN])):
            put(p + "mlp.experts." + name, shape)
    tiny_chat.make(folder)  # its tokenizer and configuration; the tensors are ours
    header, blob = {}, b""
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder = pathlib.Path(folder)
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + blob)
    config = json.loads((folder / "config.json").read_text())
    config.update({"num_hidden_layers": layers, "layer_types": ["full_attention"] * layers, "num_attention_heads": HEADS,
                   "num_key_value_heads": KV_HEADS})
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def patch(model, *args, clean=CLEAN, corrupted=CORRUPTED, answer="Hello", wrong="The", component="z"):
    return osso("inspect", "patch", "-m", model, "--clean", clean, "--corrupted", corrupted, "--answer", answer, "--wrong", wrong,
                "--component", component, *args)


def records(result):
    assert result.code == 0, result
    return json.loads(result.text)["records"]


def test_the_planted_head_is_found():
    rng = random.Random(17)
    for seed in range(20):
        layers = rng.randint(1, 4)
        layer, head = rng.randrange(layers), rng.randrange(HEADS)
        middle = " greets" * rng.randint(0, 5)
        texts = {"clean": "The good" + middle + " me me", "corrupted": "The friend" + middle + " me me"}
        found = records(patch(planted(TEMP / "planted", layers, layer, head), "--json", **texts))
        last = max(r["position"] for r in found)
        assert len(found) == layers * HEADS * (last + 1) and all(set(r) == {"layer", "head", "position", "share"} for r in found)
        for r in found:
            here = (r["layer"], r["head"], r["position"]) == (layer, head, last)
            assert r["share"] >= 0.99 if here else abs(r["share"]) < 0.01, (seed, layers, layer, head, last, r)


def test_components_and_parts():
    model = planted(TEMP / "planted", 3, 1, 2)
    for component, heads in (("resid_pre", [None]), ("mlp_out", [None]), ("q", range(4)), ("k", range(2)), ("v", range(2))):
        found = records(patch(model, "--json", component=component))
        assert [r["head"] for r in found] == [h for _ in range(3) for h in heads for _ in range(5)], component
    best = {(r["layer"], r["head"], r["position"]): r["share"] for r in records(patch(model, "--json", component="v"))}
    assert best[1, 1, 1] >= 0.99 and sum(abs(share) for share in best.values()) < 1.01  # the value where the word stands
    some = records(patch(model, "--json", "--layers", "1-2", "--positions", "-1,1"))
    assert {(r["layer"], r["position"]) for r in some} == {(1, 1), (1, 4), (2, 1), (2, 4)}
    assert records(patch(model, "--json", "--exact"))
    shown = patch(model)
    assert shown.code == 0 and "100.0 %  layer 1, head 2, position 4   me" in shown.text.splitlines()[1], shown
    assert "48 runs of 120 tokens" in shown.complaint, shown


def test_refused():
    model = planted(TEMP / "planted", 2, 0, 1)
    refuses(patch(model, corrupted="The friend"), 2, "5 tokens", "2")
    refuses(patch(model, corrupted=CLEAN), 2, "the same 5 tokens")
    refuses(patch(model, answer="Hello good"), 2, "--answer", "2 tokens")
    refuses(patch(model, answer=""), 2, "--answer", "empty")
    refuses(patch(model, component="mlp"), 2, "resid_pre")
    refuses(patch(model, "--layers", "2"), 2, "layers 0 to 1")
    refuses(patch(model, "--positions", "9"), 2, "positions 0 to 4")
    refuses(osso("inspect", "patch", "-m", model, "--clean", "a"), 2, "--corrupted")


if __name__ == "__main__":
    main(sys.modules[__name__])
