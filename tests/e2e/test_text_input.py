#!/usr/bin/env python3
"""What text verbs make of files as people have them: wrong conversations, marks of Windows, half characters, dates."""
from harness import *

MARK = b"\xef\xbb\xbf"


def conversation(*messages):
    return json.dumps({"messages": list(messages)})


def test_a_conversation_that_cannot_be_rendered_names_file_and_message():
    user = {"role": "user", "content": "x"}
    system = {"role": "user", "content": [{"type": "system_content"}]}
    wrong = [([user, {"role": "tool", "content": "12"}], "message 1: a tool message needs the tool's name"),
             ([{"role": "tool", "name": None, "content": "12"}, user], "message 0: a tool message needs the tool's name"),
             ([user, user, system], "message 2: system content in a user message"),
             ([{"role": "system", "content": [{"type": "developer_content", "instructions": "x"}]}],
              "message 0: developer content in a system message")]
    for i, (messages, words) in enumerate(wrong):
        file = TEMP / f"wrong-{i}.json"
        file.write_text(conversation(*messages))
        refuses(osso("render", file), 1, f"{file}: {words}")
        refuses(osso("render", "-", "--for", "training", stdin=file.read_bytes()), 1, f"standard input: {words}")


def test_half_a_character_is_named():
    for text in ('"\\ud83d"', '"a\\ude00b"', '"\\ud83d\\n"', '"\\ud83d\\u0041"', b'"\xed\xa0\xbd"'):
        text = text if isinstance(text, bytes) else text.encode()
        refuses(osso("render", "-", stdin=b'{"messages":[{"role":"user","content":' + text + b"}]}"), 1, "surrogate pair")
    refuses(osso("tokenize", stdin=b"a\xed\xa0\xbd"), 1, "byte 2", "surrogate pair")


def test_a_byte_order_mark_is_no_part_of_the_text():
    plain = osso("tokenize", "-p", "hello").text
    file = TEMP / "marked.txt"
    file.write_bytes(MARK + b"hello")
    assert osso("tokenize", "-f", file).text == plain
    assert osso("tokenize", stdin=MARK + b"hello").text == plain
    assert osso("tokenize", stdin=MARK).text == "\n"
    assert osso("tokenize", stdin=b"a" + MARK).text != osso("tokenize", stdin=b"a").text, "only the first is a mark"
    assert osso("tokenize", stdin=MARK + MARK).text == osso("tokenize", "-p", "\ufeff").text
    assert osso("detokenize", stdin=MARK + plain.encode()).text == "hello"
    text = conversation({"role": "user", "content": "x"})
    assert osso("render", "-", stdin=MARK + text.encode()).text == osso("render", "-", stdin=text).text
    ids = osso("tokenize", "--special", "-p", "<|channel|>final<|message|>Hi.<|return|>").text
    assert osso("parse", stdin=MARK + ids.encode()).text == osso("parse", stdin=ids).text
    (TEMP / "ids").write_bytes(MARK + b"1,2")
    assert osso("logits", "-m", bundled(), "--ids", TEMP / "ids", "-o", TEMP / "marked.npy").code == 0
    assert osso("logits", "-m", bundled(), "--ids", "1,2", "-o", TEMP / "plain.npy").code == 0
    assert (TEMP / "marked.npy").read_bytes() == (TEMP / "plain.npy").read_bytes()


def test_utf_16_is_named():
    texts = {"utf-16": "UTF-16", "utf-16-le": "UTF-16LE", "utf-16-be": "UTF-16BE", "utf-32": "UTF-32"}
    for codec, name in texts.items():
        for verb, text in (("render", conversation()), ("tokenize", "hello world"), ("detokenize", "24912 2375"),
                           ("parse", "200002 200002")):
            result = osso(verb, *(["-"] if verb == "render" else []), stdin=text.encode(codec))
            refuses(result, 1, f"standard input is {name}, not UTF-8", "iconv")
    refuses(osso("tokenize", stdin=b"\xfe\xff\x00a"), 1, "UTF-16")
    # NUL is a character like others
    assert osso("tokenize", stdin=b"a\0b\0c").code == 0
    assert osso("tokenize", stdin=b"a\0\0\0b\0c\0d\0").code == 0


def test_a_date_is_a_day_of_the_calendar():
    asked = ("generate", "--chat", "-m", bundled(), "-p", "x", "-n", "0")
    for date in ("2024-02-29", "2000-02-29", "2026-12-31", "0001-01-01", "none"):
        assert osso(*asked, "--date", date).code == 0, date
    for date in ("2026- 3-04", "+026-03-04", "2026-+3-04", "2026-02-29", "2100-02-29", "1900-02-29", "2026-04-31",
                 "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01", "2026-1-1", "2026-01-011", "2026/01/01",
                 "26-01-2026", "2026-01-1", "-026-01-01", "", "\u0662026-01-01", "2026-01-01\n"):
        refuses(osso(*asked, "--date", date), 2, "--date", "2026-01-15")


if __name__ == "__main__":
    main(sys.modules[__name__])
