#!/usr/bin/env python3
"""Writes o200k_base.tiktoken, the official rank file, from the table inside libosso, and checks its official SHA-256: so the
oracles read the vocabulary that everybody uses, without a download.

usage: oracle_ranks.py OUT [LIBRARY]"""
import base64
import ctypes
import hashlib
import sys

OFFICIAL = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
RANKS = 199998


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    lib = ctypes.CDLL(sys.argv[2] if len(sys.argv) > 2 else "build/release/libosso.so")
    tokenizer, error = ctypes.c_void_p(), ctypes.create_string_buffer(512)
    if lib.osso_tokenizer_builtin(ctypes.byref(tokenizer), error):
        sys.exit(error.value.decode())
    lib.osso_tokenizer_piece.restype = ctypes.c_bool
    data, length = ctypes.c_void_p(), ctypes.c_size_t()
    lines = []
    for rank in range(RANKS):
        if not lib.osso_tokenizer_piece(tokenizer, ctypes.c_int32(rank), ctypes.byref(data), ctypes.byref(length)):
            sys.exit(f"rank {rank} has no bytes")
        lines.append(base64.b64encode(ctypes.string_at(data, length.value)) + b" %d\n" % rank)
    text = b"".join(lines)
    found = hashlib.sha256(text).hexdigest()
    if found != OFFICIAL:
        sys.exit(f"the table inside libosso is not o200k_base: SHA-256 {found}")
    with open(sys.argv[1], "wb") as out:
        out.write(text)


main()
