#!/usr/bin/env python3
"""The command line: help, manual page, twins in the environment, and what is refused."""
import re

from harness import *

VERBS = "chat generate tokenize detokenize render parse logits info synth bench man".split()


def table():
    """(name, verbs) of each option, read from options.def; some names mean different things to different verbs."""
    union = {}
    for name, verbs in rows():
        union.setdefault(name, set()).update(verbs)
    return union.items()


def rows():
    text = (ROOT / "src/cli/options.def").read_text()
    groups = {"RUNS": "chat generate logits bench".split(), "TEXTS": "tokenize detokenize render parse".split()}
    for call in re.findall(r"^OPTION\((.*?)\)\n(?=\n|OPTION|SECTION|$)", text + "\n", re.S | re.M):
        name = re.search(r'"([a-z-]+)"', call)[1]
        verbs = set(re.findall(r"V\((\w+)\)", call))
        for group, members in groups.items():
            if re.search(rf"\b{group}\b", call):
                verbs |= set(members)
        yield name, verbs


def test_table_is_read_here():
    assert len(table()) > 40


def test_help_of_every_verb_mentions_every_option():
    helps = {verb: osso(verb, "--help") for verb in VERBS}
    for verb, result in helps.items():
        assert result.code == 0 and result.err == b"", result
        assert max(map(len, result.text.splitlines())) <= 100, f"{verb}: a line is too long"
    for name, verbs in table():
        for verb in VERBS:
            shown = re.search(rf"^  .{{4}}--{name}( |$)", helps[verb].text, re.M)
            assert bool(shown) == (verb in verbs), (name, verb)


def test_help_lists_every_verb():
    for args in (["--help"], ["help"], ["-h"]):
        result = osso(*args)
        assert result.code == 0 and all(f"  {verb} " in result.text for verb in VERBS), result
    assert osso("help", "render").text == osso("render", "--help").text


def test_manual_page_mentions_every_option_and_twin():
    page = osso("man").text.replace("\\-", "-")
    for name, _ in table():
        assert f"--{name}" in page and "OSSO_" + name.upper().replace("-", "_") in page, name
    assert page.startswith(".TH OSSO 1")


def test_version():
    result = osso("--version")
    assert result.code == 0 and re.match(r"osso \d+\.\d+\.\d+\n", result.text), result
    for word in ("compiler: ", "isa: ", "scalar", "line editing: "):
        assert word in result.text, result


def test_aliases_of_chat():
    for alias in ("play", "run"):
        assert osso(alias, "--help").text == osso("chat", "--help").text


def test_unknown_words_are_refused_with_a_guess():
    refuses(osso(), 2, "osso chat")
    refuses(osso("bnech"), 2, "'bnech'", "bench")
    refuses(osso("xyzzy"), 2, "'xyzzy'", "--help")
    refuses(osso("chat", "--tmep", "1"), 2, "--tmep", "--temp")
    refuses(osso("chat", "--xyzzy"), 2, "--xyzzy", "--help")
    refuses(osso("chat", "--tensors"), 2, "--tensors", "info")
    refuses(osso("chat", "-z"), 2, "-z")
    refuses(osso("render", "a.json", "b.json"), 2, "b.json")
    refuses(osso("render"), 2, "FILE.json")
    refuses(osso("chat", "--temp"), 2, "--temp")


def test_numbers_are_strict():
    for flag, value in (("--temp", "warm"), ("--temp", "nan"), ("--temp", "1.0x"), ("--temp", ""), ("--temp", "-1"),
                        ("--temp", "0x1"), ("--top-p", "1.5"), ("--top-k", "2.5"), ("--top-k", "-1"), ("-t", "100000"),
                        ("-c", "99999999999999999999"), ("-n", "-2"), ("--seed", "18446744073709551616"), ("--seed", "-2"),
                        ("--min-p", "inf"), ("--experts-per-token", "0")):
        refuses(osso("generate", flag, value), 2, flag, f"'{value}'")
    refuses(osso("generate", "--kv-type", "f64"), 2, "--kv-type", "f16|bf16|f32|q8_0")
    refuses(osso("chat", "--reasoning-effort", "huge"), 2, "low|medium|high")


def test_date():
    path, _ = tiny()
    for date in ("2026-13-01", "yesterday", "2026-1-1", "2026-02-30x"):
        refuses(osso("chat", "-m", path, "-p", "x", "--date", date), 2, "--date")


def test_environment_twins():
    path, ids = tiny()
    assert osso("tokenize", env={"OSSO_PROMPT": "hello", "OSSO_MODEL": path}).text.split() != ["24912"]
    assert osso("tokenize", env={"OSSO_PROMPT": "hello"}).text.split() == ["24912"]
    assert osso("tokenize", "-p", "Hello", env={"OSSO_PROMPT": "hello", "OSSO_MODEL": path}).text.split() == [str(ids["Hello"])]
    assert json.loads(osso("tokenize", "-p", "hello", env={"OSSO_JSON": "1"}).text)["ids"] == [24912]
    assert osso("tokenize", "-p", "hello", env={"OSSO_JSON": "0"}).text == "24912\n"
    refuses(osso("generate", env={"OSSO_TOP_K": "many"}), 2, "OSSO_TOP_K", "'many'")
    refuses(osso("generate", env={"OSSO_EXACT": "perhaps"}), 2, "OSSO_EXACT")
    result = osso("generate", "-p", "Hello", "--temp", "0", env={"OSSO_MODEL": path, "OSSO_N_PREDICT": "2"})
    assert result.text == ", good\n", result
    result = osso("generate", "-p", "Hello", "--temp", "0", "-n", "1", env={"OSSO_MODEL": path, "OSSO_N_PREDICT": "2"})
    assert result.text == ",\n", result


def test_every_option_has_a_twin():
    for name, verbs in table():
        verb = sorted(verbs)[0]
        operands = {"render": ["no-such-file"], "synth": ["/nonexistent/out"]}.get(verb, [])
        twin = "OSSO_" + name.upper().replace("-", "_")
        result = osso(verb, *operands, env={twin: "\t", "OSSO_MODEL": "no-such-file" if name != "model" else None}, stdin="x")
        if name in ("seed", "temp", "top-k", "ctx-size", "kv-type", "exact", "reasoning", "strict", "for", "format", "output"):
            refuses(result, 2, twin)


def test_equals_sign_and_end_of_options():
    assert osso("tokenize", "--prompt=hello").text == "24912\n"
    assert osso("tokenize", "--prompt=").text == "\n"
    refuses(osso("info", "--", "--json"), 1, "--json")


if __name__ == "__main__":
    main(sys.modules[__name__])
