"""Batches for the bundled model: generated conversations and plain stories, packed into rows.

What makes a model this small read its prompt at all: names and things that were said before count
for more (COPY_WEIGHT), short answers count for more than their few tokens, and some documents are
drills, lists of words said twice. Without these, 5 M tokens gave fluent stories about anybody but
the one asked for; with them copying came within 300 steps of 4,096 tokens.

The stream is a function of a position only (seed of the next conversation, place in each text
file), so a resumed run goes on with exactly the batches it would have seen.
"""
import os

import numpy as np
import torch
from tokenizers import Tokenizer

import corpus
import words as W
import world_chat

# share of documents that come from a file instead of the generator; the rest is generated
FILE_SHARE = [("tinystories_subset", 0.05), ("fairytaleqa_stories", 0.006), ("children_standardebooks", 0.006),
              ("children_gitenberg", 0.002), ("onestop_elementary", 0.001)]
DRILL_SHARE = 0.03                                      # lists of words said twice: copying is learned from them first
DRILL_WORDS = [" " + w for w in W.BOYS + W.GIRLS + [a[0] for a in W.ANIMALS] + [p[0] for p in W.PEOPLE] + W.PLAIN_COLORS
               + list(map(W.noun, W.ITEMS)) + W.TRAITS]
COPY_WEIGHT = 2.5                                       # of names and things that were said before in the conversation


class Stream:
    def __init__(self, tok_dir, data, length, position=0):
        self.tok = Tokenizer.from_file(os.path.join(tok_dir, "tokenizer.json"))
        self.end = self.tok.token_to_id("<|endoftext|>")
        self.length, self.position = length, position
        self.files = {}
        for name, (train, _) in corpus.load(data).items():
            self.files[name] = [p for d in train for p in corpus.pieces(d)]
        self.rare = {i for w in DRILL_WORDS + [" " + n for n in W.NUMBERS[2:]] for form in (w, w[1:], w[1:].capitalize(), w[1:].lower(), " " + w[1:].capitalize())
                     for i in self.tok.encode(form).ids if len(self.tok.decode([i]).strip()) > 1}
        self.waiting = []                               # documents that no row had room for

    def state(self):
        return {"position": self.position, "waiting": self.waiting}

    def restore(self, s):
        self.position, self.waiting = s["position"], s["waiting"]

    def document(self):
        """(ids, weights) of the next document."""
        n, self.position = self.position, self.position + 1
        r = np.random.default_rng(n)
        x = r.random()
        for name, share in FILE_SHARE:
            if x < share:
                pool = self.files[name]
                order = np.random.default_rng(len(pool) + n // 100000).permutation(len(pool))
                ids = self.tok.encode(pool[order[n % len(pool)]]).ids + [self.end]
                return ids[:self.length], [1.0] * len(ids[:self.length])
            x -= share
        if x < DRILL_SHARE:
            return self.drill(r)
        ids, weights, seen = [], [], set()
        for text, train in world_chat.conversation(n, long=self.length > 512):
            assert n < world_chat.HELD_OUT
            new = self.tok.encode(text).ids
            for i in new:
                weights.append((COPY_WEIGHT if i in seen else 1.0) if train else 0.0)
                if i in self.rare:
                    seen.add(i)
            ids += new
        learned = sum(w > 0 for w in weights)           # a short answer counts for more than its few tokens
        factor = min(3.0, max(1.0, (120 / max(1, learned)) ** 0.5))
        return ids[:self.length], [w * factor for w in weights[:self.length]]

    def drill(self, r):
        """Random words, then the same again once or twice: only the repetition is learned."""
        n, times = int(r.integers(4, 30)), int(r.integers(2, 4))
        words = [DRILL_WORDS[i] for i in r.integers(0, len(DRILL_WORDS), n)]
        once = self.tok.encode("".join(words)).ids
        return once * times + [self.end], [0.0] * len(once) + [1.0] * (len(once) * (times - 1)) + [0.0]

    def batch(self, rows):
        """ids, targets, weights, document numbers: [rows, length]; a row is filled with whole documents."""
        ids = np.full((rows, self.length + 1), self.end, dtype=np.int64)
        w = np.zeros((rows, self.length + 1), dtype=np.float32)
        doc = np.zeros((rows, self.length + 1), dtype=np.int64)
        for row in range(rows):
            at, number, tries = 0, 1, 0
            while tries < 30 and at < self.length - 24:
                d = self.take(self.length - at)
                if d is None:
                    tries += 1
                    continue
                n = len(d[0])
                ids[row, at:at + n], w[row, at:at + n], doc[row, at:at + n] = d[0], d[1], number
                at, number = at + n, number + 1
            doc[row, at:] = number                      # the filling
        same = doc[:, 1:] == doc[:, :-1]
        return tuple(map(torch.from_numpy, (ids[:, :-1].copy(), ids[:, 1:].copy(), w[:, 1:] * same, doc[:, :-1].copy())))

    def take(self, room):
        """The largest waiting document that fits; fetches more when few wait."""
        while len(self.waiting) < 48:
            self.waiting.append(self.document())
        fit = [i for i, d in enumerate(self.waiting) if len(d[0]) <= room]
        if not fit:
            if len(self.waiting) > 200:
                return None
            self.waiting.append(self.document())
            return None
        first = fit[0] if room == self.length else max(fit, key=lambda i: len(self.waiting[i][0]))
        return self.waiting.pop(first)


def masks(doc, window, dtype):
    """Additive attention masks [B, 1, T, T] (full, sliding): causal, and inside one document."""
    t = torch.arange(doc.shape[1])
    back = t[:, None] - t[None, :]
    ok = (doc[:, :, None] == doc[:, None, :]) & (back >= 0)
    low = torch.finfo(dtype).min
    full = torch.where(ok, 0.0, low).to(dtype)
    near = torch.where(ok & (back < window), 0.0, low).to(dtype)
    return {"full_attention": full[:, None], "sliding_attention": near[:, None]}
