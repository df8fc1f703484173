/* plan_random.c: random weights as fast as memory takes them. For each kind of tensor a pattern of about a million
 * random values is made once; every row is a stretch of it that begins at a random block, so that no two rows are equal
 * by more than chance and nothing repeats with the period of the pattern. */
#include "checkpoint/plan.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { PATTERN_VALUES = 1 << 20, BLOCK = 32 };

/* blocks: in the dtype's own layout; codes of MXFP4 also in the checkpoint's layout with scales apart, so that both
 * file forms hold the same values. */
struct pattern {
    enum dtype dtype; /* DT_MXFP4 for the two parts of MXFP4_HF too */
    float mean, spread;
    uint8_t *blocks, *hf_blocks, *scales;
};

struct plan_random {
    const struct plan *plan;
    uint64_t seed;
    int64_t n_values; /* of each pattern */
    struct pattern *patterns;
    int n_patterns;
    int *of; /* tensor -> pattern */
    double skew;
};

static bool is_mxfp4_part(const struct plan_tensor *t)
{
    return t->row->store == STORE_BLOCKS;
}

/* Values around `mean`, at most `spread` away: those of a matrix have the standard deviation gain / sqrt(inputs), so
 * that outputs are about as large as inputs. */
static struct pattern pattern_of(const struct plan_tensor *t)
{
    struct pattern p = {.dtype = is_mxfp4_part(t) ? DT_MXFP4 : t->dtype};
    enum param_id id = t->row->members[0];
    switch (names_param(t->row)->kind) {
    case PARAM_NORM:
        p.mean = 1;
        p.spread = 0.5f;
        break;
    case PARAM_BIAS:
    case PARAM_EXPERT_BIAS: p.spread = 0.1f; break;
    case PARAM_SINKS: p.spread = 1; break;
    case PARAM_MATRIX:
    case PARAM_EXPERTS:
        p.spread = (id == PARAM_embed  ? sqrtf((float)t->columns)
                    : id == PARAM_head ? 2
                                       : 1) *
                   sqrtf(3.0f / (float)t->columns);
        break;
    }
    return p;
}

/* Even rows are those of `stream`, odd ones of the next: what a form with gate and up apart has in two tensors. */
static bool alternates(const struct plan_tensor *t)
{
    return is_mxfp4_part(t) && t->row->join == JOIN_ALTERNATING;
}

static float uniform(struct rng *rng, const struct pattern *p)
{
    return p->mean + p->spread * (float)(2 * rng_unit(rng) - 1);
}

static void put16(uint8_t *out, uint16_t v)
{
    out[0] = (uint8_t)v;
    out[1] = (uint8_t)(v >> 8);
}

/* Codes are uniform over all sixteen, which have the standard deviation 2.93; the scale is the power of two that brings
 * it nearest to spread / sqrt(3), sometimes one more or less. */
static void fill_mxfp4(struct pattern *p, int64_t n_blocks, struct rng *rng)
{
    int exponent = 127 + (int)lrintf(log2f(p->spread / 1.7320508f / 2.926f));
    exponent = exponent < 1 ? 1 : exponent > 250 ? 250 : exponent;
    for (int64_t b = 0; b < n_blocks; b++) {
        uint64_t half[2] = {rng_next(rng), rng_next(rng)};
        uint8_t *hf = p->hf_blocks + b * 16, *block = p->blocks + b * 17;
        memcpy(hf, half, 16);
        int jitter = (int)rng_below(rng, 4);
        p->scales[b] = block[0] = (uint8_t)(exponent + (jitter == 0) - (jitter == 1));
        for (int j = 0; j < 8; j++) { /* spec gguf.md 5.1 */
            block[1 + 2 * j] = (uint8_t)((hf[j] & 15) | hf[j + 8] << 4);
            block[2 + 2 * j] = (uint8_t)(hf[j] >> 4 | (hf[j + 8] & 0xf0));
        }
    }
}

static void fill_q8_0(struct pattern *p, int64_t n_blocks, struct rng *rng)
{
    for (int64_t b = 0; b < n_blocks; b++) {
        uint8_t *block = p->blocks + b * 34;
        put16(block, f16_from_f32(p->spread / 127 * (float)(0.75 + 0.5 * rng_unit(rng))));
        for (int i = 0; i < BLOCK; i++)
            block[2 + i] = (uint8_t)(int8_t)((int)rng_below(rng, 255) - 127);
    }
}

static void fill_values(struct pattern *p, int64_t n_blocks, struct rng *rng)
{
    const struct dtype_info *info = dtype_info(p->dtype);
    for (int64_t b = 0; b < n_blocks; b++) {
        float values[DTYPE_MAX_BLOCK];
        for (int i = 0; i < info->block; i++)
            values[i] = uniform(rng, p);
        info->pack(values, p->blocks + b * info->block_bytes, NULL);
    }
}

static enum osso_status fill_pattern(struct plan_random *r, struct pattern *p, uint64_t seed, struct osso_error *err)
{
    const struct dtype_info *info = dtype_info(p->dtype);
    int64_t n_blocks = r->n_values / info->block;
    struct rng rng;
    rng_seed(&rng, seed);
    p->blocks = mem_array((size_t)n_blocks, (size_t)info->block_bytes);
    if (p->dtype == DT_MXFP4) {
        p->hf_blocks = mem_array((size_t)n_blocks, 16);
        p->scales = mem_array((size_t)n_blocks, 1);
    }
    if (!p->blocks || (p->dtype == DT_MXFP4 && (!p->hf_blocks || !p->scales)))
        return error_nomem(err, (unsigned long long)n_blocks * (unsigned)info->block_bytes, "random weights");
    if (p->dtype == DT_MXFP4)
        fill_mxfp4(p, n_blocks, &rng);
    else if (p->dtype == DT_Q8_0)
        fill_q8_0(p, n_blocks, &rng);
    else
        fill_values(p, n_blocks, &rng);
    return OSSO_OK;
}

enum osso_status plan_random_create(const struct plan *plan, uint64_t seed, struct plan_random **random_out,
                                    struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    *random_out = NULL;
    struct plan_random *r = mem_alloc(sizeof *r);
    if (!r)
        return error_nomem(err, sizeof *r, "random weights");
    r->plan = plan;
    r->seed = seed;
    r->n_values = PATTERN_VALUES;
    r->patterns = mem_array((size_t)plan->n, sizeof *r->patterns);
    r->of = mem_array((size_t)plan->n, sizeof *r->of);
    if (!r->patterns || !r->of) {
        status = error_nomem(err, (unsigned long long)plan->n * sizeof *r->patterns, "random weights");
        goto cleanup;
    }
    for (int i = 0; i < plan->n; i++) /* a row must fit twice, so that it can begin anywhere in the first half */
        while (plan->list[i].row_values > r->n_values / 2)
            r->n_values *= 2;
    for (int i = 0; i < plan->n && !status; i++) {
        const struct plan_tensor *t = &plan->list[i];
        struct pattern want = pattern_of(t);
        int k = 0;
        while (k < r->n_patterns && (r->patterns[k].dtype != want.dtype || r->patterns[k].mean != want.mean ||
                                     r->patterns[k].spread != want.spread))
            k++;
        r->of[i] = k;
        if (k < r->n_patterns)
            continue;
        r->patterns[r->n_patterns++] = want;
        uint32_t bits;
        memcpy(&bits, &want.spread, sizeof bits); /* the same kind gets the same values in both forms */
        status = fill_pattern(r, &r->patterns[k], seed ^ (uint64_t)bits << 8 ^ (uint64_t)want.dtype, err);
    }
cleanup:
    if (status)
        plan_random_free(r);
    else
        *random_out = r;
    return status;
}

void plan_random_free(struct plan_random *random)
{
    if (!random)
        return;
    for (int i = 0; random->patterns && i < random->n_patterns; i++) {
        mem_free(random->patterns[i].blocks);
        mem_free(random->patterns[i].hf_blocks);
        mem_free(random->patterns[i].scales);
    }
    mem_free(random->patterns);
    mem_free(random->of);
    mem_free(random);
}

uint64_t plan_row_bytes(const struct plan_tensor *t)
{
    if (is_mxfp4_part(t))
        return (uint64_t)t->row_values / BLOCK * (t->part == 0 ? 16 : 1);
    const struct dtype_info *info = dtype_info(t->dtype);
    return (uint64_t)t->row_values / (uint64_t)info->block * (uint64_t)info->block_bytes;
}

void plan_random_skew(struct plan_random *random, double skew)
{
    random->skew = skew;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A router's biases: which expert is the k-th is drawn for each layer. */
static void skewed_row(const struct plan_random *r, const struct plan_tensor *t, const struct pattern *p, uint8_t *out)
{
    const struct dtype_info *info = dtype_info(t->dtype);
    uint64_t n = (uint64_t)t->row_values, stride = 0;
    struct rng rng;
    rng_seed(&rng, r->seed ^ (uint64_t)t->stream << 40 ^ 1);
    while (common_divisor(stride, n) != 1)
        stride = 1 + rng_below(&rng, n);
    for (uint64_t i = 0, k = rng_below(&rng, n); i < n; i++, k = (k + stride) % n) {
        float values[DTYPE_MAX_BLOCK] = {uniform(&rng, p) - (float)(r->skew * log((double)(k + 1)))};
        info->pack(values, out + i * (uint64_t)info->block_bytes, NULL);
    }
}

void plan_random_rows(const struct plan_random *random, int i, int64_t first, int64_t n, uint8_t *out)
{
    const struct plan_tensor *t = &random->plan->list[i];
    const struct pattern *p = &random->patterns[random->of[i]];
    if (random->skew > 0 && t->row->members[0] == PARAM_router_bias) { /* one row */
        skewed_row(random, t, p, out);
        return;
    }
    const uint8_t *from = !is_mxfp4_part(t) ? p->blocks : t->part == 0 ? p->hf_blocks : p->scales;
    uint64_t block = (uint64_t)dtype_info(p->dtype)->block, row_blocks = (uint64_t)t->row_values / block;
    uint64_t bytes = plan_row_bytes(t), block_bytes = bytes / row_blocks;
    bool two = alternates(t);
    for (int64_t r = first; r < first + n; r++) {
        uint64_t stream = two ? t->stream + (uint64_t)(r & 1) : t->stream;
        uint64_t state = random->seed ^ stream << 40 ^ (uint64_t)(two ? r >> 1 : r);
        uint64_t span = (uint64_t)random->n_values / block - row_blocks + 1;
        uint64_t start = (uint64_t)(((unsigned __int128)rng_splitmix(&state) * span) >> 64);
        memcpy(out, from + start * block_bytes, bytes);
        out += bytes;
    }
}
