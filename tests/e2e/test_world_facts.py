#!/usr/bin/env python3
"""The tables of the bundled model's world (models/recipe): facts that agree, commands that exist, seeds that repeat."""
import re

from harness import *

RECIPE = ROOT / "models" / "recipe"
sys.path.insert(0, str(RECIPE))
import facts_kinds  # noqa: E402
import family_facts  # noqa: E402
import family_osso  # noqa: E402
import family_unknown  # noqa: E402
from exchange import HELD_OUT, Ask  # noqa: E402

FAMILIES = [family_facts, family_osso, family_unknown]


def draws(family, first, count):
    return [e for seed in range(first, first + count) for e in family.draw(Ask(seed))]


def said(text):
    """As `osso eval chat` compares final texts."""
    return " ".join(text.lower().split()).rstrip(".!?,;: ")


def test_the_tables_of_the_program_are_read_whole():
    """Beside what the program itself says that it has."""
    verbs = dict(re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +(\S.*)$", osso("--help").text, re.M))
    assert len(verbs) > 20 and verbs == family_osso.VERBS, set(verbs.items()) ^ set(family_osso.VERBS.items())
    helped = osso("chat", "--help").text
    shown = set(re.findall(r"^ +(?:-\w, )?--([a-z][a-z-]+)", helped, re.M)) - {"help"}
    assert len(shown) > 30 and shown <= set(family_osso.OPTIONS), shown - set(family_osso.OPTIONS)
    for name in family_osso.OPTIONS_ASKED:
        whole = re.escape(family_osso.OPTIONS[name]) + r"( \[| -| [A-Z][a-z]+ -|$)"      # then comes the default or another option
        assert re.search(whole, " ".join(helped.split())), name
    commands = (ROOT / "src/cli/chat/chat_commands.def").read_text()
    assert set(re.findall(r"^COMMAND\((\w+)", commands, re.M)) == set(family_osso.COMMANDS)


def test_what_osso_is_said_to_have_exists():
    family_osso.check_names()
    wrong = "Type /leave, or /set heat 1; in a shell, type osso fly --wings -Z."
    assert family_osso.unknown_names(wrong) == ["/leave", "--wings", "-Z", "/set heat", "osso fly"]
    for e in draws(family_osso, 0, 2000):
        assert not family_osso.unknown_names(e.answer), e
        named = re.findall(r"(?<!\S)(?:/|--)[a-z-]+", e.answer)
        assert named or "osso" in e.answer.lower() or e.kind == "about" or "Ctrl-C" in e.answer or "\\" in e.answer, e


def test_no_two_facts_contradict():
    facts = family_facts.check_tables()
    assert 1500 <= facts <= 2500, facts
    row = {"x": "the sky", "y": "green"}
    colors = next(k for k in facts_kinds.KINDS if k.name == "color")
    colors.rows.append(row)
    try:
        family_facts.check_tables()
        raise AssertionError("a second color of the sky was not noticed")
    except ValueError as e:
        assert "the sky" in str(e)
    finally:
        colors.rows.remove(row)
    answers = {}
    for family in FAMILIES:
        for e in draws(family, 0, 3000):
            if not e.user.startswith("And "):           # "And a dog?" asks what the question before it asked
                assert answers.setdefault(e.user, e.answer) == e.answer, (e.user, e.answer, answers[e.user])


def test_ways_to_ask():
    for kind in facts_kinds.KINDS:
        assert len(kind.ways) >= 10 and len(set(kind.ways)) >= len(kind.ways) - 1, kind.name
        assert not set(kind.ways[-2:]) & set(kind.ways[:-2]), kind.name
        assert not kind.yes or len(kind.yes) >= 6, kind.name
    for family in FAMILIES:
        learned, asked = ({e.user for e in draws(family, first, 2500)} for first in (0, HELD_OUT))
        assert len(asked) > 150 and not learned & asked, (family.__name__, sorted(learned & asked)[:5])


def test_answers_are_right_by_their_own_rule():
    for family in FAMILIES:
        for e in draws(family, 7, 1500) + draws(family, HELD_OUT + 7, 500):
            if "answer" in e.check:
                assert said(e.answer) in {said(a) for a in e.check["answer"]}, e
            else:
                assert re.search(e.check["pattern"], e.answer, re.I), e
            assert e.user[0] == e.user[0].upper() and (e.family == "osso" or e.answer[0].isupper() or e.answer[0].isdigit()), e
            assert set(e.think) == {"medium", "high"} and "{" not in e.user + e.answer + "".join(e.think.values()), e


def test_seeds_repeat():
    program = "import sys; from exchange import Ask; import family_facts, family_osso, family_unknown\n" \
              "for f in (family_facts, family_osso, family_unknown):\n    for s in (0, 1, 2, 2**31, 2**31 + 1): print(f.draw(Ask(s)))"
    out = {subprocess.run([sys.executable, "-c", program], cwd=RECIPE, env={**os.environ, "PYTHONHASHSEED": h}, stdout=subprocess.PIPE, check=True).stdout for h in "12"}
    assert len(out) == 1 and len(out.pop()) > 5000


if __name__ == "__main__":
    main(sys.modules[__name__])
