#!/usr/bin/env python3
"""The limits of a request at both edges, over HTTP; what is echoed; the tools that are left out; what a choice is."""
from test_serve_api import Osso, final, scripted, thought
from served import *

JSON = [("Content-Type", "application/json")]
MESSAGES = [dict(role="user", content="hi")]


def ask(s, body, path="/v1/chat/completions"):
    text = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return s.ask("POST", path, body=text, headers=JSON)


def chat(**more):
    return dict(messages=MESSAGES, max_tokens=1, **more)


def function(name):
    return dict(type="function", function=dict(name=name))


def test_both_edges():
    """(just within, just beyond, the field that a refusal names)"""
    names = [f"{i:x}" for i in range(600)]
    kinds = [
        (chat(n=16), chat(n=17), "n"), (chat(n=1), chat(n=0), "n"),
        (chat(stop=["a"] * 4), chat(stop=["a"] * 5), "stop"),
        (chat(stop="x" * 256), chat(stop="x" * 257), "stop"), (chat(stop=["é" * 128]), chat(stop=["é" * 128 + "x"]), "stop"),
        (chat(stop="x"), chat(stop=""), "stop"),
        (chat(logit_bias={str(i): 1 for i in range(1024)}), chat(logit_bias={str(i): 1 for i in range(1025)}), "logit_bias"),
        (chat(logit_bias={"201087": -100}), chat(logit_bias={"201088": 1}), "logit_bias"),
        (chat(logit_bias={"0": 100}), chat(logit_bias={"0": 100.01}), "logit_bias"),
        (chat(logprobs=True, top_logprobs=20), chat(logprobs=True, top_logprobs=21), "top_logprobs"),
        (chat(tools=[function(n) for n in names[:512]]), chat(tools=[function(n) for n in names[:513]]), "tools"),
        (chat(tools=[function("a" * 128)]), chat(tools=[function("a" * 129)]), "tools[0]"),
        (chat(tools=[function("Az09_.-")]), chat(tools=[function("a/b")]), "tools[0]"),
        (chat(tools=[function("a")]), chat(tools=[function("")]), "tools[0]"),
        (chat(metadata={n: "" for n in names[:16]}), chat(metadata={n: "" for n in names[:17]}), "metadata"),
    ]
    with scripted(dict(text=final("Hi."))) as s:
        for within, beyond, param in kinds:
            a = ask(s, within)
            assert a.status == 200, (param, a)
            a = ask(s, beyond)
            assert a.status == 400 and a.error()["param"] == param, (param, a)
        many = [dict(type="namespace", name="s", tools=[function(n) for n in names[:300]]), *[function(n + "_") for n in names[:212]]]
        assert ask(s, chat(tools=many)).status == 200
        a = ask(s, chat(tools=many + [function("more")]))
        assert a.status == 400 and a.error()["param"] == "tools", a
        prompts = [dict(prompt=["x"] * n, max_tokens=1) for n in (64, 65)]
        assert [ask(s, p, "/v1/completions").status for p in prompts] == [200, 400]


def test_odd_keys_of_a_bias():
    """What is no number as JSON's keys spell one is no token id."""
    with scripted(dict(text=final("Hi."))) as s:
        for key in (" 5", "+5", "-0", "5 ", "5\0", "0x5", "5.0", "", "9" * 30, "٥"):
            a = ask(s, chat(logit_bias={key: 1}))
            assert a.status == 400 and a.error()["param"] == "logit_bias", (key, a)


def test_depth_values_and_bytes():
    def nested(levels):
        return b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":1,"x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"

    def long(values):
        return b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":1,"x":[' + b"1," * (values - 8) + b"1]}"

    def large(size):
        text = b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":1,"x":"%s"}'
        return text % (b"y" * (size - len(text) + 2))
    with scripted(dict(text=final("Hi."))) as s:
        assert ask(s, nested(64)).status == 200
        a = ask(s, nested(65))
        assert a.status == 400 and "64 levels" in a.error()["message"], a
        assert ask(s, long(400000)).status == 200
        a = ask(s, long(400001))
        assert a.status == 400 and "400000" in a.error()["message"], a
        assert len(large(8 << 20)) == 8 << 20 and ask(s, large(8 << 20)).status == 200
        a = ask(s, large((8 << 20) + 1))
        assert a.status == 413 and a.error()["code"] == "request_too_large", a
        s.rests()


def test_left_out_tools():
    """Named in a header of the answer, whole or streamed, and in the log; each once, whatever it is called."""
    tools = [dict(type="web_search_preview"), dict(type="web_search"), dict(type="web_search", a=1), dict(type="検索"), dict(type=""),
             dict(type="namespace", name="n", tools=[dict(type="namespace", name="inner", tools=[]), dict(type="function", name="f")]),
             dict(type="a, b\r\nSet-Cookie: c")]
    named = "web_search_preview, web_search, ??????, ?, namespace, a??b??Set-Cookie:?c"
    for form in ("text", "jsonl"):
        with scripted(dict(text=final("Hi.")), options=["--log-format", form]) as s:
            for path, body in (("/v1/responses", dict(input="x")), ("/v1/chat/completions", dict(messages=MESSAGES))):
                for stream in (False, True):
                    a = ask(s, dict(body, tools=tools, stream=stream), path)
                    assert a.status == 200 and a.headers.get("x-osso-skipped-tools") == named and "set-cookie" not in a.headers, (path, stream, a)
            assert "x-osso-skipped-tools" not in ask(s, dict(input="x", tools=tools[5]["tools"][1:]), "/v1/responses").headers
            until(lambda: s.complaint().count("skipped tools: " + named) == 4, what="a word in the log")
            assert ask(s, dict(input="x", tools=[dict(type=5, name="f")]), "/v1/responses").error()["param"] == "tools[0]"


def test_echo():
    said = dict(metadata={"k": "v"}, safety_identifier="me", prompt_cache_key="c", user="u", service_tier="flex", truncation="disabled", background=False,
                max_tool_calls=3, parallel_tool_calls=False, temperature=0.5, top_p=0.25, instructions="Be brief.", max_output_tokens=9,
                presence_penalty=0.5, frequency_penalty=-0.5, top_logprobs=2, store=False)
    with scripted(dict(text=final("Hi.")), options=["-a", "mine"]) as s:
        a = json.loads(ask(s, dict(said, input="x", model="anything", client_metadata=dict(a=1), reasoning=dict(effort="xhigh", summary="auto"),
                                   include=["reasoning.encrypted_content"]), "/v1/responses").body)
        wrong = {k: a.get(k) for k in said if a.get(k) != said[k]}
        assert not wrong and a["model"] == "mine" and a["reasoning"]["summary"] == "auto", (wrong, a)
        c = json.loads(ask(s, dict(messages=MESSAGES, service_tier="flex", model="anything", metadata={}, user="u", prompt_cache_key="c",
                                   safety_identifier="me", client_metadata={}, store=True)).body)
        assert c["service_tier"] == "flex" and c["model"] == "mine", c


def test_choices():
    """Choice 0 is what n = 1 gives, others draw by themselves; the prompt is computed once."""
    bundled()
    body = dict(messages=[dict(role="user", content="Tell me a story about a fox.")], seed=5, max_tokens=40, temperature=1)
    with Osso() as s:
        before = s.metric("osso:prompt_tokens_computed_total")  # a server tries its model before it says that it is there
        three = s.good("/v1/chat/completions", dict(body, n=3))
        s.rests()
        computed, prompt = s.metric("osso:prompt_tokens_computed_total") - before, three["usage"]["prompt_tokens"]
        assert computed == prompt + 2, (computed, prompt)  # of the other two only the token whose logits are wanted
        assert s.metric("osso:generation_tokens_total") == three["usage"]["completion_tokens"] > 3
        one = s.good("/v1/chat/completions", body)
        four = s.good("/v1/chat/completions", dict(body, n=4))
        texts = [c["message"] for c in four["choices"]]
        assert texts[:3] == [c["message"] for c in three["choices"]] and texts[0] == one["choices"][0]["message"]
        assert len({json.dumps(t) for t in texts}) == 4, texts


if __name__ == "__main__":
    main(sys.modules[__name__])
