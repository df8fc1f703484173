"""The story world: a seeded cast (hero, friend, place, thing) and the small template language.

A World is drawn from one random.Random. Plots (world_plots.py) run on it: they decide what
happens, and say it in one of many phrasings; every fact they make true is kept as a question
with its answer, so that questions about a story can be asked that follow from the world.

Template language:  {a|b|c} picks one (nested allowed, an empty branch too),
                    [key]   is replaced by a value of the world, ^ makes the next letter a capital.
"""
import random
import re

import words as W

CHOICE = re.compile(r"\{([^{}]*)\}")
KEY = re.compile(r"\[(\w+)\]")
VOWEL_AN = re.compile(r"\b([Aa]) (?=(?!uni|use|one\b|once|eu)[aeiou])")
SENTENCE = re.compile(r"(^|[.!?] |\.\" |\n)(\"?)([a-z])")
SPEECH = "said|asked|cried|called|thought|shouted|growled"
AFTER_QUOTE = re.compile(rf"([!?]\" )(?!(?:(?:he|she|the [a-z]+|the [a-z]+ [a-z]+) )?(?:{SPEECH})\b)([a-z])")


def expand(r, text, env, sentence=True):
    """One random reading of a template; sentence=False: a phrase, no capital at its start."""
    for _ in range(3):                                  # values may hold choices and keys themselves
        while (m := CHOICE.search(text)):
            text = text[:m.start()] + r.choice(m.group(1).split("|")) + text[m.end():]
        text = KEY.sub(lambda m: value(env, m.group(1)), text)
    return polish(text, sentence)


def value(env, key):
    v = env[key]
    return v() if callable(v) else str(v)


def polish(text, sentence=True):
    """Spaces, a/an, capitals: what a copy editor would do."""
    text = re.sub(r" +", " ", text).strip()
    text = re.sub(r" ([,.!?])", r"\1", text)
    text = VOWEL_AN.sub(r"\1n ", text)
    text = re.sub(r"\^(\W*)(\w)", lambda m: m.group(1) + m.group(2).upper(), text)
    if not sentence:
        return text
    text = AFTER_QUOTE.sub(lambda m: m.group(1) + m.group(2).upper(), text)
    return SENTENCE.sub(lambda m: m.group(1) + m.group(2) + m.group(3).upper(), text)


class Actor:
    """Somebody in a story. `name` may be None; `kind` is animal, person or thing."""

    def __init__(self, r, noun, sex, domain, abilities, kind, name, trait, size):
        self.r, self.noun, self.sex, self.domain = r, noun, sex, domain
        self.abilities, self.kind, self.name, self.trait, self.size = abilities, kind, name, trait, size
        self.mentions = 0

    def the(self):
        return self.name or "the " + self.noun

    def mention(self):
        """Name or noun; the first mentions keep the name, so that it is known."""
        self.mentions += 1
        if self.name and (self.mentions < 3 or self.r.random() < 0.75):
            return self.name
        if self.size and self.r.random() < 0.2:
            return f"the {self.size} {self.noun}"
        return "the " + self.noun

    def intro(self):
        adj = self.size or ""
        if not self.name:
            return f"a {adj} {self.noun}"
        return f"a {adj} {self.noun} {self.r.choice(['named', 'named', 'called'])} {self.name}"

    def full(self):
        """The answer to 'who': Olive the owl, or the owl."""
        return f"{self.name} the {self.noun}" if self.name else "the " + self.noun


def find(noun_text):
    """(noun, sex, domain, abilities, kind) of a word of the tables; unknown words become things."""
    for n, d, a, *_ in W.ANIMALS:
        if n == noun_text:
            return n, "", d, a, "animal"
    for n, s, d, a in W.PEOPLE:
        if n == noun_text:
            return n, s, d, a, "person"
    return noun_text, "", "land", set(), "thing"


class World:
    """Cast and place. Every argument left out is drawn."""

    def __init__(self, r, hero=None, name=None, trait=None, friend=None, item=None, place=None):
        self.r, self.used = r, set()
        self.hero = self.actor(hero or self.some_noun(), name, trait, named=0.8)
        domain = self.hero.domain
        self.friend = self.actor(friend or self.friend_noun(domain), None, None, named=0.45)
        self.rival = self.actor(self.friend_noun(domain), None, None, named=0.3)
        places = [p for p in W.PLACES if p[2] == domain]
        self.place = next((p for p in W.PLACES if p[1] == place), None) or r.choice(places)
        self.item = item or W.noun(r.choice(W.ITEMS))
        self.color = r.choice(W.PLAIN_COLORS + W.SIZES[:2]) if r.random() < 0.85 else r.choice(W.COLORS + W.SIZES)
        self.env = self.make_env()

    def some_noun(self):
        x = self.r.random()
        if x < 0.62:
            return self.r.choice(W.ANIMALS)[0]
        if x < 0.87:
            return self.r.choice(W.PEOPLE)[0]
        return W.noun(self.r.choice(W.THING_HEROES))

    def friend_noun(self, domain):
        while True:
            pool = W.ANIMALS if self.r.random() < 0.75 else W.PEOPLE
            n = self.r.choice(pool)
            d = n[1] if pool is W.ANIMALS else n[2]
            if d == domain and n[0] not in self.used:
                return n[0]

    def actor(self, noun_text, name, trait, named):
        r = self.r
        noun_, sex, domain, abilities, kind = find(noun_text)
        if name:
            sex = "m" if name in W.BOYS else "f" if name in W.GIRLS else sex
        sex = sex or r.choice("mf")
        if not name and r.random() < (0.45 if kind == "thing" else named):
            name = r.choice([n for n in (W.BOYS if sex == "m" else W.GIRLS) if n not in self.used])
        self.used |= {noun_, name}
        size = r.choice(["little", "little", "small", "young"]) if r.random() < 0.6 and "old" not in noun_ else ""
        if noun_ in ("baby", "twin"):
            size = ""
        return Actor(r, noun_, sex, domain, abilities, kind, name, trait or r.choice(W.TRAITS), size)

    def helper_with(self, *abilities):
        """Make the friend somebody who can do one of these; True if it could be arranged."""
        if self.friend.abilities & set(abilities):
            return True
        able = [n for n, d, a, *_ in W.ANIMALS if a & set(abilities) and d == self.hero.domain and n not in self.used]
        if not able:
            return False
        self.friend = self.actor(self.r.choice(able), None, None, named=0.45)
        self.env = self.make_env()
        return True

    def make_env(self):
        env = {"place": self.place[1], "in_place": self.place[0], "item": self.item,
               "color": self.color, "food": self.r.choice(W.CHILDREN_FOOD)}
        for p, a in (("", self.hero), ("f", self.friend), ("r", self.rival)):
            he, him, his, self_ = (("he", "him", "his", "himself") if a.sex == "m" else ("she", "her", "her", "herself"))
            env.update({p + "he": he, p + "him": him, p + "his": his, p + "himself": self_})
        for p, a in (("H", self.hero), ("F", self.friend), ("R", self.rival)):
            env.update({p: a.mention, p + "name": a.the(), p + "intro": a.intro(), p + "noun": a.noun, p.lower() + "noun": a.noun,
                        p + "full": a.full(), p + "trait": a.trait})
        spots = self.r.sample(W.SPOTS[self.hero.domain], 3)
        env.update(spot1=spots[0], spot2=spots[1], spot3=spots[2])
        return env

    def say(self, text, **extra):
        return expand(self.r, text.replace("[sad]", "{sad|very sad|unhappy|close to tears}"), {**self.env, **extra})


def rng(seed):
    """Seeds from 2^31 on are held out: no training script may pass one."""
    return random.Random(seed)
