#!/usr/bin/env python3
"""Values that the KV cache cannot hold, vocabularies with odd types and rows, and what every verb takes from a GGUF file:
the rest of what test_files.py asks of checkpoints with one thing wrong."""
from checkpoints import *
from harness import *
import math

# ---- keys and values that are too large ------------------------------------------------------------------------


def floats(tensor):
    return [struct.unpack("<f", b"\0\0" + tensor[2][i:i + 2])[0] for i in range(0, len(tensor[2]), 2)]


def changed(m, name, change):
    dtype, shape, _ = m.tensors[name]
    m.tensors[name] = (dtype, shape, bf16(*map(change, floats(m.tensors[name]))))


def huge_values(m, layer, size=2e5):
    changed(m, f"model.layers.{layer}.self_attn.v_proj.bias", lambda v: size)
    changed(m, f"model.layers.{layer}.self_attn.o_proj.weight", lambda v: v * 1e-5)


def huge_keys(m, layer, size=7e4):
    """The same for every position, so that no weight of attention changes: only the dot products are large."""
    changed(m, f"model.layers.{layer}.self_attn.k_proj.bias", lambda v: size)


def run(path, *more):
    out = TEMP / "huge.npy"
    out.unlink(missing_ok=True)
    result = osso("logits", "-m", path, "--ids", ",".join(map(str, IDS)), "-o", out, *more)
    data = out.read_bytes() if out.exists() else b""
    rows = struct.unpack(f"<{(len(data) - 128) // 4}f", data[128:]) if data else ()
    return result, rows


def test_values_beyond_the_type_name_the_layer():
    for layer in (0, 1):
        for what, spoil in (("values", huge_values), ("keys", huge_keys)):
            m = Folder()
            spoil(m, layer)
            path = m.put(f"huge-{what}-{layer}")
            result, rows = run(path)
            if rows:  # an infinite key may meet nothing but zero weights: then the logits are right
                assert result.code == 0 and what == "keys" and all(map(math.isfinite, rows)), result
                continue
            refuses(result, 1, f"the {what} of layer {layer} are too large for the KV type f16", "--kv-type bf16")
            assert "damaged" not in result.complaint, result
            refuses(osso("generate", "-m", path, "-p", "Hello", "-n", "2", "--temp", "0"), 1, f"layer {layer}", "f16", "--kv-type bf16")
            for kv in ("bf16", "f32"):
                good, rows = run(path, "--kv-type", kv)
                assert good.code == 0 and all(map(math.isfinite, rows)), good


def test_values_beyond_the_scales():
    m = Folder()
    huge_values(m, 0, 3e7)
    path = m.put("huge-q8")
    refuses(run(path, "--kv-type", "q8_0")[0], 1, "the values of layer 0 are too large for the KV type q8_0", "--kv-type bf16")
    assert run(path, "--kv-type", "bf16")[0].code == 0
    m = Folder()
    huge_values(m, 1, 2e5)  # fits with a scale
    assert run(m.put("large-q8"), "--kv-type", "q8_0")[0].code == 0


def test_weights_that_are_no_numbers_are_not_the_caches_fault():
    nan, inf = float("nan"), float("inf")
    for layer, name, value in ((0, "v_proj.bias", nan), (1, "k_proj.weight", nan), (1, "v_proj.bias", inf)):
        m = Folder()
        changed(m, f"model.layers.{layer}.self_attn.{name}", lambda v: value)
        path = m.put(f"nan-{layer}-{name}-{value}")
        for kv in ("bf16", "f32"):
            result, _ = run(path, "--kv-type", kv)
            refuses(result, 1, f"layer {layer}", "may be damaged")
            assert "kv-type" not in result.complaint, result
        if value is nan:
            refuses(run(path)[0], 1, f"layer {layer}", "may be damaged", "--kv-type bf16")
    m = Folder()
    changed(m, "lm_head.weight", lambda v: nan)
    result, _ = run(m.put("nan-head"))
    refuses(result, 1, "not finite", "may be damaged")
    assert "kv-type" not in result.complaint, result


# ---- vocabularies ----------------------------------------------------------------------------------------------

TYPES, TOKENS, MERGES = "tokenizer.ggml.token_type", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"


def strings_of(value):
    data, at, words = value[1], 12, []
    for _ in range(struct.unpack_from("<Q", data, 4)[0]):
        size = struct.unpack_from("<Q", data, at)[0]
        words.append(data[at + 8:at + 8 + size])
        at += 8 + size
    return words


def unpacked(m):
    words = strings_of(m.keys[TOKENS])
    return words, list(struct.unpack_from(f"<{len(words)}i", m.keys[TYPES][1], 12))


def vocabulary(change):
    def spoil(m):
        words, types = unpacked(m)
        out = change(words, types)
        if out is not None:
            types = out
        m.keys[TOKENS] = strings(words)
        m.keys[TYPES] = numbers(types)
    return spoil


def put_row(i, word, kind):
    def change(words, types):
        words[i], types[i] = word, kind
    return vocabulary(change)


def usual(path):
    return osso("tokenize", "-m", path, "--special", "--", "<|start|>user<|message|>Hello, good friend.<|end|>")


def test_types_that_are_wrong():
    """Harmony's names are known by themselves; a row that nobody can spell is left out."""
    want = usual(base("gguf")[0])
    assert want.code == 0 and len(want.text.split()) > 5, want
    cases = {
        "user-defined": vocabulary(lambda w, t: [4 if x == 3 else x for x in t]), "normal": vocabulary(lambda w, t: [1 if x == 3 else x for x in t]),
        "none": lambda m: m.keys.pop(TYPES), "unknown": vocabulary(lambda w, t: [2 if x == 3 else x for x in t]),
        "byte": vocabulary(lambda w, t: [6 if x == 1 else x for x in t]),
        "one": vocabulary(lambda w, t: [1 if v == b"<|start|>" else x for v, x in zip(w, t)])}
    for name, spoil in cases.items():
        m = File()
        spoil(m)
        path = m.put(f"types-{name}")
        result = usual(path)
        assert (result.code, result.text) == (0, want.text), (name, result)
        chat = osso("chat", "-m", path, "-p", "hi", "-n", "3", "--temp", "0")
        assert chat.code == 0 or "answer" in chat.complaint, (name, chat)


def test_rows_that_nobody_can_spell():
    want = usual(base("gguf")[0])
    words, _ = unpacked(File())
    merges = [w for w in strings_of(File().keys[MERGES])]
    made = b"".join(merges[-1].split(b" "))
    at = words.index(made)
    for i, (word, kind) in enumerate(((b"", 1), (b"", 4), (b"a b", 1), ("中".encode(), 1), (b"\xff\xfe", 1), (b"[PAD%d]" % at, 1))):
        m = File()
        m.keys[MERGES] = strings(merges[:-1])  # else one makes what is no token
        put_row(at, word, kind)(m)
        path = m.put(f"row-{i}")
        result = usual(path)
        assert (result.code, result.text) == (0, want.text), (word, result)
        said = osso("generate", "-m", path, "-p", "Hello", "-n", "1").complaint
        assert f"row {at}" in said or word.startswith(b"[PAD"), (word, said)


def test_a_vocabulary_without_merges():
    for spoil in (lambda m: m.keys.pop(MERGES), lambda m: m.keys.__setitem__(MERGES, strings([]))):
        m = File()
        spoil(m)
        path = m.put("no-merges")
        refuses(usual(path), 1, "no merges")
        assert logits(path)[1] == base("gguf")[1]  # ids need none


def test_every_text_verb_takes_every_form():
    whole, file = base("hf")[0], base("gguf")[0]
    link = TEMP / "a link.gguf"
    link.symlink_to(file)
    ids = osso("tokenize", "-m", whole, "Hello, good friend").text
    for path in (whole, whole / "tokenizer.json", file, link):
        assert osso("tokenize", "-m", path, "Hello, good friend").text == ids, path
        assert osso("detokenize", "-m", path, *ids.split()[:1]).text == osso("detokenize", "-m", whole, *ids.split()[:1]).text
        assert osso("parse", "-m", path, stdin="1,2").code == osso("parse", "-m", whole, stdin="1,2").code
    words = (whole / "tokenizer.json").read_bytes()
    for kind, word in ((b"version https://git-lfs.github.com/spec/v1\n", "LFS"), (b"<html>", "web page"), (b"\x89PNG", "image"), (b"", "empty"),
                       (words[:3000], "download complete?"), (words[:len(words) - 9], "download complete?"), (words[:1], "download complete?"),
                       (words.decode().encode("utf-16"), "UTF-16"), (words.decode().encode("utf-16-le"), "UTF-16LE")):
        m = Folder()
        m.files["tokenizer.json"] = kind
        path = m.put("no-tokenizer")
        for verb, *more in (("tokenize", "x"), ("generate", "x"), ("chat", "-p", "x")):
            refuses(osso(verb, "-m", path, *more), 1, "tokenizer.json", word)
        assert logits(path)[1] == base("hf")[1] and osso("info", path).code == 0  # neither needs it
    m = Folder()
    m.files["tokenizer.json"] = b"\xef\xbb\xbf" + m.files["tokenizer.json"]
    assert osso("tokenize", "-m", m.put("marked"), "Hello, good friend").text == ids


if __name__ == "__main__":
    main(sys.modules[__name__])
