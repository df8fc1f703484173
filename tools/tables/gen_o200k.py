#!/usr/bin/env python3
"""Writes src/token/o200k.bin, the built-in vocabulary, from the official rank file o200k_base.tiktoken.

usage: gen_o200k.py RANK_FILE [OUT]

Ids 0..255 are the single bytes; every later token is two earlier tokens side by side. The blob is therefore
  256 bytes                    the byte of each of the ids 0..255
  6 bytes for each later id    left id, right id (24 bits each, little-endian)
where (left, right) is the pair that the merge loop itself joins last when it encodes the token. The same pairs
are the merge table: if two neighbours in any text form a token together, then they are that token's own last
pair, because the merges inside them happened in the order in which they happen in the token alone.
"""
import base64
import hashlib
import sys

SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


def last_pair(token, rank):
    """The two tokens that the merge loop is left with before it makes `token`."""
    parts = [token[i:i + 1] for i in range(len(token))]
    while len(parts) > 2:
        best, at = min((rank.get(parts[i] + parts[i + 1], len(rank)), i) for i in range(len(parts) - 1))
        assert best < rank[token], f"token {rank[token]} cannot be reached"
        parts[at:at + 2] = [parts[at] + parts[at + 1]]
    left, right = rank[parts[0]], rank[parts[1]]
    assert left < rank[token] and right < rank[token]
    return left, right


def main():
    text = open(sys.argv[1], "rb").read()
    assert hashlib.sha256(text).hexdigest() == SHA256, "not the official rank file"
    tokens = [base64.b64decode(line.split()[0]) for line in text.splitlines()]
    rank = {token: i for i, token in enumerate(tokens)}
    out = bytearray(b"".join(tokens[:256]))
    assert len(out) == 256 and len(rank) == len(tokens) == 199998
    for token in tokens[256:]:
        for part in last_pair(token, rank):
            out += part.to_bytes(3, "little")
    with open(sys.argv[2] if len(sys.argv) > 2 else "src/token/o200k.bin", "wb") as f:
        f.write(out)


main()
