"""What a family of the bundled model's world gives: exchanges, questions with their right answers.

A family is a module with draw(ask) -> [Exchange, ...]: one to five that belong together, in order (a story and the
questions about it). compose.py joins families to conversations, types the questions as people do, and writes the lines
that `osso train` learns from and, of held-out seeds, the lines that `osso eval chat` asks.
"""
import random
import sys
from dataclasses import dataclass, field

import more_ways

HELD_OUT = 2 ** 31                                      # seeds from here on are never trained on
EFFORTS = ("low", "medium", "high")
REWORDED = False                                        # ways to ask are said in other words, too (more_ways.py)


@dataclass
class Exchange:
    family: str                                         # stories, reading, facts, osso, numbers, words, talk, unknown
    kind: str                                           # within the family: "two-digit sums"; figures are given for each
    user: str
    answer: str                                         # what the final channel says
    think: dict = field(default_factory=dict)           # effort -> what is thought before; low never thinks
    check: dict = None                                  # what is right, a rule of `osso eval chat`; None: nobody asks
    weight: float = 1.0                                 # of the answer in the loss
    fixed: bool = False                                 # the question keeps its letters and signs (words to spell, texts)


class Ask:
    """A source of chance that knows whether it draws for training or for the held-out questions."""

    def __init__(self, seed, effort=None):
        self.r = random.Random(seed)
        self.held = seed >= HELD_OUT
        self.effort = effort or self.r.choices(EFFORTS, (28, 52, 20))[0]

    def phrase(self, ways, n_held=2, reword=True):
        """One of the ways to ask; the last n_held are never trained on and are all that held-out questions have."""
        if REWORDED and reword and not self.held:
            return more_ways.reword(self.r, ways[:-n_held], ways[-n_held:])
        return self.r.choice(ways[-n_held:] if self.held else ways[:-n_held])


def show(draw):
    """Prints draws of a family, so that a person can read them: [seed [n]]."""
    first, count = [int(x) for x in sys.argv[1:3]] + [0, 5][len(sys.argv[1:3]):]
    for seed in range(first, first + count):
        ask = Ask(seed)
        print(f"--- seed {seed}, {ask.effort}")
        for e in draw(ask):
            thought = e.think.get(ask.effort)
            print(f"[{e.kind}] {e.user}\n" + (f"    ({thought})\n" if thought else "") + f"    {e.answer}    {e.check}")
