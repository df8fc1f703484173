/* ops_attend.c: attention over pages of K and V, beginning with the sink.
 *
 * Rows of a sequence go through its pages together, kv head by kv head. When there are too few rows and heads for the
 * members, members share the pages instead: each page's sums are kept, and merged in the order of the pages after all.
 * Both ways are the same sums in the same order.
 *
 * The way of a token goes on in backend/cpu/ops_moe.c. */
#include "backend/cpu/attend_work.h"
#include "backend/cpu/scalar/scalar.h"
#include "base/must.h"

#include <math.h>
#include <string.h>

/* Where what is kept of a row and head begins in `kept`, and how many keys it has; NULL: nothing is. */
static real *kept_at(const struct attend *a, real *kept, int64_t r, int64_t head, int64_t *n_keys)
{
    *n_keys = a->n_keys;
    if (!kept || !a->wants)
        return kept ? kept + (r * a->n_heads + head) * a->n_keys : NULL;
    const struct attend_want *w = &a->wants[a->kv.seq[r]];
    *n_keys = w->n_keys;
    if (r < w->first || r >= w->end || w->slot[head] < 0)
        return NULL;
    return kept + w->at + ((r - w->first) * w->n_slots + w->slot[head]) * w->n_keys;
}

/* A page's scores of a kv head, `first` the position that the page begins with. */
static void keep_scores(const struct attend *a, real *kept, int64_t r, int64_t kv_head, int64_t first,
                        const struct page_slice *slice, const real *score)
{
    for (int h = 0; h < a->group; h++) {
        int64_t n_keys;
        real *at = kept_at(a, kept, r, kv_head * a->group + h, &n_keys);
        for (int64_t j = slice->lo; at && j < slice->hi && first + j < n_keys; j++)
            at[first + j] = score[h * KV_PAGE + j];
    }
}

static struct page_slice slice_of(const struct attend *a, int64_t r, int64_t kv_head, struct span s, int64_t page,
                                  const uint8_t *next)
{
    must(a->kv.tables[a->kv.seq[r]][page] >= 0);
    const uint8_t *base = ops_kv_head(&a->kv, r, page, kv_head);
    int64_t first = page * KV_PAGE, head = r * a->n_heads + kv_head * a->group;
    return (struct page_slice){.type = a->kv.layout.type,
                               .head_dim = a->kv.layout.head_dim,
                               .lo = (int)(s.lo > first ? s.lo - first : 0),
                               .hi = (int)(s.hi - first < KV_PAGE ? s.hi - first : KV_PAGE),
                               .k = base,
                               .v = base + kv_head_bytes(&a->kv.layout) / 2,
                               .group = a->group,
                               .scale = a->scale,
                               .q = a->q + head * a->kv.layout.head_dim,
                               .next = next};
}

/* Scores of one row over one page, where somebody asked for them. */
static void keep(const struct attend *a, int64_t r, int64_t kv_head, struct span s, int64_t page, const real *score)
{
    if (!a->scores && !a->pattern)
        return;
    struct page_slice slice = slice_of(a, r, kv_head, s, page, NULL);
    if (a->scores)
        keep_scores(a, a->scores, r, kv_head, page * KV_PAGE, &slice, score);
    if (a->pattern)
        keep_scores(a, a->pattern, r, kv_head, page * KV_PAGE, &slice, score);
}

/* Attention of n neighbouring rows and one kv head over one page, row after row into `sums`; several rows have at most
 * ATTEND_HEADS query heads. */
static void one_page(const struct work *w, int64_t r, int n, int64_t kv_head, const struct span *spans, int64_t page,
                     const uint8_t *next, const struct page_sums *sums)
{
    const struct attend *a = w->a;
    struct page_slice slice = slice_of(a, r, kv_head, spans[0], page, next);
    int los[ATTEND_HEADS], his[ATTEND_HEADS];
    for (int i = 0; n > 1 && i < n; i++) {
        struct page_slice one = slice_of(a, r + i, kv_head, spans[i], page, NULL);
        memcpy(w->q + i * w->per_head, one.q, (size_t)w->per_head * sizeof *w->q);
        for (int h = i * a->group; h < (i + 1) * a->group; h++)
            los[h] = one.lo, his[h] = one.hi;
        slice.hi = one.hi;
    }
    if (n > 1) {
        slice.group = n * a->group;
        slice.q = w->q;
        slice.los = los;
        slice.his = his;
    }
    w->kn->attend_page(&slice, sums);
    for (int i = 0; i < n; i++)
        keep(a, r + i, kv_head, spans[i], page, sums->score + i * a->group * KV_PAGE);
}

static void start(const struct work *w, int64_t kv_head, real *running)
{
    const float *sinks = w->a->sinks;
    for (int h = 0; h < w->a->group; h++) { /* without a sink exp(M - M') is 0 at the first page */
        running[h] = sinks ? (real)sinks[kv_head * w->a->group + h] : -(real)INFINITY;
        running[w->a->group + h] = sinks ? 1 : 0;
    }
    memset(running + 2 * w->a->group, 0, (size_t)w->per_head * sizeof(real));
}

/* Row i of those in `page`. */
static void merge(const struct work *w, const struct page_sums *page, int i, real *running)
{
    int group = w->a->group, head_dim = w->a->kv.layout.head_dim;
    for (int h = 0, at = i * group; h < group; h++, at++)
        w->kn->attend_merge(page->m[at], page->l[at], page->acc + at * head_dim, head_dim, &running[h],
                            &running[group + h], running + 2 * group + h * head_dim);
}

/* Scores become weights, and what is not visible gets what it has by definition. */
static void finish_kept(const struct attend *a, int64_t r, int64_t head, struct span s, real m, real l)
{
    int64_t n_scores, n_weights; /* what is not kept has no end of its own: behind it others' rows may be */
    real *score = kept_at(a, a->scores, r, head, &n_scores), *p = kept_at(a, a->pattern, r, head, &n_weights);
    for (int64_t j = 0; score && j < n_scores; j++)
        if (j < s.lo || j >= s.hi)
            score[j] = -(real)INFINITY;
    for (int64_t j = 0; p && j < n_weights; j++)
        p[j] = j >= s.lo && j < s.hi && l > 0 ? REAL(real_exp)(p[j] - m) / l : 0;
}

static void finish_head(const struct attend *a, int64_t r, int64_t head, struct span s, real m, real l, const real *acc)
{
    int head_dim = a->kv.layout.head_dim;
    int64_t at = r * a->n_heads + head;
    for (int d = 0; d < head_dim; d++)
        a->out->f[at * head_dim + d] = acc[d] / l;
    if (a->lse)
        a->lse[at] = m + real_log(l);
    if (a->scores || a->pattern)
        finish_kept(a, r, head, s, m, l);
}

static void finish(const struct work *w, int64_t r, int64_t kv_head, struct span s, const real *running)
{
    int head_dim = w->a->kv.layout.head_dim, group = w->a->group;
    for (int h = 0; h < group; h++)
        finish_head(w->a, r, kv_head * group + h, s, running[h], running[group + h],
                    running + 2 * group + h * head_dim);
}

/* ---- rows together -------------------------------------------------------------------------------------- */

/* How many of the next rows see something of this page, or do not, and go together. */
static int rows_in(const struct span *spans, int n, int64_t page, int group)
{
    int count = 1;
    bool first = page >= spans[0].first_page && page < spans[0].end_page;
    while (count < n && (count + 1) * group <= ATTEND_HEADS &&
           (page >= spans[count].first_page && page < spans[count].end_page) == first)
        count++;
    return count;
}

/* Rows [r, r + n) of one sequence, positions ascending. */
static void attend_rows(const struct work *w, int64_t r, int n, int64_t kv_head)
{
    const struct attend *a = w->a;
    size_t values = attend_sums_values(a->group, a->kv.layout.head_dim);
    struct span spans[ATTEND_ROWS];
    must(n > 0 && n <= ATTEND_ROWS);
    for (int i = 0; i < n; i++) {
        spans[i] = seen_by(a, r + i);
        start(w, kv_head, w->running + (size_t)i * values);
    }
    struct span first = spans[0], last = spans[n - 1];
    for (int64_t page = first.first_page; page < last.end_page; page++) {
        const uint8_t *next = NULL;
        if (page + 1 < last.end_page)
            next = ops_kv_head(&a->kv, r, page + 1, kv_head);
        else if (kv_head + 1 < a->kv.layout.n_kv_heads)
            next = ops_kv_head(&a->kv, r, first.first_page, kv_head + 1);
        for (int i = 0, count; i < n; i += count) {
            count = rows_in(spans + i, n - i, page, a->group);
            if (page >= spans[i].first_page && page < spans[i].end_page) {
                one_page(w, r + i, count, kv_head, spans + i, page, next, &w->page);
                for (int k = 0; k < count; k++)
                    merge(w, &w->page, k, w->running + (size_t)(i + k) * values);
                next = NULL; /* once is enough */
            }
        }
    }
    for (int i = 0; i < n; i++)
        finish(w, r + i, kv_head, spans[i], w->running + (size_t)i * values);
}

/* How many rows from r on, below `end`, are of one sequence. */
static int rows_together(const struct attend *a, int64_t r, int64_t end)
{
    int n = 1;
    while (n < ATTEND_ROWS && r + n < end && a->kv.seq[r + n] == a->kv.seq[r] &&
           a->kv.pos[r + n] > a->kv.pos[r + n - 1])
        n++;
    return n;
}

/* kv heads that one member takes together, so that what they write of a row is whole blocks of 32 for the int8 form. */
static int64_t heads_together(int64_t values_per_head)
{
    int64_t together = 1;
    while (together * values_per_head % QUANT_BLOCK != 0)
        together++;
    return together;
}

/* kv heads [first, end) of some outputs that a member makes and quantizes as a whole. */
struct part {
    int64_t first, end;
};

static struct part part_of(const struct work *w, int64_t i)
{
    int64_t together = heads_together(w->per_head), n_kv_heads = w->a->kv.layout.n_kv_heads;
    struct part p = {i * together, (i + 1) * together < n_kv_heads ? (i + 1) * together : n_kv_heads};
    return p;
}

static int64_t count_parts(const struct work *w)
{
    int64_t together = heads_together(w->per_head);
    return (w->a->kv.layout.n_kv_heads + together - 1) / together;
}

static void attend_by_rows(const struct work *w, const struct member *member)
{
    const struct attend *a = w->a;
    int64_t n = a->kv.n, rows;
    struct deal deal = member_deal(member);
    for (struct stint run; member_take(member, &deal, count_parts(w) * n, n < ATTEND_ROWS ? 1 : ATTEND_ROWS, &run);)
        for (int64_t i = run.lo; i < run.hi; i += rows) { /* heads outside, rows inside */
            struct part part = part_of(w, i / n);
            int64_t r = i % n;
            rows = rows_together(a, r, r + run.hi - i < n ? r + run.hi - i : n);
            for (int64_t g = part.first; g < part.end; g++)
                attend_rows(w, r, (int)rows, g);
            for (int64_t row = r; row < r + rows; row++)
                REAL(ops_quantize_row)(w->kn, a->out, row, part.first * w->per_head, part.end * w->per_head);
        }
}

/* ---- pages shared by members ------------------------------------------------------------------------------ */

static struct page_sums kept_sums(const struct work *w, int64_t i)
{
    struct page_sums sums = w->page;
    sums.m = w->a->page_sums + (size_t)i * attend_sums_values(w->a->group, w->a->kv.layout.head_dim);
    sums.l = sums.m + w->a->group;
    sums.acc = sums.l + w->a->group;
    return sums;
}

/* Pages of rows 0 .. n_rows - 1 for one kv head. */
static int64_t count_pages(const struct attend *a, int64_t n_rows)
{
    int64_t n = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        struct span s = seen_by(a, r);
        n += s.end_page - s.first_page;
    }
    return n;
}

/* Pages [lo, hi) of all: page i of kv head g's rows is number g * n_pages + i. */
static void sum_pages(const struct work *w, int64_t lo, int64_t hi, int64_t n_pages)
{
    const struct attend *a = w->a;
    for (int64_t g = lo / n_pages, at = g * n_pages; at < hi; g++)
        for (int64_t r = 0; r < a->kv.n; r++) {
            struct span s = seen_by(a, r);
            for (int64_t page = s.first_page; page < s.end_page; page++, at++) {
                if (at < lo || at >= hi)
                    continue;
                struct page_sums sums = kept_sums(w, at);
                one_page(w, r, 1, g, &s, page, page + 1 < s.end_page ? ops_kv_head(&a->kv, r, page + 1, g) : NULL,
                         &sums);
            }
        }
}

/* Row r's pages of one kv head, which begin with number `first`, in their order. */
static void merge_pages(const struct work *w, int64_t r, int64_t kv_head, int64_t first)
{
    struct span s = seen_by(w->a, r);
    start(w, kv_head, w->running);
    for (int64_t page = s.first_page; page < s.end_page; page++) {
        struct page_sums sums = kept_sums(w, first + page - s.first_page);
        merge(w, &sums, 0, w->running);
    }
    finish(w, r, kv_head, s, w->running);
}

static void attend_by_pages(const struct work *w, const struct member *member)
{
    const struct attend *a = w->a;
    int64_t n = a->kv.n, n_pages = count_pages(a, n), lo, hi;
    struct deal deal = member_deal(member);
    for (struct stint run; member_take(member, &deal, a->kv.layout.n_kv_heads * n_pages, 1, &run);)
        sum_pages(w, run.lo, run.hi, n_pages);
    member_sync(member);
    member_share(member, count_parts(w) * n, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        struct part part = part_of(w, i / n);
        for (int64_t g = part.first; g < part.end; g++)
            merge_pages(w, i % n, g, g * n_pages + count_pages(a, i % n));
        REAL(ops_quantize_row)(w->kn, a->out, i % n, part.first * w->per_head, part.end * w->per_head);
    }
}

/* When rows and heads leave members idle, or one with much more than another. */
static bool share_pages(const struct work *w, const struct member *member)
{
    const struct attend *a = w->a;
    int64_t units = count_parts(w) * a->kv.n;
    return a->page_sums && units % member->n != 0 && units < 4 * (int64_t)member->n &&
           count_pages(a, a->kv.n) * a->kv.layout.n_kv_heads <= a->n_page_sums;
}

void REAL(ops_attend)(const struct hand *h, const struct attend *a)
{
    struct work w = work_in(h, a);
    (share_pages(&w, h->member) ? attend_by_pages : attend_by_rows)(&w, h->member);
}

/* ---- once more, from what somebody wrote over ------------------------------------------------------------------ */

static bool masked(const struct page_slice *slice, const real *score)
{
    for (int j = slice->lo; j < slice->hi; j++)
        if (score[j] != -(real)INFINITY)
            return false;
    return true;
}

/* One head's sums over its pages from scores, in the order of attend_rows: what was not changed gives the same bits. A
 * page that is masked as a whole says nothing; a row without any key or sink is zero. */
static void again_by_scores(const struct work *w, int64_t r, int64_t head, struct span s, const real *score)
{
    const struct attend *a = w->a;
    int head_dim = a->kv.layout.head_dim;
    int64_t kv_head = head / a->group, n_keys;
    real m = a->sinks ? (real)a->sinks[head] : -(real)INFINITY, l = a->sinks ? 1 : 0, page_m, page_l;
    real *acc = w->running, *page_acc = w->page.acc;
    memset(acc, 0, (size_t)head_dim * sizeof *acc);
    for (int64_t page = s.first_page; page < s.end_page; page++) {
        struct page_slice slice = slice_of(a, r, kv_head, s, page, NULL);
        if (masked(&slice, score + page * KV_PAGE))
            continue;
        REAL(attend_scored__scalar)(&slice, score + page * KV_PAGE, &page_m, &page_l, page_acc);
        w->kn->attend_merge(page_m, page_l, page_acc, head_dim, &m, &l, acc);
    }
    real *p = kept_at(a, a->pattern, r, head, &n_keys);
    if (p)
        memcpy(p, score, (size_t)n_keys * sizeof *p);
    finish_head(a, r, head, s, m, l, acc);
    if (l == 0)
        memset(a->out->f + (r * a->n_heads + head) * head_dim, 0, (size_t)head_dim * sizeof *acc);
}

static void again_by_weights(const struct work *w, int64_t r, int64_t head, struct span s, const real *weights)
{
    const struct attend *a = w->a;
    int head_dim = a->kv.layout.head_dim;
    real *out = a->out->f + (r * a->n_heads + head) * head_dim;
    memset(out, 0, (size_t)head_dim * sizeof *out);
    for (int64_t page = s.first_page; page < s.end_page; page++) {
        struct page_slice slice = slice_of(a, r, head / a->group, s, page, NULL);
        REAL(attend_values__scalar)(&slice, weights + page * KV_PAGE, out);
    }
}

void REAL(ops_attend_again)(const struct hand *h, const struct attend *a, bool by_weights)
{
    struct work w = work_in(h, a);
    int64_t n = a->kv.n, lo, hi, n_keys;
    member_share(h->member, count_parts(&w) * n, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        struct part part = part_of(&w, i / n);
        int64_t r = i % n;
        bool redo = !a->wants || a->wants[a->kv.seq[r]].redo, any = false;
        for (int64_t head = part.first * a->group; redo && head < part.end * a->group; head++) {
            const real *kept = kept_at(a, by_weights ? a->pattern : a->scores, r, head, &n_keys);
            if (kept)
                (by_weights ? again_by_weights : again_by_scores)(&w, r, head, seen_by(a, r), kept);
            any = any || kept;
        }
        if (any)
            REAL(ops_quantize_row)(w.kn, a->out, r, part.first * w.per_head, part.end * w.per_head);
    }
}
