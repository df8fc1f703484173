#!/usr/bin/env python3
"""The held-out questions of the bundled model's world (models/osso-small/world.jsonl): they come from their seeds byte for
byte, their right answers are right by their own rules, and what they hold out training never has; and a stretch of the
training's conversations: rows have room for them, functions are called as they are declared."""
import random
import re

from harness import *

sys.path.insert(0, str(ROOT / "models" / "recipe"))
import compose  # noqa: E402
import family_stories  # noqa: E402
import family_tools  # noqa: E402
import make_data  # noqa: E402
import make_held_out  # noqa: E402
import more_ways  # noqa: E402
import number_ways  # noqa: E402
import word_lists  # noqa: E402
from exchange import Ask  # noqa: E402

KEPT = ROOT / "models/osso-small/world.jsonl"
SETS = list(make_held_out.sets())
TRAINED = range(600)


def plain(text):
    return re.sub(r"(\.\.\.|[.!?,;:])$", "", " ".join(text.lower().split())).rstrip()


def holds(line, text):
    """Is the text right by the line's rules? (osso eval chat has the rules; this is a second reading of them.)"""
    rules = []
    if "answer" in line:
        rules.append(plain(text) in [plain(a) for a in ([line["answer"]] if isinstance(line["answer"], str) else line["answer"])])
    rules += [re.search(p, text, re.I | re.M) for p in ([line["pattern"]] if "pattern" in line else []) + line.get("all_of", [])]
    rules += [text.strip() and not any(n in text for n in line["none_of"])] if "none_of" in line else []
    if "no_repeats" in line:
        words, n = re.findall(r"[a-z0-9']+", text.lower()), line["no_repeats"]
        grams = [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]
        rules.append(all(grams.count(g) < 3 for g in set(grams)))
    if "case" in line:
        rules.append(text == (text.upper() if line["case"] == "upper" else text.lower()))
    return bool(rules) and all(rules)


def calls(messages):
    return [t["function"] for m in messages for t in m.get("tool_calls", ())]


def test_the_file_comes_from_its_seeds():
    assert make_held_out.text_of(SETS) == KEPT.read_text(encoding="utf-8"), "run models/recipe/make_held_out.py"


def test_right_answers_are_right():
    for line, answer in SETS:
        assert "call" in line if answer is None else holds(line, answer), (line, answer)


def test_calls_are_of_what_was_declared():
    types = {"number": int, "integer": int, "boolean": bool, "string": str}
    for line, _ in SETS:
        if "call" in line:
            declared = {t["function"]["name"]: t["function"]["parameters"] for t in line["tools"]}
            parameters, args = declared[line["call"]["name"]], line["call"]["arguments"]
            assert set(parameters["required"]) <= set(args), line
            for p, v in args.items():
                want = parameters["properties"][p]
                assert type(v) is types[want["type"]] and v in want.get("enum", [v]), line


def test_sizes():
    families = [line["family"] for line, _ in SETS]
    assert KEPT.stat().st_size < 1_500_000
    for f in ("stories", "reading", "reading stories", "facts", "osso", "words", "talk", "unknown", "instructions", "numbers, two-digit sums, high"):
        assert families.count(f) == 200, f
    assert sum(f.startswith("tools, ") for f in families) == 300


def test_what_is_held_out_is_not_trained_on():
    trained, names, verbs = set(), set(), family_tools.T.LOOK_VERBS + family_tools.T.DO_VERBS
    for seed in TRAINED:
        c = compose.conversation(seed)
        assert make_data.estimate(c) < 1000 and c["messages"][-1]["role"] == "assistant", seed
        trained |= {m["content"] for m in c["messages"] if m["role"] == "user"}
        names |= {t["function"]["name"] for t in c.get("tools", ())}
        assert {f["name"] for f in calls(c["messages"])} <= {t["function"]["name"] for t in c.get("tools", ())}, seed
    names = {f for f in names if f.split("_")[0] in verbs and "_" in f}
    held = {t["function"]["name"] for line, _ in SETS for t in line.get("tools", ())}
    assert len(names) > 60 and not names & held, names & held
    assert not {line["messages"][-1]["content"] for line, _ in SETS if line["family"].startswith("numbers, two-digit")} & trained


def test_other_words_hold_no_held_out_way():
    """more_ways.py says a thing in other words, never in those by which it is asked in the end."""
    r, number = random.Random(0), 0
    for table in (number_ways, word_lists, family_stories, family_tools.T):
        for ways in [w for w in vars(table).values() if isinstance(w, list) and len(w) > 6 and all(isinstance(x, str) for x in w)]:
            said = {more_ways.reword(r, ways[:-2], ways[-2:]) for _ in range(60)}
            number += len(said - set(ways))
            assert not [s for s in said for h in ways[-2:] if more_ways.bare(h) in more_ways.bare(s)], ways[0]
    assert number > 300, number                         # and it does say them in other words


def test_the_last_text_fits_and_asks_nothing_held_out():
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([sys.executable, ROOT / "models/recipe/make_data.py", out, "--seed", "3", "--tokens", "2e5", "--jobs", "1", "--last", "--wider", "--final"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = [json.loads(line) for line in open(f"{out}/world.jsonl", encoding="utf-8")]
    asked = {plain(line["messages"][-1]["content"] or "") for line, _ in SETS if line["messages"][-1]["role"] == "user"}
    restated = 0
    for c in lines:
        assert make_data.estimate(c) < 1000 and c["messages"][-1]["role"] == "assistant"
        assert not asked & {plain(m["content"]) for m in c["messages"] if m["role"] == "user"}
        restated += any("? " in m.get("thinking", "") for m in c["messages"])
    assert len(lines) > 400 and restated > 60, (len(lines), restated)


def test_values_of_calls_stand_in_the_request():
    for seed in range(200):
        c = family_tools.draw(Ask(seed))
        said = " ".join(m["content"] for m in c["messages"] if m["role"] == "user")
        for f in calls(c["messages"]):
            assert all(isinstance(v, bool) or str(v) in said for v in json.loads(f["arguments"]).values()), (f, said)


if __name__ == "__main__":
    main(sys.modules[__name__])
