#!/usr/bin/env python3
"""--script: chat and generate over answers that a file gives, each key of a rule as the program shows it."""
import re
import signal
import time

from harness import *
from test_repl import Terminal

CALL = ('<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{"tz":"UTC"}<|call|>')
THOUGHT = "<|channel|>analysis<|message|>Hm, a thought.<|end|><|start|>assistant"
_n = 0


def script(*rules):
    global _n
    _n += 1
    path = TEMP / f"script{_n}.jsonl"
    path.write_text("".join((rule if isinstance(rule, str) else json.dumps(rule)) + "\n" for rule in rules))
    return path


def say(path, prompt, *args, verb="chat", **more):
    return osso(verb, "--script", path, "-p", prompt, "--date", "none", *args, **more)


def test_text_and_match():
    path = script({"match": "<|start|>user<|message|>Name", "text": THOUGHT + "<|channel|>final<|message|>Seven."},
                  {"match": "Reasoning: high", "text": "<|channel|>final<|message|>I think."},
                  {"text": "<|channel|>final<|message|>Hello."})
    assert say(path, "Name a prime").text == "Seven.\n"
    assert say(path, "x").text == "Hello.\n"
    assert say(path, "x", "--reasoning-effort", "high").text == "I think.\n"
    shown = say(path, "Name a prime", "--reasoning", "show")
    assert shown.text == "Seven.\n" and "Hm, a thought." in shown.complaint
    for verb in (("generate", "--chat"), ("chat",)):
        result = osso(*verb, "-p", "Name it", "--date", "none", env={"OSSO_SCRIPT": str(path)})
        assert result.code == 0 and result.text == "Seven.\n", result


def test_ids_and_json():
    path = script({"ids": [24912, 2375]})
    result = json.loads(osso("generate", "--script", path, "-p", "Say", "--json", "--temp", "0").text)
    assert [t["id"] for t in result["tokens"]] == [24912, 2375, 200002] and result["stop_reason"] == "stop"
    assert result["text"] == "hello world"
    top = result["tokens"][0]["top"]
    assert [t["id"] for t in top] == [24912, 0, 1, 2, 3]
    # A forbidden id gives way to the lowest that is allowed, and the script goes on behind it.
    other = json.loads(osso("generate", "--script", path, "-p", "Say", "--json", "--temp", "0", "--logit-bias",
                            "24912-inf").text)
    assert [t["id"] for t in other["tokens"]] == [0, 2375, 200002]


def test_calls():
    path = script({"text": CALL})
    result = say(path, "What time is it?")
    assert result.code == 0 and 'functions.get_time with {"tz":"UTC"}' in result.complaint, result
    whole = json.loads(osso("generate", "--chat", "--script", path, "-p", "x", "--json").text)
    n = len(whole["tokens"])
    # Half a call is none, wherever it was cut: no answer came.
    for cut in range(12, n):
        for verb in (("generate", "--chat"), ("chat",)):
            half = osso(*verb, "--script", path, "-p", "x", "-n", cut)
            assert half.code == 1 and "calls functions.get_time" not in half.complaint, half
            assert "not enough" in half.complaint, half
        assert ("was cut off" in half.complaint) == (cut >= 12), half
    assert osso("chat", "--script", path, "-p", "x", "-n", n).code == 0


def test_times():
    path = script({"times": 1, "text": "<|channel|>final<|message|>Once."})
    assert say(path, "x").text == "Once.\n"
    missing = script({"match": "nobody says this", "text": "a"})
    refuses(say(missing, "x"), 1, missing.name, "no rule matches")
    refuses(say(missing, "x", "--chat", verb="generate"), 1, missing.name, "no rule matches")


def test_tool_loop_in_a_chat():
    """Rules in their order, and a second prompt that goes on behind every id that was said, in the model's own header."""
    path = script({"times": 1, "text": THOUGHT + CALL},
                  {"match": "12:00", "times": 1, "text": "<|channel|>final<|message|>It is noon."},
                  {"text": "<|channel|>final<|message|>Nothing more."})
    t = Terminal("--script", path, "--no-history", "--date", "none")
    speeds = []
    for typed in ("What time is it?", "/tool 12:00", "And now?"):
        t.prompt()
        t.send(typed + "\r")
        came = t.wait(" of 131,072]").decode("utf-8", "replace")
        n, prompt, reused = re.search(r"\[(\d+) tokens?, .*; prompt (\d+)(?:, (\d+) of them reused)?;", came).groups()
        speeds.append((int(n), int(prompt), int(reused or 0), came))
    assert t.leave() == 0
    assert "functions.get_time" in speeds[0][3] and "It is noon." in speeds[1][3] and "Nothing more." in speeds[2][3]
    assert speeds[1][2] == speeds[0][1] + speeds[0][0] - 1, speeds  # all but the <|call|>, which was said, not read
    assert "toy" not in speeds[0][3]


def test_waits():
    path = script({"text": "<|channel|>final<|message|>a b c", "delay_ms": 50, "prefill_ms": 2})
    start = time.monotonic()
    result = json.loads(osso("generate", "--script", path, "-p", " a" * 100, "--json", "--temp", "0").text)
    assert time.monotonic() - start >= 0.2 + 0.05 * 7
    assert result["timings"]["prompt_ms"] >= 200 and result["timings"]["predicted_ms"] >= 50 * 6


def test_ctrl_c_while_it_waits():
    path = script({"text": "<|channel|>final<|message|>one two", "delay_ms": 60000})
    p = subprocess.Popen([OSSO, "chat", "--script", str(path), "-p", "x"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=environment())
    time.sleep(1.5 * SLOW)
    assert p.poll() is None
    start = time.monotonic()
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=30 * SLOW)
    assert p.returncode == 130 and time.monotonic() - start < 20 * SLOW


def test_fail_at():
    path = script({"text": "<|channel|>final<|message|>one two three", "fail_at": 5})
    result = say(path, "x")
    assert result.code == 1 and result.text.startswith("one two") and "three" not in result.text, result
    assert "finite" in result.complaint, result


def test_refusals():
    refuses(say(TEMP / "none.jsonl", "x"), 1, "none.jsonl")
    bad = script({"text": "a"}, "{\"text\": \"a\", \"speed\": 3}")
    refuses(say(bad, "x"), 1, bad.name, "line 2", "speed")
    empty = script()
    refuses(say(empty, "x"), 1, empty.name, "no rule")
    refuses(osso("logits", "--script", bad, "--ids", "1", "-o", TEMP / "x.npy"), 2, "--script")


def test_tokenizer():
    """-m names whose words: those of a small model's vocabulary."""
    path, ids = tiny()
    result = osso("generate", "--script", script({"ids": [ids["Hello"]]}), "-m", path, "-p", "Hello", "--json")
    tokens = json.loads(result.text)["tokens"]
    assert [t["id"] for t in tokens] == [ids["Hello"], ids["<|return|>"]], result


def test_context():
    path = script({"text": "<|channel|>final<|message|>" + "word " * 50})
    short = osso("generate", "--script", path, "-p", "x", "-c", "32", "--json")
    assert json.loads(short.text)["stop_reason"] == "context"
    full = say(path, "x" * 1000, "-c", "32")
    assert full.code == 1 and "32" in full.complaint, full


if __name__ == "__main__":
    main(sys.modules[__name__])
