#!/usr/bin/env python3
"""Small talk: python3 models/recipe/family_talk.py [seed [count]] prints some."""
import sys

import cast as C
import talk_tables as T
from exchange import Ask, Exchange
from family_stories import Story, request, story_exchange, word

PETS = "cat dog horse bird rabbit fish mouse duck".split()
YES = ["Yes", "Yes, please", "Yes!", "Yes please", "Sure", "Of course", "Please do", "OK, tell me a story", "Oh yes", "I would like that"]


def intent(ask, row):
    kind, ways, answers, pattern, what = row
    think = f"The user {what}."
    return Exchange("talk", kind, ask.phrase(ways, 2 if len(ways) > 6 else 1), ask.r.choice(answers), {"medium": think, "high": f"{think} I answer in a friendly way."}, {"pattern": pattern})


def small_talk(ask):
    """One to three; a greeting comes first, a goodbye last."""
    rows = ask.r.sample(T.INTENTS, ask.r.choice((1, 1, 2, 3)))
    rows.sort(key=lambda row: {"greeting": 0, "goodbye": 2}.get(row[0], 1))
    return [intent(ask, row) for row in rows]


def offered(ask):
    """A story is offered, and wanted."""
    row = ask.r.choice([row for row in T.INTENTS if row[0] == "feelings" and "story" in row[2][0]])
    s = Story(ask)
    e = story_exchange(ask, s, ask.phrase(YES), [], [])
    return [intent(ask, row), e]


def joke(ask):
    think = {"medium": "The user wants a joke.", "high": "The user wants a joke. A short one is best."}
    jokes = ask.r.sample(T.JOKES, 2)
    out = [Exchange("talk", "joke", ask.phrase(T.JOKE_ASKED), jokes[0], think, {"pattern": T.JOKE_PATTERN})]
    if ask.r.random() < 0.3:
        out.append(Exchange("talk", "joke", ask.phrase(T.JOKE_AGAIN), jokes[1], think, {"pattern": T.JOKE_PATTERN}))
    return out


def riddle(ask):
    q, a = ask.r.choice(T.RIDDLES)
    return [Exchange("talk", "riddle", ask.phrase(T.RIDDLE_ASKED), q, {"medium": "The user wants a riddle.", "high": "The user wants a riddle. I do not tell the answer yet."}, {"pattern": "^what .*[?]"}),
            Exchange("talk", "riddle", ask.phrase(T.RIDDLE_SOLVED), a, {"medium": "The user wants the answer.", "high": f"The user wants the answer. The riddle was: {q}"}, {"pattern": word(a.lower().split(" ")[-1].rstrip("."))})]


def poem(ask):
    n = ask.r.choice(C.ANIMALS + C.OTHERS + "moon sun tree flower bird river".split() * 2)
    text = C.fill(ask.r, ask.r.choice(T.POEMS), {"n": n})
    think = f"The user wants a poem about {C.a(n)}."
    return [Exchange("talk", "poem", C.fill(ask.r, ask.phrase(T.POEM_ASKED), {"n": ask.r.choice((C.a(n), C.a(n), "the " + n))}), text, {"medium": think, "high": f"{think} It should rhyme."}, {"pattern": word(n)})]


def asked_story(ask):
    s = Story(ask)
    return s, *request(ask, s)


def remember(ask):
    """The user says something of himself, and asks for it later."""
    r = ask.r
    said, answer, ways, later, what = r.choices(T.REMEMBER, (7, 1, 1, 1, 1.5))[0]
    x = {"name": C.name(r)[0], "color": r.choice(C.COLORS), "pet": r.choice(PETS), "age": str(r.randint(4, 90)), "called": C.name(r)[0]}[what]
    env = {"x": x, "p": r.choice(PETS)}
    said, answer, later, question = (C.cap(C.fill(r, t, env)) for t in (ask.phrase(said, 1), answer, later, ask.phrase(ways, 1)))
    out = [Exchange("talk", "remember", said, answer, {"medium": f"The user says: {x}.", "high": f"The user says: {x}. I will remember it."}, {"pattern": word(x)})]
    between = r.random()
    if between < 0.12:                                  # a whole story lies between
        out.append(story_exchange(ask, *asked_story(ask)))
    elif between < 0.45:
        out.append(intent(ask, r.choice([row for row in T.INTENTS if row[0] not in ("greeting", "goodbye")])))
    if r.random() < 0.8:
        out.append(Exchange("talk", "remember", question, later, {"medium": f"The user said: {said}", "high": f"The user said: {said} So I know it."}, {"pattern": word(x)}, weight=2.0))
    return out


def draw(ask):
    x = ask.r.random()
    for share, kind in ((0.56, small_talk), (0.06, offered), (0.14, joke), (0.05, riddle), (0.04, poem)):
        if x < share:
            return kind(ask)
        x -= share
    return remember(ask)


if __name__ == "__main__":
    first, count = (int(x) for x in (sys.argv[1:] + ["0", "5"][len(sys.argv) - 1:]))
    for seed in range(first, first + count):
        print(f"--- seed {seed}")
        for e in draw(Ask(seed)):
            print(f"[{e.kind}] {e.user}\n    {e.think.get('high')}\n    {e.answer}   {e.check}")
