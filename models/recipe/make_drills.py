#!/usr/bin/env python3
"""make_drills.py WORDS OUT.jsonl [N]: N (7000) drills for the beginning of a run: lists of random words said again.

A model this small learns to say fluent sentences long before it learns to copy, and every family but the facts needs
copying. In a list that comes again nothing but the copying can be learned, so a few per cent of drills bring it about
sooner: lists as plain text, three to five times over, and lists in a conversation that asks for them once more.
WORDS: the list that make_data.py writes beside tokenizer.txt, a word a line.
"""
import json
import random
import sys

FIRST = 10 ** 6                                         # seeds of the drills
ASKED = ["Repeat: ", "Say this again: ", "Repeat these words: "]


def listed(r, words, n, numbers):
    return [str(r.randint(0, 99)) if r.random() >= 1 - numbers else r.choice(words) for _ in range(n)]


def text(r, words):
    once = listed(r, words, r.randint(8, 70), 0.1)
    return {"text": r.choice([" ", " ", ", "]).join(once * r.randint(3, 5))}


def asked(r, words):
    separator, messages = r.choice([" ", " ", ", "]), []
    for _ in range(r.randint(1, 3)):
        said = separator.join(listed(r, words, r.randint(4, 30), 0.15))
        messages += [{"role": "user", "content": r.choice(ASKED) + said}, {"role": "assistant", "content": said, "weight": 2}]
    return {"messages": messages, "reasoning_effort": "low"}


def drill(seed, words):
    r = random.Random(FIRST + seed)
    return (text if r.random() < 0.6 else asked)(r, words)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        words = f.read().split()
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        for seed in range(int(sys.argv[3]) if len(sys.argv) > 3 else 7000):
            f.write(json.dumps(drill(seed, words)) + "\n")


if __name__ == "__main__":
    main()
