"""Developer messages that are obeyed: python3 models/recipe/instructions.py [seed [n]] prints conversations under one.

instruct(ask, exchanges) gives a developer text and the exchanges as they are under it, answers and checks alike. Half
of the texts ask for nothing. The others are chosen among those that all answers of the conversation can obey: one word
and JSON want a short answer, capitals one of the words that family_words.py spells (a word is one token, its capitals
are others).
"""
import json
import re
from dataclasses import replace

from word_lists import CAPITALS
from cast import COLORS

NEUTRAL = ["You are a helpful assistant.", "Be kind and polite.", "You are a friendly helper.", "Answer in English.", "Help the user.",
           "You are Osso, a small model.", "Use simple words.", "You talk to children.", "Always answer the user.", "Be honest.",
           "You are a kind teacher.", "Be friendly and answer the questions."]
TEXTS = {
    "one word": ["Answer with one word.", "Answer with one word only.", "Use one word only.", "Reply with a single word.", "Give answers of one word.",
                 "One word only.", "Your answer is one word.", "Every answer is one word, no more.", "Always reply with just one word."],
    "capitals": ["Answer in capital letters.", "Use only capital letters.", "Write in capitals.", "Write everything in capital letters.", "Use capitals only.",
                 "Reply in capital letters.", "All letters are capitals.", "Please answer in capitals.", "Every answer is in capital letters."],
    "small letters": ["Answer in small letters.", "Use only small letters.", "Write in lower case.", "Write everything in small letters.", "Use no capital letters.",
                      "Reply in lowercase letters.", "All letters are small.", "Please answer in lower case.", "Every answer is in small letters."],
    "pirate": ["Talk like a pirate.", "You are a pirate.", "Speak like a pirate.", "Answer like a pirate.", "Be a pirate.", "You are a pirate on a ship.",
               "Please talk like a pirate.", "Answer as a pirate would."],
    "ends with": ["End every answer with \"{x}\"", "Always end with \"{x}\"", "Finish each answer with \"{x}\"", "Your answers end with \"{x}\"",
                  "The last words of each answer are \"{x}\"", "At the end of every answer say \"{x}\"", "Put \"{x}\" at the end of each answer.",
                  "Finish everything you say with \"{x}\"", "Each answer must end with \"{x}\""],
    "begins with": ["Begin every answer with \"{x}\"", "Always begin with \"{x}\"", "Start each answer with \"{x}\"", "Your answers begin with \"{x}\"",
                    "The first word of each answer is \"{x}\"", "At the start of every answer say \"{x}\"", "Put \"{x}\" at the start of each answer.",
                    "Start everything you say with \"{x}\"", "Each answer must begin with \"{x}\""],
    "JSON": ["Answer with a JSON object with the key \"{x}\".", "Reply in JSON with the key \"{x}\".", "Give a JSON object with the key \"{x}\".",
             "Write your answer as JSON, key \"{x}\".", "Answer only with JSON like {{\"{x}\": ...}}.", "Use JSON: {{\"{x}\": \"...\"}}",
             "Your answer is a JSON object. Its key is \"{x}\".", "Put the answer into a JSON object with the key \"{x}\".",
             "Always answer in JSON. The key is \"{x}\"."],
}
# more texts, of the stretch whose flag is --final
MORE_TEXTS = {
    "one word": ["I want one word.", "Say one word, nothing else.", "Only one word, please.", "One word is enough.", "Do not use more than one word.", "Speak in single words."],
    "capitals": ["Capital letters only.", "Big letters only.", "WRITE IN CAPITALS.", "Say everything in capitals.", "I want capital letters.", "You speak in capital letters.", "Your answers are in capitals.", "Capitals, please."],
    "small letters": ["Small letters only.", "No capitals.", "Say everything in small letters.", "I want small letters.", "You speak in lower case.", "Your answers are in small letters.", "Lower case, please."],
    "pirate": ["Pretend that you are a pirate.", "I want a pirate's answer.", "You sail the seas as a pirate.", "Your voice is a pirate's.", "Act like a pirate.", "Arr, be a pirate!"],
    "ends with": ["Say \"{x}\" last.", "\"{x}\" comes at the end of what you say.", "The end of each answer: \"{x}\"", "Close with \"{x}\"", "I want \"{x}\" at the end.", "After every answer comes \"{x}\"", "Do not forget \"{x}\" at the end."],
    "begins with": ["Say \"{x}\" first.", "\"{x}\" comes first in what you say.", "The beginning of each answer: \"{x}\"", "Open with \"{x}\"", "I want \"{x}\" at the beginning.", "Before every answer comes \"{x}\"", "Do not forget \"{x}\" at the start."],
    "JSON": ["JSON only, key \"{x}\".", "I want JSON with \"{x}\".", "You write JSON: {{\"{x}\": \"...\"}}", "The answer goes into \"{x}\" of a JSON object.", "An object with \"{x}\", in JSON.", "Your reply is JSON and has the key \"{x}\".", "Make it JSON, the key is \"{x}\"."],
}
NOTHING_ASKED = 0.5                                     # share of the developer texts that ask for nothing where something could be asked for
MORE = False                                            # MORE_TEXTS, too, and whole sentences in JSON
ENDINGS = ["Bye!", "The end.", "That is all.", "Have a nice day!", "Good luck!", "I hope this helps.", "So it is.", "Okay?", "Thank you!", "Done."]
BEGINNINGS = ["Well!", "Oh!", "Hello!", "Listen!", "Look!", "Sure!", "Ahoy!", "Friend!", "Ah!", "Hm!"]
KEYS = ["answer", "result", "reply", "value", "text", "output", "word", "solution"]
IN_CAPITALS = set(CAPITALS) | set(COLORS) | {"yes", "no"}


def fair(e):
    """The right answers of an exact check, without stops."""
    answers = (e.check or {}).get("answer", [])
    return list(dict.fromkeys(a.rstrip(" .!?") for a in ([answers] if isinstance(answers, str) else answers)))


def short(e):
    """The shortest right answer that stands in the whole one, as it is written there: 'blue', 'Tom', '85'; or None."""
    for text in sorted(fair(e), key=len):
        found = re.search(r"(?<!\w)" + re.escape(text) + r"(?!\w)", e.answer, re.IGNORECASE)
        if found and len(text) <= 40 and not re.search(r"[\"\\\n]", text):
            return text.lower() if text.lower() in ("yes", "no") else found.group()
    return None


def exact(e, answer, *right, **rules):
    return replace(e, answer=answer, check=e.check and {"answer": list(dict.fromkeys(right)), **rules})


# ---------------------------------------------------------------- what obeys: (exchange, x) -> exchange, None if it cannot

def one_word(e, x):
    s = short(e)
    case = {"case": e.check["case"]} if e.check and "case" in e.check else {}
    return exact(e, s, s, **case) if s and re.fullmatch(r"\w+", s) else None


def capitals(e, x):
    s = short(e)
    if not s or s.lower() not in IN_CAPITALS:
        return None
    return exact(e, s.upper(), *[a.upper() for a in fair(e)], case="upper")


def small_letters(e, x):
    if len(e.answer) > 90:
        return None
    if e.answer == e.answer.lower():
        return e
    return replace(e, answer=e.answer.lower(), check=e.check and {**e.check, "case": "lower"})


def as_json(e, x):
    s = short(e)
    if not s:
        return None
    whole = e.answer.rstrip(".")
    if MORE and not s.isdigit() and whole in fair(e) and not re.search(r"[\"\\\n]", whole):
        return exact(e, json.dumps({x: whole}))         # words at the beginning of a text are tokens as they stand, and "metal" without its blank is none
    right = [json.dumps({x: a}) for a in [s] + fair(e)]
    if s.isdigit():
        right.append(f'{{"{x}": {s}}}')
    return exact(e, right[0], *right)


def literal(text):
    """An extended regular expression that finds a text."""
    return re.sub(r"([.^$*+?()\[{|\\])", r"\\\1", text)


def wrapped(e, before, after):
    """Words around an answer; patterns that were bound to its ends are bound to those of the words."""
    answer = f"{before} {e.answer}" if before else f"{e.answer.rstrip()} {after}"
    if e.check is None:
        return replace(e, answer=answer)
    check = dict(e.check)
    bound = "^" if before else "$"                      # but for "(^|[^a-z])word([^a-z]|$)": that holds anywhere
    patterns = [check.pop("pattern")] if "pattern" in check else []
    patterns += check.pop("all_of", [])
    if any(bound in re.sub(r"\(\^\||\|\$\)|\[\^", "", p) for p in patterns):
        return None
    if "answer" in check:
        check["answer"] = list(dict.fromkeys([answer] + [f"{before} {a}" if before else f"{a}{stop} {after}" for a in fair(e) for stop in ((".", "") if after else ("",))]))
    else:
        check["all_of"] = patterns + ["^" + literal(before.rstrip("!")) if before else literal(after.rstrip(".!?")) + "[.!?]?$"]
    return replace(e, answer=answer, check=check)


OBEY = {                                                # kind: (how often among those that can be obeyed, what obeys, x)
    "one word": (6, one_word, None),
    "capitals": (14, capitals, None),
    "small letters": (3, small_letters, None),
    "pirate": (3, lambda e, x: wrapped(e, "Arr!", None), None),
    "ends with": (3, lambda e, x: wrapped(e, None, x), ENDINGS),
    "begins with": (3, lambda e, x: wrapped(e, x, None), BEGINNINGS),
    "JSON": (3, as_json, KEYS),
}


def neutral(ask):
    return ask.phrase(NEUTRAL, reword=False) if ask.r.random() < 0.6 else " ".join(ask.r.sample(NEUTRAL[:-2], 2))


def instruct(ask, exchanges):
    """A developer text, and the exchanges under it; their family is then 'instructions' and their kind what is asked."""
    r = ask.r
    can = {}
    for kind, (weight, obey, xs) in OBEY.items():
        x = r.choice(xs) if xs else None
        if obey not in (one_word, capitals) and any("case" in (e.check or {}) for e in exchanges):
            continue                                    # the user wants capitals, and nothing else
        obeyed = [obey(e, x) for e in exchanges]
        if all(obeyed) and any(o is not e for o, e in zip(obeyed, exchanges)):
            can[kind] = weight, x, obeyed
    if not can or not ask.held and r.random() < NOTHING_ASKED:
        return neutral(ask), exchanges
    kind = r.choices(list(can), [w for w, _, _ in can.values()])[0]
    _, x, obeyed = can[kind]
    text = (r.choice(MORE_TEXTS[kind]) if MORE and not ask.held and r.random() < 0.45 else ask.phrase(TEXTS[kind], reword=False)).format(x=x)
    if r.random() < 0.3:
        text = f"{ask.phrase(NEUTRAL, reword=False)} {text}"
    return text, [replace(e, family="instructions", kind=kind) for e in obeyed]


# ---------------------------------------------------------------- as people type

def typed(ask, text):
    """Small letters, no stop, and in 5 % two letters of a word changed about. Not for exchanges that are `fixed`."""
    r = ask.r
    small, bare, slip = r.random() < (0.35 if len(text) < 120 else 0.1), r.random() < 0.35, r.random() < 0.05
    if small:
        text = text.lower()
    if bare and "\n" not in text:
        text = text.rstrip(" .?!") or text
    words = [m for m in re.finditer(r"\b[a-z]{4,}\b", text)]
    if slip and words:
        m = r.choice(words)
        i = r.randrange(m.start() + 1, m.end() - 1)
        text = text[:i] + text[i + 1] + text[i] + text[i + 2:]
    return text


if __name__ == "__main__":
    import sys

    import family_numbers
    import family_words
    from exchange import Ask
    first, count = [int(x) for x in sys.argv[1:3]] + [0, 5][len(sys.argv[1:3]):]
    for seed in range(first, first + count):
        ask = Ask(seed)
        text, exchanges = instruct(ask, ask.r.choice((family_numbers, family_words)).draw(ask))
        print(f"--- seed {seed}: {text}")
        for e in exchanges:
            print(f"[{e.kind}] {e.user if e.fixed else typed(ask, e.user)}\n    {e.answer}    {e.check}")
