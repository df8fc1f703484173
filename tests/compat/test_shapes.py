#!/usr/bin/env python3
"""Every object and event against typed models: openai's own, and those of the Open Responses specification; and what OpenAI's
gpt-oss compatibility test asks of a server."""
import typing

import openresponses_types.types as spec
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseItemList, ResponseStreamEvent

from places import *

EVENTS = {typing.get_args(kind.model_fields["type"].annotation)[0]: kind for kind in typing.get_args(typing.get_args(ResponseStreamEvent)[0])}
# One schema is asked for with all its fields, others as clients write them.
FUNCTION = dict(type="function", name="get_weather", description="The weather.", strict=True,
                parameters=dict(type="object", properties=dict(city=dict(type="string")), required=["city"], additionalProperties=False))
CHAT_FUNCTION = dict(type="function", function={k: v for k, v in FUNCTION.items() if k != "type"})
CUSTOM = dict(type="custom", name="apply_patch", description="Patches.")
SPACE = dict(type="namespace", name="agents", description="Others.", tools=[dict(type="function", name="close_agent", parameters=dict(type="object"))])

BODIES = [
    dict(input="hello"),
    dict(input="hello", instructions="Be brief.", metadata=dict(a="b"), temperature=0, top_p=0.5, max_output_tokens=1000, store=False,
         safety_identifier="me", prompt_cache_key="k", user="u", top_logprobs=2, service_tier="auto", parallel_tool_calls=False, max_tool_calls=3,
         truncation="disabled", reasoning=dict(effort="high", summary="auto"), text=dict(format=dict(type="text"))),
    dict(input="hello", include=["reasoning.encrypted_content", "message.output_text.logprobs"], store=False),
    dict(input="hello", reasoning=dict(effort="minimal")),
    dict(input="Count", max_output_tokens=9),
    dict(input="hello", max_output_tokens=2),
    dict(input=""),
    dict(input="What is the weather in Paris?", tools=[FUNCTION]),
    dict(input="What is the weather in Paris?", tools=[dict(FUNCTION, strict=None, description=None), SPACE, CUSTOM], tool_choice="required"),
    dict(input="What is the weather in Paris?", tools=[FUNCTION], tool_choice=dict(type="function", name="get_weather")),
    dict(input="What is the weather in Paris?", tools=[FUNCTION, dict(type="web_search")],
         tool_choice=dict(type="allowed_tools", mode="auto", tools=[dict(type="function", name="get_weather")])),
    dict(input="hello", tools=[dict(type="function", name="f", parameters=None)], tool_choice="none"),
]


def judge_response(r):
    Response.model_validate(r)
    spec.ResponseResource.model_validate(r)
    missing = [n for n in spec.ResponseResource.model_fields if n not in r]
    assert not missing, missing


# What the specification calls otherwise; OpenAI's clients know ours.
NAMES = {"response.reasoning_text.delta": "response.reasoning.delta", "response.reasoning_text.done": "response.reasoning.done"}
KINDS = {}
for name in dir(spec):
    kind = getattr(spec, name)
    if name.endswith("StreamingEvent"):
        KINDS[list(kind.model_fields["type"].annotation)[0].value] = kind


def judge_events(found):
    for i, (name, e) in enumerate(found):
        assert name == e["type"] and e["sequence_number"] == i, e
        EVENTS[e["type"]].model_validate(e)
        called = NAMES.get(name, name)
        KINDS[called].model_validate(dict(e, type=called))
        if "response" in e:
            judge_response(e["response"])
    assert found[0][0] == "response.created" and found[-1][0] in ("response.completed", "response.incomplete", "response.failed")
    added = [e["item"]["id"] for n, e in found if n == "response.output_item.added"]
    done = [e["item"] for n, e in found if n == "response.output_item.done"]
    output = found[-1][1]["response"]["output"]
    assert added == [i["id"] for i in output] and done == [i for i in output if i["status"] == "completed" or i in done], found[-1]
    for item in done:
        own = [e for _, e in found if e.get("item_id") == item["id"]]
        said = "".join(e["delta"] for e in own if e["type"].endswith(".delta"))
        assert said == (item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]), item


def test_responses():
    with rules() as s:
        for body in BODIES:
            judge_response(s.good("/v1/responses", body))
            judge_events(s.events("/v1/responses", body))
    bundled()
    with Osso() as s:
        for body in (dict(input="Tell me a story.", max_output_tokens=60), dict(input="Who are you?", temperature=0, top_logprobs=1)):
            r = s.good("/v1/responses", body)
            judge_response(r)
            judge_response(s.good("/v1/responses/" + r["id"]))
            judge_events(s.events("/v1/responses", body))


def test_a_failed_stream():
    with rules() as s:
        found = s.events("/v1/responses", dict(input="Break"))
        judge_events(found)
        assert [i["status"] for i in found[-1][1]["response"]["output"]] == ["completed", "incomplete"], found[-1]


def test_stored_responses():
    with rules() as s:
        r = s.good("/v1/responses", dict(input="What is the weather in Paris?", tools=[FUNCTION]))
        call = r["output"][1]
        for more in (dict(previous_response_id=r["id"], input=[dict(type="function_call_output", call_id=call["call_id"], output="18 degrees")]),
                     dict(input=[dict(role="user", content="What is the weather in Paris?"), *r["output"],
                                 dict(type="function_call_output", call_id=call["call_id"], output=[dict(type="input_text", text="18 degrees")])]),
                     dict(input=[dict(role="user", content="What is the weather in Paris?"), *[dict(type="item_reference", id=i["id"]) for i in r["output"]],
                                 dict(type="function_call_output", call_id=call["call_id"], output="18 degrees")])):
            b = s.good("/v1/responses", dict(more, tools=[FUNCTION]))
            judge_response(b)
            assert b["output"][-1]["content"][0]["text"] == "It is 18 degrees in Paris.", b
            items = s.good(f"/v1/responses/{b['id']}/input_items")
            ResponseItemList.model_validate(items)
            assert [i["type"] for i in items["data"]] == ["message", "reasoning", "function_call", "function_call_output"], items
            assert len({i["id"] for i in items["data"]}) == 4, items


def test_custom_and_namespaced_tools():
    """Kinds that the specification leaves out: openai's models judge alone."""
    with rules() as s:
        for text, kind in (("Patch it", "custom_tool_call"), ("Close the agent", "function_call")):
            found = s.events("/v1/responses", dict(input=text, tools=[CUSTOM, SPACE]))
            for _, e in found:
                EVENTS[e["type"]].model_validate(e)
            r = s.good("/v1/responses", dict(input=text, tools=[CUSTOM, SPACE]))
            Response.model_validate(r)
            call = r["output"][-1]
            assert call["type"] == kind, r
            assert call.get("namespace") == ("agents" if kind == "function_call" else None), call


def judge_chat(s, body):
    a = s.good("/v1/chat/completions", body)
    ChatCompletion.model_validate(a)
    chunks = [e for _, e in s.events("/v1/chat/completions", dict(body, stream_options=dict(include_usage=True)))]
    assert chunks[-1] == "[DONE]"
    for chunk in chunks[:-1]:
        ChatCompletionChunk.model_validate(chunk)
    said = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks[:-2] if c["choices"][0]["index"] == 0)
    assert said == (a["choices"][0]["message"]["content"] or ""), (said, a)
    assert chunks[-2]["usage"]["completion_tokens"] == a["usage"]["completion_tokens"]
    return a


def test_chat():
    with rules() as s:
        for more in (dict(), dict(n=2), dict(logprobs=True, top_logprobs=3), dict(service_tier="auto"), dict(max_tokens=2),
                     dict(tools=[CHAT_FUNCTION], messages=[dict(role="user", content="What is the weather in Paris?")]),
                     dict(tools=[dict(type="function", function=dict(name="get_weather"))], tool_choice="none")):
            judge_chat(s, dict(dict(messages=[dict(role="user", content="hello")]), **more))
        patch = dict(tools=[dict(type="custom", custom=dict(name="apply_patch"))], messages=[dict(role="user", content="Patch it")])
        ChatCompletion.model_validate(s.good("/v1/chat/completions", patch))  # of its chunks the models know functions alone
    bundled()
    with Osso() as s:
        judge_chat(s, dict(messages=[dict(role="user", content="hello")], logprobs=True, seed=1, max_tokens=40))
        Completion.model_validate(s.good("/v1/completions", dict(prompt="Once", max_tokens=5, logprobs=2)))
        for _, e in s.events("/v1/completions", dict(prompt="Once", max_tokens=5, logprobs=2))[:-1]:
            e["choices"][0]["finish_reason"] = e["choices"][0]["finish_reason"] or "stop"  # the models know none but the last chunk's
            Completion.model_validate(e)
        for m in s.good("/v1/models")["data"]:
            Model.model_validate(m)


def test_gpt_oss_compatibility():
    """The conditions of OpenAI's own test of servers: a valid call with arguments of the tool's schema, and the chain of thought, whole and
    streamed, over both APIs."""
    with rules() as s:
        chat = dict(messages=[dict(role="user", content="What is the weather in Paris?")], tools=[CHAT_FUNCTION])
        m = s.good("/v1/chat/completions", chat)["choices"][0]["message"]
        assert json.loads(m["tool_calls"][0]["function"]["arguments"]) == dict(city="Paris") and m["reasoning"]
        deltas = [e["choices"][0]["delta"] for _, e in s.events("/v1/chat/completions", chat)[:-1]]
        assert "".join(d.get("reasoning") or "" for d in deltas) == m["reasoning"]
        ask = dict(input="What is the weather in Paris?", tools=[FUNCTION])
        thought, call = s.good("/v1/responses", ask)["output"]
        assert thought["type"] == "reasoning" and all(p["type"] == "reasoning_text" and p["text"] for p in thought["content"]), thought
        assert json.loads(call["arguments"]) == dict(city="Paris")
        names = [n for n, _ in s.events("/v1/responses", ask)]
        assert "response.reasoning_text.delta" in names and names.count("response.reasoning_text.done") == 1, names


if __name__ == "__main__":
    main(sys.modules[__name__])
