#!/usr/bin/env python3
"""The openai client for Python: chat, streams, tools, responses, a client that leaves, retries, an error inside a stream."""
import openai

from places import *

WEATHER = dict(type="function", function=dict(name="get_weather", parameters=dict(type="object", properties=dict(city=dict(type="string")))))
FLAT = dict(type="function", **WEATHER["function"], strict=False)


def says(text):
    return [dict(role="user", content=text)]


def client(server, key="none", retries=0):
    return openai.OpenAI(base_url=url(server) + "/v1", api_key=key, max_retries=retries)


def fails(kind, run, *args, **more):
    try:
        run(*args, **more)
    except kind as e:
        return e
    raise AssertionError(f"no {kind.__name__}")


def test_chat():
    bundled()
    with Osso() as s, client(s) as c:
        ask = dict(model="any", messages=says("Tell me a story about a fox."), seed=1)
        whole = c.chat.completions.create(**ask, logprobs=True, top_logprobs=3)
        assert len(whole.choices[0].message.content) > 20 and whole.choices[0].logprobs.content[0].top_logprobs
        with c.chat.completions.stream(**ask, stream_options=dict(include_usage=True)) as stream:
            text = "".join(e.delta for e in stream if e.type == "content.delta")
            final = stream.get_final_completion()
        assert text == whole.choices[0].message.content == final.choices[0].message.content
        assert final.usage.completion_tokens == whole.usage.completion_tokens
        answer = c.completions.create(model="any", prompt=["Once upon", "The end"], max_tokens=4, n=2)
        assert len(answer.choices) == 4
        assert [m.id for m in c.models.list()] == ["osso-small"]


def test_tools():
    with rules() as s, client(s) as c:
        messages = says("What is the weather in Paris?")
        first = c.chat.completions.create(model="any", messages=messages, tools=[WEATHER]).choices[0].message
        messages += [first, dict(role="tool", tool_call_id=first.tool_calls[0].id, content="18 degrees")]
        second = c.chat.completions.create(model="any", messages=messages, tools=[WEATHER]).choices[0].message
        assert second.content == "It is 18 degrees in Paris." and second.reasoning_content == "Now I know.", second


def test_responses():
    with rules() as s, client(s) as c:
        first = c.responses.create(model="any", input="My word is plum.")
        second = c.responses.create(model="any", input="Which word?", previous_response_id=first.id)
        assert (first.output_text, second.output_text) == ("Noted.", "Plum.")
        assert c.responses.retrieve(first.id).output == first.output
        assert [i.type for i in c.responses.input_items.list(second.id, order="asc", limit=3)] == ["message", "reasoning", "message", "message"]
        c.responses.delete(first.id)
        fails(openai.NotFoundError, c.responses.retrieve, first.id)
        more = dict(model="any", store=False, include=["reasoning.encrypted_content"], tools=[FLAT])
        asked = says("What is the weather in Paris?")
        with c.responses.stream(input=asked, **more) as stream:
            kinds = [e.type for e in stream]
            thought, call = stream.get_final_response().output
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed" and "response.reasoning_text.delta" in kinds
        assert thought.encrypted_content and call.arguments == '{"city":"Paris"}'
        again = asked + [dict(type="reasoning", id=thought.id, summary=[], encrypted_content=thought.encrypted_content),
                         call.model_dump(), dict(type="function_call_output", call_id=call.call_id, output="18 degrees")]
        assert c.responses.create(input=again, **more).output_text == "It is 18 degrees in Paris."


def test_a_client_that_leaves():
    with rules() as s, client(s) as c:
        for make, more in ((c.chat.completions.create, dict(messages=says("Count"))), (c.responses.create, dict(input="Count"))):
            stream = make(model="any", stream=True, **more)
            for _, _ in zip(range(5), stream):
                pass
            stream.close()
            s.rests()
        fails(openai.APITimeoutError, c.with_options(timeout=0.3).chat.completions.create, model="any", messages=says("Count"))
        s.rests()


def test_retry():
    with busy() as s, client(s, "one") as c, client(s, "one", retries=6) as patient:
        stream = c.chat.completions.create(model="any", messages=says("Wait"), stream=True)
        next(iter(stream))
        e = fails(openai.RateLimitError, c.chat.completions.create, model="any", messages=says("hello"))
        assert int(e.response.headers["retry-after"]) >= 1
        rest = threading.Thread(target=lambda: list(stream))
        rest.start()
        assert patient.chat.completions.create(model="any", messages=says("hello")).choices[0].message.content == "Hello there."
        rest.join()
        fails(openai.AuthenticationError, client(s, "wrong").models.list)


def test_an_error_inside_a_stream():
    with rules() as s, client(s) as c:
        fails(openai.APIError, lambda: list(c.chat.completions.create(model="any", messages=says("Break"), stream=True)))
        events = list(c.responses.create(model="any", input="Break", stream=True))
        assert events[-1].type == "response.failed" and events[-1].response.error.message, events[-1]
        fails(openai.InternalServerError, c.chat.completions.create, model="any", messages=says("Break"))
        e = fails(openai.BadRequestError, c.chat.completions.create, model="any", messages=says("x"), n=1000)
        assert e.param == "n"


if __name__ == "__main__":
    main(sys.modules[__name__])
