"""Batches for the bundled model: generated conversations and plain stories, packed into rows.

The stream is a function of a position only (seed of the next conversation, place in each text
file), so a resumed run goes on with exactly the batches it would have seen.
"""
import os

import numpy as np
import torch
from tokenizers import Tokenizer

import corpus
import world_chat

# share of documents that come from a file instead of the generator; the rest is generated
FILE_SHARE = [("tinystories_subset", 0.09), ("fairytaleqa_stories", 0.02), ("children_standardebooks", 0.015),
              ("children_gitenberg", 0.01), ("onestop_elementary", 0.005)]


class Stream:
    def __init__(self, tok_dir, data, length, position=0):
        self.tok = Tokenizer.from_file(os.path.join(tok_dir, "tokenizer.json"))
        self.end = self.tok.token_to_id("<|endoftext|>")
        self.length, self.position = length, position
        self.files = {}
        for name, (train, _) in corpus.load(data).items():
            self.files[name] = [p for d in train for p in corpus.pieces(d)]
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
        ids, weights = [], []
        for text, train in world_chat.conversation(n, long=self.length > 512):
            assert n < world_chat.HELD_OUT
            new = self.tok.encode(text).ids
            ids += new
            weights += [1.0 if train else 0.0] * len(new)
        return ids[:self.length], weights[:self.length]

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
