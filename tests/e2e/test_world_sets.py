#!/usr/bin/env python3
"""The held-out questions of the bundled model's world (models/osso-small/world.jsonl): they come from their seeds byte for
byte, their right answers are right by their own rules, and what they hold out training never has; and a stretch of the
training's conversations: rows have room for them, functions are called as they are declared."""
import json
import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "models", "recipe"))
import compose  # noqa: E402
import family_tools  # noqa: E402
import make_data  # noqa: E402
import make_held_out  # noqa: E402
from exchange import Ask  # noqa: E402

SETS = list(make_held_out.sets())
TRAINED = range(0, 1000)


def plain(text):
    return re.sub(r"(\.\.\.|[.!?,;:])$", "", re.sub(r"\s+", " ", text).strip().lower()).rstrip()


def holds(line, text):
    """Is the text right by the line's rules? (osso eval chat has the rules; this is a second reading of them.)"""
    rules = []
    if "answer" in line:
        rules.append(plain(text) in [plain(a) for a in ([line["answer"]] if isinstance(line["answer"], str) else line["answer"])])
    rules += [re.search(p, text, re.I | re.M) is not None for p in ([line["pattern"]] if "pattern" in line else []) + line.get("all_of", [])]
    rules += [bool(text.strip()) and not any(n in text for n in line["none_of"])] if "none_of" in line else []
    if "no_repeats" in line:
        words, n = re.findall(r"[a-z0-9']+", text.lower()), line["no_repeats"]
        grams = [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]
        rules.append(all(grams.count(g) < 3 for g in set(grams)))
    if "case" in line:
        rules.append(text == (text.upper() if line["case"] == "upper" else text.lower()))
    return bool(rules) and all(rules)


def calls(messages):
    return [t["function"] for m in messages for t in m.get("tool_calls", ())]


class HeldOut(unittest.TestCase):
    def test_file_comes_from_its_seeds(self):
        with open(make_held_out.OUT, encoding="utf-8") as kept:
            self.assertTrue(make_held_out.text_of(SETS) == kept.read(), "models/osso-small/world.jsonl: run models/recipe/make_held_out.py")

    def test_right_answers_are_right(self):
        for line, answer in SETS:
            if answer is not None:
                self.assertTrue(holds(line, answer), (line, answer))
            else:
                self.assertIn("call", line)

    def test_calls_are_what_was_declared(self):
        for line, _ in SETS:
            if "call" in line:
                declared = {t["function"]["name"]: t["function"]["parameters"] for t in line["tools"]}
                parameters = declared[line["call"]["name"]]
                args = line["call"]["arguments"]
                self.assertLessEqual(set(parameters["required"]), set(args))
                for p, v in args.items():
                    want = parameters["properties"][p]
                    self.assertIs(type(v), {"number": int, "integer": int, "boolean": bool, "string": str}[want["type"]])
                    self.assertIn(v, want.get("enum", [v]))

    def test_sizes(self):
        self.assertLess(os.path.getsize(make_held_out.OUT), 1_500_000)
        families = [line["family"] for line, _ in SETS]
        for f in ("stories", "reading", "reading stories", "facts", "osso", "words", "talk", "unknown", "instructions", "numbers, two-digit sums, high"):
            self.assertEqual(families.count(f), 200, f)
        self.assertEqual(sum(f.startswith("tools, ") for f in families), 300)


class Training(unittest.TestCase):
    def test_conversations(self):
        trained, names = set(), set()
        for seed in TRAINED:
            c = compose.conversation(seed)
            self.assertLess(make_data.estimate(c), 1000, seed)
            self.assertEqual(c["messages"][-1]["role"], "assistant")
            trained |= {m["content"] for m in c["messages"] if m["role"] == "user"}
            names |= {t["function"]["name"] for t in c.get("tools", ()) if "_" in t["function"]["name"]}
            self.assertLessEqual({f["name"] for f in calls(c["messages"])}, {t["function"]["name"] for t in c.get("tools", ())})
        held = {f for line, _ in SETS for f in (t["function"]["name"] for t in line.get("tools", ()))}
        looked_or_done = {f for f in held | names if f.split("_", 1)[0] in family_tools.T.LOOK_VERBS + family_tools.T.DO_VERBS and "_" in f}
        self.assertGreater(len(looked_or_done & names), 100)
        self.assertFalse(looked_or_done & names & held, "a held-out function is trained on")
        self.assertFalse({line["messages"][-1]["content"] for line, _ in SETS if line["family"].startswith("numbers, two-digit")} & trained)

    def test_tools_are_copied(self):
        """Each value of a call stands in the request, but for those that say yes or no."""
        for seed in range(300):
            c = family_tools.draw(Ask(seed))
            said = " ".join(m["content"] for m in c["messages"] if m["role"] == "user")
            for f in calls(c["messages"]):
                for v in json.loads(f["arguments"]).values():
                    self.assertTrue(isinstance(v, bool) or str(v) in said, (v, said))


if __name__ == "__main__":
    unittest.main()
