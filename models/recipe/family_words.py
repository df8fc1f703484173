"""Words as words: python3 models/recipe/family_words.py [seed [n]] prints draws.

To repeat, to reverse and to list is copying; letters are knowledge (a word is one token), so that only some hundred
short words are spelled, each often, and everything about letters is thought about by spelling: c-a-t.
"""
import re

from exchange import Exchange
from word_lists import *

EVERY = SPELLED + LONG + OTHER


def exchange(kind, user, answer, short, medium, high=None, weight=2.0, **rules):
    return Exchange("words", kind, user, answer, {"medium": medium, "high": high or medium}, {"answer": short + [answer.rstrip(".")], **rules}, weight, fixed=True)


def some(ask, words, n):
    """n different words; one in six of a list is only asked held-out."""
    return ask.r.sample([w for i, w in enumerate(words) if (i % 6 == 5) == ask.held], n)


def repeat(ask):
    r = ask.r
    x = r.random()
    if x < 0.35:
        text = some(ask, EVERY, 1)[0]
    elif x < 0.6:
        text = " ".join(some(ask, EVERY, r.randint(2, 5)))
    else:
        x, y = r.sample(SPELLED[:20] + OTHER[:20], 2)
        text = re.sub(r"\ba (?=[aeiou])", "an ", r.choice(SENTENCES).format(a=r.choice(SIMPLE), x=x, y=y))
    return exchange("repeat", ask.phrase(REPEAT).format(w=text), text, [], "I say it again.")


def spelled(word):
    return "-".join(word)


def quoted(r, word):
    return f'"{word}"' if r.random() < 0.15 else word


def spell(ask):
    w = ask.r.choice(SPELLED)
    return exchange("spell", ask.phrase(SPELL).format(w=quoted(ask.r, w)), spelled(w) + ".", [" ".join(w), ", ".join(w)], f"The word {w} has {len(w)} letters.")


def letter(ask):
    r = ask.r
    w = r.choice(SPELLED)
    place, ways, x = r.choice((("first", FIRST, w[0]), ("first", FIRST, w[0]), ("last", LAST, w[-1])))
    verb = "begins" if place == "first" else "ends"
    return exchange("first and last letter", ask.phrase(ways).format(w=quoted(r, w)), f"The {place} letter of {w} is {x}.", [x, f"{w} {verb} with {x}"], spelled(w) + ".")


def letters(ask):
    w = ask.r.choice(SPELLED)
    n = len(w)
    counted = ", ".join(f"{x} {i}" for i, x in enumerate(w, 1)) + "."
    return exchange("how many letters", ask.phrase(LETTERS).format(w=quoted(ask.r, w)), f"The word {w} has {n} letters.", [str(n), NUMBERS[n], f"{n} letters"], spelled(w) + ".", counted)


def capital(ask):
    w = ask.r.choice(CAPITALS)
    return exchange("capitals", ask.phrase(CAPITAL).format(w=w), w.upper() + ".", [], spelled(w) + ".", case="upper")


def listed(kind, ask, ways, words, answer, medium, high=None):
    said = (", " if ask.r.random() < 0.8 else " ").join(words)
    return exchange(kind, ask.phrase(ways).format(w=said), ", ".join(answer) + ".", [" ".join(answer)], medium, high)


def sort(ask):
    r = ask.r
    while True:
        words = r.sample(SPELLED, r.choice((2, 3, 3, 4)))
        if len({w[0] for w in words}) == len(words):
            break
    first = f"First letters {', '.join(w[0] for w in words)}."
    return listed("sort", ask, SORT, words, sorted(words), first, f"{first} In order {', '.join(sorted(w[0] for w in words))}.")


def reverse(ask):
    words = some(ask, EVERY, ask.r.choice((2, 3, 3, 4)))
    return listed("reverse", ask, REVERSE, words, words[::-1], f"The last word is {words[-1]}.")


def longest(ask):
    r = ask.r
    n = r.choice((2, 3, 3))
    long = r.random() < 0.7
    words = r.sample([w for w in SPELLED if len(w) <= 4], n - 1) + r.sample(LONG, 1) if long else r.sample(LONG, n - 1) + r.sample([w for w in SPELLED if len(w) <= 4], 1)
    answer = words[-1]
    r.shuffle(words)
    most = "longest" if long else "shortest"
    user = ask.phrase(LONGEST if long else SHORTEST).format(w=", ".join(words))
    return exchange("longest", user, f"The {most} word is {answer}.", [answer, f"{answer} is the {most}", f"{answer} is the {most} word"], f"The word {answer} is {'long' if long else 'short'}.")


def name(ask):
    r = ask.r
    (one, many), words = r.choice(list(LISTS.items()))
    n = r.choice((1, 2, 3, 3, 3, 4, 5, 5, 6))
    user = ask.phrase(NAME).format(n=NUMBERS[n] if r.random() < 0.6 else n, t=one if n == 1 else many)
    user = user.replace("What are one", "What is one")
    if r.random() < 0.5:
        user = user.replace("color", "colour")
    answer = words[:n]
    return exchange("list", user, ", ".join(answer) + ".", [" ".join(answer)] + [", ".join(answer[:-1]) + " and " + answer[-1]] * (n > 1), f"The number is {n}.")


KINDS = [(repeat, 18), (spell, 20), (letter, 14), (letters, 12), (capital, 6), (sort, 12), (reverse, 8), (longest, 8), (name, 16)]


def draw(ask):
    r = ask.r
    n = {"low": r.randint(3, 5), "medium": r.randint(2, 4), "high": r.randint(1, 3)}[ask.effort]
    return [k(ask) for k in r.choices([k for k, _ in KINDS], [w for _, w in KINDS], k=n)]


if __name__ == "__main__":
    from exchange import show
    show(draw)
