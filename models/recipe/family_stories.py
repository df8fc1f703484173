#!/usr/bin/env python3
"""Stories on request, and what is said about them: python3 models/recipe/family_stories.py [seed [count]] prints some.

A story is one row of plots.py told with a hero, a friend, a thing, a place and an ending. What is asked for of these
comes true; the rest is drawn. Questions about it have one short answer each, and the sentence that proves it.
"""
import re
import sys

import cast as C
import plots as P
from exchange import Ask, Exchange

SENTENCES = re.compile(r"(?<=[.!?\"]) (?=[\"A-Z])")
OPENINGS = ["{Once upon a time|Once|Long ago}, there was [who] named [H]. [H] lived [in_P].",
            "{Once upon a time|Once|Long ago}, [who] named [H] lived [in_P].",
            "^[in_P], there lived [who] named [H]."]

REQUESTS = ["Tell me {a|a|a|a short|a nice} story[about].", "Please tell me a story[about].", "{Can|Could} you tell me a story[about]?",
            "I want {a|to hear a} story[about].", "Write {a|a short|me a} story[about].", "A story[about], please.", "Give me a {story|little story}[about].",
            "Make up a story[about].", "I would like {a|to hear a} story[about].", "{Do you know a|May I have a|Is there a} story[about]?", "Tell us a story[about].",
            "Story[about].", "Write me a {small |}story[about], please.", "{Can|Will} you write a story[about]?",
            "Tell a story[about].", "Could I hear a story[about]?"]
FREE = ["Tell me a {bedtime|good|new|funny|fairy} {story|tale}.", "Tell me a {short|little|nice|sweet|long} story.", "Write a {short|little|nice|new} story.", "{Write|Make up|Invent} a story for {me|us|my son|my daughter|my child}.",
        "{Give|Tell|Read} me a {story|tale}, please.", "{Could|Would|Will} you tell me a story?", "I {would like|want|need} a {story|bedtime story}.", "Story", "A short story", "A {nice|good|new} story, please.",
        "Please write a {short |little |}story.", "Let me hear a story.", "Have you got a story for me?", "Tell us a {story|tale}.", "Tell me a story.", "Tell me a story!", "I want to hear a story.", "Can you tell me a story?",
        "A story, please.", "Tell me something nice.", "Do you know a story?", "Please tell me a story.", "What story can you tell me?",
        "Write a story.", "Story please", "tell me a tale", "Tell me any story you like.", "One story before I sleep, please."]
# How parts of a request are said: what goes into the sentence, and what is said after it (begins with a full stop).
ABOUT_HERO = [" about [a_n]", " about [a_n]", " about [a_n]", " about [a_n]", " with [a_n] in it", " where [a_n] is the hero", " of [a_n]"]
ABOUT_NAMED = [" about [a_n] named [H]", " about [a_n] called [H]", " about [H] the [n]", " about [H], who is [a_n]", " about [a_n]. Its name is [H]",
               ". The hero is [a_n] named [H]", " about [a_n] with the name [H]"]
ABOUT_NAME = [" about [H]", " about [H]", " with [H] in it", " where [H] is the hero", ". The hero is [H]", " about somebody called [H]"]
ABOUT_TWO = [" about [H] and [F]", " about two friends, [H] and [F]", " with [H] and [F]", ". [H] and [F] should be in it", " of [H] and [F]"]
WITH_THING = [" and [a_T]", " with [a_T]", " that has [a_T] in it", ". There should be [a_T] in it", ". Put [a_T] into it", " in which there is [a_T]"]
AT_PLACE = [" [in_P]", ", [in_P]", ". It happens [in_P]", ". It should be [in_P]", ". The hero lives [in_P]"]
WITH_END = [" that ends with [e]", ", with [e] at the end", ". It should end with [e]", ". At the end there should be [e]", ". The ending is [e]",
            ". Let it end with [e]", ". I want [e] at the end", ". End it with [e]", " and ends with [e]", ". It ends with [e]"]
ON_TOPIC = [" about [topic]", ", something about [topic]", " on [topic]", " that is about [topic]"]
BEGUN = ["Go on with this story: [b]", "Continue this story: [b]", "Finish this story: [b]", "How does this story go on? [b]", "[b] Go on.", "[b] What happens next?",
         "Here is the beginning of a story: [b] Please go on.", "This is how a story begins: [b] How does it go on?", "Continue: [b]"]

ANOTHER = ["Another one, please.", "Tell me another one.", "One more!", "Another story, please.", "Another one", "And another one?", "Can I have another one?",
           "One more story, please.", "Tell me a different story.", "Now another story.", "Now tell me a new one.", "Do you know one more?"]
NOW = ["Now one about a [n].", "And now a story about a [n].", "Another one, about a [n].", "Now tell me one about a [n].", "One more, about a [n] please.", "Next, a story about a [n]."]
GO_ON = ["Go on.", "Go on, please.", "What happened then?", "And then?", "Continue.", "What happens next?", "Tell me more.", "How does it go on?", "Please continue.",
         "Continue the story.", "And what happened after that?", "More, please."]
SUM_UP = ["Sum it up.", "Sum up the story.", "What is the story about?", "Tell it in one sentence.", "Summarize the story.", "What was the story about?",
          "What happened in the story?", "Say it in one sentence.", "Give me a summary.", "Summary, please.", "In short, what happens?", "Put the story in one sentence."]
# questions that every story answers: (ways, answer, words of the sentence that proves it)
ALWAYS = [(["Where did [H] live?", "Where does [H] live?", "Where was the home of [H]?", "In which place did [H] live?"], "^[in_P].", "live"),
          (["Who is the hero of the story?", "Who was the hero?", "Who is it about?", "Who is the main character?"], "[H].", "[H]"),
          (["What is the name of the [n]?", "What was the [n] called?", "What is the [n]'s name?", "How is the [n] called?"], "[H].", "named"),
          (["What is [H]?", "What was [H]?", "Who or what is [H]?"], "^[a_n].", "[n]")]


PLANNED = False                                         # what is thought before a story is all of it: hero, name, what happens, thing, place, ending
OWN = 0.3                                               # how often a hero meets its own plot


def draw_plot(r, noun, but=None, often=None):
    """All plots are as frequent; but every hero has one that it meets most, so that the likeliest stories of two heroes differ."""
    own = P.PLOTS[C.HEROES.index(noun) % len(P.PLOTS)]
    return own if own is not but and r.random() < (OWN if often is None else often) else r.choice([p for p in P.PLOTS if p is not but])


class Story:
    """Who, where and what is drawn, told, and kept for questions."""

    def __init__(self, ask, not_plot=None, noun=None, own=None):
        r = self.r = ask.r
        self.noun = noun or r.choice(C.HEROES)
        self.plot = draw_plot(r, self.noun, not_plot, own)
        sex = "f" if self.noun in C.FEMALE else "m" if self.noun in C.MALE else None
        self.name, sex = C.name(r, sex)
        friend = r.choice([n for n in C.ANIMALS + C.PEOPLE if n != self.noun])
        named = r.random() < 0.3
        f_name = C.name(r, "f" if friend in C.FEMALE else "m" if friend in C.MALE else None)[0] if named else None
        if f_name == self.name:
            f_name = None
        item, (in_place, place) = r.choice(C.ITEMS), r.choice(C.PLACES)
        color = r.choice(C.COLORS) if r.random() < 0.4 else ""
        thing = f"{color} {item}" if color else item
        self.end, last, self.end_shown = r.choice(P.ENDINGS)
        spots = r.sample(C.SPOTS, 3)
        he, him, his = ("he", "him", "his") if sex == "m" else ("she", "her", "her")
        self.color, self.item = color, item
        self.env = dict(H=self.name, n=self.noun, a_n=C.a(self.noun), t=r.choice(C.TRAITS), he=he, him=him, his=his, F=f_name or "the " + friend,
                        a_F=f"{C.a(friend)} named {f_name}" if f_name else C.a(friend), T=item, cT=thing, a_T=C.a(thing), P=place, in_P=in_place,
                        s1=spots[0], s2=spots[1], s3=spots[2], food=r.choice(C.FOODS), skill=r.choice(P.SKILLS), topic=self.plot.topic, e=self.end)
        self.friend_named = bool(f_name)
        self.trait = r.random() < 0.5
        trait = self.env["t"]
        self.env["a_tn"] = C.a(f"{trait} {self.noun}")
        self.env["who"] = self.env["a_tn" if self.trait else "a_n"]
        self.text = upper(C.fill(r, f"{r.choice(OPENINGS)} {self.plot.text} {last}", self.env))
        self.plan = upper(C.fill(r, self.plot.plan, self.env))
        self.sentences = SENTENCES.split(self.text)

    def fill(self, text):
        return C.fill(self.r, text, self.env)

    def questions(self, ask, n):
        """n of [(question, answer, sentence that proves it)]; each fact once."""
        facts = self.plot.facts + self.r.sample(ALWAYS, 2)
        out = []
        for ways, answer, proof in self.r.sample(facts, min(n, len(facts))):
            proof = self.fill(proof)
            sentence = next(s for s in self.sentences if proof.lower() in s.lower())
            question = ask.phrase(ways, 1)
            if PLANNED:                                 # as in family_reading.restated
                sentence = f"{upper(self.fill(ways[0]))} {sentence}"
            if not question.startswith(("What is [H]", "What was [H]", "Who or what")) and self.r.random() < 0.25:
                question = question.replace("[H]", "the [n]")
            out.append((upper(self.fill(question)), self.fill(answer), sentence))
        return out


def upper(text):
    """Sentences begin with a capital, but for what goes on after speech."""
    text = re.sub(r"([.!?] )(\"?)(a|an|the|he|she)\b(?! (?:said|asked|cried|thought))", lambda m: m[1] + m[2] + C.cap(m[3]), text)
    text = re.sub(r"([!?,.]\" (?:said|asked|cried|thought) )The\b", lambda m: m[1] + "the", text)
    return C.cap(text)


def join(ask, ways):
    """A request from its parts: what goes into the sentence first, then the sentences after it."""
    parts = [ask.phrase(w, 1) for w in ways]
    inside, after = [p for p in parts if "." not in p], [p for p in parts if "." in p]
    if inside and (inside[0].split(" [")[0] not in (" about", " of") or "who" in inside[0]):
        inside = [p.replace(" and [a_T]", " with [a_T]") for p in inside]
    user = ask.phrase(REQUESTS).replace("[about]", "".join(inside))
    for p in after:                                     # " about [a_n]. Its name is [H]": its own first half comes in front
        head, tail = p.split(". ", 1)
        user = (user[:-1] + head + user[-1] if head else user) + f" {tail}."
    return user


def request(ask, s):
    """(how the story is asked for, what it must show, what is asked for in a few words)"""
    r, x = ask.r, ask.r.random()
    if x < (0.22 if PLANNED else 0.16):
        return s.fill(ask.phrase(FREE)), [], []
    if x < (0.38 if PLANNED else 0.24):
        if PLANNED:
            s.__init__(ask, own=0)                      # what is asked for decides, not the hero
        return s.fill(join(ask, [ON_TOPIC])), [s.plot.shown], [s.plot.topic]
    env, x = s.env, r.random()
    if x < 0.2:
        ways, shown, told = ABOUT_HERO, [s.noun], [env["a_n"]]
    elif x < 0.38 and s.trait:
        ways, shown, told = [w.replace("[a_n]", "[a_tn]") for w in ABOUT_HERO], [env["t"], s.noun], [env["a_tn"]]
    elif x < 0.72:
        ways, shown, told = ABOUT_NAMED, [s.noun, s.name], [f"{env['a_n']} named {s.name}"]
    elif x < 0.88 or not s.friend_named:
        ways, shown, told = ABOUT_NAME, [s.name], [s.name]
    else:
        ways, shown, told = ABOUT_TWO, [s.name, env["F"]], [f"{s.name} and {env['F']}"]
    parts = [ways]
    for share, ways, pattern, few in ((0.4, WITH_THING, env["cT"], env["a_T"]), (0.35, AT_PLACE, env["P"].split(" ")[-1], env["P"]),
                                      (0.3, WITH_END, s.end_shown, s.end + " at the end")):
        if r.random() < share:
            parts.append(ways)
            shown, told = shown + [pattern], told + [few]
    return s.fill(join(ask, parts)), shown, told


def word(shown):
    """The pattern of a word that begins as a word does: hat, but not that."""
    return f"(^|[^a-z])({shown})"


def fair(answer):
    """An answer, and the same without its article."""
    bare = re.sub(r"^(?:The|An?) ", "", answer)
    return [answer] if bare == answer else [answer, bare]


def story_exchange(ask, s, user, shown, told):
    few = C.cap(", ".join(told or [f"{C.a(s.noun)} named {s.name}"])) + "." if not PLANNED else plan(s)
    check = {"no_repeats": 6}
    if shown:
        check["all_of"] = [word(w) for w in shown]
    return Exchange("stories", "asked for" if shown else "free", user, s.text, {"medium": few, "high": f"{few} {s.plan}"}, check)


def plan(s):
    """All that a story is made of, always in the same order: what was asked for is in it, and what was not is decided here. The plot comes behind the
    hero, on whom it depends where nobody asked for one; then the story only follows."""
    friend = f", with {s.env['F']}" if s.friend_named else ""
    return C.cap(f"{s.env['who']} named {s.name}{friend}, {s.plot.topic}, {s.env['a_T']}, {s.env['in_P']}, {s.end} at the end.")


def about(ask, s, n):
    """Questions about the story just told."""
    return [Exchange("stories", "about the story", q, answer, {"medium": proof, "high": proof if PLANNED else f"The story says: {proof}"}, {"answer": fair(answer)}, weight=2.0)
            for q, answer, proof in s.questions(ask, n)]


def go_on(ask, s):
    end, last, shown = ask.r.choice([e for e in P.ENDINGS if e[0] != s.end])
    more = upper(s.fill(f"{ask.r.choice(P.NEXT)} {last}"))
    think = f"It goes on with {s.name} and {s.env['F']}."
    return Exchange("stories", "go on", ask.phrase(GO_ON), more, {"medium": think, "high": f"{think} It ends with {end}."},
                    {"all_of": [word(s.name), word(s.item)], "no_repeats": 6})


def sum_up(ask, s):
    think = f"The story is about {s.name} and {s.env['F']}."
    return Exchange("stories", "sum up", ask.phrase(SUM_UP), s.plan, {"medium": think, "high": f"{think} The thing is {s.env['a_T']}."}, {"all_of": [word(s.name)]})


def another(ask, before):
    s = Story(ask, not_plot=before.plot)
    if ask.r.random() < 0.4:
        return s, story_exchange(ask, s, s.fill(ask.phrase(NOW, 1)), [s.noun], [C.a(s.noun)])
    return s, story_exchange(ask, s, ask.phrase(ANOTHER), [], [])


def begun(ask, s):
    """The user tells the beginning."""
    k = ask.r.choice((2, 3))
    user = ask.phrase(BEGUN).replace("[b]", " ".join(s.sentences[:k]))
    rest = " ".join(s.sentences[k:])
    return Exchange("stories", "begun", user, rest, {"medium": f"It goes on with {s.name}.", "high": f"It goes on with {s.name}. {s.plan}"},
                    {"all_of": [word(s.name)], "no_repeats": 6}, fixed=True)


def draw(ask):
    """A story, and in most draws one to three exchanges that follow from it."""
    s = Story(ask)
    if ask.r.random() < 0.05:
        return [begun(ask, s)]
    out = [story_exchange(ask, s, *request(ask, s))]
    if PLANNED and ask.effort != "low" and ask.r.random() < 0.65:
        return out                                      # a thought is learned in the last turn alone
    x = ask.r.random()
    if x < 0.62:
        out += about(ask, s, ask.r.choice((1, 2, 2, 3)))
    elif x < 0.70:
        out.append(go_on(ask, s))
    elif x < 0.77:
        out.append(sum_up(ask, s))
    elif x < 0.90:
        s, more = another(ask, s)
        out.append(more)
        if ask.r.random() < 0.5:
            out += about(ask, s, 1)
    return out


if __name__ == "__main__":
    first, count = (int(x) for x in (sys.argv[1:] + ["0", "5"][len(sys.argv) - 1:]))
    for seed in range(first, first + count):
        print(f"--- seed {seed}")
        for e in draw(Ask(seed)):
            print(f"[{e.kind}] {e.user}\n    {e.think.get('high')}\n    {e.answer}   {e.check}")
