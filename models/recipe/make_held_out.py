#!/usr/bin/env python3
"""The held-out questions of the bundled model's world: python3 models/recipe/make_held_out.py [FILE]

Writes the lines that `osso eval world` asks (models/osso-small/world.jsonl): seeds from 2^31 on, phrasings, functions and values that
training never has. A line is what `osso eval chat` reads; its family is a row of the table (src/eval/world_goals.def).
"""
import json
import os
import sys

import compose
import family_tools
import instructions
from check_memorised import plain
from exchange import HELD_OUT, Ask

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "osso-small", "world.jsonl")
SPACE = 100_000                                         # seeds that one set has
EFFORTS = ("low", "medium", "high")
MOST = 5                                                # stories before a question, and more than training's rows hold

# What the run's text has all the same, by another kind's way of asking or without its sign at the end, is not asked:
# check_memorised.py finds it, of both texts that the run has read.
TRAINED = {"evening", "morning", "hello osso", "which of them has the lantern", "what is the color of the candle", "what is the color of the umbrella",
           "in which place is the lamp", "venice, please", "who or what is laura", "and which of them has the doll", "who or what is heidi",
           "which of them has the map", "can you tell me the time", "hugo", "munich", "nora", "who or what is hazel", "who or what is teddy",
           "who or what is david", "who or what is barney", "what did cora do", "what did mary do", "who had the lantern"}


def line(family, effort, messages, rule, tools=None):
    clean = [{k: v for k, v in m.items() if k != "weight"} for m in messages]
    return {"family": family, "effort": effort, "messages": clean, **({"tools": tools} if tools else {}), **rule}


def turns(exchanges):
    return [m for e in exchanges for m in ({"role": "user", "content": e.user}, {"role": "assistant", "content": e.answer})]


def asked(e):
    return {"role": "user", "content": e.user}


def found(ask, family, kinds=None, first=False):
    """(what was said before, the exchange to ask) of a draw; None: it has none of these kinds."""
    out = compose.draw(ask, family)
    at = [i for i, e in enumerate(out) if e.check and e.family == family and (not kinds or e.kind in kinds)]
    if not at or first and at[0] != 0:
        return None
    i = at[0] if first else ask.r.choice(at[:2])           # little before it: the file stays small
    return out[:i], out[i]


def questions(number, count, name, family, kinds=None, efforts=("medium",), first=False, change=None):
    """Lines of one family; with several efforts each question once for each, the effort then being part of the name."""
    seed, made, seen = HELD_OUT + number * SPACE, 0, set()
    while made < count:
        ask = Ask(seed, "medium")
        seed += 1
        pair = found(ask, family, kinds, first)
        key = pair and tuple(e.user for e in pair[0]) + (pair[1].user,)
        if not pair or key in seen or plain(pair[1].user) in TRAINED:
            continue
        seen.add(key)
        made += 1
        before, e = pair
        for effort in efforts:
            user = asked(e) if not change or e.fixed else {"role": "user", "content": change(ask, e.user)}
            yield line(f"{name}, {effort}" if len(efforts) > 1 else name, effort, turns(before) + [user], e.check), e.answer


# Of what developer messages are about. Numbers of their own: what a run is trained on may change, what is asked stays.
INSTRUCTED = {"stories": 12, "reading": 27, "facts": 14, "osso": 6, "numbers": 16, "words": 6, "talk": 10, "unknown": 8}


def obeyed(number, count):
    seed, made = HELD_OUT + number * SPACE, 0
    while made < count:
        ask = Ask(seed, "medium")
        seed += 1
        developer, out = instructions.instruct(ask, compose.draw(ask, ask.r.choices(list(INSTRUCTED), INSTRUCTED.values())[0])[:1])
        if out[0].family == "instructions" and out[0].check and plain(out[0].user) not in TRAINED:
            made += 1
            yield line("instructions", "medium", [{"role": "developer", "content": developer}, asked(out[0])], out[0].check), out[0].answer


TOOL_FAMILIES = {"call": "tools, call", "first of two": "tools, call", "second of two": "tools, call", "result": "tools, result", "error": "tools, result",
                 "no fit": "tools, none fits", "plain": "tools, none fits", "missing": "tools, missing value"}


def tools(number, counts):
    """One line of a conversation: at a place where the model writes, and what is right there."""
    left, seed = dict(counts), HELD_OUT + number * SPACE
    while any(left.values()):
        ask = Ask(seed, "medium")
        seed += 1
        c = family_tools.draw(ask, compose.plain)
        at, kind, rule = ask.r.choice(c["marks"])
        family = TOOL_FAMILIES[kind]
        if left[family] and plain(c["messages"][at - 1].get("content") or "") not in TRAINED:
            left[family] -= 1
            yield line(family, "medium", c["messages"][:at], rule, c["tools"]), c["messages"][at].get("content")


def story(seed):
    """A story as asked for, with its request, and nothing else."""
    while True:
        ask = Ask(seed, "medium")
        for e in compose.draw(ask, "stories"):
            if e.kind in ("asked for", "free"):
                return e
        seed += SPACE // 2


def after_stories(number, count, name, family, kinds, most=MOST):
    """The same kind of question after 0 to `most` stories."""
    for k in range(most + 1):
        seed, made = HELD_OUT + (number + k) * SPACE, 0
        while made < count:
            seed += 10
            pair = found(Ask(seed, "medium"), family, kinds, first=True)
            if not pair or plain(pair[1].user) in TRAINED:
                continue
            made += 1
            stories = [story(seed + 1 + i) for i in range(k)]
            yield line(f"long, {name}, {k} stories", "medium", turns(stories) + [asked(pair[1])], pair[1].check), pair[1].answer


def careless(ask, text):
    """As people type: small letters and no stop, and a slip where instructions.typed makes one."""
    return instructions.typed(ask, text).lower().rstrip(" .?!")


def sets():
    """(line, a right answer; None where it is a call) of all held-out questions, in the file's order."""
    yield from questions(0, 200, "stories", "stories", ("asked for",), first=True)
    yield from questions(1, 200, "reading", "reading", ("who", "where", "what", "how many", "why", "when", "who has what", "two moves", "two facts", "compare", "yes or no", "not said"))
    yield from questions(2, 200, "reading stories", "reading", ("whole stories",))
    yield from questions(3, 200, "facts", "facts")
    yield from questions(3, 100, "typed", "facts", change=careless)     # the first of the same questions
    yield from questions(4, 200, "osso", "osso")
    yield from questions(5, 200, "numbers, to 20", "numbers", ("sums to 20",), first=True)
    yield from questions(6, 200, "numbers, two-digit sums", "numbers", ("two-digit sums",), EFFORTS, first=True)
    yield from questions(7, 200, "numbers, times table", "numbers", ("table",), first=True)
    yield from questions(8, 200, "numbers, counting", "numbers", ("counting", "order"), first=True)
    yield from questions(9, 100, "numbers, word sums", "numbers", ("word sums",), first=True)
    yield from questions(10, 200, "words", "words")
    yield from questions(11, 200, "talk", "talk")
    yield from questions(12, 200, "unknown", "unknown")
    yield from questions(13, 70, "two moves", "reading", ("two moves",), EFFORTS, first=True)
    yield from obeyed(14, 200)
    yield from tools(15, {"tools, call": 150, "tools, result": 70, "tools, none fits": 50, "tools, missing value": 30})
    yield from after_stories(20, 24, "small talk", "talk", ("greeting", "identity", "joke"))
    yield from after_stories(30, 16, "who has what", "reading", ("who has what",))
    yield from after_stories(40, 12, "unknown", "unknown", None, 3)


def text_of(made):
    return "".join(json.dumps(asked_line, ensure_ascii=False, separators=(",", ":")) + "\n" for asked_line, _ in made)


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else OUT, "w", encoding="utf-8") as f:
        f.write(text_of(sets()))


if __name__ == "__main__":
    main()
