"""Kinds of facts: how the rows of each table are asked, thought about and answered.

Of the ways to ask the last two are held out (exchange.py). The answer to a fact is one sentence, always the same; what else
counts as right stands in shorts. topic says in one wording what is asked, whatever the way: the thought that finds the fact.
"""
import re
from dataclasses import dataclass, field

import facts_nature as N
import facts_single as S
import facts_world as W
from facts_nature import entries


def sentence(text):
    return text[0].upper() + text[1:]


def a(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


@dataclass
class Kind:
    name: str
    ways: list
    topic: str
    answer: str
    shorts: list
    rows: list                                          # of dicts, what the templates name
    weight: float = 1.0                                 # of a row, beside those of other kinds
    more: str = ""                                      # how the next of the same kind may be asked: "And {x}?"
    yes: list = field(default_factory=list)             # ways to ask whether it is {z}; z is guessed among the rows' y
    any_of: bool = False                                # several answers are right: row["right"] has them


KINDS = []
IRREGULAR = dict(w.split() for w in entries(W.PLURALS)) | {w: w for w in ("moose", "salmon", "goldfish")}


def kind(name, ways, topic, answer, shorts, rows, **more):
    KINDS.append(Kind(name, ways, topic, answer, shorts, rows, **more))


def animal_rows(column):
    """Rows of the animals that have something in the column; x with its article, n without."""
    table = [line.split("|") for line in N.ANIMALS.strip().split("\n")]
    return [{"n": t[0], "x": a(t[0]), "xs": plural(t[0]), "y": t[column]} for t in table if t[column] != "-"]


def plural(noun):
    """As the table of plurals has it, else by the rule."""
    first, _, last = noun.rpartition(" ")
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif re.search("[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "es" if re.search("(s|x|ch|sh)$", last) else "s"
    return f"{first} {last}".strip()


# ---- nature
IS_A = ["Is {x} {az}?", "Is it true that {x} is {az}?", "{x} is {az}, right?", "Would you call {x} {az}?", "Am I right that {x} is {az}?", "Would you say {x} is {az}?"]
kind("color", ["What color is {x}?", "What colour is {x}?", "What is the color of {x}?", "Which color is {x}?", "What color does {x} have?", "Tell me the color of {x}.",
               "{x} is what color?", "Do you know the color of {x}?", "The color of {x}?", "Can you tell me what color {x} is?", "I want to know the color of {x}."],
     "the color of {x}", "{x} is {y}.", ["{y}", "it is {y}"], [{"x": x, "y": c} for c, t in N.COLORS.items() for x in entries(t)], more="And {x}?", weight=1.5,
     yes=["Is {x} {z}?", "Is it true that {x} is {z}?", "{x} is {z}, right?", "Is the color of {x} {z}?", "Would you say that {x} is {z}?", "Am I right that {x} is {z}?"])
kind("something of a color", ["Name something {y}.", "What can be {y}?", "Tell me something that is {y}.", "Name a thing that is {y}.", "Do you know something {y}?", "Which thing is {y}?", "Give me something {y}.",
                              "Say something that is {y}.", "What do you know that is {y}?", "Can you name something {y}?"],
     "something {y}", "{x} is {y}.", ["{x}"], [{"x": entries(t)[0], "y": c, "right": entries(t)} for c, t in N.COLORS.items()], weight=3, any_of=True)
kind("legs", ["How many legs does {x} have?", "How many legs do {xs} have?", "How many legs has {x}?", "Number of legs of {x}?", "Tell me how many legs {x} has.", "{x} has how many legs?", "Do you know how many legs {x} has?",
              "On how many legs does {x} walk?", "How many legs are on {x}?", "Can you say how many legs {x} has?", "What number of legs does {x} have?"],
     "the legs of {x}", "{x} has {y} legs.", ["{y}", "{y} legs"], animal_rows(2), more="And {x}?", weight=.4,
     yes=["Does {x} have {z} legs?", "Has {x} {z} legs?", "Is it true that {x} has {z} legs?", "{x} has {z} legs, right?", "Am I right that {x} has {z} legs?", "Would you say {x} has {z} legs?"])
kind("animal food", ["What does {x} eat?", "What do {xs} eat?", "What do you feed {x}?", "What does {x} like to eat?", "What is the food of {x}?", "Tell me what {x} eats.", "What food does {x} eat?", "Do you know what {x} eats?",
                     "{x} eats what?", "What can I give {x} to eat?", "Can you tell me what {x} eats?"],
     "the food of {x}", "{x} eats {y}.", ["{y}", "it eats {y}"], animal_rows(4), more="And what does {x} eat?")
kind("animal home", ["Where does {x} live?", "Where do {xs} live?", "Where is the home of {x}?", "Where do you find {x}?", "Tell me where {x} lives.", "Where can I find {x}?", "What is the home of {x}?", "Do you know where {x} lives?",
                     "In what place does {x} live?", "Can you tell me where {x} lives?", "Where would I find {x}?"],
     "the home of {x}", "{x} lives {y}.", ["{y}", "it lives {y}"], animal_rows(5), more="And where does {x} live?")
kind("young", ["What is a baby {n} called?", "What do you call a baby {n}?", "What is the young of {x} called?", "What is a young {n}?", "What is the name of a baby {n}?", "Tell me what a baby {n} is called.",
               "How do you call a young {n}?", "A baby {n} is called what?", "What is the word for a baby {n}?", "Do you know what a young {n} is called?"],
     "the young of {x}", "a baby {n} is called {ay}.", ["{y}", "{ay}"], [dict(r, ay=a(r["y"])) for r in animal_rows(6)])
kind("sound", ["What sound does {x} make?", "What sound do {xs} make?", "What do {xs} say?", "What does {x} say?", "What noise does {x} make?", "How does {x} sound?", "What is the sound of {x}?", "Tell me what sound {x} makes.", "How does {x} talk?",
               "Which sound does {x} make?", "What noise do you hear from {x}?", "Do you know what sound {x} makes?"],
     "the sound of {x}", "{x} {y}.", ["{y}", "it {y}"], animal_rows(7), more="And {x}?", weight=1.2)
kind("what animal", ["What is {x}?", "What kind of animal is {x}?", "What sort of animal is {x}?", "Tell me what {x} is.", "Do you know what {x} is?", "{x} is what?", "What animal is {x}?", "What is {x}, do you know?",
                     "What type of animal is {x}?", "Can you tell me what {x} is?"],
     "what {x} is", "{x} is {ay}.", ["{y}", "{ay}"], [dict(r, ay=a(r["y"]) if r["y"] != "fish" else "a fish") for r in animal_rows(1) if r["n"] != "worm"], weight=.6,
     yes=IS_A)


def can_rows(letter, verb):
    moves = {r["n"]: r["y"] for r in animal_rows(3)}
    rows = [dict(r, y=moves.get(r["n"], ""), v=verb) for r in animal_rows(1)]
    rows = [r for r in rows if letter in r["y"] or verb == "fly" or r["n"] in N.NO_SWIMMERS]
    return [dict(r, y=f"Yes, {r['x']} can {verb}." if letter in r["y"] else f"No, {r['x']} cannot {verb}.", s="yes" if letter in r["y"] else "no", c="can" if letter in r["y"] else "cannot") for r in rows]


kind("fly and swim", ["Can {x} {v}?", "Can {xs} {v}?", "Do {xs} {v}?", "Is {x} able to {v}?", "Does {x} {v}?", "Do you know if {x} can {v}?", "Tell me if {x} can {v}.", "Can you tell me if {x} can {v}?", "{x} can {v}, right?", "Is it true that {x} can {v}?",
                      "Would {x} be able to {v}?", "I want to know if {x} can {v}."],
     "if {x} can {v}", "{y}", ["{s}", "{s}, it {c}", "{x} {c} {v}", "{s}, it {c} {v}"], can_rows("f", "fly") + can_rows("s", "swim"), weight=.5)
kind("class", ["What is {x}?", "What kind of thing is {x}?", "Tell me what {x} is.", "Do you know what {x} is?", "What sort of thing is {x}?", "{x} is what?", "What do you call {x}?", "What is {x}, do you know?",
               "What type of thing is {x}?", "Can you tell me what {x} is?"],
     "what {x} is", "{x} is {ay}.", ["{y}", "{ay}"],
     [{"x": x, "y": c, "ay": a(c)} for c, t in N.CLASSES.items() for w in entries(t) for x in [w if w[0].isupper() or c in ("color", "drink", "metal", "sport") else a(w)] if w not in ("orange", "star")], weight=.8,
     yes=IS_A)
kind("one of a class", ["Name {ay}.", "Tell me {ay}.", "Do you know {ay}?", "Give me {ay}.", "Name one {y}.", "Which {y} do you know?", "Can you name {ay}?", "Say the name of {ay}.", "What {y} do you know?", "Please name {ay}."],
     "the name of {ay}", "{x} is {ay}.", ["{x}"],
     [{"x": x, "y": c, "ay": a(c), "right": entries(t)} for c, t in list(N.CLASSES.items()) + [("animal", "dog, " + ", ".join(r["n"] for r in animal_rows(1))), ("bird", "sparrow, " + ", ".join(r["n"] for r in animal_rows(1) if r["y"] == "bird")),
                                                                                           ("insect", "bee, " + ", ".join(r["n"] for r in animal_rows(1) if r["y"] == "insect"))]
      for w in [entries(t)[0]] for x in [w if w[0].isupper() or c in ("color", "drink", "metal", "sport") else a(w)]], weight=3, any_of=True)

# ---- words
OPPOSITE = [w.split() for w in entries(N.OPPOSITES)]
kind("opposite", ["What is the opposite of {x}?", "What's the opposite of {x}?", "The opposite of {x}?", "Opposite of {x}", "Tell me the opposite of {x}.", "Which word is the opposite of {x}?", "What is the contrary of {x}?",
                  "Do you know the opposite of {x}?", "Give me the opposite of {x}.", "What word means the opposite of {x}?", "Can you tell me the opposite of {x}?", "{x} has which opposite?"],
     "the opposite of {x}", "the opposite of {x} is {y}.", ["{y}"],
     [{"x": x, "y": y} for p in OPPOSITE for x, y in (p, p[::-1])] + [dict(zip("xy", w.split())) for w in entries(N.OPPOSITES_ONE_WAY)], more="And of {x}?", weight=1.3,
     yes=["Is {z} the opposite of {x}?", "Is the opposite of {x} {z}?", "Is it true that {z} is the opposite of {x}?", "The opposite of {x} is {z}, right?", "Am I right that {z} is the opposite of {x}?",
          "Would you say the opposite of {x} is {z}?"])
kind("plural", ["What is the plural of {x}?", "The plural of {x}?", "Plural of {x}", "What's the plural of {x}?", "Tell me the plural of {x}.", "One {x}, two what?", "How do you say more than one {x}?", "Do you know the plural of {x}?",
                "Give me the plural of {x}.", "Can you tell me the plural of {x}?", "What do you call more than one {x}?"],
     "the plural of {x}", "the plural of {x} is {y}.", ["{y}"], [dict(zip("xy", w.split())) for w in entries(W.PLURALS)], more="And of {x}?", weight=.6)


def rhyme_rows():
    rows, seen = [], set()
    for group in [g.split() for g in entries(W.RHYMES)]:
        for w in group:
            if w not in seen:
                rows.append({"x": w, "y": group[0] if w != group[0] else group[1], "right": [o for o in group if o != w]})
                seen.add(w)
    return rows


kind("rhyme", ["What rhymes with {x}?", "Which word rhymes with {x}?", "Tell me a word that rhymes with {x}.", "Give me a rhyme for {x}.", "A rhyme for {x}?", "Find a word that rhymes with {x}.", "Do you know a rhyme for {x}?",
               "Name a word that rhymes with {x}.", "Can you find a rhyme for {x}?", "I need a word that rhymes with {x}."],
     "a rhyme for {x}", "{x} rhymes with {y}.", ["{y}"], rhyme_rows(), any_of=True, more="And with {x}?", weight=.7)

# ---- time
NEXT = ["What comes after {x}?", "Which {k} comes after {x}?", "What {k} comes after {x}?", "Which {k} follows {x}?", "Tell me the {k} after {x}.", "After {x} comes what?", "What is the {k} after {x}?", "What is next after {x}?",
        "Do you know the {k} that comes after {x}?", "Which {k} is next after {x}?"]
BEFORE = ["What comes before {x}?", "Which {k} comes before {x}?", "What {k} comes before {x}?", "Which {k} is before {x}?", "Tell me the {k} before {x}.", "Before {x} comes what?", "What is the {k} before {x}?", "What was before {x}?",
          "Do you know the {k} that comes before {x}?", "Which {k} is right before {x}?"]
CIRCLES = [("day", W.DAYS), ("month", W.MONTHS), ("season", W.SEASONS)]
kind("after", NEXT, "the {k} after {x}", "{y} comes after {x}.", ["{y}"], [{"x": c[i - 1], "y": c[i], "k": k} for k, c in CIRCLES for i in range(len(c))], weight=2, more="And after {x}?")
kind("before", BEFORE, "the {k} before {x}", "{y} comes before {x}.", ["{y}"], [{"x": c[i], "y": c[i - 1], "k": k} for k, c in CIRCLES for i in range(len(c))], weight=2, more="And before {x}?")
kind("which of a row", ["Which is the {x} {k} of the {u}?", "What is the {x} {k} of the {u}?", "Name the {x} {k} of the {u}.", "Tell me the {x} {k} of the {u}.", "The {x} {k} of the {u}?", "Which {k} is the {x} of the {u}?",
                        "What {k} is the {x} of the {u}?", "Do you know the {x} {k} of the {u}?", "Which {k} is number {i} in the {u}?", "Can you name the {x} {k} of the {u}?"],
     "the {x} {k} of the {u}", "the {x} {k} of the {u} is {y}.", ["{y}"],
     [{"x": W.ORDINALS[i], "y": y, "k": k, "u": u, "i": i + 1} for k, u, c in (("day", "week", W.DAYS), ("month", "year", W.MONTHS)) for i, y in enumerate(c)], weight=1.5)
kind("days of a month", ["How many days does {x} have?", "How many days are in {x}?", "How many days has {x}?", "How long is {x}?", "Tell me how many days {x} has.", "{x} has how many days?", "Do you know how many days {x} has?",
                         "Number of days in {x}?", "Can you say how many days {x} has?", "How many days are there in {x}?"],
     "the days of {x}", "{x} has {y} days.", ["{y}", "{y} days"], [{"x": m, "y": d} for m, d in zip(W.MONTHS, W.MONTH_DAYS)], weight=2)
kind("season of a month", ["In which season is {x}?", "Which season is {x} in?", "What season is {x}?", "{x} is in which season?", "Tell me the season of {x}.", "What is the season of {x}?", "What season do we have in {x}?",
                           "Do you know the season of {x}?", "To which season does {x} belong?", "Can you tell me what season {x} is in?"],
     "the season of {x}", "{x} is in {y}.", ["{y}", "in {y}"], [{"x": m, "y": d} for m, d in zip(W.MONTHS, W.SEASON_OF)], weight=2)


def count_rows():
    """How many there are, and how many one has, are two sentences: their rows apart."""
    are, have = [], []
    for what, of, n in (line.split("|") for line in W.COUNTS.strip().split("\n")):
        one = {"noses": "nose", "hearts": "heart", "wheels": "wheel", "horns": "horn", "trunks": "trunk"}.get(what, what) if n == "one" else what
        if of.startswith("does "):
            have.append({"x": of[5:-5], "w": what, "y": n, "one": one})
        else:
            are.append({"x": of[4:], "w": what, "y": n, "be": "is" if n == "one" else "are"})
    return are, have


ARE, HAVE = count_rows()
kind("how many are", ["How many {w} are {x}?", "How many {w} are there {x}?", "Tell me how many {w} are {x}.", "Do you know how many {w} are {x}?", "What number of {w} is {x}?", "The number of {w} {x}?", "How many {w} do you find {x}?",
                      "Say how many {w} are {x}.", "Can you tell me how many {w} are {x}?", "I want to know how many {w} are {x}."],
     "the number of {w} {x}", "there are {y} {w} {x}.", ["{y}", "{y} {w}", "{y} {w} are {x}"], [r for r in ARE if r["x"].split()[0] in ("in", "on")], weight=2)
kind("how many has", ["How many {w} does {x} have?", "How many {w} has {x}?", "Tell me how many {w} {x} has.", "Do you know how many {w} {x} has?", "{x} has how many {w}?", "The number of {w} of {x}?", "How many {w} are on {x}?",
                      "Say how many {w} {x} has.", "Can you tell me how many {w} {x} has?", "I want to know how many {w} {x} has."],
     "the {w} of {x}", "{x} has {y} {one}.", ["{y}", "{y} {one}"], HAVE, weight=1.5)
kind("how many make", ["How many {w} are {x}?", "{x} are how many {w}?", "Tell me how many {w} are {x}.", "Do you know how many {w} are {x}?", "How many are {x}?", "What number is {x}?", "How many {w} do {x} have?", "{x}: how many {w}?",
                       "Can you tell me how many {w} are {x}?", "I want to know how many {w} {x} are."],
     "how many {x} are", "{x} are {y} {w}.", ["{y}", "{y} {w}"], [r for r in ARE if r["x"].split()[0] not in ("in", "on")], weight=2)

# ---- people and things
JOBS = [dict(zip("ny", line.split("|"))) for line in W.JOBS.strip().split("\n")]
JOBS = [dict(r, x=a(r["n"])) for r in JOBS]
kind("job", ["What does {x} do?", "What is the job of {x}?", "What is the work of {x}?", "Tell me what {x} does.", "What does {x} do all day?", "What does {x} do at work?", "Do you know what {x} does?", "What is {x}?", "Can you tell me what {x} does?",
             "What work does {x} do?"], "the job of {x}", "{x} {y}.", ["{y}", "it is someone who {y}", "he {y}", "{x} is someone who {y}"], JOBS)
WHO = [r for r in JOBS if sum(o["y"] == r["y"] for o in JOBS) == 1]
kind("who does", ["Who {y}?", "Tell me who {y}.", "Which job is it: who {y}?", "Do you know who {y}?", "What do you call someone who {y}?", "What is the name of a person who {y}?", "A person who {y} is what?", "Someone who {y} is called what?",
                  "Can you tell me who {y}?", "How do you call a person who {y}?"], "who {y}", "{x} {y}.", ["{x}", "{n}"], WHO, weight=.7)
kind("use", ["What is {x} for?", "What do you do with {x}?", "What do you use {x} for?", "What is {x} used for?", "What can you do with {x}?", "Why do people use {x}?", "Tell me what {x} is for.", "Do you know what {x} is for?",
             "Can you tell me what {x} is for?", "What do people use {x} for?"], "the use of {x}", "{x} is for {y}.", ["{y}", "for {y}", "it is for {y}"],
     [dict(zip("xy", line.split("|"))) for line in W.USES.strip().split("\n")])
for k in KINDS[-1].rows:
    k["is"] = "are" if k["x"] == "scissors" else "is"
KINDS[-1].ways = [w.replace("is {x}", "{is} {x}").replace("{x} is", "{x} {is}") for w in KINDS[-1].ways]
KINDS[-1].answer = "{x} {is} for {y}."
MADE = [e.rsplit(" ", 1) for e in entries(W.MADE_OF)]
kind("made of", ["What is {x} made of?", "What do you make {x} of?", "What is {x} made from?", "{x} is made of what?", "Tell me what {x} is made of.", "What do you need to make {x}?", "From what is {x} made?",
                 "Do you know what {x} is made of?", "What material is {x} made of?", "Can you tell me what {x} is made of?"],
     "what {x} is made of", "{x} is made of {y}.", ["{y}", "of {y}", "it is made of {y}", "{x} is made from {y}"], [{"x": x, "y": y} for x, y in MADE], more="And {x}?")
kind("body", ["What do you do with your {x}?", "What are {x} for?", "What can you do with your {x}?", "What do we do with our {x}?", "What do people do with their {x}?", "Why do we have {x}?", "Tell me what we do with our {x}.",
              "What is the use of our {x}?", "What do you use your {x} for?", "Can you say what we do with our {x}?"],
     "the use of our {x}", "we {y} with our {x}.", ["{y}", "we {y}", "to {y}"], [dict(zip("xy", e.split(" ", 1))) for e in entries(W.BODY)], weight=1.5)
for r in KINDS[-1].rows:
    r["are"], r["o"] = ("are", r["x"]) if r["x"] in "eyes ears teeth hands feet fingers lungs lips legs knees arms".split() else ("is", "a " + r["x"])
KINDS[-1].ways = [w.replace("are {x} for", "{are} {o} for").replace("have {x}", "have {o}") for w in KINDS[-1].ways]
kind("what with", ["With what do we {y}?", "What do we {y} with?", "Which part of the body do we {y} with?", "What do you {y} with?", "Tell me what we {y} with.", "What part of the body helps us {y}?", "What do people {y} with?",
                   "Do you know what we {y} with?", "Which part of us do we {y} with?", "Can you tell me what we {y} with?"],
     "what we {y} with", "we {y} with our {x}.", ["{x}", "our {x}", "with our {x}", "your {x}"], [dict(zip("xy", e.split(" ", 1))) for e in entries(W.BODY)])
kind("worn", ["What do you wear on your {x}?", "What do we wear on our {x}?", "What goes on your {x}?", "What do people wear on their {x}?", "Tell me what we wear on our {x}.", "What do you put on your {x}?", "What can I wear on my {x}?",
              "Which thing do we wear on our {x}?", "What would you put on your {x}?", "Do you know what we wear on our {x}?"],
     "what we wear on our {x}", "we wear {y} on our {x}.", ["{y}"], [dict(zip("xy", e.split(" ", 1))) for e in entries(W.WORN)])
kind("property", ["Is {x} {p} or {q}?", "Is {x} {q} or {p}?", "What is {x}, {p} or {q}?", "{x}: {p} or {q}?", "Tell me if {x} is {p} or {q}.", "Do you know if {x} is {q} or {p}?", "Would you say {x} is {p} or {q}?", "How is {x}, {q} or {p}?",
                  "Can you tell me if {x} is {p} or {q}?", "Which is right for {x}, {q} or {p}?"],
     "if {x} is {p} or {q}", "{x} is {y}.", ["{y}", "it is {y}"], [{"x": x, "y": y, "p": p, "q": q} for p, q, one, two in W.PROPERTIES for y, t in ((p, one), (q, two)) for x in entries(t)],
     yes=["Is {x} {z}?", "Is it true that {x} is {z}?", "{x} is {z}, right?", "Would you say that {x} is {z}?", "Am I right that {x} is {z}?", "Can you tell me if {x} is {z}?"])

# ---- places and languages
LANDS = [{"x": x.replace("_", " "), "y": y.replace("_", " "), "c": part.split(":")[0].strip()} for part in W.CAPITALS.split(";") for x, y in (e.split() for e in entries(part.split(":")[1]))]
kind("capital", ["What is the capital of {x}?", "What's the capital of {x}?", "The capital of {x}?", "Capital of {x}", "Which city is the capital of {x}?", "Tell me the capital of {x}.", "Do you know the capital of {x}?",
                 "Name the capital of {x}.", "Can you tell me the capital of {x}?", "What city is the capital of {x}?"],
     "the capital of {x}", "the capital of {x} is {y}.", ["{y}", "{y} is the capital of {x}"], LANDS, more="And of {x}?", weight=1.5,
     yes=["Is {z} the capital of {x}?", "Is the capital of {x} {z}?", "Is it true that {z} is the capital of {x}?", "The capital of {x} is {z}, right?", "Am I right that {z} is the capital of {x}?",
          "Would you say {z} is the capital of {x}?"])
kind("capital of what", ["{y} is the capital of which country?", "Which country has the capital {y}?", "Of which country is {y} the capital?", "In which country is {y}?", "Where is {y}?", "What country is {y} in?",
                         "Tell me the country of {y}.", "Do you know where {y} is?", "Can you tell me which country {y} is in?", "In what country can I find {y}?"],
     "the country of {y}", "{y} is the capital of {x}.", ["{x}", "in {x}", "{y} is in {x}"], LANDS, weight=.7)
kind("continent", ["On which continent is {x}?", "Which continent is {x} in?", "What continent is {x} in?", "Where is {x}?", "Tell me the continent of {x}.", "{x} is on which continent?", "In which part of the world is {x}?",
                   "Do you know where {x} is?", "Can you tell me where {x} is?", "On what continent is {x}?"],
     "the continent of {x}", "{x} is in {c}.", ["{c}", "in {c}"], LANDS, weight=.7)
kind("in a language", ["How do you say {x} in {l}?", "What is {x} in {l}?", "What is the {l} word for {x}?", "How do I say {x} in {l}?", "Say {x} in {l}.", "Tell me how to say {x} in {l}.", "{x} in {l}?", "What do you say in {l} for {x}?",
                       "Can you say {x} in {l}?", "Do you know how to say {x} in {l}?"],
     "the {l} for {x}", "{x} in {l} is {y}.", ["{y}"], [{"x": w[0], "l": l, "y": y} for w in (line.split("|") for line in W.GREETINGS.split("\n")) for l, y in zip(W.LANGUAGES, w[1:])])

# ---- single facts
kind("why", ["Why {x}?", "Why {x}, do you know?", "Tell me why {n}.", "Do you know why {n}?", "Can you say why {n}?", "Please explain why {n}.", "How come {n}?", "Explain why {n}.", "What is the reason that {n}?", "Can you tell me why {n}?",
             "I want to know why {n}."], "why {n}", "{y}", ["because {b}"],
     [dict(zip("xny", line.split("|")), b=line.split(" because ")[1].rstrip(".")) for line in S.WHY.strip().split("\n")], weight=1.5)
kind("single", ["{x}", "{x}", "Tell me {n}.", "Do you know {n}?", "Say {n}.", "{x} Do you know?", "I have a question: {x}", "Please tell me {n}.", "Can you tell me {n}?", "I want to know {n}."],
     "{n}", "{y}", ["{s}"], [dict(zip("xnys", line.split("|"))) for line in S.SINGLE.strip().split("\n")], weight=1.5)
