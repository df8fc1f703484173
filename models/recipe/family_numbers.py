"""Sums, tables, counting, order: python3 models/recipe/family_numbers.py [seed [n]] prints draws.

Every digit is a token. What a small model can surely do at one token is look up a fact (7 + 8 = 15) or copy a digit,
so that thinking breaks two-digit sums into such steps, always in the same words: high effort writes the ones with
their carry and then the tens, medium only the ones, low nothing. The same facts stand behind each kind: "7 + 8 = 15"
is the answer of a small sum, a step of a large one and the thought of a word sum.
"""
from exchange import Exchange
from number_ways import *                               # the ways of asking, by kind
from cast import BOYS, GIRLS
from word_lists import NUMBERS


def exchange(kind, user, answer, short, medium, high=None, weight=2.0):
    """short: the fair answers beside the whole one, the shortest first."""
    fair = short + [answer.rstrip(".")]
    return Exchange("numbers", kind, user, answer, {"medium": medium, "high": high or medium}, {"answer": fair}, weight)


def held_out(a, b):
    """Whether a two-digit pair is kept from training: one in seven."""
    return (3 * a + b) % 7 == 0


# ---------------------------------------------------------------- sums

def ones(a, sign, b):
    """The first step: 'Ones 7 + 8 = 15, carry 1.'"""
    x, y = a % 10, b % 10
    if sign == "+":
        return f"Ones {x} + {y} = {x + y}, carry {(x + y) // 10}."
    borrow = int(x < y)
    return f"Ones {x + 10 * borrow} - {y} = {x + 10 * borrow - y}, borrow {borrow}."


def tens(a, sign, b):
    """The second: 'Tens 4 + 3 + 1 = 8.'"""
    x, y = a // 10, b // 10
    carry = (a % 10 + b % 10) // 10 if sign == "+" else int(a % 10 < b % 10)
    return f"Tens {x} {sign} {y} {sign} {carry} = {x + y + carry if sign == '+' else x - y - carry}."


def work(a, sign, b):
    return f"{a} {sign} {b}. {ones(a, sign, b)} {tens(a, sign, b)}"


def result(a, sign, b):
    return {"+": a + b, "-": a - b, "x": a * b}[sign]


def whole(a, sign, b):
    return f"{a} {sign} {b} = {result(a, sign, b)}."


def thoughts(a, sign, b):
    """A sum of digits is known; any other is worked out."""
    if sign != "x" and (a > 9 or b > 9):
        return ones(a, sign, b), work(a, sign, b)
    return whole(a, sign, b), whole(a, sign, b)


def ask_sum(ask, a, sign, b, words=False):
    ways = WAYS[sign]["words"] if words else WAYS[sign]["words"] + WAYS[sign]["signs"]
    name = (lambda n: NUMBERS[n]) if words else str
    if not ask.held and not words and ask.r.random() < 0.6:
        ways = WAYS[sign]["signs"]
    return ask.phrase(ways).format(a=name(a), b=name(b))


def small_pair(ask, sign):
    """Facts of two digits and their reverses most often: larger sums stand on them."""
    r = ask.r
    if sign == "+":
        if r.random() < 0.65:
            return r.randint(1, 9), r.randint(1, 9)
        a = r.randint(0, 20)
        return a, r.randint(0, 20 - a)
    b = r.randint(1, 9)
    if r.random() < 0.65:
        return b + r.randint(0, 9), b
    a = r.randint(0, 20)
    return a, r.randint(0, a)


def sum_to_20(ask):
    sign = ask.r.choice("+-")
    if not ask.held and ask.r.random() < 0.15:
        return several(ask)
    a, b = small_pair(ask, sign)
    n = result(a, sign, b)
    user = ask_sum(ask, a, sign, b, words=ask.r.random() < 0.2)
    return exchange("sums to 20", user, whole(a, sign, b), [str(n), NUMBERS[n]], *thoughts(a, sign, b))


def large_pair(ask, sign):
    r = ask.r
    while True:
        a, b = r.randint(10, 99), r.randint(10, 99)
        if not ask.held and r.random() < 0.12:
            b = r.randint(2, 9)                         # 47 + 5
        if sign == "-" and a < b:
            a, b = b, a
        if held_out(a, b) == ask.held:
            return a, b


def two_digit(ask):
    sign = ask.r.choice("+-")
    a, b = large_pair(ask, sign)
    return exchange("two-digit sums", ask_sum(ask, a, sign, b), whole(a, sign, b), [str(result(a, sign, b))], *thoughts(a, sign, b))


def worked(a, sign, b):
    return f"{work(a, sign, b)} {whole(a, sign, b)}"


def step_by_step(ask):
    """The work as an answer: it is learned in every turn and at every effort, thoughts only in the last. Several sums at
    once, a line each, are the cheapest way to see many."""
    r = ask.r
    n = r.choice((1, 1, 1, 2, 3, 4)) if not ask.held else 1
    sums = []
    for _ in range(n):
        sign = r.choice("+-")
        a, b = large_pair(ask, sign)
        sums.append((a, sign, b))
    spoken = {"+": "plus", "-": "minus"} if n == 1 and r.random() < 0.3 else {"+": "+", "-": "-"}
    user = ask.phrase(STEPS if n == 1 else STEPS_OF_SEVERAL).format(s=", ".join(f"{a} {spoken[sign]} {b}" for a, sign, b in sums))
    return exchange("sums step by step", user, "\n".join(worked(*s) for s in sums), [], "I show ones, then tens.", weight=1.5)


def several(ask, signs="+-"):
    """Small sums at once."""
    r = ask.r
    sums = []
    for _ in range(r.randint(2, 4)):
        sign = r.choice(signs)
        a, b = small_pair(ask, sign) if sign != "x" else (r.randint(1, 10), r.randint(1, 10))
        sums.append((a, sign, b))
    user = ask.phrase(SEVERAL).format(s=", ".join(f"{a} {sign} {b}" for a, sign, b in sums))
    answer = ", ".join(whole(*s).rstrip(".") for s in sums) + "."
    return exchange("several sums", user, answer, [", ".join(str(result(*s)) for s in sums)], f"There are {len(sums)} sums.")


def table(ask):
    r = ask.r
    a, b = r.randint(1, 10), r.randint(1, 10)
    if not ask.held and r.random() < 0.12:
        row = ", ".join(str(a * i) for i in range(1, 11))
        return exchange("table", ask.phrase(ROWS).format(a=a), row + ".", [row.replace(",", "")], f"From {a} to {10 * a}.", weight=1.5)
    if not ask.held and r.random() < 0.15:
        return several(ask, "x")
    first = 5 if b > 5 else 1
    steps = ", ".join(whole(a, "x", i).rstrip(".") for i in range(first, b + 1)) + "."
    user = ask_sum(ask, a, "x", b, words=r.random() < 0.12)
    return exchange("table", user, whole(a, "x", b), [str(a * b)], whole(a, "x", b), steps)


# ---------------------------------------------------------------- counting and order

def listed(kind, user, numbers, medium, high=None):
    text = ", ".join(map(str, numbers))
    return exchange(kind, user, text + ".", [text.replace(",", "")], medium, high, weight=1.5)


def count(ask):
    r = ask.r
    x = r.random()
    name = (lambda n: NUMBERS[n] if n <= 20 and r.random() < 0.2 else str(n))
    if x < 0.45:
        b = min(r.randint(2, 12), r.randint(2, 22)) if r.random() < 0.7 else r.choice((10, 15, 20, 10, 5))
        return listed("counting", ask.phrase(COUNT_TO).format(b=name(b)), range(1, b + 1), f"From 1 to {b}.")
    if x < 0.75:
        a = r.randint(2, 15) if r.random() < 0.5 else r.randint(2, 92)
        b = a + r.randint(2, 8)
        return listed("counting", ask.phrase(COUNT_FROM).format(a=name(a), b=name(b)), range(a, b + 1), f"From {a} to {b}.")
    a = min(r.randint(3, 10), r.randint(3, 20))
    return listed("counting", ask.phrase(COUNT_DOWN).format(a=name(a)), range(a, 0, -1), f"From {a} down to 1.")


def neighbour(ask):
    r = ask.r
    n = r.randint(1, 30) if r.random() < 0.4 else r.randint(1, 99)
    kind = r.choices(("after", "before", "even", "odd or even"), (4, 3, 2, 2))[0]
    user = ask.phrase(NEIGHBOURS[kind]).format(n=n)
    if kind == "after":
        return exchange("counting", user, f"After {n} comes {n + 1}.", [str(n + 1), f"{n + 1} comes after {n}"], f"{n} + 1 = {n + 1}.")
    if kind == "before":
        return exchange("counting", user, f"Before {n} comes {n - 1}.", [str(n - 1), f"{n - 1} comes before {n}"], f"{n} - 1 = {n - 1}.")
    parity = "odd" if n % 2 else "even"
    if kind == "odd or even":
        return exchange("counting", user, f"{n} is {parity}.", [parity], f"It ends with {n % 10}.")
    m = n + 2 - n % 2
    return exchange("counting", user, f"After {n} comes {m}.", [str(m), f"The next even number after {n} is {m}"], f"{n} is {parity}.")


WORKED = False                                          # what is thought of an order is worked out to its end


def digits(numbers, down=False):
    """What decides the order: at medium effort the tens, at high the ones as well."""
    if WORKED:
        return worked_order(numbers, down)
    tens, ones_ = (", ".join(str(n) for n in part) for part in ([n // 10 for n in numbers], [n % 10 for n in numbers]))
    return f"Tens {tens}.", f"Tens {tens}. Ones {ones_}."


def worked_order(numbers, down):
    """Each number with two digits, the tens in order, and where they are the same the ones: "06, 12. Tens 0, 1. In order 0, 1." """
    said, tens = ", ".join(f"{n:02}" for n in numbers), [n // 10 for n in numbers]
    text = f"{said}. Tens {', '.join(map(str, tens))}. {'In reverse order' if down else 'In order'} {', '.join(map(str, sorted(tens, reverse=down)))}."
    same = sorted({n for n in numbers if tens.count(n // 10) > 1}, reverse=down)
    ones = f" Ones {', '.join(str(n % 10) for n in same)}." if same else ""
    result = f" So {', '.join(map(str, sorted(numbers, reverse=down)))}."
    return text + ones + (result if len(numbers) == 2 else ""), text + ones + result


def by_size(ask, count):
    """Different numbers, of which few share their tens."""
    r = ask.r
    while True:
        limit = 99 if r.random() < 0.75 else 20
        numbers = [r.randint(1, limit) for _ in range(count)]
        different = len(set(numbers)) == count
        if different and (len({n // 10 for n in numbers}) == count or r.random() < 0.25):
            return numbers


def compare(ask):
    r = ask.r
    a, b = by_size(ask, 2)
    big, small = max(a, b), min(a, b)
    medium, high = digits((a, b))
    kind = r.choice(("bigger", "bigger", "smaller", "is bigger", "is smaller"))
    user = ask.phrase(COMPARE[kind]).format(a=a, b=b)
    bigger, smaller = f"{big} is bigger than {small}.", f"{small} is smaller than {big}."
    if kind == "bigger":
        return exchange("order", user, bigger, [str(big), f"{big} is bigger"], medium, high)
    if kind == "smaller":
        return exchange("order", user, smaller, [str(small), f"{small} is smaller"], medium, high)
    yes = (a > b) == (kind == "is bigger")
    answer = f"{'Yes' if yes else 'No'}, {bigger if a > b else smaller}"
    return exchange("order", user, answer, ["yes" if yes else "no"], medium, high)


def order(ask):
    if ask.r.random() < 0.55:
        return compare(ask)
    numbers = by_size(ask, 3)
    down = ask.r.random() < 0.3
    user = ask.phrase(ORDER_DOWN if down else ORDER_UP).format(a=numbers[0], b=numbers[1], c=numbers[2])
    return listed("order", user, sorted(numbers, reverse=down), *digits(numbers, down))


# ---------------------------------------------------------------- word sums

def word_sum(ask):
    r = ask.r
    kind = r.choices(list(STORIES), (4, 4, 2, 2, 1))[0]
    sign = {"more": "+", "less": "-", "together": "+", "there": "+", "times": "x"}[kind]
    if sign == "x":
        a, b = r.randint(2, 9), r.randint(2, 9)
    else:
        a, b = small_pair(ask, sign)
        while not (a and b and (sign == "+" or a > b)):
            a, b = small_pair(ask, sign)
    boys = r.random() < 0.5
    name, other = r.sample(BOYS if boys else GIRLS, 2)
    thing = r.choice(THINGS)
    n = result(a, sign, b)
    number = (lambda k: NUMBERS[k]) if r.random() < 0.15 else str
    noun = (lambda k: thing if k == 1 else thing + "s")
    user = ask.phrase(STORIES[kind]).format(n=name, o=other, a=number(a), b=number(b), A=f"{number(a)} {noun(a)}", B=f"{number(b)} {noun(b)}",
                                            t=thing + "s", he="he" if boys else "she", He="He" if boys else "She")
    who = {"together": "They have", "there": "There are" if n != 1 else "There is"}.get(kind, f"{name} has")
    answer = f"{who} {n} {noun(n)}."
    return exchange("word sums", user, answer, [str(n), f"{n} {noun(n)}"] + ([NUMBERS[n]] if n <= 20 else []), whole(a, sign, b), f"{SENSE[kind].format(a=a, b=b)} {whole(a, sign, b)}")


KINDS = [(sum_to_20, 20, 10), (two_digit, 18, 50), (step_by_step, 22, 12), (table, 14, 9), (count, 8, 4), (neighbour, 6, 4), (order, 8, 7), (word_sum, 8, 6)]


# of the stretch whose flag is --final: counting and order are not yet known, tables and steps are
FINAL_KINDS = [(sum_to_20, 26, 20), (two_digit, 22, 36), (step_by_step, 8, 3), (table, 10, 6), (count, 14, 12), (neighbour, 8, 6), (order, 26, 26), (word_sum, 12, 10)]


def draw(ask):
    """Of the last turn alone the thoughts are learned: high effort, which has most to learn, asks once or twice."""
    r = ask.r
    high = ask.effort == "high"
    all_kinds = FINAL_KINDS if WORKED and not ask.held else KINDS
    weights = [h if high else w for _, w, h in all_kinds]
    n = r.choice((1, 1, 2)) if high else r.randint(2, 4) if ask.effort == "medium" else r.randint(3, 5)
    kinds = r.choices([k for k, _, _ in all_kinds], weights, k=1) * n if r.random() < 0.5 else r.choices([k for k, _, _ in all_kinds], weights, k=n)
    return [k(ask) for k in kinds]


if __name__ == "__main__":
    from exchange import show
    show(draw)
