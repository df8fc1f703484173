/* ops_back_attend.c: attention backward. With p_j = exp(s_j - lse), where the sink is in lse, and D = dz . z:
 *
 *   dv_j = sum p_j dz      ds_j = p_j (dz . v_j - D)      dk_j = sum ds_j scale q      dq = sum ds_j scale k_j
 *   dsink = - sum p_sink D
 *
 * A sequence and a kv head are one piece of work, done by one member: keys ascending in blocks, for each the rows that
 * see one of them; all five products are chains (chain.h). Scores are computed again, in the forward pass's order. What
 * a row does not see enters with a weight of 0. */
#include "backend/cpu/ops_back.h"

#include "backend/cpu/scalar/scalar.h"
#include "base/must.h"

#include <string.h>

/* Rows [first, end) are one sequence. */
struct sequence {
    int first, end;
};

static struct sequence sequence_from(const struct attend_back *b, int first)
{
    struct sequence s = {first, first + 1};
    must(b->pos[first] == 0);
    while (s.end < b->n && b->pos[s.end] == s.end - first)
        s.end++;
    return s;
}

/* ---- a block: KEYS keys by all heads of as many rows as give BLOCK_ROWS, of a stretch of rows --------------- */

enum { KEYS = 32, BLOCK_ROWS = 96, STRETCH_ROWS = 1024 };

static int rows_of(int most, int group)
{
    return group < most ? most / group : 1;
}

static size_t heads_of(int most, int group)
{
    return (size_t)(rows_of(most, group) * group);
}

/* What a member works in, behind CHAIN_BYTES. Queries lie together there, so that all five products read what they
 * multiply where it lies. */
struct block_space {
    real *score, *dp; /* [heads of a block][KEYS] */
    real *k, *v;      /* [head_dim][KEYS] */
    real *k_rows;     /* [KEYS][head_dim] */
    real *q, *dz;     /* [heads of a stretch][head_dim] */
    int32_t *list;    /* [heads of a stretch]: their numbers among all heads of all rows */
};

/* Lays it out at `at` (NULL: only counts); returns the bytes. */
static size_t block_space(int group, int head_dim, void *at, struct block_space *s)
{
    size_t block = heads_of(BLOCK_ROWS, group) * KEYS, dims = (size_t)head_dim * KEYS;
    size_t heads = heads_of(STRETCH_ROWS, group), stretch = heads * (size_t)head_dim;
    if (at) {
        s->score = at;
        s->dp = s->score + block;
        s->k = s->dp + block;
        s->v = s->k + dims;
        s->k_rows = s->v + dims;
        s->q = s->k_rows + dims;
        s->dz = s->q + stretch;
        s->list = (int32_t *)(void *)(s->dz + stretch);
    }
    return (2 * block + 3 * dims + 2 * stretch) * sizeof(real) + heads * sizeof *s->list;
}

size_t REAL(ops_back_workspace_bytes)(int group, int head_dim, int64_t hidden)
{
    size_t attend = block_space(group, head_dim, NULL, NULL), rows = 2 * (size_t)hidden * sizeof(real);
    return workspace_round(CHAIN_BYTES + (attend > rows ? attend : rows));
}

struct work {
    const struct hand *h;
    const struct attend_back *b;
    struct sequence s;
    int kv_head;
    struct block_space space;
};

static int64_t kv_width(const struct attend_back *b)
{
    return (int64_t)(b->n_heads / b->group) * b->head_dim;
}

static void chain(const struct work *w, struct chain c)
{
    kernels_of(w->h)->chain(&c, w->h->workspace);
}

/* Keys [first, first + n) turned: of each dim, its value in every key; and k as it is. */
static void turn_keys(const struct work *w, int first, int n)
{
    int64_t at = w->kv_head * w->b->head_dim;
    for (int j = 0; j < n; j++) {
        const real *k = w->b->k + (first + j) * kv_width(w->b) + at, *v = w->b->v + (first + j) * kv_width(w->b) + at;
        memcpy(w->space.k_rows + j * w->b->head_dim, k, (size_t)w->b->head_dim * sizeof *k);
        for (int d = 0; d < w->b->head_dim; d++) {
            w->space.k[d * KEYS + j] = k[d];
            w->space.v[d * KEYS + j] = v[d];
        }
    }
}

/* x of these heads times these keys' k or v, dims ascending. */
static void times_keys(const struct work *w, const real *x, const real *keys, int64_t n_rows, int n_keys, real *y)
{
    int64_t dim = w->b->head_dim;
    chain(w, (struct chain){.n_rows = n_rows,
                            .n_cols = n_keys,
                            .n_sums = dim,
                            .a = x,
                            .a_rows = {.stride = dim},
                            .b = keys,
                            .b_rows = {.stride = KEYS},
                            .y = y,
                            .y_rows = {.stride = KEYS},
                            .fresh = true});
}

/* dv or dk of these keys += weights^T x, rows ascending and in each the heads of the group. */
static void to_keys(const struct work *w, const real *weights, const real *x, int64_t n_rows, int first, int n_keys,
                    real *dy)
{
    int64_t dim = w->b->head_dim;
    chain(w, (struct chain){.n_rows = n_keys,
                            .n_cols = dim,
                            .n_sums = n_rows,
                            .a = weights,
                            .a_rows = {.stride = KEYS},
                            .down = true,
                            .b = x,
                            .b_rows = {.stride = dim},
                            .y = dy + first * kv_width(w->b) + w->kv_head * dim,
                            .y_rows = {.stride = kv_width(w->b)}});
}

/* dq of these heads += ds k, keys ascending. */
static void to_rows(const struct work *w, const int32_t *heads, int64_t n_rows, int n_keys)
{
    int64_t dim = w->b->head_dim;
    chain(w, (struct chain){.n_rows = n_rows,
                            .n_cols = dim,
                            .n_sums = n_keys,
                            .a = w->space.dp,
                            .a_rows = {.stride = KEYS},
                            .b = w->space.k_rows,
                            .b_rows = {.stride = dim},
                            .y = w->b->dq,
                            .y_rows = {dim, heads, 1}});
}

/* The first key that a row sees. */
static int first_key(const struct work *w, int row)
{
    int from = w->b->window ? row - (int)w->b->window + 1 : w->s.first;
    return from > w->s.first ? from : w->s.first;
}

/* Rows [row, end) of the stretch that begins with `from`, and keys [first, first + n_keys); each row sees one of them
 * at least. */
static void block_back(const struct work *w, int from, int row, int end, int first, int n_keys)
{
    const struct attend_back *b = w->b;
    const int64_t at = (int64_t)(row - from) * b->group, n = (int64_t)(end - row) * b->group;
    const real *q = w->space.q + at * b->head_dim, *dz = w->space.dz + at * b->head_dim;
    const int32_t *heads = w->space.list + at;
    times_keys(w, q, w->space.k, n, n_keys, w->space.score);
    times_keys(w, dz, w->space.v, n, n_keys, w->space.dp);
    for (int64_t i = 0; i < n; i++) {
        int r = row + (int)(i / b->group), head = heads[i];
        struct softmax_back s = {n_keys, first_key(w, r) - first, r + 1 - first, b->scale, b->lse[head], b->dot[head]};
        kernels_of(w->h)->softmax_back_f32(&s, w->space.score + i * KEYS, w->space.dp + i * KEYS);
    }
    to_keys(w, w->space.score, dz, n, first, n_keys, b->dv);
    to_keys(w, w->space.dp, q, n, first, n_keys, b->dk);
    to_rows(w, heads, n, n_keys);
}

/* Queries of rows [from, to) together, D of them, and their sums at 0. */
static void stretch_begin(const struct work *w, int from, int to)
{
    const struct attend_back *b = w->b;
    size_t bytes = (size_t)b->head_dim * sizeof *b->dk;
    int32_t i = 0;
    for (int r = from; r < to; r++) {
        int64_t kv = r * kv_width(b) + w->kv_head * b->head_dim;
        memset(b->dk + kv, 0, bytes);
        memset(b->dv + kv, 0, bytes);
        for (int g = 0; g < b->group; g++, i++) {
            int32_t head = r * b->n_heads + w->kv_head * b->group + g;
            int64_t at = (int64_t)head * b->head_dim;
            w->space.list[i] = head;
            memcpy(w->space.q + i * b->head_dim, b->q + at, bytes);
            memcpy(w->space.dz + i * b->head_dim, b->dz + at, bytes);
            memset(b->dq + at, 0, bytes);
            b->dot[head] = kernels_of(w->h)->dot_f32(b->dz + at, b->z + at, b->head_dim);
        }
    }
}

/* Rows [from, to): keys ascending, in blocks, for each the rows that see one of them. */
static void stretch_back(const struct work *w, int from, int to)
{
    const struct attend_back *b = w->b;
    const int together = rows_of(BLOCK_ROWS, b->group);
    const int skip = (first_key(w, from) - w->s.first) / KEYS * KEYS; /* keys that none of them sees */
    stretch_begin(w, from, to);
    for (int first = w->s.first + skip; first < to; first += KEYS) {
        int n_keys = w->s.end - first < KEYS ? w->s.end - first : KEYS, end = to;
        if (b->window && first + n_keys - 1 + b->window < end)
            end = first + n_keys - 1 + (int)b->window; /* the last row that sees the last of these keys, and one */
        turn_keys(w, first, n_keys);
        for (int r = first > from ? first : from; r < end; r += together)
            block_back(w, from, r, end - r < together ? end : r + together, first, n_keys);
    }
}

/* Stretches of rows ascending, so that a key gets its rows in order. */
static void sequence_back(const struct work *w)
{
    const int together = rows_of(STRETCH_ROWS, w->b->group);
    for (int from = w->s.first; from < w->s.end; from += together)
        stretch_back(w, from, w->s.end - from < together ? w->s.end : from + together);
}

void REAL(ops_attend_back)(const struct hand *h, const struct attend_back *b)
{
    int n_kv_heads = b->n_heads / b->group;
    int64_t count = 0, done = 0;
    for (int r = 0; r < b->n; r++)
        count += b->pos[r] == 0 ? n_kv_heads : 0;
    struct deal deal = member_deal(h->member);
    struct work w = {.h = h, .b = b, .s = sequence_from(b, 0)};
    block_space(b->group, b->head_dim, (uint8_t *)h->workspace + CHAIN_BYTES, &w.space);
    for (int64_t item; (item = member_claim(h->member, &deal, count)) >= 0;) {
        if (item / n_kv_heads < done) { /* of another member's share */
            w.s = sequence_from(b, 0);
            done = 0;
        }
        for (; done < item / n_kv_heads; done++)
            w.s = sequence_from(b, w.s.end);
        w.kv_head = (int)(item % n_kv_heads);
        sequence_back(&w);
    }
}

void REAL(ops_sinks_back)(const struct hand *h, const struct attend_back *b)
{
    int64_t lo, hi;
    member_share(h->member, b->n_heads, &lo, &hi);
    for (int64_t head = lo; head < hi; head++)
        for (int64_t r = 0; r < b->n; r++) {
            int64_t at = r * b->n_heads + head;
            real p = REAL(real_exp)((real)b->sinks[head] - b->lse[at]);
            b->d_sinks[head] = real_fma(-p, b->dot[at], b->d_sinks[head]);
        }
}
