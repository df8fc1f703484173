#!/usr/bin/env python3
"""How often each plot is told: python3 models/recipe/count_plots.py [-m MODEL] [--osso PROGRAM] [-n 100] [--temp T]

Asks for N free stories, each with a seed of its own and at the model's own sampling, and prints which of the plots of plots.py
each one tells: the plot that has most of the story's runs of four words. No plot should have more than 8 of 100."""
import argparse
import collections
import re
import subprocess
import sys

import family_stories
import plots
from exchange import Ask

MOST = 0.08


def runs(text, n=4):
    w = re.findall(r"[a-z']+|\[\w+\]|[{|}]", text.lower())
    return {tuple(w[i:i + n]) for i in range(len(w) - n + 1) if not any(x[0] in "[{|}" for x in w[i:i + n])}


def marks():
    """plot -> runs of words that are its own"""
    of = {p.name: runs(p.text) for p in plots.PLOTS}
    return {name: own - set().union(*(o for n, o in of.items() if n != name)) for name, own in of.items()}


def told(story, own):
    """The plot of a story; None: none of them."""
    words = runs(story)
    hits, name = max((len(words & own[n]), n) for n in own)
    return name if hits >= 3 else None


def ask(a, seed):
    r = Ask(seed).r
    way = family_stories.C.fill(r, r.choice(family_stories.FREE[:-2]), {})         # the held-out ways ask how it is asked for, not which plot comes
    command = [a.osso, "generate", "-m", a.model, "--chat", "--date", "none", "--seed", str(seed), "-t", "1"] + (["--temp", str(a.temp)] if a.temp is not None else [])
    return way, subprocess.run([*command, "-p", way], capture_output=True, text=True, check=True).stdout


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-m", "--model", default="models/osso-small")
    p.add_argument("--osso", default="build/release/osso")
    p.add_argument("-n", type=int, default=100)
    p.add_argument("--temp", type=float)
    p.add_argument("-v", "--verbose", action="store_true", help="print the stories")
    a = p.parse_args()
    own, count = marks(), collections.Counter()
    for seed in range(a.n):
        way, story = ask(a, seed)
        name = told(story, own)
        count[name or "no plot of ours"] += 1
        if a.verbose:
            print(f"[{name}] {way} -> {story.strip()}")
    for name, n in count.most_common():
        print(f"{n / a.n:6.1%}  {name}")
    most = max((n for name, n in count.items() if name != "no plot of ours"), default=0)
    print(f"{len(count)} plots; the most frequent has {most / a.n:.1%} of {a.n} free stories (at most {MOST:.0%} is wanted)")
    return 1 if most > MOST * a.n else 0


if __name__ == "__main__":
    sys.exit(main())
