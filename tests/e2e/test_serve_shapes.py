#!/usr/bin/env python3
"""What the server sends has the shape that typed clients expect: every object and event against the schemas of
tests/golden/serve/shapes.json (made from the models of OpenAI's client and of the Open Responses specification; ./run compat asks
these models themselves)."""
from test_serve_api import *

for name in [n for n in globals() if n.startswith("test_")]:
    del globals()[name]  # those run in their own script

RULES = ROOT / "tests/compat/rules.jsonl"
FUNCTION = dict(type="function", name="get_weather", description="The weather.", strict=True,
                parameters=dict(type="object", properties=dict(city=dict(type="string")), required=["city"], additionalProperties=False))
CHAT_FUNCTION = dict(type="function", function={k: v for k, v in FUNCTION.items() if k != "type"})
CUSTOM = dict(type="custom", name="apply_patch", description="Patches.")
SPACE = dict(type="namespace", name="agents", description="Others.", tools=[dict(type="function", name="close_agent", parameters=dict(type="object"))])
WEATHER = "What is the weather in Paris?"

# One is asked for with all its fields, others as clients write them.
BODIES = [
    dict(input="hello"),
    dict(input="hello", instructions="Be brief.", metadata=dict(a="b"), temperature=0, top_p=0.5, max_output_tokens=1000, store=False,
         safety_identifier="me", prompt_cache_key="k", user="u", top_logprobs=2, service_tier="auto", parallel_tool_calls=False, max_tool_calls=3,
         truncation="disabled", reasoning=dict(effort="high", summary="auto"), text=dict(format=dict(type="text")), presence_penalty=0.5,
         frequency_penalty=-0.5),
    dict(input="hello", include=["reasoning.encrypted_content", "message.output_text.logprobs"], store=False),
    dict(input="hello", reasoning=dict(effort="minimal")),
    dict(input="hello", reasoning=dict(effort="none", summary=None), metadata=None, tools=None, service_tier=None),
    dict(input="Count", max_output_tokens=9),
    dict(input="hello", max_output_tokens=2),
    dict(input=""),
    dict(input=WEATHER, tools=[FUNCTION]),
    dict(input=WEATHER, tools=[dict(FUNCTION, strict=None, description=None), SPACE, CUSTOM], tool_choice="required"),
    dict(input=WEATHER, tools=[FUNCTION], tool_choice=dict(type="function", name="get_weather")),
    dict(input=WEATHER, tools=[FUNCTION, dict(type="web_search")],
         tool_choice=dict(type="allowed_tools", mode="auto", tools=[dict(type="function", name="get_weather")])),
    dict(input="hello", tools=[dict(type="function", name="f", parameters=None)], tool_choice="none"),
]
CHATS = [
    dict(), dict(n=2), dict(logprobs=True, top_logprobs=3), dict(service_tier="auto"), dict(max_tokens=2), dict(max_tokens=7, stop=["there"]),
    dict(tools=[CHAT_FUNCTION], messages=[dict(role="user", content=WEATHER)]),
    dict(tools=[CHAT_FUNCTION], messages=[dict(role="user", content=WEATHER)], tool_choice="required", n=2),
    dict(tools=[dict(type="function", function=dict(name="get_weather"))], tool_choice="none"),
]

# What the specification calls otherwise; OpenAI's clients know ours.
NAMES = {"response.reasoning_text.delta": "response.reasoning.delta", "response.reasoning_text.done": "response.reasoning.done"}


def check_events(found, judge_event, judge_response):
    """A stream as a whole: every event and response by itself, numbers, and items that are what their pieces were."""
    for i, (name, e) in enumerate(found):
        assert name == e["type"] and e["sequence_number"] == i, e
        judge_event(e)
        if "response" in e:
            judge_response(e["response"])
    names = [n for n, _ in found]
    assert names[:2] == ["response.created", "response.in_progress"], names
    assert names[-1] in ("response.completed", "response.incomplete", "response.failed"), names
    added = [e["item"] for n, e in found if n == "response.output_item.added"]
    done = [e["item"] for n, e in found if n == "response.output_item.done"]
    output = found[-1][1]["response"]["output"]
    assert [i["id"] for i in added] == [i["id"] for i in output] and {i["status"] for i in added} <= {"in_progress"}, found
    assert done == [i for i in output if i["status"] == "completed" or i in done], found[-1]
    for n, item in enumerate(done):
        own = [e for _, e in found if e.get("item_id") == item["id"]]
        said = "".join(e["delta"] for e in own if e["type"].endswith(".delta"))
        assert said == (item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]), item
        assert {e["output_index"] for e in own} == {n}, own


def check_chat(server, body, judge, judge_chunk):
    """Whole and streamed: the same words, the same counts."""
    body = dict(dict(messages=[dict(role="user", content="hello")]), **body)
    a = server.good("/v1/chat/completions", body)
    judge(a)
    chunks = [e for _, e in server.events("/v1/chat/completions", dict(body, stream_options=dict(include_usage=True)))]
    assert chunks[-1] == "[DONE]"
    for chunk in chunks[:-1]:
        judge_chunk(chunk)
    for c in a["choices"]:
        own = [x["choices"][0] for x in chunks[:-2] if x["choices"][0]["index"] == c["index"]]
        assert "".join(x["delta"].get("content") or "" for x in own) == (c["message"]["content"] or ""), (own, c)
        assert [x["finish_reason"] for x in own if x["finish_reason"]] == [c["finish_reason"]]
    assert chunks[-2]["choices"] == [] and chunks[-2]["usage"]["completion_tokens"] == a["usage"]["completion_tokens"]


# ---- the judge ------------------------------------------------------------------------------------------------

SHAPES = json.loads((ROOT / "tests/golden/serve/shapes.json").read_text())
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(x, name):
    if name in ("integer", "number"):
        return isinstance(x, int if name == "integer" else (int, float)) and not isinstance(x, bool)
    return isinstance(x, TYPES[name])


def why_not(x, schema, defs, at="$"):
    """Why x is not what the schema says, or None. Only the words that the schemas use."""
    assert set(schema) <= {"$ref", "$defs", "anyOf", "type", "enum", "const", "properties", "required", "items", "additionalProperties"}, schema
    if "$ref" in schema:
        return why_not(x, defs[schema["$ref"].split("/")[-1]], defs, at)
    if "anyOf" in schema:
        reasons = [why_not(x, s, defs, at) for s in schema["anyOf"]]
        return None if None in reasons else f"{at}: none of {len(reasons)}: " + "; ".join(reasons)[:2000]
    if "type" in schema and not is_type(x, schema["type"]):
        return f"{at}: {x!r:.100} is no {schema['type']}"
    if ("enum" in schema and x not in schema["enum"]) or ("const" in schema and x != schema["const"]):
        return f"{at}: {x!r:.100} is none of {schema.get('enum', schema.get('const'))}"
    if isinstance(x, list) and "items" in schema:
        return next((w for i, y in enumerate(x) if (w := why_not(y, schema["items"], defs, f"{at}[{i}]"))), None)
    if isinstance(x, dict):
        missing = [k for k in schema.get("required", ()) if k not in x]
        if missing:
            return f"{at} lacks {', '.join(missing)}"
        more = schema.get("additionalProperties")
        for k, v in x.items():
            inner = schema.get("properties", {}).get(k, more if isinstance(more, dict) else None)
            w = inner and why_not(v, inner, defs, f"{at}.{k}")
            if w:
                return w
    return None


def judge(kind):
    def one(x):
        why = why_not(x, {k: v for k, v in SHAPES[kind].items() if k != "$defs"}, SHAPES[kind].get("$defs", {}))
        assert why is None, f"{kind}: {why}\n{json.dumps(x)[:1500]}"
    return one


def judge_event(e):
    """By the schema of its own type, so that a fault has one reason."""
    called = NAMES.get(e["type"], e["type"])
    defs = SHAPES["event"]["$defs"]
    kinds = [d for n, d in defs.items() if n.endswith("StreamingEvent") and why_not(called, d["properties"]["type"], defs) is None]
    assert len(kinds) == 1, f"no event is called {called}"
    why = why_not(dict(e, type=called), kinds[0], defs)
    assert why is None, f"{called}: {why}"


def judge_response(r):
    judge("response")(r)
    members = SHAPES["response"]["properties"]
    assert set(members) <= set(r), set(members) - set(r)
    if r["usage"]:
        judge("response_usage")(r["usage"])


def judge_chat(c):
    judge("chat")(c)
    judge("chat_usage")(c["usage"])


# ---- tests ----------------------------------------------------------------------------------------------------

def test_the_judge():
    """It does see faults."""
    with Osso("--script", RULES) as s:
        r, a = s.good("/v1/responses", dict(input="hello")), s.chat("hello")
        found = s.events("/v1/responses", dict(input="hello"))
    for broken in (dict(r, usage={}), dict(r, output=[{}]), dict(r, temperature="1"), {k: v for k, v in r.items() if k != "error"}, dict(r, tools=[1])):
        assert why_not(broken, SHAPES["response"], SHAPES["response"]["$defs"]), broken
    for broken in (dict(a, choices=[{}]), dict(a, object="x"), dict(a, created=True)):
        assert why_not(broken, {k: v for k, v in SHAPES["chat"].items() if k != "$defs"}, SHAPES["chat"]["$defs"]), broken
    delta = next(e for n, e in found if n == "response.output_text.delta")
    for broken in (dict(delta, delta=1), dict(delta, type="response.nothing"), {k: v for k, v in delta.items() if k != "item_id"}):
        try:
            judge_event(broken)
        except AssertionError:
            continue
        raise RuntimeError(broken)


def test_responses():
    with Osso("--script", RULES) as s:
        for body in BODIES:
            judge_response(s.good("/v1/responses", body))
            check_events(s.events("/v1/responses", body), judge_event, judge_response)
        found = s.events("/v1/responses", dict(input="Break"))
        check_events(found, judge_event, judge_response)
        assert [i["status"] for i in found[-1][1]["response"]["output"]] == ["completed", "incomplete"], found[-1]
    bundled()
    with Osso() as s:
        for body in (dict(input="Tell me a story.", max_output_tokens=60), dict(input="Who are you?", temperature=0, top_logprobs=1)):
            r = s.good("/v1/responses", body)
            judge_response(r)
            assert s.good("/v1/responses/" + r["id"]) == r
            check_events(s.events("/v1/responses", body), judge_event, judge_response)


def test_chat():
    with Osso("--script", RULES) as s:
        for body in CHATS:
            check_chat(s, body, judge_chat, judge("chat_chunk"))
    bundled()
    with Osso() as s:
        check_chat(s, dict(logprobs=True, seed=1, max_tokens=40), judge_chat, judge("chat_chunk"))


if __name__ == "__main__":
    main(sys.modules[__name__])
