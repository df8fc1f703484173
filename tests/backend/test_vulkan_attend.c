/* Attention of the Vulkan backend against scalar: the same bits, in every type of K and V. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "vulkan_data.h"

enum {
    SEQS = 2,
    POSITIONS = 300,
    SLOTS = 3,
    PAGES = SEQS * SLOTS,
    KV_HEADS = 2,
    HEADS = 4,
    LOOKS = 9,
    KEYS = 310,
    MOST_DIM = 160
};

struct cache {
    struct kv_rows kv; /* the host's */
    uint8_t *pages;
    size_t pages_bytes;
    const int32_t *tables[SEQS];
    uint64_t there_pages, there_tables;
};

static const int32_t page_numbers[SEQS][SLOTS] = {{4, 1, 3}, {0, 5, 2}};

static struct cache cache_make(enum kv_type type, int dim)
{
    struct cache c = {.kv = {.layout = {type, KV_HEADS, dim}}};
    size_t layer = reference_hand()->backend->kv_layer_bytes(&c.kv.layout);
    c.kv.layer_off = layer + 64; /* another layer lies before this one */
    c.kv.page_bytes = 2 * layer + 128;
    c.pages_bytes = PAGES * c.kv.page_bytes;
    c.pages = malloc(c.pages_bytes);
    memset(c.pages, 0x7e, c.pages_bytes); /* junk that is NaN in f16 and f32 and out of sight */
    for (int s = 0; s < SEQS; s++)
        c.tables[s] = page_numbers[s];
    c.kv.pages = c.pages;
    return c;
}

static void cache_send(struct cache *c)
{
    uint64_t lists[SEQS];
    for (int s = 0; s < SEQS; s++)
        lists[s] = there(page_numbers[s], sizeof page_numbers[s]);
    c->there_tables = there(lists, sizeof lists);
    c->there_pages = there(c->pages, c->pages_bytes);
}

/* Stores K and V of all positions of both sequences, some of which are kept as they are. */
static void append(struct cache *c, enum fill kind, struct rng *r)
{
    enum { N = SEQS * POSITIONS };
    int dim = c->kv.layout.head_dim;
    size_t width = (size_t)(KV_HEADS * dim);
    static int32_t pos[N], seq[N];
    static uint8_t keep[N];
    static float k[N * KV_HEADS * MOST_DIM], v[N * KV_HEADS * MOST_DIM];
    for (int i = 0; i < N; i++)
        pos[i] = i % POSITIONS, seq[i] = i / POSITIONS, keep[i] = i % 97 == 5;
    for (size_t i = 0; i < N * width; i++)
        k[i] = random_value(r, kind), v[i] = random_value(r, kind);
    c->kv.n = N, c->kv.pos = pos, c->kv.seq = seq, c->kv.tables = c->tables, c->kv.keep = keep;
    cache_send(c);
    struct vk_kv_append p = {.k = there(k, N * width * 4),
                             .v = there(v, N * width * 4),
                             .pos = there(pos, sizeof pos),
                             .seq = there(seq, sizeof seq),
                             .tables = c->there_tables,
                             .keep = there(keep, sizeof keep),
                             .pages = c->there_pages + c->kv.layer_off,
                             .page_bytes = c->kv.page_bytes,
                             .n_kv_heads = KV_HEADS,
                             .head_dim = (uint32_t)dim};
    reference_hand()->backend->kv_append(reference_hand(), &c->kv, k, v);
    run(&vk_shader_kv_append, c->kv.layout.type, 0, &p, UP(width, c->kv.layout.type == KV_Q8_0 ? 2048 : 64), N);
    const uint8_t *got = back(c->there_pages);
    for (size_t i = 0; i < c->pages_bytes; i++)
        if (got[i] != c->pages[i])
            fail_msg("kv_append, type %d: byte %zu of the pages is %d, expected %d", c->kv.layout.type, i, got[i],
                     c->pages[i]);
}

/* q and k rotated on the way, of a few rows. */
static void test_rotated(void **state)
{
    enum { N = 5, MOST = N * HEADS * MOST_DIM };
    static const int32_t pos[N] = {0, 130, 299, 7, 128}, seq[N] = {0, 0, 0, 1, 1};
    static const uint8_t keep[N] = {0, 0, 1, 0, 0};
    static float q[MOST], k[MOST], v[MOST], angles[N * MOST_DIM], want_q[MOST], want_k[MOST];
    (void)state;
    need_device();
    for (int t = 0; t < 6; t++) {
        int dim = t < 3 ? 36 : MOST_DIM;
        size_t of_q = (size_t)(N * HEADS * dim), of_k = (size_t)(N * KV_HEADS * dim), of_angles = (size_t)(N * dim);
        struct rng r;
        rng_seed(&r, (uint64_t)t);
        struct cache c = cache_make((enum kv_type[]){KV_F16, KV_BF16, KV_F32}[t % 3], dim);
        fill(&r, q, of_q, 1), fill(&r, k, of_k, 1), fill(&r, v, of_k, 1), fill(&r, angles, of_angles, 1);
        memcpy(want_q, q, sizeof q);
        memcpy(want_k, k, sizeof k);
        forget_arrays();
        c.kv.n = N, c.kv.pos = pos, c.kv.seq = seq, c.kv.tables = c.tables, c.kv.keep = keep;
        cache_send(&c);
        struct vk_rope_append p = {.q = there(q, of_q * 4),
                                   .k = there(k, of_k * 4),
                                   .v = there(v, of_k * 4),
                                   .angles = there(angles, of_angles * 4),
                                   .pos = there(pos, sizeof pos),
                                   .seq = there(seq, sizeof seq),
                                   .tables = c.there_tables,
                                   .keep = there(keep, sizeof keep),
                                   .pages = c.there_pages + c.kv.layer_off,
                                   .page_bytes = c.kv.page_bytes,
                                   .n_heads = HEADS,
                                   .n_kv_heads = KV_HEADS,
                                   .head_dim = (uint32_t)dim};
        const struct hand *h = reference_hand();
        h->backend->rope(h, want_q, N, HEADS, dim, angles);
        h->backend->rope(h, want_k, N, KV_HEADS, dim, angles);
        h->backend->kv_append(h, &c.kv, want_k, v);
        run(&vk_shader_rope_append, c.kv.layout.type, 0, &p, UP((HEADS + KV_HEADS) * dim / 2, 64), N);
        assert_same(want_q, back(p.q), of_q, "rotated queries");
        assert_same(want_k, back(p.k), of_k, "rotated keys");
        assert_memory_equal(back(c.there_pages), c.pages, c.pages_bytes);
        free(c.pages);
    }
}

/* Room for the int8 form of what attention makes. */
static void add_form(struct vk_attend *p, size_t values)
{
    size_t blocks = values / QUANT_BLOCK * 4;
    p->codes = there(NULL, values);
    p->scales = (int32_t)((int64_t)(there(NULL, blocks) - p->codes) / 4);
    p->code_sums = (int32_t)((int64_t)(there(NULL, blocks) - p->codes) / 4);
}

static void compare_form(const struct attend *a, const struct vk_attend *p, const char *what)
{
    struct rng r;
    int64_t values = a->kv.n * a->out->width;
    rng_seed(&r, 1);
    struct act want = act_make(a->out->width, a->kv.n, FILL_ZERO, &r);
    memcpy(want.f, a->out->f, (size_t)values * 4);
    reference_hand()->backend->quantize(reference_hand(), &want, a->kv.n);
    assert_same_i8(&want, values, back(p->codes), back(p->codes + (uint64_t)(4 * (int64_t)p->scales)),
                   back(p->codes + (uint64_t)(4 * (int64_t)p->code_sums)), what);
    act_free(&want);
}

/* The same in two steps, page by page and then merged. */
static void compare_paged(const struct cache *c, const struct attend *a, const struct vk_attend *whole)
{
    int n = a->kv.n, dim = c->kv.layout.head_dim;
    size_t values = (size_t)(n * HEADS * dim), sums = (size_t)n * HEADS * 2;
    struct vk_attend p = *whole;
    p.n_pages = SLOTS;
    p.list = there(NULL, (size_t)(n * HEADS * SLOTS * (2 + dim)) * 4);
    p.out = there(NULL, values * 4);
    p.sums = there(NULL, sums * 4);
    if (dim % QUANT_BLOCK == 0)
        add_form(&p, values);
    run_z(&vk_shader_attend, c->kv.layout.type, 3, &p, HEADS, (uint32_t)n, SLOTS);
    run(&vk_shader_attend_merge, c->kv.layout.type, 0, &p, HEADS, (uint32_t)n);
    assert_same(a->out->f, back(p.out), values, "attention by pages");
    assert_same(back(whole->sums), back(p.sums), sums, "the denominators of attention by pages");
    if (p.codes)
        compare_form(a, &p, "attention by pages");
}

/* What a row or head is changed to: some scores more, some masked, a whole page of head 1, all keys of head 2. */
static void change(float *scores, int n, struct rng *r)
{
    for (int i = 0; i < n; i++)
        for (int h = 0; h < HEADS; h++)
            for (int j = 0; j < KEYS; j++) {
                float *s = &scores[(i * HEADS + h) * KEYS + j];
                if (h == 2 || (h == 1 && j < KV_PAGE) || rng_below(r, 5) == 0)
                    *s = -INFINITY;
                else if (rng_below(r, 3) == 0)
                    *s += 1;
            }
}

/* Kept scores and weights, then again by changed scores, then by changed weights. */
static void compare_kept(struct cache *c, struct attend *a, struct vk_attend *p, struct rng *r)
{
    enum { MOST = LOOKS * HEADS * KEYS };
    static float scores[MOST], pattern[MOST], lse[LOOKS * HEADS];
    int n = a->kv.n, entries = n * HEADS, dim = c->kv.layout.head_dim;
    size_t bytes = (size_t)(entries * KEYS) * 4, values = (size_t)(entries * dim);
    uint32_t type = c->kv.layout.type;
    struct vk_kept list[LOOKS * HEADS];
    const struct hand *h = reference_hand();
    a->scores = scores, a->pattern = pattern, a->n_keys = KEYS, a->lse = lse;
    h->backend->attend(h, a);
    uint64_t scores_at = there(NULL, bytes), pattern_at = there(NULL, bytes);
    for (int e = 0; e < entries; e++)
        list[e] = (struct vk_kept){scores_at + (uint64_t)e * KEYS * 4,
                                   pattern_at + (uint64_t)e * KEYS * 4,
                                   (uint32_t)(e / HEADS),
                                   (uint32_t)(e % HEADS),
                                   KEYS,
                                   0};
    p->list = there(list, (size_t)entries * sizeof *list);
    run(&vk_shader_attend_keep, type, 0, p, UP(KEYS, 64), (uint32_t)entries);
    assert_same(scores, back(scores_at), bytes / 4, "kept scores");
    assert_same(pattern, back(pattern_at), bytes / 4, "kept weights");

    change(scores, n, r);
    memcpy(back(scores_at), scores, bytes);
    h->backend->attend_again(h, a, false);
    if (dim % QUANT_BLOCK == 0)
        add_form(p, values);
    run(&vk_shader_attend, type, 1, p, (uint32_t)entries, 1);
    run(&vk_shader_attend_keep, type, 1, p, UP(KEYS, 64), (uint32_t)entries);
    assert_same(a->out->f, back(p->out), values, "attend again by scores");
    if (p->codes)
        compare_form(a, p, "attend again by scores");
    assert_same(scores, back(scores_at), bytes / 4, "scores that were changed");
    assert_same(pattern, back(pattern_at), bytes / 4, "weights of changed scores");

    for (size_t i = 0; i < bytes / 4; i++)
        pattern[i] = random_value(r, FILL_MIXED);
    memcpy(back(pattern_at), pattern, bytes);
    h->backend->attend_again(h, a, true);
    run(&vk_shader_attend, type, 2, p, (uint32_t)entries, 1);
    assert_same(a->out->f, back(p->out), values, "attend again by weights");
}

/* What the device makes of some rows that look back. */
static void look(struct cache *c, int64_t window, bool floors, bool with_sinks, enum fill kind, struct rng *r)
{
    static const int32_t pos[LOOKS] = {0, 1, 127, 128, 255, 256, 299, 200, 130},
                         seq[LOOKS] = {0, 1, 0, 1, 1, 0, 0, 1, 1};
    static const int32_t floor[SEQS] = {0, 126};
    enum { LAST = LOOKS * HEADS };
    int dim = c->kv.layout.head_dim, first = floors ? 2 : 0, n = LOOKS - first; /* every row sees something */
    size_t values = (size_t)(n * HEADS * dim);
    static float q[LAST * MOST_DIM], out[LAST * MOST_DIM], lse[LAST];
    float sinks[HEADS];
    for (size_t i = 0; i < values; i++)
        q[i] = random_value(r, kind);
    fill(r, sinks, HEADS, 1);
    struct act o = {.width = HEADS * dim, .f = out};
    struct attend a = {.kv = c->kv,
                       .n_heads = HEADS,
                       .group = HEADS / KV_HEADS,
                       .window = window,
                       .scale = 0.3f,
                       .q = q,
                       .sinks = with_sinks ? sinks : NULL,
                       .out = &o,
                       .lse = lse};
    a.kv.n = n, a.kv.pos = pos + first, a.kv.seq = seq + first, a.kv.floor = floors ? floor : NULL;
    reference_hand()->backend->attend(reference_hand(), &a);
    forget_arrays();
    cache_send(c);
    struct vk_attend p = {.q = there(q, values * 4),
                          .out = there(NULL, values * 4),
                          .sinks = with_sinks ? there(sinks, sizeof sinks) : 0,
                          .sums = there(NULL, (size_t)n * HEADS * 8),
                          .pos = there(a.kv.pos, (size_t)n * 4),
                          .seq = there(a.kv.seq, (size_t)n * 4),
                          .tables = c->there_tables,
                          .floor = floors ? there(floor, sizeof floor) : 0,
                          .pages = c->there_pages + c->kv.layer_off,
                          .page_bytes = c->kv.page_bytes,
                          .n_heads = HEADS,
                          .group = HEADS / KV_HEADS,
                          .head_dim = (uint32_t)dim,
                          .window = (uint32_t)window,
                          .scale = a.scale};
    if (dim % QUANT_BLOCK == 0)
        add_form(&p, values);
    run(&vk_shader_attend, c->kv.layout.type, 0, &p, HEADS, (uint32_t)n);
    assert_same(out, back(p.out), values, "attend");
    if (p.codes)
        compare_form(&a, &p, "attend");
    p.codes = 0;
    const float *sums = back(p.sums);
    for (int i = 0; i < n * HEADS; i++) {
        float got = sums[2 * i] + logf(sums[2 * i + 1]);
        assert_same(&lse[i], &got, 1, "attend's log of the denominator");
    }
    if (c->kv.layout.type == KV_F16)
        compare_paged(c, &a, &p);
    if (kind != FILL_INF && c->kv.layout.type == KV_F16) /* how values are read is no matter of these */
        compare_kept(c, &a, &p, r);
}

static void cache_free(struct cache *c)
{
    free(c->pages);
}

static void test_attend(void **state)
{
    static const enum kv_type types[] = {KV_F16, KV_BF16, KV_F32, KV_Q8_0};
    static const int dims[] = {36, MOST_DIM};
    (void)state;
    need_device();
    for (int t = 0; t < 4; t++)
        for (int d = t == 0 ? 0 : 1; d < 2; d++) { /* an odd width once */
            if (types[t] == KV_Q8_0 && dims[d] % QUANT_BLOCK)
                continue;
            struct rng r;
            rng_seed(&r, (uint64_t)(t * 2 + d));
            struct cache c = cache_make(types[t], dims[d]);
            forget_arrays();
            append(&c, FILL_NORMAL, &r);
            look(&c, 0, false, true, FILL_NORMAL, &r);
            look(&c, 100, true, false, FILL_MIXED, &r);
            if (t == 0)
                look(&c, 0, true, true, FILL_INF, &r);
            cache_free(&c);
        }
}

/* What K and V may hold: numbers too large or too small for their type, infinities and NaN. */
static void test_stored(void **state)
{
    static const enum kv_type types[] = {KV_F16, KV_BF16, KV_F32, KV_Q8_0};
    (void)state;
    need_device();
    for (int t = 0; t < 4; t++)
        for (int kind = FILL_NORMAL + 1; kind < FILL_COUNT; kind++) {
            struct rng r;
            if (!kind_fits((enum fill)kind))
                continue;
            rng_seed(&r, (uint64_t)kind);
            struct cache c = cache_make(types[t], 32);
            forget_arrays();
            append(&c, (enum fill)kind, &r);
            look(&c, 64, false, kind % 2, FILL_NORMAL, &r);
            cache_free(&c);
        }
}

/* f16 and bf16 at every halfway point that a random value might miss, and code by code. */
static void test_rounding(void **state)
{
    enum { DIM = 64, EACH = POSITIONS * DIM };
    (void)state;
    need_device();
    for (int t = 0; t < 3; t++) {
        struct cache c = cache_make((enum kv_type[]){KV_F16, KV_BF16, KV_Q8_0}[t], DIM);
        c.kv.layout.n_kv_heads = 1;
        static int32_t pos[POSITIONS], seq[POSITIONS];
        static float x[EACH];
        struct rng r;
        rng_seed(&r, 31);
        for (int i = 0; i < POSITIONS; i++)
            pos[i] = i;
        for (int i = 0; i < EACH; i++) {
            uint32_t bits = (uint32_t)(rng_next(&r) >> 32);
            if (t == 1)
                bits = (bits & 0xffff0000) | (0x7fff + bits % 3);
            else if (t == 0) /* exponents about f16's, low bits at and beside halfway of either kind of number */
                bits = (bits & 0x80000000) | (0x32000000 + (bits % 0x17000000 & 0xffffe000)) |
                       (0xfff + (bits >> 8) % 3);
            else
                bits = (bits & 0x807f0000) | 0x3f000000; /* halves are common among quotients of few digits */
            memcpy(&x[i], &bits, 4);
        }
        c.kv.n = POSITIONS, c.kv.pos = pos, c.kv.seq = seq, c.kv.tables = c.tables;
        forget_arrays();
        cache_send(&c);
        struct vk_kv_append p = {there(x, sizeof x),
                                 there(x, sizeof x),
                                 there(pos, sizeof pos),
                                 there(seq, sizeof seq),
                                 c.there_tables,
                                 0,
                                 c.there_pages + c.kv.layer_off,
                                 c.kv.page_bytes,
                                 1,
                                 DIM};
        reference_hand()->backend->kv_append(reference_hand(), &c.kv, x, x);
        run(&vk_shader_kv_append, c.kv.layout.type, 0, &p, UP(DIM, t == 2 ? 2048 : 64), POSITIONS);
        assert_memory_equal(back(c.there_pages), c.pages, c.pages_bytes);
        cache_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attend), cmocka_unit_test(test_stored),
                                       cmocka_unit_test(test_rounding), cmocka_unit_test(test_rotated)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_device();
    return failed;
}
