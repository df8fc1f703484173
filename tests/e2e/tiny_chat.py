"""A model that says what a table says: its layers add nothing, its embedding marks the last token, its head knows what
comes next. So the program can be tested from end to end, on every path, without a trained model."""
import json
import pathlib
import struct

SPECIAL = ["<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>", "<|start|>", "<|end|>",
           "<|message|>", "<|call|>"]
WORDS = ["assistant", "analysis", "final", "system", "user", "developer", "Hello", " good", " friend", "The", " greets",
         " me", "Loop", " la", "Evil", "[2J"]
# (from, to, strength): at temperature 0 the strongest wins.
NEXT = [("assistant", "<|channel|>", 20), ("<|channel|>", "analysis", 20), ("<|channel|>", "final", 19),
        ("analysis", "<|message|>", 20), ("final", "<|message|>", 20), ("<|message|>", "Hello", 20),
        ("<|message|>", "The", 19), ("<|message|>", "Loop", 10), ("Hello", ",", 20), (",", " good", 20), (" good", " friend", 20),
        (" friend", ".", 20), (".", "<|return|>", 20), ("The", " me", 20), (" me", " greets", 20), (" greets", "!", 20),
        ("!", "<|end|>", 20), ("<|end|>", "<|start|>", 20), ("<|start|>", "assistant", 20), ("Loop", " la", 20),
        (" la", " la", 20), ("Evil", "\x1b", 20), ("\x1b", "[2J", 20), ("[2J", "<|return|>", 20)]
HIDDEN = 64


def alphabet():
    """GPT-2's characters for bytes."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for b in range(256):
        table[b] = chr(b) if b in plain else chr(256 + extra)
        extra += b not in plain
    return table


def tokenizer(words):
    table = alphabet()
    spell = lambda word: [table[b] for b in word.encode()]
    vocab = {table[b]: b for b in range(256)}
    merges = []
    for word in words:
        letters = spell(word)
        left = letters[0]
        for right in letters[1:]:
            if left + right not in vocab:
                vocab[left + right] = len(vocab)
                merges.append(f"{left} {right}")
            left += right
    ids = {word: vocab["".join(spell(word))] for word in words}
    ids.update({chr(b): b for b in range(128)})
    first = len(vocab)
    ids.update({name: first + i for i, name in enumerate(SPECIAL)})
    added = [{"id": first + i, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, name in enumerate(SPECIAL)]
    document = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
                "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
                "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                                                    "use_regex": True},
                "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                          "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                          "merges": merges}}
    return document, ids, first + len(SPECIAL)


def bf16(values):
    return b"".join(struct.pack("<f", v)[2:] for v in values)


def save(folder, tensors):
    """model.safetensors of {name: (shape, BF16 data)}."""
    header, blob = {}, []
    at = 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
        blob.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (pathlib.Path(folder) / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blob))


def make(folder, table=NEXT, words=WORDS, listed=("<|return|>", "<|call|>")):
    """Writes the model; returns the ids by word. listed: the ends that generation_config.json names (None: no such
    file, and config.json names <|return|> as ever)."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document, ids, vocab = tokenizer(words)
    (folder / "tokenizer.json").write_text(json.dumps(document))
    states = {word: i for i, word in enumerate(dict.fromkeys(a for a, _, _ in table))}
    embed = [[0.0] * HIDDEN for _ in range(vocab)]
    head = [[0.0] * HIDDEN for _ in range(vocab)]
    for word, i in states.items():
        embed[ids[word]][i] = 1.0
    for a, b, strength in table:
        head[ids[b]][states[a]] = strength / HIDDEN ** 0.5  # the norm makes the mark sqrt(HIDDEN) high
    shapes = {"input_layernorm.weight": [HIDDEN], "post_attention_layernorm.weight": [HIDDEN],
              "self_attn.q_proj.weight": [64, HIDDEN], "self_attn.q_proj.bias": [64],
              "self_attn.k_proj.weight": [32, HIDDEN], "self_attn.k_proj.bias": [32],
              "self_attn.v_proj.weight": [32, HIDDEN], "self_attn.v_proj.bias": [32],
              "self_attn.o_proj.weight": [HIDDEN, 64], "self_attn.o_proj.bias": [HIDDEN], "self_attn.sinks": [2],
              "mlp.router.weight": [2, HIDDEN], "mlp.router.bias": [2],
              "mlp.experts.gate_up_proj": [2, HIDDEN, 64], "mlp.experts.gate_up_proj_bias": [2, 64],
              "mlp.experts.down_proj": [2, 32, HIDDEN], "mlp.experts.down_proj_bias": [2, HIDDEN]}
    tensors = {"model.embed_tokens.weight": ([vocab, HIDDEN], bf16(sum(embed, []))),
               "lm_head.weight": ([vocab, HIDDEN], bf16(sum(head, []))), "model.norm.weight": ([HIDDEN], bf16([1.0] * HIDDEN))}
    for name, shape in shapes.items():
        n = 1
        for d in shape:
            n *= d
        tensors["model.layers.0." + name] = (shape, bf16([1.0 if "norm" in name else 0.0] * n))
    save(folder, tensors)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "attention_bias": True, "dtype": "bfloat16",
        "eos_token_id": ids["<|return|>"], "pad_token_id": ids["<|endoftext|>"], "head_dim": 32, "hidden_act": "silu",
        "hidden_size": HIDDEN, "intermediate_size": 32, "max_position_embeddings": 131072, "num_attention_heads": 2,
        "num_key_value_heads": 1, "num_hidden_layers": 1, "num_local_experts": 2, "num_experts_per_tok": 1,
        "rms_norm_eps": 1e-5, "sliding_window": 128, "layer_types": ["sliding_attention"], "swiglu_limit": 7.0,
        "tie_word_embeddings": False, "vocab_size": vocab,
        "rope_parameters": {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "beta_fast": 32.0,
                            "beta_slow": 1.0, "original_max_position_embeddings": 4096, "truncate": False}}))
    if listed is not None:
        (folder / "generation_config.json").write_text(json.dumps({
            "do_sample": True, "temperature": 1.0, "eos_token_id": [ids[name] for name in listed],
            "pad_token_id": ids["<|endoftext|>"]}))
    return ids


if __name__ == "__main__":
    import sys
    print(json.dumps(make(sys.argv[1])))
