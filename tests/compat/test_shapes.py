#!/usr/bin/env python3
"""Every object and event against typed models: openai's own, and those of the Open Responses specification; and what OpenAI's
gpt-oss compatibility test asks of a server."""
import typing

import openresponses_types.types as spec
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseItemList, ResponseStreamEvent

from places import *
from test_serve_shapes import BODIES, CHAT_FUNCTION, CHATS, CUSTOM, FUNCTION, NAMES, SPACE, check_chat, check_events

EVENTS = {typing.get_args(kind.model_fields["type"].annotation)[0]: kind for kind in typing.get_args(typing.get_args(ResponseStreamEvent)[0])}
KINDS = {}
for name in dir(spec):
    if name.endswith("StreamingEvent"):
        KINDS[list(getattr(spec, name).model_fields["type"].annotation)[0].value] = getattr(spec, name)


def judge_response(r):
    Response.model_validate(r)
    spec.ResponseResource.model_validate(r)
    missing = [n for n in spec.ResponseResource.model_fields if n not in r]
    assert not missing, missing


def judge_event(e):
    EVENTS[e["type"]].model_validate(e)
    called = NAMES.get(e["type"], e["type"])
    KINDS[called].model_validate(dict(e, type=called))


def test_responses():
    with rules() as s:
        for body in BODIES:
            judge_response(s.good("/v1/responses", body))
            check_events(s.events("/v1/responses", body), judge_event, judge_response)
        check_events(s.events("/v1/responses", dict(input="Break")), judge_event, judge_response)
    bundled()
    with Osso() as s:
        for body in (dict(input="Tell me a story.", max_output_tokens=60), dict(input="Who are you?", temperature=0, top_logprobs=1)):
            r = s.good("/v1/responses", body)
            judge_response(r)
            judge_response(s.good("/v1/responses/" + r["id"]))
            check_events(s.events("/v1/responses", body), judge_event, judge_response)


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
            items = s.good(f"/v1/responses/{b['id']}/input_items?order=asc")
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


def test_chat():
    with rules() as s:
        for body in CHATS:
            check_chat(s, body, ChatCompletion.model_validate, ChatCompletionChunk.model_validate)
        patch = dict(tools=[dict(type="custom", custom=dict(name="apply_patch"))], messages=[dict(role="user", content="Patch it")])
        ChatCompletion.model_validate(s.good("/v1/chat/completions", patch))  # of its chunks the models know functions alone
    bundled()
    with Osso() as s:
        check_chat(s, dict(logprobs=True, seed=1, max_tokens=40), ChatCompletion.model_validate, ChatCompletionChunk.model_validate)
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
