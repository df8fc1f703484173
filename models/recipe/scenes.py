"""Small texts of one to five sentences, and the questions that they answer: the tables and rules of family_reading.py.

A scene is a list of sentences and a list of Q: how a question is asked (the last way is held out), its short answer, the
same as a full sentence, and which sentences prove it, in order. Answers are words of the text.
"""
from dataclasses import dataclass

import cast as C
from scene_tables import COMPARE, DEEDS, DO, FOODS, GOALS, JOBS, NUMBERS, OWN, PETS, ROOMS, SPOTS, STAY, TIMES, WHY, WHY_DO

NOT_SAID = "The text does not say."
@dataclass
class Q:
    kind: str
    ways: list
    short: str
    full: str
    proof: tuple                                        # of which sentences it follows


class Scene:
    """Draws without repetition what one text is made of."""

    def __init__(self, r):
        self.r, self.used = r, set()
        self.sentences, self.questions = [], []
        self.nouns = r.random() < 0.2                   # "the fox" in place of names

    def one(self, pool):
        x = self.r.choice([p for p in pool if p not in self.used] or pool)
        self.used.add(x)
        return x

    def who(self):
        """(as within a sentence, he, his)"""
        if self.nouns:
            n = self.one(C.ANIMALS + C.PEOPLE)
            return "the " + n, *(("she", "her") if n in C.FEMALE else ("he", "his") if n in C.MALE or n in C.PEOPLE else ("it", "its"))
        sex = self.r.choice("mf")
        n = self.one(C.BOYS if sex == "m" else C.GIRLS)
        if self.r.random() < 0.1:
            n = C.invented(self.r)
            while n in self.used or n.lower() in self.used:
                n = C.invented(self.r)
            self.used.add(n)
        return n, *(("he", "his") if sex == "m" else ("she", "her"))

    def say(self, text):
        self.sentences.append(C.cap(text))
        return len(self.sentences) - 1

    def ask(self, kind, ways, short, full, *proof):
        self.questions.append(Q(kind, ways, C.cap(short) + ".", C.cap(full) + ".", proof))

    def missing(self, about, ways):
        """A question whose answer does not stand in the text, and what it is about."""
        self.questions.append(Q("not said", ways, NOT_SAID, f"The text says nothing about {about}.", ()))


def who_has(s):
    """A has a X. B has a Y."""
    r, have = s.r, []
    verb, n = r.choice((("has", "have"), ("has", "have"), ("had", "have"), ("has got", "have"))), r.choice((2, 2, 2, 3, 4))
    colored = r.random() < 0.25
    for _ in range(n):
        p, x = s.who()[0], s.one(OWN + PETS)
        thing = C.a(f"{s.one(C.COLORS)} {x}" if colored else x)
        have.append((p, x, thing, s.say(f"{p} {verb[0]} {thing}.")))
    now = verb[0] != "had"
    for p, x, thing, at in have:
        s.ask("who has what", [f"Who has the {x}?", f"Who has a {x}?" if not thing.startswith("an") else f"Who has an {x}?", f"Who {verb[0]} the {x}?", f"Which of them has the {x}?",
                               f"Who is it that has the {x}?", f"Tell me who has the {x}."], p, f"{p} {verb[0]} the {x}", at)
        s.ask("who has what", [f"What does {p} have?" if now else f"What did {p} have?", f"Which thing does {p} have?", f"What is it that {p} has?"], thing, f"{p} {verb[0]} {thing}", at)
    p, x, thing, at = r.choice(have)
    q, other = s.who()[0], s.one(OWN + PETS)
    s.missing(f"the {other}", [f"Who has the {other}?", f"Who has {C.a(other)}?", f"Which of them has the {other}?"])
    s.missing(q, [f"What does {q} have?", f"Which thing does {q} have?", f"What is it that {q} has?"])
    if len(have) > 1:
        y = next(h for h in have if h[0] != p)
        s.ask("yes or no", [f"Does {p} have the {x}?", f"Does {p} have {C.a(x)}?", f"Is it {p} who has the {x}?"], "yes", f"Yes, {p} {verb[0]} {thing}", at)
        s.ask("yes or no", [f"Does {p} have the {y[1]}?", f"Does {p} have {C.a(y[1])}?", f"Is it {p} who has the {y[1]}?"], "no", f"No, {y[0]} {verb[0]} the {y[1]}", y[3])


def where(s):
    """A is in the kitchen. B sat under the table."""
    r, there = s.r, []
    verb, be, does = r.choice(STAY)
    spots = [f"in the {x}" for x in ROOMS] + SPOTS
    things = verb in ("is", "was") and r.random() < 0.3
    who = "what" if things else "who"
    for _ in range(r.choice((1, 2, 2, 3))):
        p = f"the {s.one(OWN)}" if things else s.who()[0]
        place = s.one(spots)
        there.append((p, place, s.say(f"{p} {verb} {place}.")))
    did = (lambda p: f"Where {does.replace(' ', f' {p} ')}?") if does else (lambda p: f"Where can I find {p}?")
    for p, place, at in there:
        for _ in range(2):
            s.ask("where", [f"Where {be} {p}?", f"Where {be} {p}?", did(p), f"Tell me where {p} {be}.", f"In which place {be} {p}?"], place, f"{p} {verb} {place}", at)
        s.ask(who, [f"{C.cap(who)} {be} {place}?", f"{C.cap(who)} {verb} {place}?", f"Tell me {who} {be} {place}."], p, f"{p} {verb} {place}", at)
    p, place, at = r.choice(there)
    q = f"the {s.one(OWN)}" if things else s.who()[0]
    s.missing(q, [f"Where {be} {q}?", did(q), f"In which place {be} {q}?"])
    other = s.one(spots)
    s.missing("the " + other.split("the ")[-1], [f"{C.cap(who)} {be} {other}?", f"{C.cap(who)} {verb} {other}?", f"Tell me {who} {be} {other}."])
    s.ask("yes or no", [f"{C.cap(be)} {p} {place}?", f"{C.cap(be)} {p} really {place}?", f"Is it true that {p} {be} {place}?"], "yes", f"Yes, {p} {be} {place}", at)
    s.ask("yes or no", [f"{C.cap(be)} {p} {other}?", f"{C.cap(be)} {p} really {other}?", f"Is it true that {p} {be} {other}?"], "no", f"No, {p} {be} {place}", at)


def put(s):
    """A put the key in the box. (Then B put it under the bed.)"""
    r = s.r
    a, b, x, y = s.who()[0], s.who()[0], s.one(OWN), s.one(OWN)
    spot, spot2 = s.one(SPOTS), s.one(SPOTS)
    i = s.say(f"{a} put the {x} {spot}.")
    again = r.random() < 0.6
    j = s.say(f"{r.choice(('Then ', 'Later ', ''))}{b} put {'the ' + x if r.random() < 0.7 else 'it'} {spot2}." if again else f"{b} put the {y} {spot2}.")
    ways = lambda t: [f"Where is the {t} now?", f"Where is the {t}?", f"Where can I find the {t}?", f"In which place is the {t}?"]
    if again:
        for _ in range(2):
            s.ask("two moves", ways(x), spot2, f"The {x} is {spot2}", i, j)
        s.ask("where", [f"Where was the {x} first?", f"Where did {a} put the {x}?", f"Where was the {x} at first?"], spot, f"{a} put the {x} {spot}", i)
    else:
        s.ask("where", ways(x), spot, f"The {x} is {spot}", i)
        s.ask("where", ways(y), spot2, f"The {y} is {spot2}", j)
        s.ask("what", [f"What did {b} put {spot2}?", f"What is {spot2}?", f"Which thing is {spot2}?"], "the " + y, f"The {y} is {spot2}", j)
    s.ask("who", [f"Who put the {x} {spot}?", f"Who was it that put the {x} {spot}?", f"Which of them put the {x} {spot}?"], a, f"{a} put the {x} {spot}", i)
    s.ask("who", [f"Who put the {x if again else y} {spot2}?", f"Who was it that put the {x if again else y} {spot2}?", f"Which of them put the {x if again else y} {spot2}?"], b, f"{b} put the {x if again else y} {spot2}", j)
    z = s.one(OWN)
    s.missing(f"the {z}", ways(z))


def moves(s):
    """A went to the kitchen. B went to the barn. Then A went to the garden."""
    r = s.r
    a, b = s.who(), s.who()
    verb = r.choice(("went", "went", "walked", "ran", "moved", "came"))
    g = [s.one(GOALS) for _ in range(3)]
    order = r.choice(("aba", "aab", "baa", "aa", "aba"))
    at, last, n = {}, {}, 0
    for c in order:
        p = (a if c == "a" else b)[0]
        again = c == "a" and "a" in at
        lead = r.choice(("Then ", "Then ", "After that, ", "")) if again else ""
        at.setdefault(c, []).append((g[n], s.say(f"{lead}{p} {verb} {g[n]}.")))
        n += 1
    (first, i), (then, j) = at["a"]
    p = a[0]
    for _ in range(2):
        s.ask("two moves", [f"Where is {p} now?", f"Where is {p}?", f"Where is {p} in the end?", f"Where did {p} go last?", f"Where is {p} at the end?", f"In which place is {p} now?"],
              in_(then), f"{p} is {in_(then)}", i, j)
    s.ask("two moves", [f"Where was {p} before that?", f"Where was {p} first?", f"Where did {p} go first?", f"Where was {p} at first?"], in_(first), f"{p} was {in_(first)}", i, j)
    if "b" in at:
        (place, k), = at["b"]
        s.ask("where", [f"Where is {b[0]} now?", f"Where is {b[0]}?", f"Where did {b[0]} go?", f"In which place is {b[0]} now?"], in_(place), f"{b[0]} is {in_(place)}", k)
        s.ask("who", [f"Who {verb} {place}?", f"Who is {in_(place)}?", f"Who is it that {verb} {place}?"], b[0], f"{b[0]} {verb} {place}", k)
    c = s.who()[0]
    s.missing(c, [f"Where is {c} now?", f"Where is {c}?", f"Where did {c} go?", f"In which place is {c} now?"])


def in_(goal):
    """to the lake -> at the lake"""
    place = goal.split(" ")[-1]
    return goal.replace("to the", "at the" if place in ("lake", "river", "bridge", "station", "market") else "on the" if place in ("beach", "hill", "farm", "field", "street") else "in the")


def carry(s):
    """A took the ball. A went to the garden: the ball is there too."""
    r = s.r
    a, b = s.who(), s.who()
    x, g, g2 = s.one(OWN), s.one(GOALS), s.one(GOALS)
    take, go = r.choice(("took", "picked up", "got")), r.choice(("went", "walked", "ran"))
    other = r.choice((0, 1, 2))                         # somebody else moves: not, before, in between
    if other == 1:
        k = s.say(f"{b[0]} {go} {g2}.")
    i = s.say(f"{a[0]} {take} the {x}.")
    if other == 2:
        k = s.say(f"{b[0]} {go} {g2}.")
    subject = a[1] if other != 2 and r.random() < 0.3 else a[0]
    j = s.say(f"{r.choice(('Then ', ''))}{subject} {go} {g}.")
    for _ in range(2):
        s.ask("two moves", [f"Where is the {x} now?", f"Where is the {x}?", f"Where did the {x} go?", f"Where is the {x} in the end?", f"In which place is the {x}?"], in_(g), f"The {x} is {in_(g)}", i, j)
    s.ask("who has what", [f"Who {take} the {x}?", f"Who has the {x}?", f"Who has the {x} now?", f"Which of them has the {x}?"], a[0], f"{a[0]} has the {x}", i)
    s.ask("where", [f"Where is {a[0]}?", f"Where is {a[0]} now?", f"Where did {a[0]} go?", f"In which place is {a[0]}?"], in_(g), f"{a[0]} is {in_(g)}", j)
    if other:
        s.ask("where", [f"Where is {b[0]}?", f"Where is {b[0]} now?", f"Where did {b[0]} go?", f"In which place is {b[0]}?"], in_(g2), f"{b[0]} is {in_(g2)}", k)
    y = s.one(OWN)
    s.missing(f"the {y}", [f"Where is the {y}?", f"Where is the {y} now?", f"In which place is the {y}?"])


def give(s):
    """A has a ball. A gives it to B. (B gives it to C.)"""
    r = s.r
    people, x = [s.who() for _ in range(3)], s.one(OWN + PETS)
    past = r.random() < 0.4
    has, gives = ("had", "gave") if past else ("has", "gives")
    at = [s.say(f"{people[0][0]} {has} {C.a(x)}.")]
    n = r.choice((1, 1, 2))
    for k in range(n):
        p, q = people[k][0], people[k + 1][0]
        subject = people[0][1] if k == 0 and r.random() < 0.3 else p
        at.append(s.say(f"{'Then ' if k else ''}{subject} {gives} {r.choice(('it', 'the ' + x))} to {q}."))
    a, z, giver = people[0][0], people[n][0], people[n - 1][0]
    for _ in range(2):
        s.ask("two moves", [f"Who has the {x} now?", f"Who has the {x}?", f"Who has the {x} in the end?", f"Who got the {x} last?", f"Which of them has the {x} now?"], z, f"{z} has the {x}", *at)
    s.ask("who has what", [f"Who had the {x} first?", f"Who had the {x} before?", f"Who had the {x} at first?"], a, f"{a} had the {x}", at[0])
    s.ask("who", [f"Who gave the {x} to {z}?", f"Who gave {z} the {x}?", f"From whom did {z} get the {x}?"], giver, f"{giver} gave the {x} to {z}", at[-1])
    s.ask("what", [f"What did {giver} give to {z}?", f"What did {z} get?", f"What does {z} have now?", f"Which thing did {z} get?"], "the " + x, f"{z} has the {x}", at[0], at[-1])


def count(s):
    """A has three apples and two pears."""
    r = s.r
    a, f, g = s.who(), s.one(FOODS), s.one(FOODS)
    digits = r.random() < 0.35
    n, m = r.sample(range(2, 20) if digits else range(2, 13), 2)
    say = (lambda k: str(k)) if digits else (lambda k: NUMBERS[k - 2])
    form = r.choice(("both", "two", "age"))
    b = s.who()
    if form == "both":
        at = s.say(f"{a[0]} has {say(n)} {f} and {say(m)} {g}.")
        rows = [(a[0], n, f, at), (a[0], m, g, at)]
    elif form == "two":
        rows = [(a[0], n, f, s.say(f"{a[0]} has {say(n)} {f}.")), (b[0], m, g, s.say(f"{b[0]} has {say(m)} {g}."))]
    else:
        for p, k in ((a[0], n), (b[0], m)):
            at = s.say(f"{p} is {say(k)} years old.")
            s.ask("how many", [f"How old is {p}?", f"What is the age of {p}?", f"How many years old is {p}?"], say(k), f"{p} is {say(k)} years old", at)
            s.ask("who", [f"Who is {say(k)} years old?", f"Who is {say(k)}?", f"Which of them is {say(k)}?"], p, f"{p} is {say(k)} years old", at)
        c = s.who()[0]
        s.missing(c, [f"How old is {c}?", f"What is the age of {c}?", f"How many years old is {c}?"])
        return
    for p, k, food, at in rows:
        s.ask("how many", [f"How many {food} does {p} have?", f"How many {food} are there?", f"How many {food} has {p}?", f"How many {food} has {p} got?"], say(k), f"{p} has {say(k)} {food}", at)
    s.ask("who has what", [f"Who has the {f}?", f"Who has {f}?", f"Who is it that has the {f}?"], a[0], f"{a[0]} has the {f}", rows[0][3])
    h = s.one(FOODS)
    s.missing(h, [f"How many {h} does {a[0]} have?", f"How many {h} are there?", f"How many {h} has {a[0]} got?"])


def why(s):
    """A is sad because the ball is broken."""
    r = s.r
    for _ in range(r.choice((1, 1, 2))):
        p, he, his = s.who()
        what, reason = r.choice([w for w in WHY + WHY_DO if w[0] not in s.used])
        env = {"he": he, "his": his, "x": s.one(OWN), "food": s.one(FOODS)}
        reason = C.fill(r, reason, env)
        joined = r.random() < 0.6
        if what in DO:
            at = [s.say(f"{p} {what} because {reason}.")] if joined else [s.say(f"{reason}."), s.say(f"So {p} {what}.")]
            ways = [f"Why does {p} {DO[what]}?", f"Why is it that {p} {what}?", f"What is the reason that {p} {what}?"]
            full = f"{p} {what} because {reason}"
            if not joined and {he, his} & set(reason.split(" ")):     # the name comes first where the reason speaks of it
                s.sentences[at[0]:] = [f"{C.cap(p)} {what}.", f"{C.cap(reason)}."]
        else:
            at = [s.say(f"{p} is {what} because {reason}.")] if joined else [s.say(f"{p} is {what}."), s.say(f"{reason}.")]
            ways = [f"Why is {p} {what}?", f"What is the reason that {p} is {what}?", f"What makes {p} {what}?"]
            full = f"{p} is {what} because {reason}"
            s.ask("who", [f"Who is {what}?", f"Which of them is {what}?", f"Who is it that is {what}?"], p, f"{p} is {what}", at[0])
        s.used.add(what)
        for _ in range(2):
            s.ask("why", ways, f"because {reason}", full, *at)


def color(s):
    """The ball is red. The hat is blue."""
    r = s.r
    owner = s.who()[0] if r.random() < 0.4 else None
    for _ in range(r.choice((2, 2, 3))):
        x, c = s.one(OWN + PETS), s.one(C.COLORS)
        at = s.say(f"{owner} has {C.a(c + ' ' + x)}." if owner else f"the {x} is {c}.")
        s.ask("what", [f"What color is the {x}?", f"What colour is the {x}?", f"Which color is the {x}?", f"What is the color of the {x}?", f"Which color does the {x} have?"], c, f"The {x} is {c}", at)
        s.ask("what", [f"What is {c}?", f"Which thing is {c}?", f"What has the color {c}?"], "the " + x, f"The {x} is {c}", at)
    y = s.one(OWN + PETS)
    s.missing(f"the {y}", [f"What color is the {y}?", f"What colour is the {y}?", f"Which color is the {y}?", f"Which color does the {y} have?"])


def deed(s):
    """A eats an apple. B reads a book."""
    r, past = s.r, s.r.random() < 0.5
    used = []
    for _ in range(r.choice((1, 2, 2, 3))):
        p = s.who()[0]
        now, was, do, objects = r.choice([d for d in DEEDS if d not in used])
        used.append((now, was, do, objects))
        o, v = r.choice(objects.split("|")), was if past else now
        at = s.say(f"{p} {v} {o}.")
        does = "did" if past else "does"
        s.ask("what", [f"What {does} {p} {do}?", f"What is it that {p} {v}?", f"Which thing {does} {p} {do}?"], o, f"{p} {v} {o}", at)
        s.ask("who", [f"Who {v} {o}?", f"Who is it that {v} {o}?", f"Which of them {v} {o}?"], p, f"{p} {v} {o}", at)
        s.ask("what", [f"What {does} {p} do?", f"What is {p} doing?" if not past else f"What was it that {p} did?", f"Tell me what {p} {does}."], f"{p} {v} {o}", f"{p} {v} {o}", at)
    q = s.who()[0]
    s.missing(q, [f"What {does} {q} do?", f"What {does} {q} {do}?", f"Which thing {does} {q} {do}?"])


def when(s):
    """On Monday, A went to the lake. On Friday, A ..."""
    r = s.r
    p, verb = s.who()[0], r.choice(("went", "walked"))
    pool = [t for t in TIMES if t.startswith("on ")] if r.random() < 0.6 else [t for t in TIMES if not t.startswith("on ")]
    for _ in range(r.choice((1, 2, 2))):
        t, g = s.one(pool), s.one(GOALS)
        at = s.say(f"{t}, {p} {verb} {g}." if r.random() < 0.5 else f"{p} {verb} {g} {t}.")
        s.ask("when", [f"When did {p} go {g}?", f"When was it that {p} went {g}?", f"On which day did {p} go {g}?" if t.startswith("on ") else f"At what time did {p} go {g}?"], t, f"{p} {verb} {g} {t}", at)
        s.ask("where", [f"Where did {p} go {t}?", f"Where did {p} go {t}?", f"To which place did {p} go {t}?"], g, f"{p} {verb} {g} {t}", at)
        s.ask("where", [f"Where was {p} {t}?", f"Where was {p} {t}?", f"In which place was {p} {t}?"], in_(g), f"{p} was {in_(g)} {t}", at)
    t2 = s.one(pool)
    s.missing(t2.split(" ")[-1], [f"Where did {p} go {t2}?", f"Where was {p} {t2}?", f"To which place did {p} go {t2}?"])


def compare(s):
    """A is taller than B. B is taller than C."""
    r = s.r
    more, most, least = r.choice(COMPARE)
    p = [s.who()[0] for _ in range(r.choice((2, 3, 3)))]
    pairs = list(zip(p, p[1:]))
    turned = len(p) == 3 and r.random() < 0.4
    at = [s.say(f"{x} is {more} than {y}.") for x, y in (reversed(pairs) if turned else pairs)]
    if len(p) == 2:
        s.ask("compare", [f"Who is {more}?", f"Who is {more}, {p[0]} or {p[1]}?", f"Who is {more}, {p[1]} or {p[0]}?", f"Which of them is {more}?"], p[0], f"{p[0]} is {more}", at[0])
        return
    for name, word in ((p[0], most), (p[2], least)):
        s.ask("two facts", [f"Who is the {word}?", f"Who is {word}?", f"Which of them is the {word}?", f"Who of them is the {word}?"], name, f"{name} is the {word}", *sorted(at))
    s.ask("compare", [f"Who is {more}, {p[0]} or {p[1]}?", f"Who is {more}, {p[1]} or {p[0]}?", f"Which of the two is {more}, {p[0]} or {p[1]}?"], p[0], f"{p[0]} is {more}", at[-1 if turned else 0])


def job(s):
    """A is a baker. The dog is called Rex."""
    r = s.r
    if not s.nouns and r.random() < 0.6:
        for _ in range(r.choice((1, 2, 3))):
            p, j = s.who()[0], s.one(JOBS)
            at = s.say(f"{p} is {C.a(j)}.")
            s.ask("what", [f"What is {p}?", f"What is the job of {p}?", f"Which job does {p} have?", f"What work does {p} do?"], C.a(j), f"{p} is {C.a(j)}", at)
            s.ask("who", [f"Who is the {j}?", f"Who is {C.a(j)}?", f"Which of them is the {j}?"], p, f"{p} is the {j}", at)
        return
    for _ in range(r.choice((1, 2, 2))):
        n, name = s.one(PETS), s.one(C.BOYS + C.GIRLS)
        at = s.say(f"the {n} is {r.choice(('called', 'named'))} {name}.")
        s.ask("what", [f"What is the {n} called?", f"What is the name of the {n}?", f"What is the {n}'s name?", f"Which name does the {n} have?"], name, f"The {n} is called {name}", at)
        s.ask("who", [f"Who is {name}?", f"Who or what is {name}?", f"Which animal is {name}?"], "the " + n, f"{name} is the {n}", at)
    n = s.one(PETS)
    s.missing(f"the {n}", [f"What is the {n} called?", f"What is the name of the {n}?", f"What is the {n}'s name?", f"Which name does the {n} have?"])


def together(s):
    """A, B and C are in the garden."""
    people, room = [s.who()[0] for _ in range(s.r.choice((2, 3, 3, 4)))], f"in the {s.one(ROOMS)}"
    n = "two three four".split()[len(people) - 2]
    everybody = ", ".join(people[:-1]) + " and " + people[-1]
    at = s.say(f"{everybody} are {room}.")
    s.ask("how many", [f"How many are {room}?", f"How many of them are {room}?", f"How many friends are {room}?"], n, f"There are {n}", at)
    s.ask("who", [f"Who is {room}?", f"Who are the ones {room}?", f"Tell me who is {room}."], everybody, f"{everybody} are {room}", at)
    s.ask("where", [f"Where is {people[0]}?", f"Where are they?", f"Where are {people[0]} and {people[1]}?", f"In which place are they?"], room, f"They are {room}", at)


def one_person(s):
    """Several things about one: A has a red ball. He is in the garden. He is sad because ..."""
    r = s.r
    p, he, his = s.who()
    x, c, room = s.one(OWN), s.one(C.COLORS), f"in the {s.one(ROOMS)}"
    feel, reason = r.choice(WHY)
    reason = C.fill(r, reason, {"he": he, "his": his, "x": x if "broken" in reason or "lost" in reason or "took" in reason else s.one(OWN), "food": s.one(FOODS)})
    q = s.who()[0]
    parts = ["has", "is", "why", "with"]
    r.shuffle(parts)
    parts = parts[:r.choice((2, 3, 3, 4))]
    for k, what in enumerate(parts):
        sub = p if k == 0 or r.random() < 0.2 else he
        if what == "has":
            at = s.say(f"{sub} has {C.a(c + ' ' + x)}.")
            s.ask("what", [f"What does {p} have?", f"Which thing does {p} have?", f"What is it that {p} has?"], C.a(c + " " + x), f"{p} has {C.a(c + ' ' + x)}", at)
            s.ask("what", [f"What color is the {x}?", f"What colour is the {x}?", f"What is the color of the {x}?"], c, f"The {x} is {c}", at)
        elif what == "is":
            at = s.say(f"{sub} is {room}.")
            s.ask("where", [f"Where is {p}?", f"Where is {p} now?", f"In which place is {p}?"], room, f"{p} is {room}", at)
        elif what == "why":
            at = s.say(f"{sub} is {feel} because {reason}.")
            s.ask("why", [f"Why is {p} {feel}?", f"What is the reason that {p} is {feel}?", f"What makes {p} {feel}?"], f"because {reason}", f"{p} is {feel} because {reason}", at)
        else:
            at = s.say(f"{sub} {r.choice(('plays', 'talks', 'walks', 'works'))} with {q}.")
            s.ask("who", [f"Who is with {p}?", f"With whom is {p}?", f"Who is there with {p}?"], q, f"{q} is with {p}", at)
    for what, about, ways in (("is", f"where {p} is", [f"Where is {p}?", f"Where is {p} now?", f"In which place is {p}?"]),
                              ("has", f"what {p} has", [f"What does {p} have?", f"Which thing does {p} have?", f"What is it that {p} has?"]),
                              ("with", f"who is with {p}", [f"Who is with {p}?", f"With whom is {p}?", f"Who is there with {p}?"]),
                              ("", f"the age of {p}", [f"How old is {p}?", f"What is the age of {p}?", f"How many years old is {p}?"])):
        if what not in parts:
            s.missing(about, ways)


# (scene, its share, what it is about: two scenes of one text differ in it)
SCENES = [(who_has, 17, "has"), (where, 11, "place"), (moves, 15, "place"), (put, 8, "place"), (carry, 10, "place"), (give, 10, "has"), (count, 8, "has"), (why, 8, "why"), (color, 5, "color"),
          (deed, 7, "deed"), (when, 5, "place"), (compare, 5, "compare"), (job, 5, "job"), (together, 3, "place"), (one_person, 9, None)]
