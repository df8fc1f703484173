#!/usr/bin/env python3
"""The API of osso serve: three dialects, whole and streamed, tools, stored responses, prefixes by their counters, clients that
leave, the end. Over the bundled model and over scripted ones."""
import threading
import urllib.error
import urllib.request

from served import *


class Osso(Server):
    """osso serve with these options; answers as (status, object)."""

    def __init__(self, *options, **more):
        need_server()
        super().__init__(command=[OSSO, "serve", "--port", "0", *map(str, options)], **more)
        for _ in range(600):
            if self.health() == b'{"status":"ok"}':
                return
            time.sleep(0.05)
        raise AssertionError(self.complaint())

    def send(self, path, body=None, method=None, key=None, raw=False):
        data = json.dumps(body).encode() if body is not None else None
        r = urllib.request.Request(f"http://{self.host}:{self.port}{path}", data, method=method)
        r.add_header("Content-Type", "application/json")
        if key:
            r.add_header("Authorization", "Bearer " + key)
        try:
            with urllib.request.urlopen(r, timeout=300 * SLOW) as a:
                text = a.read()
                return a.status, text if raw else json.loads(text)
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read())

    def good(self, path, body=None, **more):
        status, answer = self.send(path, body, **more)
        assert status == 200, (status, answer)
        return answer

    def rests(self):
        """Within a second nobody holds anything."""
        names = ["osso:slots_busy", "osso:num_requests_waiting"] + [f'osso:kv_pages{{group="{g}",state="used"}}' for g in ("full", "sliding")]
        for _ in range(50):
            held = {n: self.metric(n) for n in names}
            if not any(held.values()):
                return
            time.sleep(0.02 * SLOW)
        raise AssertionError(held)

    def chat(self, text, **more):
        return self.good("/v1/chat/completions", dict(messages=[dict(role="user", content=text)], **more))

    def events(self, path, body, **more):
        """A stream's events: (name or None, data)."""
        text = self.good(path, dict(body, stream=True), raw=True, **more).decode()
        assert text.endswith("\n\n"), text[-200:]
        found = []
        for block in text[:-2].split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if not lines:
                continue  # a comment, which fills a silence
            data = lines["data"]
            found.append((lines.get("event"), data if data == "[DONE]" else json.loads(data)))
        return found


def scripted(*rules, options=()):
    path = TEMP / f"script-{time.monotonic_ns()}.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rules))
    return Osso("--script", path, *options)


def thought(text):
    return f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant"


def final(text):
    return f"<|channel|>final<|message|>{text}"


def call(name, arguments):
    return f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{arguments}<|call|>"


GET = dict(type="function", function=dict(name="get", parameters=dict(type="object", properties=dict(a=dict(type="integer")))))


def test_bundled_model():
    bundled()
    with Osso() as s:
        a = s.chat("What is a cat?", seed=1, max_tokens=200)
        message = a["choices"][0]["message"]
        assert message["content"] and message.get("reasoning") == message.get("reasoning_content"), a
        assert a["model"] == "osso-small" and "<|" not in json.dumps(a), a
        again = s.chat("What is a cat?", seed=1, max_tokens=200)
        assert again["choices"] == a["choices"]
        details = again["usage"]["prompt_tokens_details"]
        assert details == dict(cached_tokens=again["usage"]["prompt_tokens"] - 1, cache_write_tokens=1), again
        pieces = s.events("/v1/chat/completions", dict(messages=[dict(role="user", content="What is a cat?")], seed=1, max_tokens=200,
                                                       stream_options=dict(include_usage=True)))
        text = "".join(e["choices"][0]["delta"].get("content") or "" for _, e in pieces[:-2])
        assert text == message["content"] and pieces[-1][1] == "[DONE]" and pieces[-2][1]["usage"] == again["usage"], pieces[-3:]
        assert [m["id"] for m in s.good("/v1/models")["data"]] == ["osso-small"]
        assert s.send("/v1/models/nix")[0] == 404
        tokens = s.good("/tokenize", dict(content="hello world<|end|>"))["tokens"]
        assert s.good("/detokenize", dict(tokens=tokens))["content"] == "hello world<|end|>" and 200007 not in tokens
        prompt = s.good("/apply-template", dict(messages=[dict(role="user", content="hi")]))["prompt"]
        assert prompt.endswith("<|start|>user<|message|>hi<|end|><|start|>assistant"), prompt
        assert s.good("/props")["total_slots"] == 8 and len(s.good("/slots")) == 8
        assert "/v1/chat/completions" in s.good("/openapi.json")["paths"]


def test_alone_or_together():
    """64 requests at once say what each says alone, greedy and seeded, with the same log-probabilities."""
    bundled()
    asks = [dict(messages=[dict(role="user", content=f"Tell me about number {i}.")], max_tokens=24, seed=i, logprobs=True,
                 temperature=i % 2, n=1 + (i == 7) * 2) for i in range(64 if SLOW == 1 else 12)]
    with Osso() as s:
        alone = [s.good("/v1/chat/completions", a)["choices"] for a in asks]
    for slots in (len(asks) + 2, 5):  # all of them in a step; and most of them in the queue
        with Osso("--parallel", slots) as s:
            together = [None] * len(asks)

            def one(i):
                together[i] = s.good("/v1/chat/completions", asks[i])["choices"]
            threads = [threading.Thread(target=one, args=(i,)) for i in range(len(asks))]
            [t.start() for t in threads]
            [t.join() for t in threads]
            assert together == alone, [i for i in range(len(asks)) if together[i] != alone[i]]
            s.rests()


def test_tools_in_a_loop():
    """Calls come back; each request of the loop computes what follows the last sampled token, though the model wrote what no
    renderer would."""
    odd = " to=functions.get<|channel|>commentary <|constrain|>json<|message|>{\"a\":  %d}<|call|>"
    rules = [dict(match=f"result {i}<|end|>", text=thought(f"Now {i}.") + odd % i) for i in reversed(range(5))]
    with scripted(*rules[:-1], dict(match="result 4", text=final("Done.")), dict(match="go", times=1, text=odd % 0),
                  dict(match="result 0", text=thought("Now 0.") + odd % 0), options=["-c", "8192"]) as s:
        messages, before = [dict(role="user", content="go")], 0
        for i in range(4):
            a = s.good("/v1/chat/completions", dict(messages=messages, tools=[GET]))
            m = a["choices"][0]["message"]
            assert a["choices"][0]["finish_reason"] == "tool_calls" and m["tool_calls"][0]["function"]["name"] == "get", a
            cached = a["usage"]["prompt_tokens_details"]["cached_tokens"]
            assert cached == before, (i, cached, before, a)
            before = a["usage"]["prompt_tokens"] + a["usage"]["completion_tokens"] - 1  # <|call|> itself was not run
            messages += [m, dict(role="tool", tool_call_id=m["tool_calls"][0]["id"], content=f"result {i}")]
        assert s.metric("osso:replayed_tokens_total") == 0


def test_streamed_call():
    with scripted(dict(text=thought("Hm.") + call("get", '{"a": 1}'))) as s:
        found = [e["choices"][0]["delta"] for _, e in s.events("/v1/chat/completions", dict(messages=[dict(role="user", content="x")],
                                                                                            tools=[GET]))[:-1]]
        calls = [d["tool_calls"][0] for d in found if "tool_calls" in d]
        assert calls[0]["function"]["name"] == "get" and calls[0]["id"].startswith("call_"), calls
        assert "".join(c["function"]["arguments"] for c in calls) == '{"a": 1}'
        assert "".join(d.get("reasoning") or "" for d in found) == "Hm."


def test_tool_choice():
    """What the script says is held to what was asked for."""
    with scripted(dict(text=final("No."))) as s:
        ask = dict(messages=[dict(role="user", content="x")], tools=[GET], temperature=0, max_tokens=30)
        a = s.good("/v1/chat/completions", dict(ask, tool_choice="required"))
        assert a["choices"][0]["message"].get("tool_calls", [{}])[0].get("function", {}).get("name") == "get" or \
            a["choices"][0]["finish_reason"] == "length", a
        assert "<|" not in a["choices"][0]["message"]["content"] if a["choices"][0]["message"]["content"] else True
    with scripted(dict(text=call("get", "{}"))) as s:
        a = s.good("/v1/chat/completions", dict(ask, tool_choice="none"))
        assert "tool_calls" not in a["choices"][0]["message"], a


def test_free_harmony():
    """Free: whatever a model writes becomes an answer, calls are never lost, no markup gets out."""
    oddities = ["<|channel|>final <|constrain|>json<|message|>{}", "<|channel|>comment<|message|>odd", "Hello", final("a<|channel|>b"),
                "<|channel|>commentary to=get_weather<|message|>{}<|call|>", "<|channel|>analysis to=python code<|message|>1+1<|call|>",
                "<|channel|>commentary to=functions.x<|message|>not JSON<|call|>"]
    with scripted(*[dict(match=f"case {i}.", text=t) for i, t in enumerate(oddities)], options=["--harmony", "free"]) as s:
        for i, t in enumerate(oddities):
            m = s.chat(f"case {i}.")["choices"][0]["message"]
            assert "<|" not in (m["content"] or ""), (t, m)
            assert ("tool_calls" in m) == (" to=" in t), (t, m)
            assert m["content"] or "tool_calls" in m, (t, m)


def test_responses():
    with scripted(dict(match="once more", text=thought("Again.") + final("Two.")), dict(text=thought("Hm.") + final("One."))) as s:
        a = s.good("/v1/responses", dict(input="hello", instructions="Be brief.", metadata=dict(k="v")))
        assert [i["type"] for i in a["output"]] == ["reasoning", "message"] and a["output"][1]["content"][0]["text"] == "One.", a
        assert a["metadata"] == dict(k="v") and a["status"] == "completed" and a["store"] is True
        b = s.good("/v1/responses", dict(input="once more", previous_response_id=a["id"]))
        assert b["output"][1]["content"][0]["text"] == "Two." and b["previous_response_id"] == a["id"], b
        assert s.good(f"/v1/responses/{a['id']}") == a
        items = s.good(f"/v1/responses/{b['id']}/input_items?order=asc")["data"]
        assert [i.get("role") for i in items] == ["user", None, "assistant", "user"], items
        n = s.good("/v1/responses/input_tokens", dict(input="hello", instructions="Be brief."))["input_tokens"]
        assert n == a["usage"]["input_tokens"], (n, a["usage"])
        assert s.good(f"/v1/responses/{a['id']}", method="DELETE")["deleted"] is True
        assert s.send(f"/v1/responses/{a['id']}")[0] == 404
        assert s.send("/v1/responses", dict(input="x", previous_response_id=a["id"]))[0] == 404
        hidden = s.good("/v1/responses", dict(input="hello", store=False, include=["reasoning.encrypted_content"]))
        assert s.send(f"/v1/responses/{hidden['id']}")[0] == 404
        sealed = dict(hidden["output"][0], content=None)
        c = s.good("/v1/responses", dict(input=[dict(role="user", content="hello"), sealed, hidden["output"][1],
                                                dict(role="user", content="once more")], store=False))
        assert c["output"][1]["content"][0]["text"] == "Two.", c
        names = [n for n, _ in s.events("/v1/responses", dict(input="hello"))]
        assert names[0] == "response.created" and names[-1] == "response.completed", names
        assert s.good("/v1/responses", dict(input="", max_output_tokens=1))["status"] == "incomplete"


def test_pages_of_items():
    """The newest first unless asked otherwise, 20 a page, to the end; also where a client gave one id to several items."""
    with scripted(dict(text=final("Hi."))) as s:
        asked = [dict(role="user", content=f"no {i}") for i in range(45)]
        for more in ({}, dict(id="same")):
            path = f"/v1/responses/{s.good('/v1/responses', dict(input=[dict(a, **more) for a in asked]))['id']}/input_items"
            first = s.good(path)
            assert [i["content"][0]["text"] for i in first["data"]] == [f"no {i}" for i in range(44, 24, -1)] and first["has_more"], first
            assert (first["first_id"], first["last_id"]) == (first["data"][0]["id"], first["data"][-1]["id"])
            seen, after = [], ""
            for _ in range(9):
                page = s.good(f"{path}?order=asc&limit=7{after}")
                seen += [i["content"][0]["text"] for i in page["data"]]
                after = f"&after={page['last_id']}"
                if not page["has_more"]:
                    break
            assert not page["has_more"] and (more or seen == [a["content"] for a in asked]), seen
        assert s.good(path.replace("/input_items", ""))["object"] == "response"
        for query, param in (("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=", "limit"), ("order=up", "order")):
            status, e = s.send(f"{path}?{query}")
            assert status == 400 and e["error"]["param"] == param, (query, e)
        assert s.send(path + "?after=nobody")[0] == 404 and s.send(path.replace("/input_items", "?stream=true"))[0] == 400
        s.good("/v1/responses", dict(input=[]))  # an empty list is an empty message


def test_items_by_name():
    """What was said can be named instead of sent again, thoughts and calls too; only by its own key, and only while it is stored."""
    kept = "I must.<|end|><|start|>assistant" + call("get", "{}") + "<|start|>functions.get to=assistant<|channel|>commentary<|message|>12"
    with scripted(dict(match=kept, text=final("Twelve.")), dict(match="go<|end|>", text=thought("I must.") + call("get", "{}"))) as s:
        ask = dict(tools=[dict(type="function", name="get")])
        user = dict(role="user", content="go")
        a = s.good("/v1/responses", dict(ask, input=[user]))
        rest = [dict(type="item_reference", id=a["output"][0]["id"]), dict(id=a["output"][1]["id"]),
                dict(type="function_call_output", call_id=a["output"][1]["call_id"], output="12")]
        b = s.good("/v1/responses", dict(ask, input=[user, *rest]))
        assert b["output"][0]["content"][0]["text"] == "Twelve.", b
        items = s.good(f"/v1/responses/{b['id']}/input_items?order=asc")["data"]
        assert [i["type"] for i in items] == ["message", "reasoning", "function_call", "function_call_output"], items
        assert items[1] == a["output"][0] and items[2] == a["output"][1], items
        for bad in (a["output"][0]["id"] + "0", a["output"][0]["id"][:-1] + "7", "rs_", "_", "", "x" * 4000, "rs_" + "0" * 24, "msg_\u0000"):
            status, e = s.send("/v1/responses", dict(ask, input=[user, dict(type="item_reference", id=bad)]))
            assert status == 404 and e["error"]["param"] == "input[1].id", (bad, status, e)
        many = [dict(type="item_reference", id=a["output"][0]["id"])] * 1025
        assert s.send("/v1/responses", dict(ask, input=[user, *many]))[0] == 400
        c = s.good("/v1/responses", dict(ask, input="go", previous_response_id=a["id"]))
        ids = [i["id"] for i in s.good(f"/v1/responses/{c['id']}/input_items?order=asc")["data"]]
        assert len(set(ids)) == len(ids) == 4, ids
        s.good(f"/v1/responses/{a['id']}", method="DELETE")
        assert s.send("/v1/responses", dict(ask, input=[user, *rest]))[0] == 404
    keys = TEMP / "two-keys"
    keys.write_text("ann sk-ann\nbob sk-bob\n")
    with scripted(dict(text=final("Hi.")), options=["--api-key-file", keys]) as s:
        a = s.good("/v1/responses", dict(input="x"), key="sk-ann")
        named = dict(input=[dict(type="item_reference", id=a["output"][0]["id"]), dict(role="user", content="y")])
        assert s.send("/v1/responses", named, key="sk-bob")[0] == 404 and s.send("/v1/responses", named, key="sk-ann")[0] == 200


def test_completions():
    bundled()
    with Osso() as s:
        a = s.good("/v1/completions", dict(prompt=[[1, 2, 3, 4], [5, 6, 7]], max_tokens=0, echo=True, logprobs=1))
        first, second = (c["logprobs"] for c in a["choices"])
        assert first["token_logprobs"][0] is None and len(first["token_logprobs"]) == 4 and len(second["tokens"]) == 3, a
        one = s.good("/v1/completions", dict(prompt=[5, 6, 7], max_tokens=2, echo=True, logprobs=1, temperature=0))["choices"][0]
        assert one["logprobs"]["token_logprobs"][:3] == second["token_logprobs"], (one, second)
        assert all(next(iter(t.values())) >= p - 1e-6 for t, p in zip(one["logprobs"]["top_logprobs"][1:], one["logprobs"]["token_logprobs"][1:]))
        text = s.good("/v1/completions", dict(prompt="Once upon", max_tokens=8, temperature=0))["choices"][0]["text"]
        pieces = s.events("/v1/completions", dict(prompt="Once upon", max_tokens=8, temperature=0))
        assert "".join(e["choices"][0]["text"] for _, e in pieces[:-1]) == text


def test_logprobs_of_every_token():
    """Evaluation programs count: as many log-probabilities as ids, though the last one is none that has a text."""
    for said, n in (("", 1), ("One two", 3), (" 12", 3)):
        with scripted(dict(text=said)) as s:
            ask = dict(prompt=[[1, 2, 3]], max_tokens=9, echo=True, logprobs=1, temperature=0)
            a = s.good("/v1/completions", ask)
            c = a["choices"][0]
            assert a["usage"]["completion_tokens"] == n and c["finish_reason"] == "stop", a
            assert all(len(c["logprobs"][k]) == 3 + n for k in ("tokens", "token_logprobs", "top_logprobs", "text_offset")), a
            assert c["logprobs"]["tokens"][-1] == "<|return|>" and c["text"].endswith(said) and "<|" not in c["text"], a
            pieces = [e["choices"][0] for _, e in s.events("/v1/completions", ask)[:-1]]
            assert [t for p in pieces for t in p["logprobs"]["tokens"]] == c["logprobs"]["tokens"], pieces
            assert "".join(p["text"] for p in pieces) == c["text"]


def test_special_tokens_of_a_completion():
    with scripted(dict(text="<|channel|>analysis<|message|>Hm.<|end|>")) as s:
        ask = dict(prompt=[[1, 2, 3]], max_tokens=9, temperature=0, logprobs=0)
        c = s.good("/v1/completions", ask)["choices"][0]
        assert c["text"] == "analysisHm." and c["logprobs"]["tokens"][0] == "<|channel|>", c
        assert c["logprobs"]["text_offset"][:3] == [0, 0, 8], c
        c = s.good("/v1/completions", dict(ask, skip_special_tokens=False))["choices"][0]
        assert c["text"].startswith("<|channel|>analysis<|message|>Hm.") and c["logprobs"]["text_offset"][1] == 11, c
        assert "".join(e["choices"][0]["text"] for _, e in s.events("/v1/completions", ask)[:-1]) == "analysisHm."


def test_bad_requests():
    with scripted(dict(match="nothing has this", text="x")) as s:
        for body, param in ((dict(), "messages"), (dict(messages=[dict(role="user", content="x")], n=99), "n"),
                            (dict(messages=[dict(role="user", content=[dict(type="image_url", image_url={})])]), "messages[0]"),
                            (dict(messages=[dict(role="user", content="x")], max_tokens=-1), "max_tokens")):
            status, a = s.send("/v1/chat/completions", body)
            assert status == 400 and a["error"]["param"] == param, (status, a)
        status, a = s.send("/v1/chat/completions", dict(messages=[dict(role="user", content="x")]))
        assert status == 400 and "script-" in a["error"]["message"], a  # no rule matches
        status, a = s.send("/v1/completions", dict(prompt="x " * 140000))
        assert status == 400 and a["error"]["code"] == "context_length_exceeded", a
        deep = '{"messages":' + "[" * 1000 + "]" * 1000 + "}"
        assert s.ask("POST", "/v1/chat/completions", body=deep.encode(), headers=[("Content-Type", "application/json")]).status == 400
        many = '{"messages":[' + "1," * 500000 + "1]}"
        assert s.ask("POST", "/v1/chat/completions", body=many.encode(), headers=[("Content-Type", "application/json")]).status == 400


def test_numbers_that_are_none():
    with scripted(dict(match="whole", text=final("abc"), fail_at=1), dict(text=final("abcdef ghi jkl"), fail_at=4)) as s:
        status, a = s.send("/v1/chat/completions", dict(messages=[dict(role="user", content="whole")]))
        assert status == 500 and a["error"]["type"] == "server_error", a
        found = s.events("/v1/chat/completions", dict(messages=[dict(role="user", content="x")]))
        assert "error" in found[-1][1], found
        found = s.events("/v1/responses", dict(input="x"))
        assert found[-1][0] == "response.failed" and found[-1][1]["response"]["error"]["message"], found
        assert [i["status"] for i in found[-1][1]["response"]["output"]] == ["incomplete"], found


def test_keys_are_apart():
    keys = TEMP / "keys"
    keys.write_text("ann sk-ann\nbob sk-bob\n")
    with scripted(dict(text=final("Hi.")), options=["--api-key-file", keys]) as s:
        assert s.send("/v1/chat/completions", dict(messages=[dict(role="user", content="x")]))[0] == 401
        a = s.good("/v1/responses", dict(input="a secret of ann"), key="sk-ann")
        assert s.send(f"/v1/responses/{a['id']}", key="sk-bob")[0] == 404
        assert s.good(f"/v1/responses/{a['id']}", key="sk-ann")["id"] == a["id"]
        b = s.good("/v1/responses", dict(input="a secret of ann"), key="sk-bob")
        assert b["usage"]["input_tokens_details"]["cached_tokens"] == 0, b
        c = s.good("/v1/responses", dict(input="a secret of ann"), key="sk-ann")
        assert c["usage"]["input_tokens_details"]["cached_tokens"] == c["usage"]["input_tokens"] - 1, c


def test_clients_that_leave():
    """Queued, reading, streaming, waiting for a whole answer: gone within a moment, and nothing stays taken."""
    slow = [dict(match="long", text=final("x"), prefill_ms=2), dict(text=final("word " * 400), delay_ms=10)]
    with scripted(*slow, options=["-np", "2", "-c", "4096"]) as s:
        def leave(text, stream, wait):
            c = s.connect()
            body = json.dumps(dict(messages=[dict(role="user", content=text)], stream=stream)).encode()
            c.send(request("POST", "/v1/chat/completions", body=body, headers=[("Content-Type", "application/json")]))
            time.sleep(wait)
            c.s.close()
        for text, stream in (("stream", True), ("whole", False), ("long " * 900, True)):
            leave(text, stream, 0.3)
        holders = [threading.Thread(target=leave, args=("stream", True, 1.0)) for _ in range(2)]
        [h.start() for h in holders]
        time.sleep(0.2)
        leave("queued", False, 0.2)
        [h.join() for h in holders]
        s.rests()
        phases = [s.metric(f'osso:requests_cancelled_total{{phase="{p}"}}') for p in ("queued", "prefill", "decode")]
        assert phases[0] >= 1 and phases[1] >= 1 and phases[2] >= 3, phases


def test_the_end():
    """SIGTERM: what runs goes on to its end, what waits is refused, exit 0, and the port is free again."""
    with scripted(dict(text=final("word " * 200), delay_ms=10), options=["-np", "1"]) as s:
        got = {}

        def ask(name):
            got[name] = s.send("/v1/chat/completions", dict(messages=[dict(role="user", content="x")]))
        runs = threading.Thread(target=ask, args=("runs",))
        waits = threading.Thread(target=ask, args=("waits",))
        runs.start()
        until(lambda: s.metric("osso:num_requests_running") == 1, 10, "the one that runs")
        waits.start()
        until(lambda: s.metric("osso:num_requests_waiting") == 1, 10, "the one that waits")
        s.signal(signal.SIGTERM)
        until(lambda: s.health() == b'{"status":"draining"}', 1, "the word")
        runs.join()
        waits.join()
        assert got["runs"][0] == 200 and got["waits"][0] == 503, got
        assert s.ends() == 0
        port = s.port
    with Osso("--port", port) as again:
        assert again.port == port


def test_given_up():
    """What has not ended when the time to drain is over ends with its dialect's error."""
    with scripted(dict(text=final("word " * 4000), delay_ms=10), options=["--drain", "1"]) as s:
        got = {}

        def ask():
            got["events"] = s.events("/v1/responses", dict(input="x"))
        t = threading.Thread(target=ask)
        t.start()
        until(lambda: s.metric("osso:num_requests_running") == 1, 10, "the answer")
        s.signal(signal.SIGTERM)
        t.join()
        assert got["events"][-1][0] == "response.failed", got["events"][-1]
        assert s.ends() == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
