"""Writes tests/golden/harmony/{render,parse}.jsonl with openai-harmony 0.0.8.

    TIKTOKEN_ENCODINGS_BASE=FOLDER python tools/golden/golden_harmony.py

render.jsonl: {"json": conversation, "purpose", "drop", "ids" or null where the reference refuses}
parse.jsonl:  {"ids", "role", "strict", "messages", "refused"}: the messages up to a refusal; streams that osso's tolerant
parser reads differently on purpose (docs/harmony.md) are left out."""

import json
import os
import pathlib
import sys

from openai_harmony import (Conversation, DeveloperContent, Message, ReasoningEffort, Role, SystemContent, ToolDescription)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "oracle"))
from harmony_cases import NUMBERS, Generator, Pairs, Raw, Reference, dump
from oracle_harmony import deliberate

OUT = str(ROOT / "tests" / "golden" / "harmony")
RENDER_BYTES, PARSE_BYTES = 360_000, 200_000

ORDER = {
    "type": "object",
    "properties": {
        "qty": {"type": "integer", "default": 1, "description": "How many"},
        "size": {"type": "string", "enum": ["S", "M"], "default": "M"},
        "ship": {"type": "object", "description": "Where", "required": ["zip"],
                 "properties": {"zip": {"type": "string"}, "express": {"type": "boolean", "default": False}}},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {
            "sku": {"type": "string"}, "n": {"type": ["integer", "null"]}}}},
        "pay": {"oneOf": [{"type": "string", "enum": ["cash"], "description": "pay now"},
                          {"type": "object", "properties": {"iban": {"type": "string"}}}]},
        "tags": {"type": "array"},
        "meta": {"anyOf": [{"type": "string"}]},
    },
    "required": ["qty"],
}


def hand_made():
    """Conversations that must be there whatever the generator draws."""
    user = Message.from_role_and_content(Role.USER, "Name a prime.")
    for effort in ReasoningEffort:
        system = SystemContent.new().with_reasoning_effort(effort).with_conversation_start_date("2026-01-15")
        yield Conversation.from_messages([Message.from_role_and_content(Role.SYSTEM, system), user]).to_json()
    system = SystemContent.new().with_browser_tool().with_python_tool()
    tools = [ToolDescription.new("make_order", "Create an order.\nReturns an id.", ORDER), ToolDescription.new("now", "")]
    developer = DeveloperContent.new().with_instructions("Be brief.").with_function_tools(tools)
    head = [Message.from_role_and_content(Role.SYSTEM, system), Message.from_role_and_content(Role.DEVELOPER, developer), user]
    yield Conversation.from_messages(head).to_json()
    yield Conversation.from_messages(head + [
        Message.from_role_and_content(Role.ASSISTANT, "Easy: 7.").with_channel("analysis"),
        Message.from_role_and_content(Role.ASSISTANT, "{}").with_channel("commentary").with_recipient("functions.now").with_content_type("<|constrain|>json"),
        Message.from_role_and_content(Role.TOOL, "12:00").with_channel("commentary").with_recipient("assistant"),
        Message.from_role_and_content(Role.ASSISTANT, "7").with_channel("final")]).to_json().replace('"role": "tool", "name": null', '"role": "tool", "name": "functions.now"')
    nested = {"type": "array", "items": {"oneOf": [{"type": "string", "enum": ["a\"b"], "default": "a\"b", "description": "d"},
                                                   {"type": "string", "default": "a\"b", "nullable": True}, {"type": "null", "nullable": True}]}}
    developer = DeveloperContent.new().with_function_tools([ToolDescription.new("f", "", {"type": "object", "properties": {"k": nested}})])
    yield Conversation.from_messages([Message.from_role_and_content(Role.DEVELOPER, developer)]).to_json()
    numbers = Pairs((f"n{i}", Pairs([("type", "number"), ("default", Raw(n))])) for i, n in enumerate(NUMBERS))
    tool = Pairs([("name", "f"), ("description", ""), ("parameters", Pairs([("type", "object"), ("properties", numbers)]))])
    space = Pairs([("name", "functions"), ("description", None), ("tools", [tool])])
    part = Pairs([("type", "developer_content"), ("tools", Pairs([("functions", space)]))])
    yield dump(Pairs([("messages", [Pairs([("role", "developer"), ("content", [part])])])]))


def main():
    ref = Reference()
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, "render.jsonl"), "w", encoding="utf-8") as f:
        def put(text, purpose, drop):
            case = {"json": text, "purpose": purpose, "drop": drop, "ids": ref.render(text, purpose, drop)}
            f.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")

        for text in hand_made():
            for purpose in ("completion", "training"):
                put(text, purpose, True)
        seed = 0
        while f.tell() < RENDER_BYTES:
            g = Generator(seed)
            text = g.conversation()
            if len(text) < 4000:
                put(text, g.r.choice(["completion", "training", "plain"]), g.chance(0.7))
            seed += 1
    with open(os.path.join(OUT, "parse.jsonl"), "w", encoding="utf-8") as f:
        seed = 0
        while f.tell() < PARSE_BYTES:
            g = Generator(1_000_000 + seed)
            seed += 1
            ids, role = g.stream(ref.enc)
            if len(ids) > 200 or 201088 in ids:
                continue
            for strict in (True, False):
                messages, refused = ref.parse(ids, role, strict)
                if not strict and (refused or deliberate(ids, role, ref.enc)):
                    continue
                case = {"ids": ids, "role": role, "strict": strict, "messages": messages, "refused": refused}
                f.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
