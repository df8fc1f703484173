/* fetch.h: which weights should be on their way from memory while others are worked on, for every ISA: one stream ahead
 * of a few activation rows (decode), the next tile during this one for many. */
#ifndef OSSO_BACKEND_FETCH_H
#define OSSO_BACKEND_FETCH_H

#include "backend/cpu/kernels.h"

/* Decode asks for bytes this long before they are needed. A kernel that is much faster than memory asks in bursts, and
 * a core that has no room for more requests seems to drop some: it asks once more when they are nearer. Measured on Zen
 * 5: at 4096 a core gets half of the memory speed; of what plain reading gets, AVX-512 reaches 90 % asking once and 97
 * % asking twice, AVX2 98 % asking once and 97 % asking twice.
 *
 * An Intel core (family 6, model 167) has room for some 16 lines on their way to its first-level cache and for more to
 * its second. There the far question is for the second: AVX-512 reaches 80 % (Q8_0) and 75 % (MXFP4) of plain reading
 * where it reached 68 and 67, AVX2 76 and 69 % where it reached 70 and 60, whatever the distance from 4096 to 65536. */
enum { FETCH_AHEAD = 24576, FETCH_AGAIN = 8192, FETCH_SCALES_AHEAD = 1536 };

/* One linear stream of whole lines, for the rows that are read together lie one after another. */
struct ahead {
    const uint8_t *far, *near; /* what to ask for as the first of these rows begin */
    bool second;               /* the far one into the second-level cache */
};

static inline bool fetch_second(void)
{
#ifdef __x86_64__
    return __builtin_cpu_is("intel");
#else
    return false;
#endif
}

/* Beyond the last weights lies what the caller reads next. When nobody knows that, what is being read: it costs
 * nothing. */
static inline const uint8_t *fetch_at(const uint8_t *at, const uint8_t *end, const uint8_t *next, int64_t distance)
{
    if (end - at > distance)
        return at + distance;
    return next ? next + (distance - (end - at)) : at;
}

/* For rows from o on, of those below hi. */
static inline struct ahead fetch_from(const struct view *w, int64_t o, int64_t hi, const uint8_t *next)
{
    const uint8_t *at = w->data + o * w->row_stride, *end = w->data + hi * w->row_stride;
    return (struct ahead){fetch_at(at, end, next, FETCH_AHEAD), fetch_at(at, end, next, FETCH_AGAIN), fetch_second()};
}

/* `bytes` more, after `done` of these rows' bytes; bytes and twice are constants. */
static inline __attribute__((always_inline)) void fetch_ahead(const struct ahead *ahead, int64_t done, int bytes,
                                                              bool twice)
{
    if (ahead->second)
        _Pragma("GCC unroll 16") for (int64_t i = done; i < done + bytes; i += 64)
            __builtin_prefetch(ahead->far + i, 0, 2);
    else
        _Pragma("GCC unroll 16") for (int64_t i = done; i < done + bytes; i += 64) __builtin_prefetch(ahead->far + i);
    if (twice)
        _Pragma("GCC unroll 16") for (int64_t i = done; i < done + bytes; i += 64) __builtin_prefetch(ahead->near + i);
}

/* The first rows have nobody ahead of them to fetch them. */
static inline void fetch_start(const struct view *w, int64_t lo)
{
    const uint8_t *at = w->data + lo * w->row_stride;
    for (int i = 0; i < FETCH_AHEAD; i += 64)
        __builtin_prefetch(at + i);
}

/* The first scales of outputs [lo, hi), where they lie apart. */
static inline void fetch_scales(const struct view *w, int64_t lo, int64_t hi)
{
    const uint8_t *at = w->side[0].data + lo * w->side[0].stride;
    int64_t bytes = (hi - lo) * w->side[0].stride;
    for (int64_t i = 0; i < bytes && i < FETCH_SCALES_AHEAD; i += 64)
        __builtin_prefetch(at + i);
}

/* A tile on its way to the second-level cache: `each` lines at a turn. */
struct fetch {
    const uint8_t *at, *end;
    int64_t each;
};

static inline void fetch_some(struct fetch *f)
{
    for (int64_t i = 0; i < f->each && f->at < f->end; i++, f->at += 64)
        __builtin_prefetch(f->at, 0, 2);
}

/* Rows [lo, lo + n_rows) below hi, within so many turns. */
static inline struct fetch fetch_rows(const struct view *w, int64_t lo, int64_t hi, int64_t n_rows, int64_t turns)
{
    const uint8_t *at = w->data + lo * w->row_stride;
    int64_t bytes = (hi - lo < n_rows ? hi - lo : n_rows) * w->row_stride;
    return (struct fetch){at, at + bytes, bytes / 64 / turns + 1};
}

#endif
