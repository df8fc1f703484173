"""What the bundled model does not know, and says so: people, years, far places, things nobody has, code, clock and window.

The honest sentence depends on what is asked, one wording for each. What makes a thing unknown can be learnt: its name is in
none of the tables (most are made up on the spot), or it would need eyes, a clock or hands.

    family_unknown.py [SEED [N]]    prints N draws
"""
import sys

from exchange import Ask, Exchange
import facts_nature as N
import facts_world as W
from facts_kinds import a
from facts_nature import entries

DONT = "I do not know that. I am a very small model."
HONEST = {  # kind -> what is said, and what is thought before
    "person": ("I do not know who that is. I am a very small model.", "I know nobody of this name."),
    "thing": (DONT, "This is not in my little world."),
    "place": (DONT, "I do not know this place."),
    "date": (DONT, "I know no dates and no history."),
    "known place": (DONT, "I know where this is, but not this about it."),
    "code": ("I cannot write code. I am a very small model.", "I never learned to program."),
    "clock": ("I do not know that, because I have no clock.", "I have no clock."),
    "window": ("I do not know that, because I cannot see outside.", "I have no eyes."),
    "about you": ("I do not know that, because you have not told me.", "Nobody told me this."),
    "translation": ("I cannot translate that. I am a very small model.", "I know only a few foreign words."),
    "too hard": ("I cannot do that, because it is too hard for me.", "This is too hard for me."),
    "doing": ("I cannot do that, because I can only write.", "I can only write."),
}
RIGHT = {"pattern": "do not know|don't know|cannot|can't|no idea|not sure"}

# ---- names: parts are put together, and of the parts some are held out

FIRST = "Marvin Elsa Otto Greta Hugo Agnes Boris Dora Felix Hilda Igor Karla Lothar Martha Norbert Olga Percy Ramona Sven Tilda Ulrich Vera Wilbur Xenia Yorick Zelda Albert Isaac Charles William Marie Napoleon Wolfgang Barbara".split()
LAST = ["Tol", "Bran", "Kel", "Mor", "Hag", "Fin", "Rud", "Sten", "Wil", "Gar", "Pel", "Nor", "Dral", "Zim", "Hol", "Ket", "Lar", "Vog", "Bur", "Ash"]
LAST_END = ["k", "ton", "man", "berg", "ov", "sen", "ini", "ley", "stein", "dorf", "ez", "well", "ard", "ow"]
FAMOUS = ["Einstein", "Shakespeare", "Mozart", "Cleopatra", "Picasso", "Newton", "Beethoven", "Columbus", "Darwin", "Galileo", "Caesar", "Gandhi", "Lincoln", "Plato", "Aristotle", "Bach", "Goethe", "Turing", "Taylor Swift", "Elon Musk", "Harry Potter",
          "Elvis Presley", "Marilyn Monroe", "Donald Trump", "Barack Obama", "Tom Hanks"]
LAND = ["El", "Bor", "Syl", "Gond", "Mar", "Kar", "Tar", "Vel", "Zan", "Or", "Fal", "Lun", "Wes", "Drak", "Ruri"]
LAND_END = ["bonia", "davia", "donia", "landia", "vania", "goria", "tania", "mark", "stan", "quay", "mor", "tavia"]
FAR = ["Fiji", "Bolivia", "Chad", "Latvia", "Estonia", "Yemen", "Zambia", "Mali", "Laos", "Samoa", "Honduras", "Panama", "Guyana", "Bhutan", "Qatar", "Oman", "Malawi", "Gabon", "Uruguay", "Paraguay", "Uganda", "Togo", "Libya", "Haiti"]
ODD = ["snor", "flim", "glor", "bli", "zar", "wub", "quor", "plon", "frib", "drum", "spu", "tri", "mog", "yal", "kro"]
ODD_END = ["ble", "ket", "zix", "dle", "vorp", "nak", "fin", "gle", "mp", "zzle", "lax", "poo", "tron"]
TOPICS = ["quantum physics", "the stock market", "inflation", "democracy", "photosynthesis", "relativity", "chemistry", "philosophy", "evolution", "bitcoin", "electricity", "the Roman Empire", "the French Revolution", "the Second World War", "algebra",
          "economics", "DNA", "black holes", "politics", "taxes", "blockchain", "neural networks", "the Renaissance", "capitalism", "psychology", "plate tectonics", "nuclear power", "jazz", "Buddhism", "the Cold War", "genetics", "insurance"]
BOOKS = ["Hamlet", "Moby Dick", "Don Quixote", "War and Peace", "Faust", "the Odyssey", "Frankenstein", "Dracula", "Jane Eyre", "the Mona Lisa", "the Magic Flute", "Bohemian Rhapsody"]
LANGS = "Python Java JavaScript Rust Perl Haskell Go Ruby Lisp SQL HTML Swift".split()
TONGUES = "Latin Russian Chinese Japanese Polish Arabic Greek Turkish French German Spanish Italian".split()
KNOWN_PLACES = [e.split()[0] for part in W.CAPITALS.split(";") for e in entries(part.split(":")[1]) if "_" not in e]
KNOWN_WORDS = sorted({line.split("|")[0] for line in N.ANIMALS.strip().split("\n")})


def take(ask, names):
    """One of the names; the last quarter is never trained on and all that held-out questions have."""
    cut = len(names) - len(names) // 4
    return ask.r.choice(names[cut:] if ask.held else names[:cut])


def person(ask):
    p = ask.r.random()
    if p < .25:
        return take(ask, FAMOUS)
    return ask.r.choice(FIRST) + " " + take(ask, LAST) + ask.r.choice(LAST_END)


def land(ask):
    return take(ask, FAR) if ask.r.random() < .4 else take(ask, LAND) + ask.r.choice(LAND_END)


def odd(ask):
    return a(take(ask, ODD) + ask.r.choice(ODD_END))


def year(ask):
    return str(ask.r.randint(1000, 2030))


def thing(ask):
    return odd(ask) if ask.r.random() < .55 else take(ask, TOPICS)


FILLS = {"p": person, "l": land, "o": odd, "y": year, "t": lambda ask: take(ask, TOPICS), "b": lambda ask: take(ask, BOOKS), "g": lambda ask: take(ask, LANGS), "u": lambda ask: take(ask, TONGUES), "k": lambda ask: ask.r.choice(KNOWN_PLACES),
         "w": lambda ask: a(ask.r.choice(KNOWN_WORDS)), "n": lambda ask: str(ask.r.randint(1000, 99999)), "m": lambda ask: str(ask.r.randint(1000, 99999)), "th": thing, "d": lambda ask: str(ask.r.randint(2, 28))}

ASKED = [  # kind, weight, ways to ask, the last two held out
    ("person", 5, ["Who is {p}?", "Who was {p}?", "Tell me about {p}.", "Do you know {p}?", "What do you know about {p}?", "Who's {p}?", "Have you heard of {p}?", "What did {p} do?", "Is {p} famous?", "Why is {p} famous?", "Can you tell me who {p} is?",
                   "What can you tell me about {p}?"]),
    ("date", 4, ["When was {p} born?", "When did {p} die?", "When did {l} become a country?", "What happened in {y}?", "Who won the World Cup in {y}?", "Who was king in {y}?", "How old is {p}?", "When was {b} written?", "In which year was {p} born?",
                 "What was invented in {y}?", "Where was {p} born?", "When did {t} begin?", "Who invented {t}?", "Who wrote {b}?", "Who was president in {y}?", "When did {p} live?"]),
    ("place", 4, ["What is the capital of {l}?", "Where is {l}?", "How many people live in {l}?", "Who is the president of {l}?", "Tell me about {l}.", "On which continent is {l}?", "What do people eat in {l}?", "Is {l} a big country?", "How far is {l}?",
                  "Which language do they speak in {l}?", "How do I get to {l}?", "The capital of {l}?", "What is the biggest city in {l}?", "Can you tell me the capital of {l}?"]),
    ("known place", 2, ["How many people live in {k}?", "Who is the president of {k}?", "How big is {k}?", "How far is it to {k}?", "Who is the king of {k}?", "How old is {k}?", "What is the money of {k}?", "What is the history of {k}?",
                        "How many cities are in {k}?", "Who rules {k}?"]),
    ("thing", 6, ["What is {th}?", "Explain {th}.", "Tell me about {th}.", "What do you know about {th}?", "How does {th} work?", "Why is {t} important?", "What color is {o}?", "How many legs does {o} have?", "What does {o} eat?", "What is {o} for?",
                  "Can {o} fly?", "Where does {o} live?", "What sound does {o} make?", "What does {o} cost?", "How much does {w} cost?", "How heavy is {w}?", "How long does {w} live?", "Do you know {th}?", "How do I learn {t}?", "What is {th} made of?",
                  "Can you explain {th}?", "What is the meaning of {t}?"]),
    ("code", 2, ["Write a program in {g}.", "Write code in {g}.", "Can you write {g}?", "Write a {g} function that sorts a list.", "How do I print a line in {g}?", "Fix my {g} program.", "Write a loop in {g}.", "Can you program?", "Write a game in {g}.",
                 "Help me with my {g} code.", "Make a website in {g}.", "Can you write a program in {g}?", "Write me some {g}."]),
    ("clock", 2, ["What time is it?", "What day is it today?", "What is the date?", "What is the time?", "Is it late?", "Which day is today?", "What year is it?", "Is it Monday today?", "How late is it?", "What month is it?", "Is it morning or evening now?",
                  "Do you know what time it is?", "Tell me the time.", "Can you tell me the time?", "What is today's date?"]),
    ("window", 2, ["What is the weather?", "How is the weather today?", "Will it rain today?", "Is it raining?", "Is the sun shining now?", "What do you see?", "What am I wearing?", "Is it cold outside?", "What is the weather in {k}?", "Do I need an umbrella today?",
                   "Is it dark outside?", "What is in front of me?", "Look out of the window.", "What is the weather like?", "Will it snow tomorrow?"]),
    ("about you", 1.5, ["What is my address?", "Where are my keys?", "What did I eat today?", "What am I thinking?", "How much money do I have?", "What did I dream last night?", "Who is my teacher?", "What is my grandmother's name?", "What is my shoe size?",
                        "Where did I put my glasses?", "What will I do tomorrow?", "Which school did I go to?", "What is my phone number?", "What did I do yesterday?"]),
    ("translation", 1.5, ["Translate this into {u}.", "Translate {w} and a tree into {u}.", "How do you say {w} in {u}?", "What is the {u} word for {w}?", "Say this in {u}.", "Write a letter in {u}.", 
                          "Read this {u} text to me.", "What does this mean in {u}?", "Put this into {u}.", "Can you translate this into {u}?", "Translate {w} into {u}."]),
    ("too hard", 2, ["What is {n} times {m}?", "What is the square root of {n}?", "Solve this equation.", "What is {n} divided by {d}?", "Is {n} a prime number?", "What is {n} to the power of {d}?", "Write an essay about {t}.", "Write a book about {t}.",
                     "Do my homework.", "Multiply {n} by {m}.", "What is the logarithm of {n}?", "What are the factors of {n}?", "Calculate {n} times {m}.", "What is the cube root of {n}?"]),
    ("doing", 2, ["Open the door.", "Play some music.", "Call my mother.", "Order a pizza.", "Draw a picture of {w}.", "Send an email to {p}.", "Turn on the light.", "Search the internet for {t}.", "Buy me {w}.", "Cook dinner for me.", "Show me a photo of {l}.",
                  "Book a flight to {k}.", "Wake me up at seven.", "Show me a picture of {w}.", "Look up {t} on the internet."]),
]
WEIGHTS = [w for _, w, _ in ASKED]


def one(ask):
    kind, _, ways = ask.r.choices(ASKED, WEIGHTS)[0]
    way = ask.phrase(ways)
    user = way.format(**{k: fill(ask) for k, fill in FILLS.items() if "{" + k + "}" in way})
    answer, think = HONEST[kind]
    return Exchange("unknown", kind, user[0].upper() + user[1:], answer, {"medium": think, "high": f"{think} So I say that I cannot." if "cannot" in answer else f"{think} So I say that I do not know."}, RIGHT, 1.5)


def draw(ask):
    """One or two questions that nobody can expect this model to answer."""
    out = [one(ask)]
    if ask.r.random() < .4:
        e = one(ask)
        out += [e] if e.user != out[0].user else []
    return out


if __name__ == "__main__":
    seed, count = (int(v) for v in (sys.argv[1:] + ["0", "20"][len(sys.argv) - 1:])[:2])
    for s in range(seed, seed + count):
        for e in draw(Ask(s)):
            print(f"{s:4} {e.kind:12} {e.user}\n     -> {e.answer}   [{e.think['high']}]")
