#!/usr/bin/env python3
"""Questions on a given text: python3 models/recipe/family_reading.py [seed [count]] prints some.

The text is one or two small scenes (scenes.py) or a whole story. The answer is short. Medium thinks the sentence that
holds it; high quotes every sentence that is needed, in order, and says what follows. One text has up to four questions.
"""
import sys

import cast as C
import scenes as S
from exchange import Ask, Exchange
from family_stories import Story, fair, sum_up

FRAMES = ["[text] [q]", "[text] [q]", "[text] [q]", "[text]\n[q]", "[text]\n\n[q]", "[q] [text]", "[q]\n\n[text]", "Read this: [text] [q]", "Text: [text] Question: [q]",
          "Here is a text: [text] Now tell me: [q]", "[text] My question: [q]", "[text]\n\nQuestion: [q]", "Answer the question. [text] [q]", "I have a question. [text] [q]",
          "Look at this text: [text] [q]", "[text]\nCan you tell me this? [q]"]
FILLERS = ["It is a warm day.", "The sun is shining.", "It was a long day.", "It is evening.", "There are clouds in the sky.", "It is spring."]
SAID_BY_TWO = ("two moves", "two facts")
# frames of the stretch whose flag is --final are put together from these, so that none is known as it stands
BEFORE = ["", "", "", "", "Read this text. ", "Here is something to read: ", "Listen: ", "I read this: ", "This is a text: ", "The text: ", "Text:\n", "Think about this: ", "Look here: ", "Passage: ", "Please read: ", "There is a text. ",
          "My text: ", "A little text: "]
BETWEEN = ["", "", "", "", "Question: ", "Tell me: ", "Now the question: ", "Q: ", "Please answer: ", "What do you say? ", "Do you know? ", "I ask you: ", "Say: ", "A question: ",
           "One question. ", "Please tell me: ", "Do you know this? "]

RESTATED = False                                        # thoughts say first what is asked, in the words that are always the same


def thoughts(sentences, q):
    if RESTATED:
        return restated(sentences, q)
    if not q.proof:
        return {"medium": q.full, "high": q.full}
    quoted = [sentences[i] for i in q.proof]
    answer = q.short.rstrip(".").lower().split(" ")[-1]
    holds = next((s for s in reversed(quoted) if answer in s.lower()), quoted[-1])
    end = f" So {q.full[0].lower() if q.full.startswith(('The ', 'They ', 'There ')) else q.full[0]}{q.full[1:]}" if len(quoted) > 1 else ""
    return {"medium": holds, "high": " ".join(quoted) + end}


def restated(sentences, q):
    """What is asked, as the first way to ask it has it, and then the answer (medium), or the sentences before it (high). What is looked for then stands
    just before the place where it is said, and two moves are not taken for their first."""
    asked = q.ways[0][0].upper() + q.ways[0][1:]
    if not q.proof:
        return {"medium": f"{asked} {q.full}", "high": f"{asked} {q.full}"}
    full = q.full.split(", ", 1)[1] if q.kind == "yes or no" else q.full
    full = full[0].upper() + full[1:]
    quoted = " ".join(sentences[i] for i in q.proof)
    so = f"So {q.short.lower()}" if q.kind == "yes or no" else f"So {full[0].lower() if full.startswith(('The ', 'They ', 'There ')) else full[0]}{full[1:]}" if quoted != full else ""
    return {"medium": f"{asked} {full}", "high": f"{asked} {quoted} {so}".rstrip()}


def frame(ask):
    """How text and question stand together."""
    r = ask.r
    if not RESTATED or ask.held or r.random() < 0.35:
        return ask.phrase(FRAMES, reword=False)
    gap = r.choice((" ", " ", "\n", "\n\n"))
    if r.random() < 0.2:
        return f"{r.choice(BETWEEN)}[q]{gap}{r.choice(BEFORE)}[text]"
    return f"{r.choice(BEFORE)}[text]{gap}{r.choice(BETWEEN)}[q]"


def scene(r):
    """One or two scenes that do not speak of the same."""
    s = S.Scene(r)
    first = draw_scene(r, None)
    first[0](s)
    if first[2] and r.random() < 0.2:
        second = draw_scene(r, first[2])
        second[0](s)
        r.shuffle(s.questions)
    if r.random() < 0.08:
        s.sentences.insert(0, r.choice(FILLERS))
        for q in s.questions:
            q.proof = tuple(i + 1 for i in q.proof)
    return s


WEIGHTS = [w for _, w, _ in S.SCENES]


def draw_scene(r, but):
    while True:
        one = r.choices(S.SCENES, WEIGHTS)[0]
        if but is None or (one[2] and one[2] != but):
            return one


def pick(r, questions, n):
    """n different ones; what needs two sentences is asked more often, and then last: there thinking pays."""
    out = []
    questions = r.sample(questions, len(questions))
    hard = [q for q in questions if q.kind in SAID_BY_TWO]
    if hard and r.random() < 0.5:
        questions.insert(0, hard[0])
    for q in questions:
        again = any(q.short == o.short and q.ways[0] == o.ways[0] for o in out)
        if len(out) < n and not again and (q.kind != "not said" or (r.random() < 0.6 and not any(o.kind == q.kind for o in out))):
            out.append(q)
    out = out or questions[:1]
    if r.random() < 0.6:
        out.sort(key=lambda q: q.kind in SAID_BY_TWO)
    return out


def answers(q):
    """The short answer, and what else is as right."""
    if q.kind == "not said":
        return {"pattern": "does not say|says nothing"}
    more = fair(q.short)
    if q.short.startswith(("In the ", "On the ", "At the ", "To the ")):
        more += [q.short[3:], "to" + q.short[2:]]
    return {"answer": list(dict.fromkeys([*more, q.full]))}


def ask_all(ask, text, rows, kinds, whole=False):
    """rows: (question, answer, thoughts, check): the first one comes with the text."""
    r, out = ask.r, []
    small = not whole and r.random() < 0.08             # typed without capitals
    for k, (question, answer, think, check, weight) in enumerate(rows):
        if k == 0:
            user = frame(ask).replace("[q]", question).replace("[text]", text)
        else:
            user = "And " + question[0].lower() + question[1:] if r.random() < 0.15 else question
        if small:                                       # what is quoted is as it stands there
            user, think = user.lower(), {e: t.lower() for e, t in think.items()}
        out.append(Exchange("reading", kinds[k], user, answer, think, check, weight=weight, fixed=k == 0))
    return out


def draw(ask):
    r = ask.r
    if r.random() < 0.13:
        return whole_story(ask)
    s = scene(r)
    asked = pick(r, s.questions, r.choices((1, 2, 3, 4), (50, 25, 15, 10) if RESTATED else (25, 27, 30, 18))[0])
    rows = [(ask.phrase(q.ways, 1), q.short, thoughts(s.sentences, q), answers(q), 2.0) for q in asked]
    return ask_all(ask, " ".join(s.sentences), rows, [q.kind for q in asked])


def whole_story(ask):
    """A story in the question."""
    s = Story(ask)
    rows = [(q, a, {"medium": proof, "high": proof}, {"answer": fair(a)}, 2.0) for q, a, proof in s.questions(ask, ask.r.choice((1, 2, 2, 3)))]
    kinds = ["whole stories"] * len(rows)
    if ask.r.random() < 0.1:
        q = C.name(ask.r)[0]
        if q not in s.text:
            nothing = f"The text says nothing about {q}."
            rows.append((ask.phrase([f"Where does {q} live?", f"Who is {q}?", f"What does {q} have?", f"What did {q} do?"], 1), S.NOT_SAID, {"medium": nothing, "high": nothing},
                         {"pattern": "does not say|says nothing"}, 2.0))
            kinds.append("not said")
            ask.r.shuffle(order := list(range(len(rows))))
            rows, kinds = [rows[i] for i in order], [kinds[i] for i in order]
    if ask.r.random() < 0.15:
        e = sum_up(ask, s)
        rows.append((e.user, e.answer, e.think, e.check, 1.0))
        kinds.append("sum up")
    return ask_all(ask, s.text, rows, kinds, whole=True)


if __name__ == "__main__":
    first, count = (int(x) for x in (sys.argv[1:] + ["0", "5"][len(sys.argv) - 1:]))
    for seed in range(first, first + count):
        print(f"--- seed {seed}")
        for e in draw(Ask(seed)):
            print(f"[{e.kind}] {e.user}\n    {e.think.get('medium')} | {e.think.get('high')}\n    {e.answer}   {e.check}")
