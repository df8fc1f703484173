#!/usr/bin/env python3
"""The families numbers and words of models/recipe and the developer messages: each answer is worked out again here, from the
question alone."""
import operator
import random
import re

from harness import *

RECIPE = ROOT / "models/recipe"
sys.path.insert(0, str(RECIPE))
import family_numbers
import family_words
import instructions
import word_lists
from exchange import HELD_OUT, Ask

SEEDS = [*range(150), *range(HELD_OUT, HELD_OUT + 150)]
WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()
OPERATORS = {"+": operator.add, "-": operator.sub, "x": operator.mul}


def exchanges(module, kind=None):
    return [e for s in SEEDS for effort in ("low", "medium", "high") for e in module.draw(Ask(s, effort)) if kind in (None, e.kind)]


def numbers(text):
    """The numbers in a text, whether in digits or in words."""
    found = re.findall(r"\d+|\b(?:" + "|".join(sorted(WORDS, key=len, reverse=True)) + r")\b", text.lower())
    return [int(x) if x.isdigit() else WORDS.index(x) for x in found]


def normal(text):
    """As `osso eval chat` compares answers."""
    return re.sub(r"[.!?,;: ]+$", "", " ".join(text.split())).lower()


def holds(check, answer):
    """Whether an answer is right by a check's rules (docs/evaluation.md)."""
    found = [re.search(p, answer, re.I) for p in check.get("all_of", []) + [p for p in [check.get("pattern")] if p]]
    case = {"upper": str.isupper, "lower": str.islower}.get(check.get("case"), lambda s: True)
    return ("answer" not in check or normal(answer) in map(normal, check["answer"])) and all(found) and bool(case(answer)) and \
        not any(w.lower() in answer.lower() for w in check.get("none_of", []))


def right(e, *expected):
    """The check takes the answer, and what this file has worked out is among the answers it takes."""
    assert holds(e.check, e.answer), e
    for one in expected:
        assert normal(str(one)) in map(normal, e.check["answer"]), (one, e)


def sign(text):
    return "+" if re.search(r"\+|plus|sum|add|make| and |are ", text.lower()) else "-"


def test_sums():
    seen = set()
    for kind in ("sums to 20", "two-digit sums", "table"):
        for e in exchanges(family_numbers, kind):
            n = numbers(e.user)
            if kind == "table" and len(n) == 1:
                right(e, ", ".join(str(n[0] * i) for i in range(1, 11)))
                continue
            assert len(n) == 2, e
            s = "x" if kind == "table" else sign(e.user)
            right(e, OPERATORS[s](*n), f"{n[0]} {s} {n[1]} = {OPERATORS[s](*n)}")
            seen.add((kind, s))
    assert seen == {("sums to 20", "+"), ("sums to 20", "-"), ("two-digit sums", "+"), ("two-digit sums", "-"), ("table", "x")}


EQUATION = re.compile(r"(\d+(?: [-+x] \d+)+) = (\d+)")


def test_each_equation_holds():
    """In thoughts and in answers, whatever their kind; and a carry is what the ones leave."""
    checked = 0
    for e in exchanges(family_numbers):
        for text in (e.answer, e.think["medium"], e.think["high"]):
            for left, value in EQUATION.findall(text):
                first, *rest = left.split()
                total = int(first)
                for s, n in zip(rest[::2], rest[1::2]):
                    total = OPERATORS[s](total, int(n))
                assert total == int(value), (left, e)
                checked += 1
            for value, carry in re.findall(r"\+ \d = (\d+), carry (\d)", text):
                assert int(carry) == int(value) // 10, e
            for top, borrow in re.findall(r"Ones (\d+) - \d = \d+, borrow (\d)", text):
                assert int(borrow) == (int(top) > 9), e
    assert checked > 1000


def test_work_leads_to_the_answer():
    """The digits of the tens, then the last one of the ones, are the result."""
    for e in exchanges(family_numbers, "two-digit sums"):
        for_ones, for_tens = EQUATION.findall(e.think["high"])
        assert int(for_tens[1] + for_ones[1][-1]) == int(e.check["answer"][0]), e
        assert e.think["high"].startswith(e.answer.split(" =")[0] + ". " + e.think["medium"]), e
    for e in exchanges(family_numbers, "sums step by step"):
        for line in e.answer.split("\n"):
            for_ones, for_tens, last = EQUATION.findall(line)
            assert int(for_tens[1] + for_ones[1][-1]) == int(last[1]) and line.startswith(last[0]), e
        plain = e.user.replace("plus", "+").replace("minus", "-")
        assert all(left in plain for left, _ in EQUATION.findall(e.answer)[2::3]), e


def test_counting():
    for e in exchanges(family_numbers, "counting"):
        n, user = numbers(e.user), e.user.lower()
        if "down" in user or "back" in user:
            right(e, ", ".join(map(str, range(n[0], 0, -1))))
        elif "odd" in user:
            right(e, "odd" if n[0] % 2 else "even", f"{n[0]} is {'odd' if n[0] % 2 else 'even'}")
        elif re.search(r"\beven\b", user):
            right(e, next(m for m in range(n[0] + 1, n[0] + 3) if m % 2 == 0))
        elif re.search("before|one less", user):
            right(e, n[-1] - 1)
        elif re.search("after|next|one more|follows", user):
            right(e, n[-1] + 1)
        else:
            first = n[0] if len(n) == 2 else 1
            right(e, ", ".join(map(str, range(first, n[-1] + 1))))


def test_order():
    for e in exchanges(family_numbers, "order"):
        n, user = numbers(e.user), e.user.lower()
        big = re.search("bigger|larger|greater|more", user) and "smallest to" not in user
        if len(n) == 3:
            down = re.search("biggest to|biggest first|big to small", user)
            right(e, ", ".join(map(str, sorted(n, reverse=bool(down)))))
        elif " or " in user or user.startswith("of ") or "which" in user:
            right(e, max(n) if big else min(n), f"{max(n)} is bigger than {min(n)}" if big else f"{min(n)} is smaller than {max(n)}")
        else:
            yes = n[0] > n[1] if big else n[0] < n[1]
            right(e, "yes" if yes else "no", f"{'Yes' if yes else 'No'}, {n[0]} is {'bigger' if n[0] > n[1] else 'smaller'} than {n[1]}")


def test_word_sums():
    less = re.compile(r"loses|gives (\w+ )?away|gives away|left|sold|sells|takes|drops|gives \S+ to")
    for e in exchanges(family_numbers, "word sums"):
        a, b = numbers(re.sub(r"under it|at once", "", e.user))
        s = "x" if re.search("each", e.user, re.I) else "-" if less.search(e.user) else "+"
        right(e, OPERATORS[s](a, b), e.answer)
        assert str(OPERATORS[s](a, b)) in e.answer, e


def asked_words(e):
    """The words of the question that a list may hold, after the last of its colons if it has one."""
    known = set(family_words.EVERY)
    return [w for w in re.findall(r"[a-z]+", e.user.split(":")[-1] if ":" in e.user else e.user) if w in known]


def test_letters():
    for kind in ("spell", "first and last letter", "how many letters", "capitals"):
        for e in exchanges(family_words, kind):
            w = re.search(r"(?:Arr! )?(\S+)\.", e.answer).group(1).replace("-", "").lower() if kind in ("spell", "capitals") else re.search(r"(?:of|word) (\w+)", e.answer).group(1)
            assert re.search(rf"\b{w}\b", e.user), e
            if kind == "spell":
                right(e, "-".join(w), " ".join(w))
            elif kind == "capitals":
                right(e, w)
                assert e.answer == w.upper() + ".", e
            elif kind == "how many letters":
                right(e, len(w), WORDS[len(w)])
            else:
                right(e, w[0] if re.search("first|begin|start", e.user, re.I) else w[-1])
            for thought in e.think.values():
                assert all(part in ("-".join(w), f"The word {w} has {len(w)} letters", ", ".join(f"{x} {i}" for i, x in enumerate(w, 1))) for part in [thought.rstrip(".")]), e


def test_lists_of_words():
    for e in exchanges(family_words, "repeat"):
        assert e.user.endswith(e.answer) or e.user.endswith(e.answer + "."), e
        right(e, e.answer)
    for kind, want in (("sort", sorted), ("reverse", lambda words: words[::-1])):
        for e in exchanges(family_words, kind):
            given, said = asked_words(e), re.findall("[a-z]+", e.answer)
            given = [w for w in given if w in said] if ":" not in e.user else given
            assert said == want(given) and len(said) >= 2, e
            right(e, e.answer, " ".join(said))
    for e in exchanges(family_words, "longest"):
        given = asked_words(e)
        lengths = sorted((len(w), w) for w in given if w not in ("word", "words"))
        end = lengths[-1] if re.search("longest|most", e.user, re.I) else lengths[0]
        assert [n for n, _ in lengths].count(end[0]) == 1, e
        right(e, end[1])
    for e in exchanges(family_words, "list"):
        n, said = numbers(e.user)[0], re.findall("[a-z]+", e.answer)
        of = [words for names, words in word_lists.LISTS.items() if re.search(rf"\b{names[n > 1]}\b", e.user.replace("colour", "color"))]
        assert len(said) == len(set(said)) == n and any(set(said) <= set(words) for words in of), e
        right(e, e.answer)


def test_nothing_held_out_is_trained_on():
    """No question of the held-out seeds is one of the others', and no two-digit pair."""
    for module in (family_numbers, family_words):
        asked = [{e.user for s in range(first, first + 1500) for e in module.draw(Ask(s, "low"))} for first in (0, HELD_OUT)]
        assert not asked[0] & asked[1] and min(map(len, asked)) > 1000
    words = [{w for s in range(first, first + 600) for e in family_words.draw(Ask(s, "low")) if e.kind == "reverse" for w in re.findall("[a-z]+", e.answer)} for first in (0, HELD_OUT)]
    assert not words[0] & words[1] and min(map(len, words)) > 20
    trained, held = [{tuple(numbers(e.user)) for s in range(first, first + 1500) for e in family_numbers.draw(Ask(s, "high")) if e.kind == "two-digit sums"} for first in (0, HELD_OUT)]
    assert not trained & held and len(held) > 200


def test_seeds_repeat():
    script = "import family_numbers as n, family_words as w, instructions as i\nfrom exchange import Ask\n" \
             "print([i.instruct(Ask(s + d), m.draw(Ask(s + d))) for s in range(40) for d in (0, 2**31) for m in (n, w)])"
    outs = [subprocess.run([sys.executable, "-c", script], cwd=RECIPE, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, check=True).stdout for seed in ("1", "2")]
    assert outs[0] == outs[1] and len(outs[0]) > 10000


def test_instructions_are_obeyed():
    seen = {}
    for s in SEEDS:
        ask = Ask(s)
        before = random.Random(s).choice((family_numbers, family_words)).draw(ask)
        text, after = instructions.instruct(ask, before)
        assert [e.user for e in before] == [e.user for e in after] and text
        for old, e in zip(before, after):
            assert holds(e.check, e.answer), (text, e)
            kind = e.kind if e.family == "instructions" else None
            seen[kind] = seen.get(kind, 0) + 1
            if kind is None:
                assert e == old
                continue
            if old.check.get("case"):
                assert e.answer.strip(".").isupper(), e
                continue
            assert e.answer != old.answer or kind in ("small letters", "one word"), (text, e)
            quoted = re.search(r'"([^"]*)"', text)
            if kind == "one word":
                assert re.fullmatch(r"\w+", e.answer), e
            elif kind == "capitals":
                assert e.answer.isupper() and e.check["case"] == "upper", e
            elif kind == "small letters":
                assert e.answer == old.answer.lower(), e
            elif kind == "pirate":
                assert e.answer == "Arr! " + old.answer and not holds(e.check, old.answer), e
            elif kind == "JSON":
                assert list(json.loads(e.answer)) == [quoted.group(1)], (text, e)
            elif kind == "begins with":
                assert e.answer.startswith(quoted.group(1)) and not holds(e.check, old.answer), (text, e)
            else:
                assert e.answer.endswith(quoted.group(1)) and not holds(e.check, old.answer), (text, e)
    assert set(seen) == {None, *instructions.TEXTS}, seen


def test_patterns_under_an_instruction():
    """Patterns that were bound to an end of the answer are not weakened, others hold beside the words put around."""
    from exchange import Exchange
    hello = Exchange("talk", "greeting", "Hi", "Hello, I am Osso.", {}, {"pattern": "osso", "none_of": ["sorry"]})
    word = Exchange("talk", "greeting", "Hi", "Hello.", {}, {"pattern": "(^|[^a-z])(hello)([^a-z]|$)"})
    assert holds(instructions.wrapped(word, "Ah!", None).check, "Ah! Hello.") and not holds(instructions.wrapped(word, "Ah!", None).check, "Ah! Bye.")
    bound = Exchange("talk", "greeting", "Hi", "Hello.", {}, {"pattern": "^hello"})
    front, back = instructions.wrapped(hello, "Ah!", None), instructions.wrapped(hello, None, "The end.")
    assert front.answer == "Ah! Hello, I am Osso." and holds(front.check, front.answer) and not holds(front.check, hello.answer) and not holds(front.check, "Ah! Hello.")
    assert back.answer == "Hello, I am Osso. The end." and holds(back.check, back.answer) and not holds(back.check, hello.answer)
    assert front.check["none_of"] == ["sorry"]
    assert instructions.wrapped(bound, "Ah!", None) is None and instructions.wrapped(bound, None, "The end.").answer == "Hello. The end."
    assert instructions.one_word(hello, None) is None and instructions.as_json(hello, "answer") is None
    whole_first = Exchange("facts", "colors", "?", "The sky is blue.", {}, {"answer": ["The sky is blue.", "blue", "it is blue"]})
    assert instructions.one_word(whole_first, None).answer == "blue" and instructions.as_json(whole_first, "x").answer == '{"x": "blue"}'


def test_typing():
    """Digits and short words stay; of the letters at most two change places."""
    changed = 0
    for s in range(2000):
        text = "What comes after 47, please?"
        out = instructions.typed(Ask(s), text)
        assert "47" in out and sorted(out.lower()) == sorted(text.lower().rstrip("?") if not out.endswith("?") else text.lower()), out
        changed += out.lower().rstrip("?") != text.lower().rstrip("?")
    assert 40 < changed < 200, changed


def test_where_work_goes_wrong():
    """check_efforts.py names the first wrong step of a sum, and its interval is that of the pairs."""
    import check_efforts
    (e,) = [e for e in check_efforts.questions("two-digit sums", 1)]
    good = e.think["high"]
    copied, for_ones, for_tens = re.split(r"(?<=[.]) ", good)
    row = lambda thought: {"acc": 0, "text": f"<|channel|>analysis<|message|>{thought}<|end|><|start|>assistant<|channel|>final<|message|>?<|return|>"}
    off = lambda part: re.sub(r"= \d+", "= 99", part)
    steps = [check_efforts.first_wrong_step(e, row(t)) for t in ("0 + 0. " + for_ones, f"{copied} {off(for_ones)} {for_tens}", f"{copied} {for_ones} {off(for_tens)}", good)]
    assert steps == ["copy of the sum", "ones", "tens", "answer"], steps
    assert check_efforts.first_wrong_step(e, {"acc": 0, "text": "<|channel|>final<|message|>7<|return|>"}) == "no thought"
    mean, half = check_efforts.paired([{"acc": 0}] * 50 + [{"acc": 1}] * 50, [{"acc": 1}] * 100)
    assert mean == 50 and 9.8 < half < 9.9, (mean, half)


if __name__ == "__main__":
    main(sys.modules[__name__])
