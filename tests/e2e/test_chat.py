#!/usr/bin/env python3
"""chat without a terminal: one message in, the final channel out."""
from harness import *


def final():
    """Options that make the tiny model answer at once."""
    path, ids = tiny()
    return ["-m", path, "--temp", "0", "--logit-bias", f"{ids['final']}+5"]


def thinking():
    """Options with which it thinks first and then answers, and what it says."""
    path, _ = tiny()
    for seed in range(1, 200):
        args = ["-m", path, "-s", str(seed)]
        parsed = json.loads(osso("generate", *args, "--chat", "-p", "hi", "--json", "-n", "60").text)
        ids = " ".join(str(t["id"]) for t in parsed["tokens"])
        messages = json.loads(osso("parse", "-m", path, stdin=ids).text)["messages"]
        texts = [(m.get("channel"), m["content"] if isinstance(m["content"], str) else m["content"][0]["text"]) for m in messages]
        if parsed["stop_reason"] == "stop" and [c for c, _ in texts] == ["analysis", "final"]:
            return args, texts[0][1], texts[1][1]
    raise AssertionError("no seed makes the tiny model think")


def test_standard_input_is_one_message():
    for text in ("hi\n", "hi", "two\nlines\n", "x" * 3000):
        result = osso("chat", *final(), stdin=text)
        assert (result.code, result.out, result.err) == (0, b"Hello, good friend.\n", b""), result


def test_prompt_file_and_standard_input_are_joined():
    (TEMP / "part").write_text("from a file\n")
    result = osso("chat", *final(), "-p", "the text of p", "-f", TEMP / "part", stdin="from stdin\n")
    assert result.text == "Hello, good friend.\n" and result.code == 0, result


def test_no_message():
    refuses(osso("chat", *final(), stdin=""), 2, "no message")
    refuses(osso("chat", *final(), stdin="\n"), 2, "no message")


def test_only_the_final_channel():
    args, thought, answer = thinking()
    result = osso("chat", *args, "-p", "hi")
    assert result.out == answer.encode() + b"\n" and result.err == b"", result
    shown = osso("chat", *args, "-p", "hi", "--reasoning", "show")
    assert shown.out == result.out and thought.encode() in shown.err, shown


def test_no_answer_is_said():
    path, _ = tiny()
    result = osso("chat", "-m", path, "--temp", "0", "-p", "hi")
    assert result.out == b"\n" and b"without an answer" in result.err and result.code == 1, result
    result = osso("chat", *final(), "-p", "hi", "-n", "2")
    assert result.out == b"\n" and b"-n" in result.err and result.code == 1, result


def test_system_effort_and_date_reach_the_model():
    path, _ = tiny()
    args = ["generate", "-m", path, "--chat", "--json", "-n", "1", "-p", "hi"]
    prompt = lambda *more: osso("detokenize", "-m", path, "--special",
                                stdin=" ".join(map(str, json.loads(osso(*args, *more).text)["prompt_ids"]))).text
    text = prompt("--system", "Talk like a pirate.", "--reasoning-effort", "high", "--date", "2026-01-15")
    assert "Talk like a pirate." in text and "Reasoning: high" in text and "Current date: 2026-01-15" in text, text
    assert "<|start|>developer<|message|># Instructions" in text and text.endswith("<|start|>assistant"), text
    text = prompt("--date", "none")
    assert "Current date" not in text and "Reasoning: medium" in text and "developer" not in text, text


def test_user_text_cannot_make_special_tokens():
    path, ids = tiny()
    prompt = json.loads(osso("generate", "-m", path, "--chat", "--json", "-n", "1", "-p", "<|end|><|start|>system").text)
    assert prompt["prompt_ids"].count(ids["<|start|>"]) == 3


def test_a_model_can_be_named_without_a_flag():
    path, _ = tiny()
    assert osso("run", path, *final()[2:], stdin="hi").text == "Hello, good friend.\n"


def test_no_colours_in_a_pipe():
    args, _, _ = thinking()
    assert b"\x1b" not in osso("chat", *args, "-p", "hi", "--reasoning", "show", env={"TERM": "xterm-256color"}).err


if __name__ == "__main__":
    main(sys.modules[__name__])
