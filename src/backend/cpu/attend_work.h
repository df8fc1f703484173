/* attend_work.h: what a member works with in ops_attend.c, and which positions a row sees. */
#ifndef OSSO_BACKEND_ATTEND_WORK_H
#define OSSO_BACKEND_ATTEND_WORK_H

#include "backend/cpu/ops.h"

/* What a member works with. */
struct work {
    const struct kernels *kn;
    const struct attend *a;
    int64_t per_head; /* output values of a kv head: group * head_dim */
    struct page_sums page;
    real *running; /* [ATTEND_ROWS] sums over the pages so far */
    real *q;       /* [ATTEND_HEADS][head_dim]: of several rows */
};

static inline struct work work_in(const struct hand *h, const struct attend *a)
{
    int head_dim = a->kv.layout.head_dim;
    struct work w = {.kn = kernels_of(h), .a = a, .per_head = (int64_t)a->group * head_dim, .running = h->workspace};
    w.page.m = w.running + ATTEND_ROWS * attend_sums_values(a->group, head_dim);
    int heads = attend_heads(a->group);
    w.page.l = w.page.m + heads;
    w.page.acc = w.page.l + heads;
    w.page.score = w.page.acc + heads * head_dim;
    w.page.p = w.page.score + heads * KV_PAGE;
    w.q = w.page.p + heads * KV_PAGE;
    return w;
}

/* The positions that row r sees, and the pages that they lie in. */
struct span {
    int64_t lo, hi, first_page, end_page;
};

static inline struct span seen_by(const struct attend *a, int64_t r)
{
    const struct kv_rows *kv = &a->kv;
    struct span s = {.hi = (int64_t)kv->pos[r] + 1};
    if (kv->floor && kv->floor[kv->seq[r]] > s.lo)
        s.lo = kv->floor[kv->seq[r]];
    if (a->window > 0 && s.hi - a->window > s.lo)
        s.lo = s.hi - a->window;
    s.first_page = s.lo / KV_PAGE;
    s.end_page = (s.hi + KV_PAGE - 1) / KV_PAGE;
    return s;
}

#endif
