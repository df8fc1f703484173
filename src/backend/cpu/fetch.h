/* fetch.h: which weights should be on their way from memory while others are worked on, for every ISA: one stream ahead of
 * a few activation rows (decode), the next tile during this one for many. */
#ifndef OSSO_BACKEND_FETCH_H
#define OSSO_BACKEND_FETCH_H

#include "backend/cpu/kernels.h"

/* Decode asks for bytes this long before they are needed (measured: at 4096 a core gets half of the memory speed). */
enum { FETCH_AHEAD = 24576, FETCH_SCALES_AHEAD = 1536 };

/* What to fetch as row o begins. Beyond the last weights lies what the caller reads next. When nobody knows that, what is
 * being read: it costs nothing. */
static inline const uint8_t *fetch_from(const struct view *w, int64_t o, int64_t hi, const uint8_t *next)
{
    const uint8_t *at = w->data + o * w->row_stride, *end = w->data + hi * w->row_stride;
    if (end - at > FETCH_AHEAD)
        return at + FETCH_AHEAD;
    return next ? next + (FETCH_AHEAD - (end - at)) : at;
}

/* The first rows have nobody ahead of them to fetch them. */
static inline void fetch_start(const struct view *w, int64_t lo)
{
    const uint8_t *at = w->data + lo * w->row_stride;
    for (int i = 0; i < FETCH_AHEAD; i += 64)
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
