"""The child's encyclopedia of the bundled model: questions whose answers stand in the tables facts_*.py.

    family_facts.py [SEED [N]]      prints N draws
"""
import re
import sys

from exchange import Ask, Exchange
from facts_kinds import KINDS, a, sentence
from facts_nature import entries
import facts_world as W

# ---- comparing two of an ordered table

COMPARE = ["Which is {m}, {p} or {q}?", "What is {m}, {p} or {q}?", "Is {p} or {q} {m}?", "{p} or {q}: which is {m}?", "Tell me which is {m}, {p} or {q}.", "Which of the two is {m}, {p} or {q}?", "Do you know which is {m}, {p} or {q}?",
           "What would be {m}, {p} or {q}?", "Can you tell me which is {m}, {p} or {q}?", "Which one is {m}: {p} or {q}?"]
COMPARE_YES = ["Is {p} {m} than {q}?", "{p} is {m} than {q}, right?", "Is it true that {p} is {m} than {q}?", "Would you say that {p} is {m} than {q}?", "Am I right that {p} is {m} than {q}?", "Can you tell me if {p} is {m} than {q}?"]
ORDERS = [(words, entries(t)) for words, t in W.ORDERS.items()]
COMPARE_WEIGHT = 150                                    # as many rows of a table as the comparisons are worth


def compare(ask):
    words, row = ask.r.choice(ORDERS)
    i = ask.r.randrange(len(row) - 2)
    j = ask.r.randrange(i + 2, len(row))                # neighbours are too close to be sure
    much = ask.r.random() < .6
    more, less = (row[j], row[i]) if much else (row[i], row[j])
    m = words[0] if much else words[1]
    fact = sentence(f"{more} is {m} than {less}.")
    p, q = (more, less) if ask.r.random() < .5 else (less, more)
    if ask.r.random() < .3:
        yes = p == more
        user = sentence(ask.phrase(COMPARE_YES).format(m=m, p=p, q=q))
        return yes_no("compare", user, fact, yes)
    user = sentence(ask.phrase(COMPARE).format(m=m, p=p, q=q))
    return Exchange("facts", "compare", user, fact, thoughts(f"which is {m}", fact), {"answer": [fact, more, f"{more} is {m}"]}, 2.0)


# ---- the tables

# what people ask first: these facts are drawn more often in training (held-out questions are fair to all)
FIRST_ASKED = {"color": "the sky, grass, the sun, snow, a banana, blood, milk, an apple, a lemon, the sea, a frog, an elephant", "legs": "a spider, a dog, a cat, a bee, an octopus, an ant, a snake, a hen",
               "sound": "a dog, a cat, a cow, a duck, a sheep, a pig, a horse, a lion, a bee, an owl, a frog", "fly and swim": "a penguin, a bat, an ostrich, a bee, a cat, a dog, an owl, a hen, a pig, an eagle, a duck",
               "opposite": "big, small, hot, cold, up, down, good, bad, day, night, black, white, fast, happy, old, new, yes, left, in, on, young, light", "young": "a dog, a cat, a cow, a sheep, a bear, a horse",
               "capital": "France, Germany, Italy, Spain, England, Japan, China, Russia, the United States, Canada, Australia, India, Brazil", "animal food": "a cat, a dog, a cow, a rabbit, a horse, a mouse, a bear",
               "plural": "mouse, child, foot, tooth, man, woman, goose, sheep, fish, cat, dog", "rhyme": "cat, dog, house, tree, sun, moon, star, mouse", "continent": "France, Germany, China, Egypt, Brazil, the United States",
               "why": "is the sky blue, is grass green, is the sea salty, does it rain, do we sleep", "in a language": "hello, thank you, goodbye, yes"}
TIMES = 4
CHANCES = {name: [TIMES if row["x"] in entries(text) else 1 for row in next(k for k in KINDS if k.name == name).rows] for name, text in FIRST_ASKED.items()}


def thoughts(topic, fact):
    return {"medium": f"I know {topic}.", "high": f"I know {topic}. {fact}"}


def yes_no(name, user, fact, yes):
    """Whether a thing is so: the fact is what is thought, and what is answered."""
    word = "Yes" if yes else "No"
    answer = f"{word}, {lower(fact)}"
    return Exchange("facts", name + " yes or no", user, answer, {"medium": fact, "high": f"{fact} So the answer is {word.lower()}."}, {"answer": [answer, word]}, 2.0)


NAMES = set(W.DAYS + W.MONTHS + W.LANGUAGES) | {"Mars", "Venus", "Earth", "Jupiter", "Saturn", "Mercury", "Neptune", "Uranus", "Christmas"}


def lower(text):
    """A sentence as it goes on after a comma."""
    first = re.match(r"[\w]+", text).group()
    return text if first in NAMES else text[0].lower() + text[1:]


def right_of(kind, row, answer):
    """What is right: one answer in the fair wordings, or, where several things are right, any of them."""
    if kind.any_of:
        return {"pattern": "(^|[^a-z])(" + "|".join(re.sub(r"^(an?|the) ", "", o) for o in row["right"]) + ")([^a-z]|$)"}
    shorts = [s.format(**row) for s in kind.shorts]
    return {"answer": [answer] + [s for i, s in enumerate(shorts) if s != answer and s not in shorts[:i]]}


def other(ask, kind, row):
    """A guess at y that is wrong: the y of another row."""
    if "p" in row:                                      # hot or cold: the other of the two
        return row["q"] if row["y"] == row["p"] else row["p"]
    while True:
        y = ask.r.choice(kind.rows)["y"]
        if y != row["y"]:
            return y


def question(ask, kind, again=None):
    """An exchange about a random row of a kind; again is the kind's row that was asked before, if this one follows it."""
    row = ask.r.choices(kind.rows, CHANCES.get(kind.name) if not ask.held else None)[0]
    answer = sentence(kind.answer.format(**row))
    if kind.yes and ask.r.random() < .2:
        yes = ask.r.random() < .5
        z = row["y"] if yes else other(ask, kind, row)
        return yes_no(kind.name, sentence(ask.phrase(kind.yes).format(**row, z=z, az=a(z))), answer, yes)
    way = ask.phrase(kind.ways)
    if kind.more and again and not ask.held and ask.r.random() < .3:
        way = kind.more
    user = sentence(way.format(**row))
    return Exchange("facts", kind.name, user, answer, thoughts(kind.topic.format(**row), answer), right_of(kind, row, answer), 2.0)


WEIGHTS = [len(k.rows) * k.weight for k in KINDS] + [COMPARE_WEIGHT]


def draw(ask):
    """Four to six short questions, of one kind or of any: a system message costs more than two of them."""
    n = ask.r.randint(4, 6)
    one = ask.r.random() < .35
    out, kind = [], None
    while len(out) < n:
        before = kind
        if not kind or not one or len(kind.rows) < n:   # a kind of two facts is soon out of questions
            kind = ask.r.choices(KINDS + [None], WEIGHTS)[0]
        e = question(ask, kind, before is kind and out and out[-1].kind == kind.name) if kind else compare(ask)
        if all(e.user != o.user for o in out):
            out.append(e)
    return out


def check_tables():
    """Says where two facts contradict each other: one topic with two answers."""
    known = {}
    for k in KINDS:
        for row in k.rows:
            topic, answer = k.topic.format(**row), k.answer.format(**row)
            if known.setdefault(topic, answer) != answer:
                raise ValueError(f"facts: {topic} is both '{known[topic]}' and '{answer}'")
    return len(known)


check_tables()

for _name, _text in FIRST_ASKED.items():
    _missing = set(entries(_text)) - {row["x"] for k in KINDS if k.name == _name for row in k.rows}
    assert not _missing, (_name, sorted(_missing))

if __name__ == "__main__":
    seed, count = (int(v) for v in (sys.argv[1:] + ["0", "20"][len(sys.argv) - 1:])[:2])
    for s in range(seed, seed + count):
        for e in draw(Ask(s)):
            print(f"{s:4} {e.kind:16} {e.user}\n     -> {e.answer}   [{e.think['medium']}]\n        {e.check}")
    print(check_tables(), "facts")
