#!/usr/bin/env python3
"""Checks what training learns of conversations: generated ones (tools, several turns, all efforts, weights) through `osso
data show`, and here, independently, through openai-harmony's rendering for training and the rule of docs/training.md.

usage: oracle_data.py [-n N] [--seed S] [--golden FILE]
(in the environment of `./run oracle`; --golden writes the test's cases and checks nothing)
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from openai_harmony import (Author, Conversation, DeveloperContent, HarmonyEncodingName, Message, ReasoningEffort, RenderConversationConfig, Role,
                            SystemContent, ToolDescription, load_harmony_encoding)

WORDS = "the sun is not a number 12 and 3.5 <|end|> <|start|>assistant {\"a\": 1} Grüße 世界 🙂 \n\n yes no".split(" ")


# ---- conversations --------------------------------------------------------------------------------------------------

def words(rng, most=12):
    return " ".join(rng.choices(WORDS, k=rng.randint(1, most)))


def one_answer(rng, messages, tools, calls):
    """What the assistant does after a user's message."""
    def said(**more):
        m = {"role": "assistant", **more}
        if rng.random() < 0.5:
            m[rng.choice(["thinking", "reasoning_content"])] = words(rng)
        if rng.random() < 0.1:
            m["weight"] = rng.choice([0, 0.5, 2])
        messages.append(m)

    for _ in range(rng.choice([0, 0, 1, 1, 2, 3]) if tools else 0):
        ids = []
        for _ in range(rng.choice([1, 1, 1, 2])):
            calls.append(f"call_{len(calls)}")
            ids.append((calls[-1], rng.choice(tools)["function"]["name"]))
        content = rng.choice([None, None, "", words(rng)])
        said(content=content, tool_calls=[{"id": i, "type": "function", "function": {"name": name, "arguments": json.dumps({"q": words(rng, 3)})}}
                                          for i, name in ids])
        if rng.random() < 0.95:
            for i, _ in ids:
                messages.append({"role": "tool", "tool_call_id": i, "content": words(rng)})
    if rng.random() < 0.9 or messages[-1]["role"] == "user":
        said(content=words(rng, 30))


def conversation(rng):
    line, messages, calls = {}, [], []
    if rng.random() < 0.4:
        messages.append({"role": rng.choice(["system", "developer"]), "content": words(rng)})
    if rng.random() < 0.6:
        line["tools"] = [{"type": "function", "function": {"name": f"tool_{k}", "description": words(rng), "parameters": {
            "type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}}} for k in range(rng.randint(1, 3))]
    if rng.random() < 0.6:
        line["reasoning_effort"] = rng.choice(["low", "medium", "high"])
    for _ in range(rng.choice([1, 1, 2, 3, 4])):
        messages.append({"role": "user", "content": words(rng)})
        one_answer(rng, messages, line.get("tools"), calls)
    return {"messages": messages, **line}


def instruction(rng):
    line = {"instruction": words(rng), "output": words(rng)}
    if rng.random() < 0.6:
        line["input"] = rng.choice(["", words(rng)])
    return line


def example(rng):
    return instruction(rng) if rng.random() < 0.1 else conversation(rng)


# ---- the rule -------------------------------------------------------------------------------------------------------

def to_harmony(line):
    """(harmony message, weight) for each."""
    if "instruction" in line:
        ask = line["instruction"] + ("\n\n" + line["input"] if line.get("input") else "")
        line = {"messages": [{"role": "user", "content": ask}, {"role": "assistant", "content": line["output"]}]}
    effort = ReasoningEffort(line.get("reasoning_effort", "medium").capitalize())
    out = [(Message.from_role_and_content(Role.SYSTEM, SystemContent.new().with_reasoning_effort(effort)), 1)]
    tools = [ToolDescription.new(t["function"]["name"], t["function"]["description"], t["function"]["parameters"]) for t in line.get("tools", [])]
    messages = list(line["messages"])
    developer = DeveloperContent.new()
    if tools:
        developer = developer.with_function_tools(tools)
    if messages[0]["role"] in ("system", "developer"):
        developer = developer.with_instructions(messages.pop(0)["content"])
    if tools or developer.instructions:
        out.append((Message.from_role_and_content(Role.DEVELOPER, developer), 1))
    names = {}
    for m in messages:
        weight, role = m.get("weight", 1), m["role"]
        if role == "user":
            out.append((Message.from_role_and_content(Role.USER, m["content"]), weight))
        elif role == "tool":
            out.append((Message.from_author_and_content(Author.new(Role.TOOL, "functions." + names[m["tool_call_id"]]), m["content"])
                        .with_recipient("assistant").with_channel("commentary"), weight))
        else:
            thought, calls = m.get("thinking", m.get("reasoning_content")), m.get("tool_calls", [])
            if thought:
                out.append((Message.from_role_and_content(Role.ASSISTANT, thought).with_channel("analysis"), weight))
            if m["content"] or (m["content"] is not None and not calls):
                out.append((Message.from_role_and_content(Role.ASSISTANT, m["content"]).with_channel("commentary" if calls else "final"), weight))
            for c in calls:
                names[c["id"]] = c["function"]["name"]
                out.append((Message.from_role_and_content(Role.ASSISTANT, c["function"]["arguments"]).with_channel("commentary")
                            .with_recipient("functions." + c["function"]["name"]).with_content_type("<|constrain|>json"), weight))
    return out


def learned(line, encoding):
    """(ids, mask): token by token, as a reader of the rendered conversation would decide."""
    special = {name: encoding.encode(f"<|{name}|>", allowed_special="all")[0] for name in ("start", "message", "end", "return", "call")}
    assistant = encoding.encode("assistant")
    messages = to_harmony(line)
    users = [i for i, (m, _) in enumerate(messages) if m.author.role == Role.USER]
    messages = [(m, w) for i, (m, w) in enumerate(messages) if not (i < users[-1] and m.channel == "analysis")]
    last_user = max(i for i, (m, _) in enumerate(messages) if m.author.role == Role.USER)
    ids = encoding.render_conversation_for_training(Conversation.from_messages([m for m, _ in messages]),
                                                    config=RenderConversationConfig(auto_drop_analysis=False))
    mask = [0.0] * len(ids)
    starts = [i for i, t in enumerate(ids) if t == special["start"]] + [len(ids)]
    assert len(starts) == len(messages) + 1
    # Where the model stops for good: nothing behind it is its own.
    last = max([k for k, t in enumerate(ids) if k >= starts[last_user] and t in (special["return"], special["call"])], default=-1)
    sampling = False  # is the model at work?
    for i, (m, weight) in enumerate(messages):
        mine = m.author.role == Role.ASSISTANT
        inside = False
        for k in range(starts[i], starts[i + 1]):
            header = k - starts[i] <= len(assistant)  # <|start|>assistant
            closing = k == starts[i + 1] - 1
            if i < last_user:
                on = mine and inside and not closing
            else:
                on = mine and k <= last and (sampling or not header)
            if ids[k] == special["message"]:
                inside = True
            if on:
                mask[k] = float(weight)
        sampling = mine and i > last_user and ids[starts[i + 1] - 1] == special["end"]
    return ids, mask


# ---- comparing ------------------------------------------------------------------------------------------------------

def key(document):
    return json.dumps([document["ids"], document["mask"]])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("-n", type=int, default=2000)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--golden")
    a = ap.parse_args()
    rng = random.Random(a.seed)
    encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
    lines, want = [], []
    while len(lines) < a.n:
        line = example(rng)
        ids, mask = learned(line, encoding)
        if any(mask[1:]):  # others are refused
            lines.append(json.dumps(line, ensure_ascii=False))
            want.append({"ids": ids, "mask": [round(m, 6) for m in mask]})
    if a.golden:
        pathlib.Path(a.golden).write_text("".join(json.dumps({"line": line, **w}) + "\n" for line, w in zip(lines, want)))
        return
    temp = pathlib.Path(tempfile.mkdtemp())
    (temp / "chats.jsonl").write_text("".join(line + "\n" for line in lines))
    done = subprocess.run([os.environ.get("OSSO_BIN", "build/release/osso"), "data", "show", "--val-data", str(temp / "chats.jsonl"), "--data",
                           str(temp / "chats.jsonl"), "--validation", "--seq-len", "100000", "-n", str(a.n)], check=True, stdout=subprocess.PIPE)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [i for i, (g, w) in enumerate(zip(got, want)) if g["ids"] != w["ids"] or g["mask"] != w["mask"]]
    for i in wrong[:2]:
        print("differs:", lines[i], "\n  ", got[i], "\n  ", want[i])
    print(f"conversations: {a.n}, {len(wrong) + abs(len(got) - len(want))} differ; "
          f"{sum(1 for w in want for m in w['mask'] if m)} of {sum(len(w['ids']) for w in want)} ids learned")
    sys.exit(bool(wrong) or len(got) != len(want))


if __name__ == "__main__":
    main()
