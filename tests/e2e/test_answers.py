#!/usr/bin/env python3
"""What a person gets of an answer: it stops where harmony says it ends, nobody but the assistant speaks in it, and all
that is for the person is shown, whatever the files list and whatever the channel is called."""
import struct

import tiny_chat
from harness import *

VERBS = (("chat",), ("generate", "--chat"))
CALL = ["assistant", "<|channel|>", "commentary", " to=functions.clock", "<|message|>", "{}", "<|call|>"]


def says(*tokens, **how):
    """A model that says these tokens, each of which names the one after it: none but "<|start|>" may come twice, and
    the last one goes on where it first stood."""
    name = TEMP / f"says-{len(list(TEMP.glob('says-*')))}"
    words = list(tiny_chat.WORDS) + [t for t in dict.fromkeys(tokens) if len(t) > 1 and not t.startswith("<|")]
    steps = {}
    for a, b in zip(tokens, tokens[1:]):
        assert steps.setdefault(a, b) == b, f"{a} is followed by both {steps[a]} and {b}"
    tiny_chat.make(name, [(a, b, 20) for a, b in steps.items()], list(dict.fromkeys(words)), **how)
    return name


def asked(model, *args, verbs=VERBS):
    """The model asked with each verb; without an end it would go on for 40 tokens."""
    return [osso(*verb, "-m", model, "--temp", "0", "-n", "40", "-p", "hi", *args) for verb in verbs]


# ---- stops --------------------------------------------------------------------------------------------------


def test_a_call_stops_whatever_is_listed():
    """The tool's reply and what follows from it are not the model's to write."""
    invented = CALL + ["<|start|>", "functions.clock", " nine"]
    for listed in (None, (), ("<|return|>",), ("<|endoftext|>", "<|return|>")):
        model = says(*invented, listed=listed)
        ids = json.loads(osso("info", model, "--json").text)["stop_ids"]
        assert len(ids) == 3, ids
        out = json.loads(osso("generate", "--chat", "-m", model, "--temp", "0", "-n", "40", "-p", "hi", "--json").text)
        assert out["stop_reason"] == "stop" and out["tokens"][-1]["text"] == "<|call|>", (listed, out["stop_reason"])
        for result in asked(model):
            assert result.code == 0 and "nine" not in result.text + result.complaint, result


def test_other_ends_stop_too():
    for end in ("<|endoftext|>", "<|return|>"):
        model = says("assistant", "<|channel|>", "final", "<|message|>", "Hello", end, " good", listed=("<|call|>",))
        for result in asked(model):
            assert (result.code, result.text) == (0, "Hello\n"), (end, result)


def test_the_end_of_a_message_ends_no_answer():
    for listed in (("<|end|>",), ("<|end|>", "<|return|>"), ("<|return|>", "<|call|>", "<|end|>")):
        model = says("assistant", "<|message|>", "Hello", "<|end|>", "good", "<|return|>", listed=listed)
        for result in asked(model):
            assert result.code == 0 and "Hello" in result.text and "good" in result.text, (listed, result)
        info = json.loads(osso("info", model, "--json").text)
        end = info["stops"]
        assert len(info["stop_ids"]) == 3 and any("<|end|>" in v and "not taken" in v for v in end.values()), info


def shapes(**other):
    """A config.json to write models of: the tiny one, with two kinds of layers."""
    path = TEMP / "shapes.json"
    config = json.loads(pathlib.Path(tiny()[0], "config.json").read_text())
    path.write_text(json.dumps({**config, "num_hidden_layers": 2,
                                "layer_types": ["sliding_attention", "full_attention"], **other}))
    return path


def synth(form, out, config, *args):
    result = osso("synth", "--preset", config, "--format", form, *args, out, timeout=120)
    if result.code and b"multiple" in result.err:
        raise Skip(result.complaint.strip())
    assert result.code == 0, result
    return out


def gguf_places(data):
    """Where a GGUF file keeps the values of its keys and the data of its tensors: two dicts of offsets."""
    at = 24
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    number = lambda form, where: struct.unpack_from("<" + form, data, where)[0]
    skip = lambda kind, where: where + (8 + number("Q", where) if kind == 8 else sizes[kind])
    keys, tensors, align = {}, {}, 32
    for _ in range(number("Q", 16)):
        n = number("Q", at)
        name, kind, at = bytes(data[at + 8:at + 8 + n]).decode(), number("I", at + 8 + n), at + 12 + n
        keys[name] = at
        if kind == 9:
            kind, n, at = number("I", at), number("Q", at + 4), at + 12
            for _ in range(n):
                at = skip(kind, at)
        else:
            at = skip(kind, at)
    for _ in range(number("Q", 8)):
        n = number("Q", at)
        name, dims, at = bytes(data[at + 8:at + 8 + n]).decode(), number("I", at + 8 + n), at + 12 + n
        kind, offset = number("I", at + 8 * dims), number("Q", at + 8 * dims + 4)
        tensors[name], at = (kind, offset), at + 8 * dims + 12
    base = (at + align - 1) // align * align
    return keys, {name: (kind, base + offset) for name, (kind, offset) in tensors.items()}


def q8_0(values):
    out = b""
    for i in range(0, len(values), 32):
        block = values[i:i + 32]
        scale = max(map(abs, block)) / 127
        out += struct.pack("<e32b", scale, *(round(v / scale) if scale else 0 for v in block))
    return out


def in_gguf(model, end):
    """The model as one GGUF file whose one listed end is this: its marks, over random layers that are too weak to
    speak up."""
    config = shapes(**{k: v for k, v in json.loads((model / "config.json").read_text()).items() if k == "vocab_size"})
    out = synth("gguf", pathlib.Path(f"{model}.gguf"), config, "--tokenizer", model)
    data, source = bytearray(out.read_bytes()), (model / "model.safetensors").read_bytes()
    keys, places = gguf_places(data)
    length = struct.unpack_from("<Q", source)[0]
    theirs = json.loads(source[8:8 + length])
    for ours, name, factor in (("token_embd.weight", "model.embed_tokens.weight", 1e4), ("output.weight", "lm_head.weight", 1),
                               ("output_norm.weight", "model.norm.weight", 1)):
        kind, at = places[ours]
        a, b = (8 + length + n for n in theirs[name]["data_offsets"])
        values = [struct.unpack("<f", b"\0\0" + source[i:i + 2])[0] * factor for i in range(a, b, 2)]
        new = q8_0(values) if kind == 8 else struct.pack(f"<{len(values)}f", *values)
        assert kind in (0, 8), f"{ours} is of type {kind}"
        data[at:at + len(new)] = new
    added = json.loads((model / "tokenizer.json").read_text())["added_tokens"]
    struct.pack_into("<I", data, keys["tokenizer.ggml.eos_token_id"], {t["content"]: t["id"] for t in added}[end])
    out.write_bytes(data)
    return out


def test_a_gguf_file_stops_too():
    """Such files have one end of text: the ends of a call and of an answer must not depend on which it is."""
    for end in ("<|return|>", "<|call|>", "<|end|>", "<|endoftext|>"):
        model = in_gguf(says(*CALL, "<|start|>", "functions.clock", " nine"), end)
        stops = json.loads(osso("info", model, "--json").text)
        assert len(stops["stop_ids"]) == 3, (end, stops["stops"])
        out = json.loads(osso("generate", "--chat", "-m", model, "--temp", "0", "-n", "40", "-p", "hi", "--json").text)
        assert out["stop_reason"] == "stop" and out["tokens"][-1]["text"] == "<|call|>", (end, out["text"])
        for result in asked(model):
            assert result.code == 0 and "functions.clock" in result.complaint, result
            assert "nine" not in result.text + result.complaint, result


def test_the_vocabulary_of_gpt_oss_in_a_gguf_file():
    """The files that people have list 200002 alone."""
    out = synth("gguf", TEMP / "o200k.gguf", shapes(vocab_size=201088, eos_token_id=200002))
    data = bytearray(out.read_bytes())
    at = gguf_places(data)[0]["tokenizer.ggml.eos_token_id"]
    for listed in (200002, 199999, 200012, 200007):
        struct.pack_into("<I", data, at, listed)
        out.write_bytes(data)
        info = json.loads(osso("info", out, "--json", timeout=60).text)
        assert sorted(info["stop_ids"]) == [199999, 200002, 200012], (listed, info["stops"])
        assert "tokenizer.ggml.eos_token_id" in info["stops"][str(listed)], info["stops"]
        text = osso("info", out, timeout=60).text
        assert all(str(n) in text for n in (199999, 200002, 200012)), text


def test_ignore_eos_goes_on():
    model = says(*CALL, "<|start|>", "assistant", listed=None)
    out = json.loads(osso("generate", "-m", model, "--temp", "0", "-n", "30", "-p", "assistant", "--ignore-eos", "--json").text)
    assert out["stop_reason"] == "length" and len(out["tokens"]) == 30, out["stop_reason"]


def test_info_says_where_each_stop_is_from():
    for listed, file in ((None, "config.json"), (("<|return|>",), "generation_config.json")):
        model = says(*CALL, listed=listed)
        info = json.loads(osso("info", model, "--json").text)
        froms = {v.split(", ")[0]: v.split(", ")[-1] for v in info["stops"].values()}
        assert froms == {"<|return|>": file, "<|call|>": "harmony", "<|endoftext|>": "harmony"}, froms
        text = osso("info", model).text
        assert file in text and "harmony" in text, text


def test_logits_need_no_tokenizer():
    model = says(*CALL)
    (model / "tokenizer.json").write_text("nothing that can be read")
    assert osso("logits", "-m", model, "--ids", "1,2", "-o", TEMP / "row.npy").code == 0
    info = osso("info", model, "--json")
    assert info.code == 0 and len(json.loads(info.text)["stop_ids"]) == 2, info


# ---- who speaks ---------------------------------------------------------------------------------------------


def test_nobody_else_speaks():
    """After the assistant's message the model goes on in another's name: that is where it is stopped."""
    for header in (["user"], ["system"], ["developer"], ["functions.clock", " to=assistant"]):
        model = says("assistant", "<|message|>", "Sure", "<|end|>", "<|start|>", *header, "<|message|>")
        for result in asked(model):
            assert (result.code, result.text) == (0, "Sure\n"), (header, result)
        out = json.loads(osso("generate", "--chat", "-m", model, "--temp", "0", "-n", "40", "-p", "hi", "--json").text)
        assert out["stop_reason"] == "stop" and len(out["tokens"]) < 12 and out["text"] == "Sure", out


def test_raw_text_goes_on():
    """Without a parser nobody knows who speaks."""
    model = says("assistant", "<|message|>", "Sure", "<|end|>", "<|start|>", "user", "<|message|>")
    out = json.loads(osso("generate", "-m", model, "--temp", "0", "-n", "20", "-p", "assistant", "--json").text)
    assert out["stop_reason"] == "length", out["stop_reason"]


# ---- what is for the person ---------------------------------------------------------------------------------


def test_any_channel_but_analysis_is_an_answer():
    for channel in ("answer", "Final", "summary", "finalx"):
        for result in asked(says("assistant", "<|channel|>", channel, "<|message|>", "Sure", "<|return|>")):
            assert (result.code, result.text) == (0, "Sure\n"), (channel, result)
            assert "without an answer" not in result.complaint, (channel, result)
            if channel != "finalx":  # which may be read as final with something glued to it
                assert channel in result.complaint, (channel, result)


def test_text_without_a_channel_is_an_answer():
    for tokens in (["Sure"], ["<|message|>", "Sure"], ["<|message|>", "Sure", "<|end|>"]):
        for result in asked(says("assistant", *tokens, "<|return|>")):
            assert (result.code, result.text, result.complaint) == (0, "Sure\n", ""), (tokens, result)


def test_a_cut_off_answer_is_shown():
    """What the parser still held when the tokens ran out."""
    for n in (1, 2, 3):
        for verb in VERBS:
            result = osso(*verb, "-m", says("assistant", "Sure", " yes", " so", "<|return|>"), "--temp", "0", "-n", n, "-p", "hi")
            assert (result.code, result.text) == (0, "Sure yes so"[:(4, 8, 11)[n - 1]] + "\n"), (n, result)


def test_preambles():
    model = says("assistant", "<|channel|>", "commentary", "<|message|>", "Wait", "<|return|>")
    for args in ((), ("--preambles",)):  # nothing else came: it is shown unasked
        for result in asked(model, *args):
            assert (result.code, result.text, result.complaint) == (0, "Wait\n", ""), (args, result)
    both = says("assistant", "<|channel|>", "commentary", "<|message|>", "Wait", "<|end|>", "Sure", "<|return|>")
    for result in asked(both):
        assert result.code == 0 and "Wait" not in result.text and "Sure" in result.text, result
    for result in asked(both, "--preambles"):
        assert result.code == 0 and "Wait" in result.text and "Sure" in result.text, result


def test_a_call_is_told():
    for name in ("functions.clock", "python", "browser.search"):
        model = says("assistant", "<|channel|>", "commentary", f" to={name}", "<|message|>", "{}", "<|call|>")
        for result in asked(model):
            assert result.code == 0 and "{}" not in result.text, (name, result)
            assert name in result.complaint and "{}" in result.complaint, (name, result)
            assert "without an answer" not in result.complaint, (name, result)


def test_no_answer_is_no_success():
    for tokens in (["<|return|>"], ["<|channel|>", "analysis", "<|message|>", "Hm", "<|return|>"],
                   ["<|channel|>", "final", "<|message|>", "<|return|>"]):
        model = says("assistant", *tokens)
        for result in asked(model):
            assert result.code == 1 and "without an answer" in result.complaint, (tokens, result)
        result = osso("generate", "--chat", "-m", model, "--temp", "0", "-p", "hi", "--json")
        assert result.code == 0 and json.loads(result.text)["text"] == "", (tokens, result)


if __name__ == "__main__":
    main(sys.modules[__name__])
