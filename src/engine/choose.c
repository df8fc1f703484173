/* choose.c: one id by its weight. Every loop over the vocabulary is a plain pass: the largest logit of each chunk of
 * 1024, the weights with the sum of each, and at most a histogram of weights and a look for those of one bucket. A mask
 * is applied within these passes, and what it leaves nothing of is passed over. Nothing is sorted but the one bucket in
 * which the top-k, the nucleus or the draw ends. Sums have one order, and the exponential is the backend's: the same
 * seed gives the same ids on every instruction set. */
#include "engine/choose.h"
#include "engine/rank.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LANES = 8, WORD = MASK_WORD, FAR = -88 };

/* ---- what may be chosen --------------------------------------------------------------------------------- */

static int64_t chunk_size(const struct chooser *c, int64_t k)
{
    return c->vocab - k * CHUNK < CHUNK ? c->vocab - k * CHUNK : CHUNK;
}

/* `value` where a bit is set, among the first n of 32. */
static void put(float *values, uint32_t bits, int64_t n, float value)
{
    if (n < WORD)
        bits &= UINT32_MAX >> (WORD - n);
    if (bits == UINT32_MAX)
        for (int i = 0; i < WORD; i++)
            values[i] = value;
    else
        for (; bits; bits &= bits - 1)
            values[__builtin_ctz(bits)] = value;
}

/* The logits of chunk k: where they lie, or in `space` with -INFINITY for what may not be chosen. */
static const float *chunk_of(const struct chooser *c, int64_t k, float space[CHUNK])
{
    const float *own = c->from + k * CHUNK;
    int64_t n = chunk_size(c, k);
    if (c->allowed[k] == ALLOWED_ALL)
        return own;
    const uint32_t *bits = c->bits + k * (CHUNK / WORD);
    memcpy(space, own, (size_t)n * sizeof *own);
    for (int64_t w = 0; w * WORD < n; w++)
        put(space + w * WORD, ~bits[w], WORD, -INFINITY);
    return space;
}

static float max_of(const float *logits, int64_t n)
{
    float top[LANES], max = -INFINITY;
    int64_t i = 0;
    for (int l = 0; l < LANES; l++)
        top[l] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            top[l] = logits[i + l] > top[l] ? logits[i + l] : top[l];
    for (; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    for (int l = 0; l < LANES; l++)
        max = top[l] > max ? top[l] : max;
    return max;
}

float choose_from(struct chooser *c, const float *logits)
{
    c->from = logits;
    c->bits = NULL;
    memset(c->allowed, ALLOWED_ALL, (size_t)c->n_chunks);
    for (int64_t k = 0; k < c->n_chunks; k++)
        c->top[k] = max_of(logits + k * CHUNK, chunk_size(c, k));
    return max_of(c->top, c->n_chunks);
}

static enum allowed allowed_of(const uint32_t *bits, int64_t n)
{
    uint32_t all = UINT32_MAX, any = 0;
    int64_t whole = n / WORD;
    for (int64_t w = 0; w < whole; w++) {
        all &= bits[w];
        any |= bits[w];
    }
    if (n % WORD) { /* what is behind the vocabulary says nothing */
        uint32_t last = UINT32_MAX >> (WORD - n % WORD);
        all &= bits[whole] | ~last;
        any |= bits[whole] & last;
    }
    return all == UINT32_MAX ? ALLOWED_ALL : any ? ALLOWED_SOME : ALLOWED_NONE;
}

float choose_among(struct chooser *c, const uint32_t *bits)
{
    float space[CHUNK];
    c->bits = bits;
    for (int64_t k = 0; k < c->n_chunks; k++) {
        enum allowed allowed = allowed_of(bits + k * (CHUNK / WORD), chunk_size(c, k));
        c->allowed[k] = (uint8_t)allowed;
        if (allowed == ALLOWED_NONE)
            c->top[k] = -INFINITY;
        else if (allowed == ALLOWED_SOME)
            c->top[k] = max_of(chunk_of(c, k, space), chunk_size(c, k));
    }
    return max_of(c->top, c->n_chunks);
}

int32_t choose_first(const struct chooser *c, float max)
{
    float space[CHUNK];
    int64_t k = 0, i = 0;
    while (c->top[k] != max)
        k++;
    const float *logits = chunk_of(c, k, space);
    while (logits[i] != max)
        i++;
    return (int32_t)(k * CHUNK + i);
}

size_t choose_best(const struct chooser *c, struct osso_choice *best, size_t k)
{
    float space[CHUNK];
    size_t want = (int64_t)k < c->vocab ? k : (size_t)c->vocab, have = 0;
    for (int64_t at = 0; want && at < c->n_chunks; at++) {
        if (have == want && !(c->top[at] > best[0].logprob)) /* an equal one has a higher id */
            continue;
        const float *values = chunk_of(c, at, space);
        for (int64_t i = 0; i < chunk_size(c, at); i++) {
            struct osso_choice one = {(int32_t)(at * CHUNK + i), values[i]};
            if (have < want) {
                best[have++] = one;
                if (have == want)
                    rank_heapify(best, have);
            } else if (one.logprob > best[0].logprob) {
                best[0] = one;
                rank_sift(best, have, 0);
            }
        }
    }
    rank_sort(best, have);
    return have;
}

/* ---- weights -------------------------------------------------------------------------------------------- */

/* Lanes i mod 8; what is left beyond whole eights first, then the lanes in order. */
static double chunk_sum(const float *weight, int64_t n)
{
    double lanes[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lanes[l] += weight[i + l];
    for (; i < n; i++)
        sum += weight[i];
    for (int l = 0; l < LANES; l++)
        sum += lanes[l];
    return sum;
}

static void weigh(const struct backend *backend, const float *logits, int64_t n, float max, double temperature,
                  float *weight)
{
    float x[CHUNK], inverse = (float)(1 / temperature);
    for (int64_t i = 0; i < n; i++)
        x[i] = (logits[i] - max) * inverse;
    backend->exp(backend, x, n, weight);
}

/* Does each of these count as one that has no weight? Below exp(FAR), the least normal float, all of a vocabulary
 * together are nothing beside the 1 of the largest; processors take a hundred times as long for each. A NaN is not. */
static bool is_far(const float *logits, int64_t n, float top, float max, double temperature)
{
    int far = (top - max) * (float)(1 / temperature) < FAR;
    for (int64_t i = 0, end = far ? n : 0; i < end; i++)
        far &= logits[i] <= top;
    return far;
}

double choose_weigh(struct chooser *c, const struct backend *backend, float max, double temperature)
{
    float space[CHUNK];
    double total = 0;
    for (int64_t k = 0; k < c->n_chunks; k++) {
        float *weight = c->weight + k * CHUNK;
        int64_t n = chunk_size(c, k);
        c->sum[k] = 0;
        if (c->allowed[k] == ALLOWED_NONE)
            continue;
        const float *logits = chunk_of(c, k, space);
        if (is_far(logits, n, c->top[k], max, temperature)) {
            memset(weight, 0, (size_t)n * sizeof *weight);
            continue;
        }
        weigh(backend, logits, n, max, temperature, weight);
        total += c->sum[k] = chunk_sum(weight, n);
    }
    return total;
}

double choose_reweigh(struct chooser *c)
{
    double total = 0;
    for (int64_t k = 0; k < c->n_chunks; k++) {
        const uint32_t *bits = c->bits + k * (CHUNK / WORD);
        float *weight = c->weight + k * CHUNK;
        int64_t n = chunk_size(c, k);
        if (c->allowed[k] == ALLOWED_NONE)
            c->sum[k] = 0;
        else if (c->allowed[k] == ALLOWED_SOME) {
            for (int64_t w = 0; w * WORD < n; w++) /* what is behind the vocabulary is another's memory */
                put(weight + w * WORD, ~bits[w], n - w * WORD < WORD ? n - w * WORD : WORD, 0);
            c->sum[k] = chunk_sum(weight, n);
        }
        total += c->sum[k];
    }
    return total;
}

/* Weights below `least` become 0; returns the sum of the others. */
static double drop(struct chooser *c, float least)
{
    double total = 0;
    for (int64_t k = 0; k < c->n_chunks; k++) {
        float *weight = c->weight + k * CHUNK;
        int64_t n = c->sum[k] > 0 ? chunk_size(c, k) : 0;
        for (int64_t i = 0; i < n; i++)
            weight[i] = weight[i] >= least ? weight[i] : 0;
        if (n > 0)
            total += c->sum[k] = chunk_sum(weight, n);
    }
    return total;
}

int32_t choose_plain(struct chooser *c, double total, double min_p, double unit)
{
    if (min_p > 0)
        total = drop(c, (float)min_p);
    double point = unit * total, have = 0;
    int64_t k = 0;
    for (; k + 1 < c->n_chunks && !(point < have + c->sum[k]); k++)
        have += c->sum[k];
    for (; k < c->n_chunks; k++)
        for (int64_t i = k * CHUNK, end = i + chunk_size(c, k); c->sum[k] > 0 && i < end; i++)
            if (point < (have += c->weight[i]))
                return (int32_t)i;
    for (k = c->n_chunks - 1;
         k > 0 && !(c->sum[k] > 0);) /* sums of chunks and of single ones may differ by a rounding */
        k--;
    int64_t last = k * CHUNK + chunk_size(c, k) - 1;
    while (last > k * CHUNK && c->weight[last] == 0)
        last--;
    return (int32_t)last;
}

/* ---- best first ----------------------------------------------------------------------------------------- */

/* Weights by the leading bits of their floats: 32 buckets for each power of two from 1 down to 2^-126, the large ones
 * first. */
enum { BUCKET_SHIFT = 16, ONE = 0x3f800000 };

static int bucket_of(float weight)
{
    union {
        float f;
        int32_t i;
    } v = {weight};
    return (ONE - v.i) >> BUCKET_SHIFT;
}

/* Above this a weight is in a bucket before b. */
static float bucket_top(int b)
{
    union {
        int32_t i;
        float f;
    } v = {ONE - (b << BUCKET_SHIFT)};
    return v.f;
}

static void fill_buckets(struct chooser *c, float least)
{
    memset(c->count, 0, sizeof c->count);
    memset(c->mass, 0, sizeof c->mass);
    c->n_buckets = BUCKETS;
    c->band_of = -1;
    for (int64_t k = 0; k < c->n_chunks; k++) {
        const float *weight = c->weight + k * CHUNK;
        int64_t n = c->sum[k] > 0 ? chunk_size(c, k) : 0;
        for (int64_t i = 0; i < n; i++)
            if (weight[i] >= least) {
                int b = bucket_of(weight[i]);
                c->count[b]++;
                c->mass[b] += weight[i];
            }
    }
}

enum { SEEK = 64 };
_Static_assert(CHUNK % SEEK == 0, "what is sought in lies in one chunk");

/* Bucket b, in order. */
static void load_band(struct chooser *c, int b)
{
    if (c->band_of == b)
        return;
    float top = bucket_top(b), below = bucket_top(b + 1);
    bool sorted = true;
    size_t n = 0;
    for (int64_t at = 0; at < c->vocab; at += SEEK) {
        const float *weight = c->weight + at;
        int64_t end = c->vocab - at < SEEK ? c->vocab - at : SEEK;
        int any = 0;
        if (!(c->sum[at / CHUNK] > 0))
            continue;
        for (int64_t i = 0; i < end; i++)
            any |= (weight[i] > below) & (weight[i] <= top);
        for (int64_t i = 0; any && i < end; i++)
            if (weight[i] > below && weight[i] <= top) {
                c->band[n] = (struct osso_choice){(int32_t)(at + i), weight[i]};
                sorted = sorted && (n == 0 || rank_before(&c->band[n - 1], &c->band[n]));
                n++;
            }
    }
    if (!sorted) { /* many equals are */
        rank_heapify(c->band, n);
        rank_sort(c->band, n);
    }
    c->n_band = n;
    c->band_of = b;
}

/* From the best one on until `most` are taken, or their weights sum up to `reach`, or the next one is below `least`. */
struct walk {
    int64_t most;
    double reach;
    float least;
};
struct taken {
    int64_t n;
    double mass;
    int32_t last;
};

static struct taken walk_ranks(struct chooser *c, struct walk w)
{
    struct taken t = {0, 0, 0};
    for (int b = 0; b < c->n_buckets; b++) {
        if (t.n + c->count[b] < w.most && t.mass + c->mass[b] < w.reach && bucket_top(b + 1) >= w.least) {
            t.n += c->count[b]; /* all of it */
            t.mass += c->mass[b];
            continue;
        }
        load_band(c, b);
        for (size_t i = 0; i < c->n_band; i++) {
            if (c->band[i].logprob < w.least)
                return t;
            t.n++;
            t.mass += c->band[i].logprob;
            t.last = c->band[i].id;
            if (t.n >= w.most || t.mass >= w.reach)
                return t;
        }
    }
    return t;
}

static int32_t draw_ranked(struct chooser *c, double total, int64_t top_k, double top_p, double min_p, double unit)
{
    struct walk w = {top_k, INFINITY, (float)min_p};
    if (top_p < 1)
        w.reach = top_p * total;
    struct taken kept = walk_ranks(c, w);
    w = (struct walk){kept.n, nextafter(unit * kept.mass, INFINITY), 0}; /* the first one with point < sum */
    return walk_ranks(c, w).last;
}

int32_t choose_ranked(struct chooser *c, double total, int64_t top_k, double top_p, double min_p, double unit)
{
    fill_buckets(c, top_k == c->vocab && min_p > FLT_MIN ? (float)min_p : FLT_MIN);
    if (top_k < c->vocab && top_p < 1)
        total = walk_ranks(c, (struct walk){top_k, INFINITY, 0}).mass;
    return draw_ranked(c, total, top_k, top_p, min_p, unit);
}

int32_t choose_few(struct chooser *c, const struct backend *backend, float max, double temperature, int64_t top_k,
                   double top_p, double min_p, double unit)
{
    float few[CHOOSE_FEW];
    c->n_band = choose_best(c, c->band, (size_t)top_k);
    for (size_t i = 0; i < c->n_band; i++)
        few[i] = c->band[i].logprob;
    weigh(backend, few, (int64_t)c->n_band, max, temperature, c->weight);
    double total = 0;
    for (size_t i = 0; i < c->n_band; i++)
        total += c->band[i].logprob = c->weight[i];
    c->n_buckets = 1; /* one bucket, in order already, that no walk can skip */
    c->band_of = 0;
    c->count[0] = (int32_t)c->n_band;
    c->mass[0] = total;
    return draw_ranked(c, total, top_k, top_p, min_p, unit);
}
