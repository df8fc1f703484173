#!/usr/bin/env python3
"""Was anything trained that is asked? python3 models/recipe/check_memorised.py TRAINED.jsonl HELD_OUT.jsonl [--ngrams [--also TEXT ...]]

TRAINED is what make_data.py wrote (world.jsonl), HELD_OUT what is asked (models/osso-small/world.jsonl). By hash, and whatever
the case, white space and signs at the end: no held-out question, text or call may stand in what was trained.

question  what the user says last
text      a paragraph of at least eight words beside a question: what it is asked about
call      a function's name with its arguments

--ngrams counts, too, how many of the training text's (and of each TEXT's) word 8-grams are distinct, and which come most often; of the grams a
sixteenth is looked at, chosen by their hash, so that each is counted whole. Exit 1 when something held out was trained, or
when less than half of the grams are distinct.
"""
import argparse
import collections
import hashlib
import json
import re
import sys
import zlib

TEXT_WORDS = 8
SAMPLED = 16


def digest(kind, text):
    return hashlib.blake2b(f"{kind}:{text}".encode(), digest_size=12).digest()


def plain(text):
    return " ".join(text.lower().split()).rstrip(" .?!,;:")


def questions_and_texts(content):
    """What a user's message holds: the question is all of it, a text each long paragraph of several."""
    yield "question", plain(content)
    paragraphs = [p for p in content.split("\n") if p.strip()]
    for p in paragraphs if len(paragraphs) > 1 else []:
        if len(p.split()) >= TEXT_WORDS:
            yield "text", plain(p)


def call_of(name, arguments):
    """A call as a text: the arguments with their keys in order."""
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    return "call", name + " " + json.dumps(value, sort_keys=True)


def trained_parts(conversation):
    """Everything of a training conversation that a held-out line could be."""
    for m in conversation["messages"]:
        if m["role"] == "user":
            yield from questions_and_texts(m["content"])
        for t in m.get("tool_calls", ()):
            yield call_of(t["function"]["name"], t["function"]["arguments"])


def asked_parts(line):
    """What a held-out line asks, and the call that it wants; what was said before it is no question."""
    last = line["messages"][-1]
    if last["role"] == "user":
        yield from questions_and_texts(last["content"])
    if "call" in line:
        yield call_of(line["call"]["name"], line["call"]["arguments"])


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip():
                yield json.loads(line)


class Grams:
    """How often the word 8-grams of a text come, of a sample of them."""

    def __init__(self):
        self.words, self.counts, self.texts = 0, collections.Counter(), {}

    def add(self, conversation):
        for m in conversation["messages"]:
            for text in (m.get("content") or "", m.get("thinking") or ""):
                words = re.findall(r"[a-z0-9']+", text.lower())
                self.words += len(words)
                for i in range(len(words) - 7):
                    gram = " ".join(words[i:i + 8])
                    if zlib.crc32(gram.encode()) % SAMPLED == 0:
                        key = digest("gram", gram)
                        self.counts[key] += 1
                        if self.counts[key] == 2:       # what comes once is never listed
                            self.texts[key] = gram

    def report(self, most=30):
        total = sum(self.counts.values())
        share = len(self.counts) / max(1, total)
        print(f"{self.words / 1e6:.1f} M words; {share:.1%} of the word 8-grams are distinct ({total} looked at). Most often:")
        for key, n in self.counts.most_common(most):
            print(f"  {n:7} x  {self.texts.get(key, '')}")
        return share


def main():
    p = argparse.ArgumentParser()
    p.add_argument("trained")
    p.add_argument("held_out", nargs="+")
    p.add_argument("--ngrams", action="store_true")
    p.add_argument("--also", nargs="*", default=[], help="plain texts that were trained on")
    a = p.parse_args()

    asked, number = {}, collections.Counter()
    for path in a.held_out:
        for line in lines_of(path):
            for kind, text in asked_parts(line):
                asked.setdefault(digest(kind, text), (line.get("family", "?"), kind, text))
                number[kind] += 1
    found, conversations, grams = collections.Counter(), 0, Grams()
    for conversation in lines_of(a.trained):
        conversations += 1
        for kind, text in trained_parts(conversation):
            key = digest(kind, text)
            if key in asked:
                found[key] += 1
        if a.ngrams:
            grams.add(conversation)

    for path in a.also if a.ngrams else []:
        with open(path, encoding="utf-8") as f:
            grams.add({"messages": [{"content": f.read()}]})

    print(f"{conversations} training conversations; held out: " + ", ".join(f"{n} {kind}s" for kind, n in sorted(number.items())))
    for key, n in found.most_common():
        family, kind, text = asked[key]
        print(f"trained {n} times: {family}, {kind}: {text[:200]}")
    print(f"{len(found)} of {len(asked)} were trained")
    few = a.ngrams and grams.report() < 0.5
    return 1 if found or few or not conversations or not asked else 0


if __name__ == "__main__":
    sys.exit(main())
