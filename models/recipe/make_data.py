"""The training text of the bundled model: python3 models/recipe/make_data.py OUT [--tokens 45e6] [--documents DIR]

Writes OUT/world.jsonl (conversations), OUT/documents.txt (a small share of plain texts, between markers) and OUT/tokenizer.txt
(what the tokenizer is learned from), all functions of the seeds and of the folder of documents. Says what it made.
"""
import argparse
import collections
import json
import multiprocessing
import os
import random
import re
import sys
import time

import check_memorised
import compose
import corpus
import exchange
import family_numbers
import family_reading
import family_stories
import family_tools
import instructions
import tokenizer_text
from exchange import HELD_OUT

ASKED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../osso-small/world.jsonl")
CHUNK = 500                                             # conversations that are made at a time
DOCUMENTS = 0.08                                        # of all tokens
SAMPLE = 3e6                                            # tokens of the text that the tokenizer is learned from
SPACE = 10_000_000                                      # seeds that one --seed has
# draws of families in the last stretch: those that are short are asked about as much as a person asks
LAST = {"stories": 9, "reading": 30, "facts": 16, "osso": 7, "numbers": 18, "words": 8, "talk": 18, "unknown": 10}
LAST_FORMS = {"low": (25, 60, 15), "medium": (50, 42, 8), "high": (60, 34, 6)}  # thoughts are learned in the last turn alone
# and in the stretch after it: what is not yet right, each alone, since that is where its thoughts are learned
FINAL = {"stories": 24, "reading": 40, "facts": 14, "osso": 4, "numbers": 20, "words": 10, "talk": 10, "unknown": 8}
FINAL_FORMS = {"low": (40, 48, 12), "medium": (66, 28, 6), "high": (76, 20, 4)}
FINAL_TURNS = {"call": 34, "two": 14, "missing": 24, "no fit": 18, "plain": 10}
# shares of the documents' characters
FILES = {"tinystories_subset": 0.72, "fairytaleqa_stories": 0.12, "children_standardebooks": 0.10, "children_gitenberg": 0.04, "onestop_elementary": 0.02}


def estimate(c):
    """About how many tokens a conversation has."""
    n = compose.SYSTEM_TOKENS + (compose.DATE_TOKENS if "date" in c else 0)
    for m in c["messages"]:
        calls = "".join(t["function"]["name"] + t["function"]["arguments"] for t in m.get("tool_calls", ()))
        n += compose.TURN_TOKENS / 2 + compose.tokens((m.get("content") or "") + m.get("thinking", "") + calls) + (8 if calls else 0)
    for t in c.get("tools", ()):
        f = t["function"]
        n += 14 + compose.tokens(f["name"] + f.get("description", "")) + sum(5 + 4 * len(p.get("enum", ())) + compose.tokens(p.get("description", "")) for p in f["parameters"]["properties"].values())
    return n + (25 if "tools" in c else 0)


def asked():
    """What the held-out file asks: no conversation that has any of it is trained on."""
    with open(ASKED, encoding="utf-8") as f:
        return {check_memorised.digest(*part) for line in f for part in check_memorised.asked_parts(json.loads(line))}


def chunk(job):
    """Lines of one stretch of seeds: [(line, tokens by family, tokens, turns, text)]."""
    out = []
    for s in range(*job):
        c = compose.conversation(s)
        if any(check_memorised.digest(*part) in HELD for part in check_memorised.trained_parts(c)):
            continue
        families, n = c.pop("families"), estimate(c)
        out.append((json.dumps(c, ensure_ascii=False), {f: n * k / sum(families.values()) for f, k in families.items()}, n, sum(m["role"] == "user" for m in c["messages"]), tokenizer_text.rendered(c)))
    return out


HELD = asked()


def write_world(a):
    """The conversations; returns figures by family and the text of a sample for the tokenizer."""
    figures, sample, total, turns, lines = collections.Counter(), [], 0, 0, 0
    first = a.seed * SPACE
    assert first + SPACE <= HELD_OUT
    want = a.tokens * (1 - DOCUMENTS)
    jobs = ((at, at + CHUNK) for at in range(first, first + SPACE, CHUNK))
    with multiprocessing.get_context("fork").Pool(a.jobs) as pool, open(os.path.join(a.out, "world.jsonl"), "w", encoding="utf-8") as f:
        waiting = collections.deque(pool.apply_async(chunk, (next(jobs),)) for _ in range(a.jobs * 2))
        while total < want:
            waiting.append(pool.apply_async(chunk, (next(jobs),)))
            for line, families, n, t, text in waiting.popleft().get():
                f.write(line + "\n")
                figures.update(families)
                total, turns, lines = total + n, turns + t, lines + 1
                if len(sample) * max(a.tokens, SAMPLE) < lines * SAMPLE:
                    sample.append(text)
        pool.terminate()
    print(f"world.jsonl: {lines} conversations, about {total / 1e6:.1f} M tokens, {turns / lines:.1f} turns and {total / lines:.0f} tokens each")
    for family, n in figures.most_common():
        print(f"  {family:10} {n / total:6.1%}")
    return sample


def write_documents(a):
    """Plain texts, cut into pieces that a row has room for."""
    room, out = a.tokens * DOCUMENTS * compose.CHARS_A_TOKEN, []
    r = random.Random(a.seed)
    for name, (train, _) in corpus.load(a.documents).items():
        parts = [p for d in train for p in corpus.pieces(d)]
        r.shuffle(parts)
        left = room * FILES[name]
        for p in parts:
            if left <= 0:
                break
            out.append(p)
            left -= len(p)
    r.shuffle(out)
    with open(os.path.join(a.out, "documents.txt"), "w", encoding="utf-8") as f:
        f.write("\n<|endoftext|>\n".join(out) + "\n")
    print(f"documents.txt: {len(out)} pieces, {sum(map(len, out)) / 1e6:.1f} MB")
    return out


def distinct(path, most=20_000_000, n=8):
    """Share of the n-grams of words that are distinct, of at most so many words."""
    seen, words, total = set(), 0, 0
    with open(path, encoding="utf-8") as f:
        for line in f:
            for m in json.loads(line)["messages"]:
                w = re.findall(r"[\w']+", m.get("content") or "")
                words += len(w)
                for i in range(len(w) - n + 1):
                    seen.add(hash(tuple(w[i:i + n])))
                    total += 1
            if words >= most:
                break
    return len(seen) / max(1, total), words


def set_last(wider):
    """More of what is hard, conversations of one draw, calls thought of step by step."""
    for family, n in LAST.items():
        compose.FAMILIES[family] = (compose.FAMILIES[family][0], n)
    compose.TOOLS_SHARE, compose.INSTRUCTED, family_tools.STEPS = 0.2, 0.28, True
    compose.FORMS, compose.THINKERS = LAST_FORMS, (*compose.THINKERS, "stories")
    compose.THOUGHT_OF, family_tools.WIDER = 1.5, wider


def set_final():
    """Many ways to ask, thoughts that begin with what is asked or hold the whole plan, and shares of what was wrong after the stretch before."""
    for family, n in FINAL.items():
        compose.FAMILIES[family] = (compose.FAMILIES[family][0], n)
    compose.FORMS, compose.INSTRUCTED, compose.SHORT_INSTRUCTED = FINAL_FORMS, 0.34, True
    exchange.REWORDED = family_reading.RESTATED = family_stories.PLANNED = family_numbers.WORKED = instructions.MORE = True
    instructions.NOTHING_ASKED, family_stories.OWN = 0.25, 0.8
    family_tools.TURNS, family_tools.LENGTHS = FINAL_TURNS, (62, 28, 10)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("--tokens", type=float, default=45e6)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--documents", help="folder of the plain texts (corpus.py); without it there are none")
    p.add_argument("--share", action="append", default=[], metavar="FAMILY=N", help="draws of a family, instead of compose.py's N")
    p.add_argument("--dated", type=float, default=compose.DATED, help="share of conversations that name a date")
    p.add_argument("--last", action="store_true", help="the text of the last stretch: more of what is hard (LAST), calls thought of step by step")
    p.add_argument("--wider", action="store_true", help="with --last: functions that are harder to tell apart, and names that no text has")
    p.add_argument("--final", action="store_true", help="with --last: many more ways to ask, whole plans as thoughts, more of what is wrong (FINAL)")
    p.add_argument("--grams", action="store_true", help="how many of the 8-grams are distinct (slow, wants memory)")
    a = p.parse_args()
    for family, n in (share.split("=") for share in a.share):
        compose.FAMILIES[family] = (compose.FAMILIES[family][0], float(n))
    compose.DATED = a.dated
    if a.last:
        set_last(a.wider)
    if a.final:
        set_final()
    os.makedirs(a.out, exist_ok=True)
    begun = time.time()
    sample = write_world(a)
    documents = write_documents(a) if a.documents else []
    missing = tokenizer_text.write(os.path.join(a.out, "tokenizer.txt"), sample, documents[:len(documents) // 4 + 1])
    print(f"tokenizer.txt: {missing} words of the world, each to be one token")
    if a.grams:
        share, words = distinct(os.path.join(a.out, "world.jsonl"))
        print(f"of the 8-grams of {words / 1e6:.1f} M words {share:.1%} are distinct")
    print(f"{time.time() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
