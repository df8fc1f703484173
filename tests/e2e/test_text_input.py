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
    asked = ("generate", "--chat", "--json", "-m", bundled(), "-p", "x", "-n", "0")
    for date in ("2024-02-29", "2000-02-29", "2026-12-31", "0001-01-01", "none"):
        assert osso(*asked, "--date", date).code == 0, date
    for date in ("2026- 3-04", "+026-03-04", "2026-+3-04", "2026-02-29", "2100-02-29", "1900-02-29", "2026-04-31",
                 "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01", "2026-1-1", "2026-01-011", "2026/01/01",
                 "26-01-2026", "2026-01-1", "-026-01-01", "", "\u0662026-01-01", "2026-01-01\n"):
        refuses(osso(*asked, "--date", date), 2, "--date", "2026-01-15")


def call(name, arguments, key="c"):
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


def from_chat(request):
    return osso("render", "-", "--from", "chat", "--history", "all", stdin=json.dumps(request))


def test_a_chat_request_is_named_and_converted():
    user = {"role": "user", "content": "x"}
    tool = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {}}}
    signs = [({"messages": [user], "tools": [tool]}, "tools"), ({"messages": [user], "model": "m"}, "model"),
             ({"messages": [user, {"role": "assistant", "content": None}]}, "message 1"),
             ({"messages": [{"role": "assistant", "content": "", "thinking": "t"}]}, "thinking"),
             ({"messages": [user, {"role": "tool", "tool_call_id": "c", "content": "1"}]}, "tool_call_id"),
             ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "images")]
    for request, word in signs:
        refuses(osso("render", "-", stdin=json.dumps(request)), 1, word, "--from chat")
    refuses(osso("render", "-", stdin=json.dumps([user])), 1, '{"messages": [...]}')
    request = {"tools": [tool], "reasoning_effort": "low", "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "1+1"}]},
        {"role": "assistant", "content": None, "reasoning_content": "I add", "tool_calls": [call("add", '{"a": 1}')]},
        {"role": "tool", "tool_call_id": "c", "content": "2"}, {"role": "assistant", "content": "Two."}]}
    result = from_chat(request)
    assert result.code == 0 and result.err == b"", result
    for piece in ("Reasoning: low", "# Instructions\n\nBe brief.", "type add = (_: any) => any;", "user<|message|>1+1<|end|>",
                  "<|channel|>analysis<|message|>I add<|end|>",
                  'assistant to=functions.add<|channel|>commentary <|constrain|>json<|message|>{"a": 1}<|call|>',
                  "<|start|>functions.add to=assistant<|channel|>commentary<|message|>2<|end|>",
                  "<|channel|>final<|message|>Two.<|end|>"):
        assert piece in result.text, (piece, result.text)


def test_chat_requests_as_others_write_them():
    user = {"role": "user", "content": "x"}
    assert "type f = () => any;" in from_chat({"messages": [user], "functions": [{"name": "f"}]}).text
    assert "type f" not in from_chat({"messages": [user], "tools": [{"name": "f"}], "tool_choice": "none"}).text
    for key in ("reasoning", "thinking"):
        assert "analysis<|message|>t<|end|>" in from_chat([user, {"role": "assistant", key: "t", "content": "y"}]).text
    said = from_chat([{"role": "assistant", "content": "I ask.", "tool_calls": [call("f", {"a": [1]}, 1), call("g", "{}")]}])
    assert 'commentary<|message|>I ask.<|end|>' in said.text and '<|message|>{"a":[1]}<|call|>' in said.text, said
    assert "to=functions.g" in said.text
    assert "<|start|>functions.f to=assistant" in from_chat([user, {"role": "tool", "name": "f", "content": "1"}]).text
    noted = from_chat({"messages": [user], "response_format": {"type": "json_object"}, "temperature": 0, "seed": None})
    assert noted.code == 0 and "response_format" in noted.complaint and "temperature" not in noted.complaint, noted
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    refuses(from_chat([user, image]), 1, "message 1", "image_url", "text only")
    refuses(from_chat([user, {"role": "tool", "tool_call_id": "q", "content": "1"}]), 1, "message 1", '"q"')
    refuses(from_chat([user, {"role": "assistant", "content": None}]), 1, "message 1", "tool_calls")
    refuses(from_chat({"messages": [user], "reasoning_effort": "huge"}), 1, "huge")
    refuses(from_chat({"model": "m"}), 1, "messages")


def test_which_history_stays():
    turns = []
    for i in range(2):
        turns += [{"role": "user", "content": "x"}, {"role": "assistant", "channel": "analysis", "content": f"thought {i}"},
                  {"role": "assistant", "channel": "final", "content": "y"}]
    text = conversation(*turns)
    kept = {"library": (False, True), "turns": (False, False), "all": (True, True)}
    for name, want in kept.items():
        out = osso("render", "-", "--history", name, stdin=text).text
        assert ("thought 0" in out, "thought 1" in out) == want, name
    assert osso("render", "-", stdin=text).text == osso("render", "-", "--history", "library", stdin=text).text
    assert osso("render", "-", "--no-drop-analysis", stdin=text).text == osso("render", "-", "--history", "all", stdin=text).text


def test_lists_of_ids():
    for text in ("1 2", "1,2", "[1,2]", " [ 1 , 2 ] \n", "1 ,2", "1\t2\r\n"):
        assert osso("detokenize", stdin=text).text == '"#', text
    assert osso("detokenize", stdin="[]").text == ""
    wrong = {"1,,2": "byte 3", "[1,2": "']'", "1 2]": "byte 4", "1,": "comma", ",1": "byte 1", "[[1]]": "byte 2",
             "[1][2]": "byte 4", "1[2": "byte 2", "[1,]": "byte 4", "[": "']'", "]": "byte 1", "1-2": "1-2"}
    for text, word in wrong.items():
        refuses(osso("detokenize", stdin=text), 1, "standard input", word)
        refuses(osso("parse", stdin=text), 1, "standard input", word)
    for text in ("1,,2", "[1,2", "1 2]"):
        refuses(osso("logits", "-m", bundled(), "--ids", text, "-o", TEMP / "no.npy"), 1, "--ids")


def test_how_each_message_ended():
    cases = {"<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>": ["end", "return"],
             "<|channel|>commentary to=functions.f<|message|>{}<|call|>": ["call"],
             "<|channel|>commentary to=functions.f<|message|>{": ["cut"],
             "<|start|>user<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>": ["end", "cut"]}
    for text, want in cases.items():
        ids = osso("tokenize", "--special", "-p", text).text
        plain, ended = osso("parse", stdin=ids), osso("parse", "--ended", stdin=ids)
        messages = json.loads(ended.text)["messages"]
        assert [m.pop("ended") for m in messages] == want, (text, ended)
        assert messages == json.loads(plain.text)["messages"]
    ids = osso("tokenize", "--special", "-p", "<|channel|>analysis<|message|>a<|start|>assistant<|channel|>final<|message|>b").text
    assert {m["ended"] for m in json.loads(osso("parse", "--ended", stdin=ids).text)["messages"]} == {"cut"}
    assert json.loads(osso("parse", "--ended", stdin="").text)["messages"] == []


if __name__ == "__main__":
    main(sys.modules[__name__])
