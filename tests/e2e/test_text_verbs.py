#!/usr/bin/env python3
"""tokenize, detokenize, render, parse."""
from harness import *

CONVERSATION = {"messages": [
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "channel": "analysis", "content": "Easy."},
    {"role": "assistant", "channel": "final", "content": "4"},
]}
# <|start|>user<|message|>What is 2 + 2?<|end|>
USER = [200006, 1428, 200008, 4827, 382, 220, 17, 659, 220, 17, 30, 200007]


def test_tokenize():
    assert osso("tokenize", "-p", "hello world").text == "24912 2375\n"
    assert osso("tokenize", stdin="hello world").text == "24912 2375\n"
    assert osso("tokenize", stdin="hello world\n").text == "24912 2375 198\n"
    assert osso("tokenize", stdin="").text == "\n"
    (TEMP / "text").write_text("hello world")
    assert osso("tokenize", "-f", TEMP / "text").text == "24912 2375\n"
    both = json.loads(osso("tokenize", "-p", "hello world", "--json").text)
    assert both == {"ids": [24912, 2375], "pieces": ["hello", " world"]}


def test_special_tokens_are_ids_and_not_text():
    plain = osso("tokenize", "-p", "<|start|>").text.split()
    assert "200006" not in plain and len(plain) > 1
    assert osso("tokenize", "-p", "<|start|>", "--special").text == "200006\n"


def test_detokenize():
    assert osso("detokenize", stdin="24912 2375").text == "hello world"
    assert osso("detokenize", "-p", "24912,\n2375").text == "hello world"
    assert osso("detokenize", stdin="[24912, 2375]").text == "hello world"
    assert osso("detokenize", stdin="").text == ""
    assert osso("detokenize", stdin="200006 24912").text == "hello"
    assert osso("detokenize", "--special", stdin="200006 24912").text == "<|start|>hello"
    assert json.loads(osso("detokenize", "--json", stdin="24912").text) == {"text": "hello"}


def test_there_and_back():
    text = "Grüße, 世界! \U0001f600 \t\r\n  e\u0301 \u202e\x00\x1b[31m <|end|>  tail  "
    ids = osso("tokenize", stdin=text).text
    assert osso("detokenize", stdin=ids).out == text.encode()
    path, _ = tiny()
    ids = osso("tokenize", "-m", path, stdin=text).text
    assert osso("detokenize", "-m", path, stdin=ids).out == text.encode()


def test_a_large_text():
    text = "".join(f"line {i}: the quick brown fox\n" for i in range(20000))
    ids = osso("tokenize", stdin=text).text
    assert osso("detokenize", stdin=ids).text == text


def test_render():
    file = TEMP / "c.json"
    file.write_text(json.dumps({"messages": CONVERSATION["messages"][:1]}))
    assert osso("render", file).text == "<|start|>user<|message|>What is 2 + 2?<|end|><|start|>assistant"
    ids = [int(i) for i in osso("render", file, "--ids").text.split()]
    assert ids[:len(USER)] == USER and ids[len(USER)] == 200006 and len(ids) == len(USER) + 2
    assert json.loads(osso("render", file, "--json").text)["ids"] == ids
    assert osso("render", file, "--for", "plain", "--ids").text.split() == [str(i) for i in USER]
    assert osso("render", "-", stdin=file.read_bytes()).text == osso("render", file).text


def test_render_drops_old_analysis():
    text = json.dumps(CONVERSATION)
    assert "Easy." not in osso("render", "-", stdin=text).text
    assert "Easy." in osso("render", "-", "--no-drop-analysis", stdin=text).text
    assert osso("render", "-", "--for", "training", stdin=text).text.endswith("<|return|>")


def test_parse():
    whole = osso("render", "-", "--for", "plain", "--no-drop-analysis", "--ids", stdin=json.dumps(CONVERSATION)).text
    messages = json.loads(osso("parse", stdin=whole).text)["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "assistant"]
    assert [m.get("channel") for m in messages] == [None, "analysis", "final"]
    again = osso("render", "-", "--for", "plain", "--no-drop-analysis", "--ids", stdin=json.dumps({"messages": messages})).text
    assert again == whole


def test_parse_a_completion():
    ids = osso("tokenize", "--special", "-p", "<|channel|>final<|message|>Hi.<|return|>").text
    message = json.loads(osso("parse", stdin=ids).text)["messages"][0]
    assert message["role"] == "assistant" and message["channel"] == "final", message
    ids = osso("tokenize", "--special", "-p", "<|message|>Hi.<|end|>").text
    assert json.loads(osso("parse", "--role", "user", stdin=ids).text)["messages"][0]["role"] == "user"


def test_parse_never_fails_unless_strict():
    for ids in ("", "200007 200007", "200006 200006 200006", "200005 17 200002", "200012", "200008 200008"):
        assert osso("parse", stdin=ids).code == 0, ids
    result = osso("parse", "--strict", stdin="200006 200006 200006")
    assert result.code == 1 and result.complaint.count("\n") == 1, result


if __name__ == "__main__":
    main(sys.modules[__name__])
