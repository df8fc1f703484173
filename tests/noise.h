/* noise.h: ids as no healthy model says them: pure noise, or a well-formed conversation with a mistake now and then. */
#ifndef OSSO_NOISE_H
#define OSSO_NOISE_H

#include "base/rng.h"
#include "osso/text.h"

/* What a well-behaved model might say, to be spoiled. */
static const char noise_spoils[] =
    "<|channel|>analysis<|message|>The user wants the time. 東京 😀 é\r\n<|end|><|start|>assistant "
    "to=functions.get_time<|channel|>"
    "commentary <|constrain|>json<|message|>{\"tz\": \"Asia/Tokyo\"}<|call|><|start|>functions.get_time "
    "to=assistant<|channel|>"
    "commentary<|message|>12:00<|end|><|start|>assistant<|channel|>final<|message|>It is "
    "noon.<|return|><|start|>user:bob"
    "<|message|>thanks<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{\"ok\":true}<|return|>";

static inline int32_t noise_id(struct rng *r)
{
    static const int32_t special[] = {200002, 200003, 200005, 200006, 200007, 200008, 200012};
    switch (rng_below(r, 6)) {
    case 0:
    case 1: return special[rng_below(r, 7)];
    case 2: return (int32_t)rng_below(r, 256);
    case 3: return (int32_t)(rng_next(r) >> 32);
    default: return (int32_t)rng_below(r, 201089);
    }
}

/* Fills ids[0..n) from place `at` of what is spoiled on. */
static inline void noise_fill(struct rng *r, const struct osso_ids *spoils, size_t at, int32_t *ids, size_t n)
{
    uint64_t every = rng_below(r, 4) ? 2 + rng_below(r, 60) : 1;
    for (size_t i = 0; i < n; i++) {
        if (rng_below(r, every) == 0) {
            ids[i] = noise_id(r);
            at += rng_below(r, 3); /* inserted, put in place of one, or of two */
        } else {
            ids[i] = spoils->data[at++ % spoils->len];
        }
    }
}

#endif
