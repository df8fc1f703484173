/* hash.c: a number for the contents of files and models, eight bytes at a time. */
#include "eval/eval_parts.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *s = data;
    h = mix(h ^ (uint64_t)n ^ 0x9e3779b97f4a7c15u);
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, s, 8);
        h = mix(h + word);
    }
    uint64_t rest = 0;
    memcpy(&rest, s, n);
    return mix(h + rest);
}
