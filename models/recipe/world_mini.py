"""Small worlds of one to four sentences, and questions whose answers follow from them.

The sentences are the kind a newcomer types to see whether the model reads: who has what, who is
where, how many are left, why somebody is sad. One in twelve questions has no answer in the text.
"""
import words as W
from world import expand

ROOMS = """kitchen garden house school barn forest park bedroom bathroom market shop castle cave boat tower church library
field street bakery stable cellar attic hall""".split()
SPOTS = ["under the table", "on the chair", "behind the door", "in the box", "on the roof", "under the bed", "near the river",
         "in the basket", "next to the tree", "on the wall", "by the window", "in the tree", "under the bridge", "on the bed"]
FOODS = "apples pears plums cherries nuts cookies eggs carrots berries bananas grapes cakes potatoes tomatoes lemons".split()
FEEL = [("sad", "{the|[his]} [item] {is broken|is lost}"), ("happy", "it is [his] birthday"), ("tired", "[he] ran all day"),
        ("hungry", "[he] did not eat breakfast"), ("angry", "somebody took [his] [item]"), ("afraid", "it is dark"),
        ("cold", "[he] has no coat"), ("proud", "[he] won the race"), ("late", "[he] missed the bus"), ("wet", "it is raining"),
        ("thirsty", "the sun is hot"), ("happy", "[his] friend came to visit"), ("sick", "[he] ate too many cookies")]
VERBS = [("bought", "buy"), ("found", "find"), ("lost", "lose"), ("made", "make"), ("saw", "see"), ("took", "take"), ("painted", "paint"), ("broke", "break")]


class Mini:
    """Draws without repetition what one small world is made of."""

    def __init__(self, r):
        self.r, self.used = r, set()

    def one(self, pool):
        x = self.r.choice([p for p in pool if p not in self.used] or pool)
        self.used.add(x)
        return W.noun(x)

    def who(self):
        """(subject, he, his): a name, or an animal or person with 'the'."""
        if self.r.random() < 0.6:
            boy = self.r.random() < 0.5
            return self.one(W.BOYS if boy else W.GIRLS), "he" if boy else "she", "his" if boy else "her"
        n = self.one([a[0] for a in W.ANIMALS] + [p[0] for p in W.PEOPLE[:28]])
        return "the " + n, "it" if find_animal(n) else "he", "its" if find_animal(n) else "his"

    def env(self):
        s, he, his = self.who()
        s2, he2, _ = self.who()
        c = self.one(W.PLAIN_COLORS)
        n = self.r.randint(2, 10)
        return dict(S=s, he=he, his=his, S2=s2, he2=he2, color=c, item=self.one(W.ITEMS), room=self.one(ROOMS), room2=self.one(ROOMS),
                    spot=self.one(SPOTS), food=self.one(FOODS), n=W.NUMBERS[n], num=n, animal=self.one([a[0] for a in W.ANIMALS]),
                    name=self.one(W.BOYS + W.GIRLS), age=W.NUMBERS[self.r.randint(3, 15)])


def find_animal(n):
    return any(a[0] == n for a in W.ANIMALS)


# (sentence, [(question, short answer, full answer)])
FACTS = [
    ("[S] has a [color] [item].", [("What does [S] have?", "A [color] [item].", "[S] has a [color] [item]."), ("Who has {a|the} [item]?", "[S].", "[S] has the [item]."),
                                    ("What {color|colour} is the [item]{| of [S]}?", "[color].", "The [item] is [color].")]),
    ("The [item] of [S] is [color].", [("What {color|colour} is the [item]?", "[color].", "The [item] is [color]."), ("Whose [item] is [color]?", "The [item] of [S].", "The [item] of [S] is [color].")]),
    ("[S] is in the [room].", [("Where is [S]?", "In the [room].", "[S] is in the [room]."), ("Who is in the [room]?", "[S].", "[S] is in the [room].")]),
    ("[S] is [spot].", [("Where is [S]?", "^[spot].", "[S] is [spot]."), ("Who is [spot]?", "[S].", "[S] is [spot].")]),
    ("The [color] [item] is [spot].", [("Where is the [item]?", "^[spot].", "The [item] is [spot]."), ("What is [spot]?", "The [color] [item].", "The [color] [item] is [spot]."),
                                     ("What {color|colour} is the [item]?", "[color].", "The [item] is [color].")]),
    ("[S] went to the [room].", [("Where did [S] go?", "To the [room].", "[S] went to the [room]."), ("Where is [S]?", "In the [room].", "[S] is in the [room]."), ("Who went to the [room]?", "[S].", "[S] went to the [room].")]),
    ("[S] was in the [room]. Then [he] went to the [room2].", [("Where is [S] now?", "In the [room2].", "[S] is in the [room2] now."), ("Where was [S] {first|before}?", "In the [room].", "[S] was in the [room] first.")]),
    ("[S] [did] a [color] [item].", [("What did [S] [do]?", "A [color] [item].", "[S] [did] a [color] [item]."), ("Who [did] {a|the} [item]?", "[S].", "[S] [did] the [item].")]),
    ("[S] gave {the|a} [item] to [S2].", [("Who has the [item]{| now}?", "[S2].", "[S2] has the [item] now."), ("Who gave the [item] to [S2]?", "[S].", "[S] gave the [item] to [S2]."), ("What did [S] give to [S2]?", "The [item].", "[S] gave the [item] to [S2].")]),
    ("[S] likes [food].", [("What does [S] like?", "^[food].", "[S] likes [food]."), ("Who likes [food]?", "[S].", "[S] likes [food].")]),
    ("[S] ate some [food]{| in the [room]}.", [("What did [S] eat?", "Some [food].", "[S] ate some [food]."), ("Who ate the [food]?", "[S].", "[S] ate the [food].")]),
    ("[S] has [n] [food].", [("How many [food] does [S] have?", "^[n].", "[S] has [n] [food]."), ("What does [S] have?", "^[n] [food].", "[S] has [n] [food]."), ("Who has [n] [food]?", "[S].", "[S] has [n] [food].")]),
    ("[S] is [age] years old.", [("How old is [S]?", "^[age] years old.", "[S] is [age] years old."), ("Who is [age] years old?", "[S].", "[S] is [age] years old.")]),
    ("[S] has a [animal] {named|called} [name].", [("What is the name of the [animal]?", "[name].", "The name of the [animal] is [name]."), ("Who is [name]?", "A [animal].", "[name] is the [animal] of [S]."), ("What {animal|pet} does [S] have?", "A [animal].", "[S] has a [animal] named [name].")]),
    ("[S] is [feel] because [why].", [("Why is [S] [feel]?", "Because [why].", "[S] is [feel] because [why]."), ("How does [S] feel?", "^[feel].", "[S] is [feel]."), ("Who is [feel]?", "[S].", "[S] is [feel].")]),
    ("[S] was [feel2], so [he] [act2].", [("Why did [S] [do2]?", "Because [he] was [feel2].", "[S] [act2] because [he] was [feel2]."), ("What did [S] do?", "^[he] [act2].", "[S] [act2].")]),
    ("[S] lives in a [color] house near the [room].", [("Where does [S] live?", "In a [color] house near the [room].", "[S] lives in a [color] house near the [room]."), ("What {color|colour} is the house?", "[color].", "The house is [color].")]),
    ("[S] is {taller|bigger|older|faster|stronger} than [S2].", []),
    ("[S] wants to be a [job].", [("What does [S] want to be?", "A [job].", "[S] wants to be a [job]."), ("Who wants to be a [job]?", "[S].", "[S] wants to be a [job].")]),
    ("[S] {met|saw} a [animal] in the [room].", [("{What|Who} did [S] {meet|see}?", "A [animal].", "It was a [animal] in the [room]."), ("Where was the [animal]?", "In the [room].", "The [animal] was in the [room].")]),
    ("[S] is a {small|little|big} [animal] who loves [food].", [("What does [S] love?", "^[food].", "[S] loves [food]."), ("{What|Who} is [S]?", "A [animal].", "[S] is a [animal].")]),
]
DO2 = [("hungry", "ate a sandwich", "eat a sandwich"), ("tired", "went to bed", "go to bed"), ("cold", "put on a coat", "put on a coat"), ("thirsty", "drank some water", "drink some water"),
       ("bored", "read a book", "read a book"), ("lonely", "called a friend", "call a friend"), ("dirty", "took a bath", "take a bath"), ("scared", "ran home", "run home"), ("happy", "sang a song", "sing a song")]
FRAMES = ["[text] [q]", "[text] [q]", "[text]\n[q]", "[text]\n\n[q]", "Read this{| story}: [text] [q]", "{Story|Text}: [text]\nQuestion: [q]", "Here is a {|little |short }story. [text] [q]",
          "[q]\n\n[text]", "[text]\n\n{Question|Q}: [q]", "Listen: [text] {Now tell me: |}[q]"]


def mini(r):
    """(text, question, short, full) of one small world."""
    m = Mini(r)
    told, asks, hero, chain = [], [], None, r.random() < 0.3
    for _ in range(r.choice([1, 1, 2, 2, 2, 3, 3, 4])):
        sentence, qs = r.choice(FACTS)
        e = m.env()
        e["did"], e["do"] = r.choice(VERBS)
        e["feel"], e["why"] = r.choice(FEEL)
        e["feel2"], e["act2"], e["do2"] = r.choice(DO2)
        e["job"] = r.choice(W.PEOPLE)[0]
        if chain and hero:                              # the next sentence is about the same one
            e["S"], e["he"], e["his"] = hero
        if sentence.startswith("[S] is a {small") and e["S"].startswith("the"):
            continue
        text = expand(r, sentence.replace("[S]", "^[he]", 1) if chain and hero else sentence, e)
        hero = e["S"], e["he"], e["his"]
        if not qs:
            word = next(x for x in ("taller", "bigger", "older", "faster", "stronger") if x in text)
            e["word"], e["less"] = word, {"taller": "shorter", "bigger": "smaller", "older": "younger", "faster": "slower", "stronger": "weaker"}[word]
            qs = [("Who is [word]{|, [S] or [S2]|, [S2] or [S]}?", "[S].", "[S] is [word] than [S2]."), ("Who is [less]?", "[S2].", "[S2] is [less] than [S].")]
        if any(t.split()[-1] == text.split()[-1] and t.split()[1:3] == text.split()[1:3] for t in told):
            continue
        told.append(text)
        asks += [(tuple(expand(r, x, e) for x in q), sentence) for q in qs]
    if not asks:
        return mini(r)
    (q, short, full), kind = r.choice(asks)
    if sum(a[0][0] == q for a in asks) > 1 or kind.startswith("[S] {met") and len(told) > 3:
        return mini(r)                                  # two answers: not a good question
    return " ".join(told), q, short, full


def count(r):
    """(text, question, short, full): one small sum told as a story."""
    m = Mini(r)
    e = m.env()
    a, b = r.randint(1, 10), r.randint(1, 5)
    less = a > b and r.random() < 0.5
    c = a - b if less else a + b
    e.update(a=W.NUMBERS[a], b=W.NUMBERS[b], c=W.NUMBERS[c])
    if r.random() < 0.3:
        e.update(a=str(a), b=str(b), c=str(c))
    text = ("[S] has [a] [food]. ^[he] {gives [b] to [S2]|eats [b]|loses [b]}." if less else "[S] has [a] [food]. {^[S2] gives [him] [b] more|^[he] finds [b] more|^[he] buys [b] more}.")
    e["him"] = {"he": "him", "she": "her", "it": "it"}[e["he"]]
    q = "How many [food] does [S] have {now|left}?" if less else "How many [food] does [S] have{| now}?"
    calc = "[a] minus [b] is [c]" if less else "[a] plus [b] is [c]"
    if a == 1:
        return count(r)
    full = "[S] has [c] [food]{| left}." if c != 1 and less else "[S] has [c] [food]{| now}."
    if c == 1:
        full = "Only one is left."
    return tuple(expand(r, t, e) for t in (text, q, "^[c].", full)) + (expand(r, "^" + calc + ".", e),)


def mini_turn(r):
    """(question as typed, thoughts, answer)."""
    if r.random() < 0.12:
        text, q, short, full, calc = count(r)
        think = [calc, full]
    else:
        text, q, short, full = mini(r)
        think = [f"The text says: {full}" if r.random() < 0.7 else f"The user asks: {q}", "I can answer with one sentence.", "The answer is in the text."]
        if r.random() < 0.08:
            other = Mini(r)
            other.used |= set(text.replace(".", "").split())
            e = other.env()
            if e["S"] not in text and e["item"] not in text:
                q = expand(r, r.choice(["Where is [S]?", "What does [S] have?", "Who has the [item]?", "What {color|colour} is the [item]?", "How old is [S]?", "Why is [S] sad?"]), e)
                short = full = r.choice(["The text does not say.", "The story does not say that.", "I don't know. The text does not say."])
                think = ["The text does not say it.", "I should say that I do not know.", "I must not guess."]
    ask = expand(r, r.choice(FRAMES), {"text": text, "q": q}, sentence=False)
    return ask, think, full if r.random() < 0.65 else short
