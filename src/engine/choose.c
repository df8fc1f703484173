/* choose.c: one id by its weight. Every loop over the vocabulary is a plain pass: the largest logit, the weights with
 * the sum of each chunk of 1024, and at most a histogram of weights and a look for those of one bucket. Nothing is
 * sorted but the one bucket in which the top-k, the nucleus or the draw ends. Sums have one order, and the exponential
 * is the backend's: the same seed gives the same ids on every instruction set. */
#include "engine/choose.h"

#include "base/error.h"
#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LANES = 8 };

enum osso_status chooser_create(int64_t vocab, struct chooser *c, struct osso_error *err)
{
    *c = (struct chooser){.vocab = vocab, .band_of = -1};
    c->logits = mem_array((size_t)vocab, sizeof *c->logits);
    c->mask = mem_array((size_t)(vocab + 31) / 32, sizeof *c->mask);
    c->counts = mem_array((size_t)vocab, sizeof *c->counts);
    c->weight = mem_array((size_t)vocab, sizeof *c->weight);
    c->sum = mem_array((size_t)(vocab + CHUNK - 1) / CHUNK, sizeof *c->sum);
    c->band = mem_array((size_t)vocab, sizeof *c->band);
    bool whole = c->logits && c->mask && c->counts && c->weight && c->sum && c->band;
    return whole ? OSSO_OK : error_nomem(err, chooser_bytes(vocab), "choosing tokens");
}

uint64_t chooser_bytes(int64_t vocab)
{
    const struct chooser *c = NULL;
    uint64_t n = (uint64_t)vocab, each = sizeof *c->logits + sizeof *c->counts + sizeof *c->weight + sizeof *c->band;
    return sizeof *c + n * each + (n + 31) / 32 * sizeof *c->mask + (n + CHUNK - 1) / CHUNK * sizeof *c->sum;
}

void chooser_free(struct chooser *c)
{
    mem_free(c->logits);
    mem_free(c->mask);
    mem_free(c->counts);
    mem_free(c->weight);
    mem_free(c->sum);
    mem_free(c->band);
}

float choose_max(const float *logits, int64_t n)
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

static int64_t chunk_size(const struct chooser *c, int64_t at)
{
    return c->vocab - at < CHUNK ? c->vocab - at : CHUNK;
}

double choose_weigh(struct chooser *c, const struct backend *backend, const float *logits, float max,
                    double temperature)
{
    double total = 0;
    for (int64_t at = 0, k = 0; at < c->vocab; at += CHUNK, k++) {
        weigh(backend, logits + at, chunk_size(c, at), max, temperature, c->weight + at);
        total += c->sum[k] = chunk_sum(c->weight + at, chunk_size(c, at));
    }
    return total;
}

/* Weights below `least` become 0; returns the sum of the others. */
static double drop(struct chooser *c, float least)
{
    double total = 0;
    for (int64_t at = 0, k = 0; at < c->vocab; at += CHUNK, k++) {
        float *weight = c->weight + at;
        for (int64_t i = 0; i < chunk_size(c, at); i++)
            weight[i] = weight[i] >= least ? weight[i] : 0;
        total += c->sum[k] = chunk_sum(weight, chunk_size(c, at));
    }
    return total;
}

int32_t choose_plain(struct chooser *c, double total, double min_p, double unit)
{
    if (min_p > 0)
        total = drop(c, (float)min_p);
    double point = unit * total, have = 0;
    int64_t i = 0, last = c->vocab - 1;
    for (int64_t k = 0; i + CHUNK < c->vocab && !(point < have + c->sum[k]); k++, i += CHUNK)
        have += c->sum[k];
    for (; i < c->vocab; i++)
        if (point < (have += c->weight[i]))
            return (int32_t)i;
    while (last > 0 && c->weight[last] == 0) /* sums of chunks and of single ones may differ by a rounding */
        last--;
    return (int32_t)last;
}

/* ---- best first ----------------------------------------------------------------------------------------- */

/* Is a before b: the larger value first, the lower id among equals. */
static bool before(const struct osso_choice *a, const struct osso_choice *b)
{
    return a->logprob > b->logprob || (a->logprob == b->logprob && a->id < b->id);
}

static void sift_down(struct osso_choice *heap, size_t n, size_t i)
{
    for (;;) { /* a heap whose top is the worst: last in order */
        size_t worst = i, l = 2 * i + 1, r = l + 1;
        if (l < n && before(&heap[worst], &heap[l]))
            worst = l;
        if (r < n && before(&heap[worst], &heap[r]))
            worst = r;
        if (worst == i)
            return;
        struct osso_choice t = heap[i];
        heap[i] = heap[worst];
        heap[worst] = t;
        i = worst;
    }
}

static void heapify(struct osso_choice *list, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(list, n, i);
}

static void sort_heap(struct osso_choice *heap, size_t n)
{
    for (size_t m = n; m > 1; m--) {
        struct osso_choice t = heap[0];
        heap[0] = heap[m - 1];
        heap[m - 1] = t;
        sift_down(heap, m - 1, 0);
    }
}

size_t choose_best(const float *values, int64_t n, struct osso_choice *best, size_t k)
{
    size_t have = (int64_t)k < n ? k : (size_t)n;
    for (size_t i = 0; i < have; i++)
        best[i] = (struct osso_choice){(int32_t)i, values[i]};
    heapify(best, have);
    for (int64_t i = (int64_t)have; i < n; i++)
        if (values[i] > best[0].logprob) { /* an equal one has a higher id */
            best[0] = (struct osso_choice){(int32_t)i, values[i]};
            sift_down(best, have, 0);
        }
    sort_heap(best, have);
    return have;
}

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
    for (int64_t i = 0; i < c->vocab; i++)
        if (c->weight[i] >= least) {
            int b = bucket_of(c->weight[i]);
            c->count[b]++;
            c->mass[b] += c->weight[i];
        }
}

enum { SEEK = 64 };

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
        for (int64_t i = 0; i < end; i++)
            any |= (weight[i] > below) & (weight[i] <= top);
        for (int64_t i = 0; any && i < end; i++)
            if (weight[i] > below && weight[i] <= top) {
                c->band[n] = (struct osso_choice){(int32_t)(at + i), weight[i]};
                sorted = sorted && (n == 0 || before(&c->band[n - 1], &c->band[n]));
                n++;
            }
    }
    if (!sorted) { /* many equals are */
        heapify(c->band, n);
        sort_heap(c->band, n);
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

int32_t choose_few(struct chooser *c, const struct backend *backend, const float *logits, float max, double temperature,
                   int64_t top_k, double top_p, double min_p, double unit)
{
    float few[CHOOSE_FEW];
    c->n_band = choose_best(logits, c->vocab, c->band, (size_t)top_k);
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
