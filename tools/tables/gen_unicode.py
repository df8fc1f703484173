#!/usr/bin/env python3
"""Writes src/token/unicode_table.c: the character classes that the o200k pattern needs.

usage: gen_unicode.py [OUT]        (needs tiktoken 0.14; its regex engine has Unicode 16.0)

The truth is what tiktoken itself matches, so the classes are asked of tiktoken: an Encoding of single bytes drops
all text that its pattern does not match, and what is left of "all characters" is the class.
"""
import sys

import tiktoken

BLOCK = 128
CLASSES = [  # bit i of a class byte; the names are those of unicode.h
    r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]",  # UNICODE_UPPER
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]",        # UNICODE_LOWER
    r"\p{L}",                            # UNICODE_LETTER
    r"\p{N}",                            # UNICODE_NUMBER
    r"\s",                               # UNICODE_SPACE
]


def members(pattern):
    single_bytes = {bytes([i]): i for i in range(256)}
    encoding = tiktoken.Encoding("probe", pat_str=pattern, mergeable_ranks=single_bytes, special_tokens={})
    everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)
    return {ord(c) for c in bytes(encoding.encode_ordinary(everything)).decode()}


def rows(numbers):
    line = "   "
    for n in numbers:
        if len(line) + len(str(n)) + 2 > 118:
            yield line
            line = "   "
        line += f" {n},"
    yield line


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] and sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sets = [members(c) for c in CLASSES]
    classes = [sum((c in s) << bit for bit, s in enumerate(sets)) for c in range(0x110000)]
    blocks = {}
    index = [blocks.setdefault(tuple(classes[c:c + BLOCK]), len(blocks)) for c in range(0, 0x110000, BLOCK)]
    assert len(blocks) <= 256
    assert index[0] == 0  # the first block is ASCII: unicode.h uses it without the index
    with open(sys.argv[1] if len(sys.argv) > 1 else "src/token/unicode_table.c", "w") as f:
        f.write("/* unicode_table.c: made by tools/tables/gen_unicode.py from Unicode 16.0 as tiktoken 0.14 sees it. Do not edit. */\n")
        f.write('#include "token/unicode.h"\n\n')
        f.write(f"const uint8_t unicode_index[{len(index)}] = {{\n" + "\n".join(rows(index)) + "\n};\n\n")
        f.write(f"const uint8_t unicode_blocks[{len(blocks)} * {BLOCK}] = {{\n")
        for block in blocks:
            f.write("\n".join(rows(block)) + "\n")
        f.write("};\n")


main()
