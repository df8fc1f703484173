/* ops_back_attend.c: attention backward. With p_j = exp(s_j - lse), where the sink is in lse, and D = dz . z:
 *
 *   dv_j = sum p_j dz      ds_j = p_j (dz . v_j - D)      dk_j = sum ds_j scale q      dq = sum ds_j scale k_j
 *   dsink = - sum p_sink D
 *
 * A sequence and a kv head are one piece of work, done by one member: rows ascending, in each the query heads of the
 * group, in each the keys that it sees, ascending. Scores are computed again, in the forward pass's order. */
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

/* One row and one query head of it, over keys that lie `stride` apart. */
static void head_back(const struct kernels *kn, const struct attend_back *b, const struct sequence *s, int row,
                      int head)
{
    int64_t dim = b->head_dim, kv_width = (int64_t)(b->n_heads / b->group) * dim;
    int64_t at = ((int64_t)row * b->n_heads + head) * dim, number = (int64_t)row * b->n_heads + head;
    const real *q = b->q + at, *dz = b->dz + at;
    real dot = lanes_dot(dz, b->z + at, dim), *dq = b->dq + at;
    int from = b->window && row - b->window + 1 > s->first ? row - (int)b->window + 1 : s->first;
    b->dot[number] = dot;
    memset(dq, 0, (size_t)dim * sizeof *dq);
    for (int j = from; j <= row; j++) {
        int64_t key = j * kv_width + head / b->group * dim;
        const real *k = b->k + key, *v = b->v + key;
        real score = 0;
        for (int64_t d = 0; d < dim; d++)
            score = real_fma(q[d], k[d], score);
        real p = REAL(real_exp)(score * (real)b->scale - b->lse[number]);
        real ds = p * (lanes_dot(dz, v, dim) - dot) * (real)b->scale;
        kn->axpy_f32(p, dz, dim, b->dv + key);
        kn->axpy_f32(ds, q, dim, b->dk + key);
        kn->axpy_f32(ds, k, dim, dq);
    }
}

static void sequence_back(const struct kernels *kn, const struct attend_back *b, const struct sequence *s, int kv_head)
{
    int64_t dim = b->head_dim, kv_width = (int64_t)(b->n_heads / b->group) * dim;
    for (int r = s->first; r < s->end; r++) {
        memset(b->dk + r * kv_width + kv_head * dim, 0, (size_t)dim * sizeof *b->dk);
        memset(b->dv + r * kv_width + kv_head * dim, 0, (size_t)dim * sizeof *b->dv);
    }
    for (int r = s->first; r < s->end; r++)
        for (int head = kv_head * b->group; head < (kv_head + 1) * b->group; head++)
            head_back(kn, b, s, r, head);
}

void REAL(ops_attend_back)(const struct hand *h, const struct attend_back *b)
{
    int n_kv_heads = b->n_heads / b->group;
    int64_t count = 0, done = 0;
    for (int r = 0; r < b->n; r++)
        count += b->pos[r] == 0 ? n_kv_heads : 0;
    struct deal deal = member_deal(h->member);
    struct sequence s = sequence_from(b, 0);
    for (int64_t item; (item = member_claim(h->member, &deal, count)) >= 0;) {
        for (; done < item / n_kv_heads; done++) /* items come ascending */
            s = sequence_from(b, s.end);
        sequence_back(kernels_of(h), b, &s, (int)(item % n_kv_heads));
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
