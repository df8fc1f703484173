/* chain_soon.h: what a product reads next is fetched line by line while tiles are computed. */
#ifndef OSSO_BACKEND_CHAIN_SOON_H
#define OSSO_BACKEND_CHAIN_SOON_H

#include "backend/cpu/chain.h"

/* Rows of memory that are needed soon, to be fetched line by line meanwhile. */
struct chain_soon {
    struct soon_rows {
        const float *values;
        const struct chain_rows *rows;
        int64_t row, end, width;
    } list[2];
    int n;
    const float *at;           /* of a row, `left` values are still to be fetched */
    int64_t left, lines, each; /* in all, and while a tile is computed */
};

/* Values [0, width) of rows [row, end). */
static inline void soon_add(struct chain_soon *soon, const float *values, const struct chain_rows *rows, int64_t row,
                            int64_t end, int64_t width)
{
    if (width <= 0 || row >= end)
        return;
    soon->list[soon->n++] = (struct soon_rows){values, rows, row, end, width};
    soon->lines += (end - row) * ((width + 15) / 16);
}

/* The next lines. */
static inline void soon_some(struct chain_soon *soon)
{
    for (int64_t i = 0; i < soon->each; i++) {
        if (soon->left <= 0) {
            if (soon->n == 0)
                return;
            struct soon_rows *r = &soon->list[soon->n - 1];
            soon->at = r->values + chain_row(r->rows, r->row++);
            soon->left = r->width;
            soon->n -= r->row == r->end;
        }
        __builtin_prefetch(soon->at, 0, 2);
        soon->at += 16;
        soon->left -= 16;
    }
}

#endif
