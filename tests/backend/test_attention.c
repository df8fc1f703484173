/* Attention over pages: against a plain softmax in double with sink, window and floor, and the same bits for 1, 2, 3
 * and 5 members on every backend. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "ops_data.h"

enum { HEADS = 12, KV_HEADS = 3, DIM = 24, ROWS = 7, SEQS = 2, PAGES = 4, MAX_POS = PAGES * KV_PAGE };

struct attention {
    const struct backend *be;
    struct kv_rows kv;
    struct attend attend;
    const float *k, *v;
    size_t workspace_bytes;
    uint8_t *workspace;
};

static void append_member(const struct member *member, void *arg)
{
    struct attention *t = arg;
    struct hand hand = {t->be, member, NULL};
    t->be->kv_append(&hand, &t->kv, t->k, t->v);
}

static void attend_member(const struct member *member, void *arg)
{
    struct attention *t = arg;
    struct hand hand = {t->be, member, t->workspace + (size_t)member->id * t->workspace_bytes};
    t->be->attend(&hand, &t->attend);
}

/* The truth for one row and head: plain softmax over sink and visible keys, in double. */
static void naive_attention(const struct attention *t, const float *all_k, const float *all_v, int r, int h,
                            double *out, double *lse, double *weights)
{
    int64_t pos = t->kv.pos[r], seq = t->kv.seq[r], width = KV_HEADS * DIM, lo = 0, g = h / t->attend.group;
    if (t->attend.window && pos - t->attend.window + 1 > lo)
        lo = pos - t->attend.window + 1;
    if (t->kv.floor && t->kv.floor[seq] > lo)
        lo = t->kv.floor[seq];
    double sum = t->attend.sinks ? exp((double)t->attend.sinks[h]) : 0;
    memset(out, 0, DIM * sizeof *out);
    memset(weights, 0, MAX_POS * sizeof *weights);
    for (int64_t j = lo; j <= pos; j++) {
        double s = 0;
        for (int d = 0; d < DIM; d++)
            s += (double)t->attend.q[((int64_t)r * HEADS + h) * DIM + d] *
                 all_k[(seq * MAX_POS + j) * width + g * DIM + d];
        weights[j] = exp(s * t->attend.scale);
        sum += weights[j];
    }
    for (int64_t j = lo; j <= pos; j++) {
        weights[j] /= sum;
        for (int d = 0; d < DIM; d++)
            out[d] += weights[j] * all_v[(seq * MAX_POS + j) * width + g * DIM + d];
    }
    *lse = log(sum);
}

static float attention_want[8][ROWS * HEADS * (DIM + 1 + MAX_POS)];

static void check_attention(const struct attention *t, const float *all_k, const float *all_v)
{
    static double weights[MAX_POS];
    double out[DIM], lse;
    for (int r = 0; r < ROWS; r++)
        for (int h = 0; h < HEADS; h++) {
            int64_t at = (int64_t)r * HEADS + h;
            naive_attention(t, all_k, all_v, r, h, out, &lse, weights);
            for (int d = 0; d < DIM; d++)
                if (fabs(t->attend.out->f[at * DIM + d] - out[d]) > 2e-6)
                    fail_msg("row %d head %d dim %d: %.9g, expected %.9g", r, h, d,
                             (double)t->attend.out->f[at * DIM + d], out[d]);
            assert_true(fabs(t->attend.lse[at] - lse) < 2e-6);
            for (int j = 0; j < MAX_POS; j++)
                if (fabs(t->attend.pattern[at * MAX_POS + j] - weights[j]) > 1e-6 ||
                    (weights[j] == 0 && t->attend.pattern[at * MAX_POS + j] != 0))
                    fail_msg("row %d head %d key %d: weight %g, expected %g", r, h, j,
                             (double)t->attend.pattern[at * MAX_POS + j], weights[j]);
        }
}

/* Three rows by three kv heads: five members cannot share them evenly and share pages instead, if they may keep their
 * sums. */
static void few_rows(struct attention *t, const float *want, float *got, int n_members)
{
    enum { FEW = 3 };
    static float sums[FEW * KV_HEADS * PAGES * (HEADS / KV_HEADS) * (2 + DIM)];
    memset(got, 0x55, sizeof attention_want[0]);
    memset(sums, 0xff, sizeof sums);
    t->attend.kv.n = FEW;
    t->attend.page_sums = sums;
    t->attend.n_page_sums = FEW * KV_HEADS * PAGES;
    on_team(n_members, attend_member, t);
    assert_same(want, got, (size_t)FEW * HEADS * DIM, "few rows");
    assert_same(want + ROWS * HEADS * DIM, got + ROWS * HEADS * DIM, (size_t)FEW * HEADS, "few rows' denominators");
    assert_same(want + ROWS * HEADS * (DIM + 1), got + ROWS * HEADS * (DIM + 1), (size_t)FEW * HEADS * MAX_POS,
                "few rows' weights");
    assert_true((sums[0] == sums[0]) == (n_members == 5)); /* pages were shared, and only there */
}

/* Pages start out as NaN everywhere, so a key that is read before it is written shows. */
static void attention_way(const struct backend *be, int n_members, bool first)
{
    static float k[SEQS * MAX_POS * KV_HEADS * DIM], v[SEQS * MAX_POS * KV_HEADS * DIM], q[ROWS * HEADS * DIM],
        sinks[HEADS];
    static float got[ROWS * HEADS * (DIM + 1 + MAX_POS)];
    static const int32_t row_pos[ROWS] = {0, 127, 128, 300, 511, 256, 130}, row_seq[ROWS] = {0, 0, 1, 1, 0, 1, 0};
    static const int32_t floors[SEQS] = {0, 140};
    static const int32_t above_floor[ROWS] = {0, 127, 140, 300, 511, 256, 130}; /* every row sees something */
    struct rng r;
    rng_seed(&r, 21);
    fill(&r, k, sizeof k / sizeof *k, 1);
    fill(&r, v, sizeof v / sizeof *v, 1);
    fill(&r, q, sizeof q / sizeof *q, 2);
    fill(&r, sinks, HEADS, 3);
    struct kv_layout layout = {KV_F32, KV_HEADS, DIM};
    size_t off = 64, page_bytes = off + be->kv_layer_bytes(&layout);
    uint8_t *pages = malloc(SEQS * PAGES * page_bytes);
    int32_t numbers[SEQS][PAGES];
    const int32_t *const tables[SEQS] = {numbers[0], numbers[1]};
    memset(pages, 0xff, SEQS * PAGES * page_bytes);
    for (int i = 0; i < SEQS * PAGES; i++) /* 3 and 8 have no common divisor: every page once, in no order */
        numbers[i / PAGES][i % PAGES] = (3 * i + 2) % (SEQS * PAGES);
    static int32_t pos[SEQS * MAX_POS], seq[SEQS * MAX_POS];
    for (int i = 0; i < SEQS * MAX_POS; i++) {
        pos[i] = i % MAX_POS;
        seq[i] = i / MAX_POS;
    }
    size_t workspace_bytes = be->workspace_bytes(ROWS, HEADS * DIM, 64, HEADS, DIM);
    struct attention t = {
        .be = be, .k = k, .v = v, .workspace_bytes = workspace_bytes, .workspace = mem_pages(workspace_bytes * 5)};
    t.kv = (struct kv_rows){.layout = layout,
                            .n = SEQS * MAX_POS,
                            .pos = pos,
                            .seq = seq,
                            .tables = tables,
                            .pages = pages,
                            .page_bytes = page_bytes,
                            .layer_off = off};
    on_team(n_members, append_member, &t);

    struct act out = {.width = HEADS * DIM, .f = got};
    for (int way = 0; way < 8; way++) {
        int floor = way & 1, window = way & 2, no_sinks = way & 4;
        t.kv.n = ROWS;
        t.kv.pos = row_pos;
        t.kv.seq = row_seq;
        t.kv.floor = floor ? floors : NULL;
        if (floor)
            t.kv.pos = above_floor;
        t.attend = (struct attend){.kv = t.kv,
                                   .n_heads = HEADS,
                                   .group = HEADS / KV_HEADS,
                                   .window = window ? 128 : 0,
                                   .scale = 0.3f,
                                   .q = q,
                                   .sinks = no_sinks ? NULL : sinks,
                                   .out = &out,
                                   .lse = got + ROWS * HEADS * DIM,
                                   .pattern = got + ROWS * HEADS * (DIM + 1),
                                   .n_keys = MAX_POS};
        memset(got, 0x55, sizeof got);
        on_team(n_members, attend_member, &t);
        if (first) {
            check_attention(&t, k, v);
            memcpy(attention_want[way], got, sizeof got);
        }
        assert_same(attention_want[way], got, sizeof got / sizeof *got, be->name);
        few_rows(&t, attention_want[way], got, n_members);
    }
    free(pages);
    mem_pages_free(t.workspace, workspace_bytes * 5);
}

static void test_attention(void **state)
{
    (void)state;
    each_way(attention_way);
}

/* A query of zeros over n keys with sink 0 gives each key 1 / (n + 1): the specification's vector. And keep. */
static void test_sink_and_keep(void **state)
{
    (void)state;
    for (int type = KV_F16; type <= KV_F32; type++) { /* Q8_0: test_stored */
        struct kv_layout layout = {(enum kv_type)type, 1, 4};
        const struct backend *be = backend_cpu(NULL);
        uint8_t *page = calloc(1, be->kv_layer_bytes(&layout));
        const int32_t number = 0, *const tables[1] = {&number};
        uint8_t *workspace = mem_pages(be->workspace_bytes(3, 4, 32, 1, 4)), keep[3] = {0};
        int32_t pos[3] = {0, 1, 2}, seq[3] = {0};
        float k[12], v[12] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, q[4] = {0}, sink = 0, out[4];
        for (int i = 0; i < 12; i++)
            k[i] = (float)i * 0.37f;
        struct member member = {0, 1, NULL};
        struct hand hand = {be, &member, workspace};
        struct kv_rows kv = {
            .layout = layout, .n = 3, .pos = pos, .seq = seq, .tables = tables, .pages = page, .keep = keep};
        be->kv_append(&hand, &kv, k, v);
        keep[0] = keep[1] = keep[2] = 1;
        float other[12] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
        be->kv_append(&hand, &kv, other, other); /* kept: nothing changes */
        struct act o = {.width = 4, .f = out};
        struct attend a = {.kv = kv, .n_heads = 1, .group = 1, .scale = 1, .q = q, .sinks = &sink, .out = &o};
        a.kv.n = 1;
        a.kv.pos = pos + 2;
        be->attend(&hand, &a);
        assert_true(out[0] == 0.25f && out[1] == 0.25f && out[2] == 0.25f && out[3] == 0);
        free(page);
    }
}

enum { STORED_DIM = 64, STORED_ROWS = 130 };

/* What a type makes of a row. */
static void stored_values(enum kv_type type, const float *x, float *out)
{
    uint8_t block[34];
    for (int i = 0; i < STORED_DIM; i++)
        out[i] = type == KV_F16    ? f16_to_f32(f16_from_f32(x[i]))
                 : type == KV_BF16 ? bf16_to_f32(bf16_from_f32(x[i]))
                                   : x[i];
    for (int i = 0; i < STORED_DIM && type == KV_Q8_0; i += QUANT_BLOCK) {
        dtype_info(DT_Q8_0)->pack(x + i, block, NULL);
        dtype_info(DT_Q8_0)->unpack(block, 0, out + i);
    }
    for (int i = 0; i < STORED_DIM; i++)
        out[i] = out[i] + 0.0f; /* sums begin at 0: there is no -0 */
}

/* A row that sees one key whose sink weighs nothing puts out that key's V; a query that is a unit vector has one dim of
 * K as its log-sum-exp. Both are what was stored, to the bit. */
static void stored_type(const struct backend *be, enum kv_type type, double most)
{
    enum { N = STORED_ROWS * STORED_DIM };
    static float k[N], v[N], out[STORED_DIM * STORED_DIM], q[STORED_DIM * STORED_DIM], sinks[STORED_DIM];
    static int32_t pos[STORED_ROWS], seq[STORED_ROWS];
    struct rng r;
    struct kv_layout layout = {type, 1, STORED_DIM};
    size_t bytes = be->kv_layer_bytes(&layout);
    uint8_t *pages = malloc(2 * bytes);
    const int32_t numbers[2] = {1, 0}, *const tables[1] = {numbers};
    double off = 0, all = 0;
    rng_seed(&r, 4);
    for (int i = 0; i < N; i++) {
        double radius = sqrt(-2 * log(1 - rng_unit(&r))), angle = 6.283185307179586 * rng_unit(&r);
        k[i] = (float)(radius * cos(angle));
        v[i] = (float)(radius * sin(angle));
    }
    memset(v + 5 * STORED_DIM, 0, QUANT_BLOCK * sizeof *v); /* a block of zeros, and one of very small values */
    for (int i = 0; i < QUANT_BLOCK; i++)
        v[6 * STORED_DIM + i] *= 1e-9f;
    memset(pages, 0xff, 2 * bytes);
    for (int i = 0; i < STORED_ROWS; i++)
        pos[i] = STORED_ROWS - 1 - i;
    for (int i = 0; i < STORED_DIM; i++) {
        q[i * STORED_DIM + i] = 1;
        sinks[i] = -1000;
    }
    uint8_t *workspace = mem_pages(
        be->workspace_bytes(STORED_ROWS, STORED_DIM * STORED_DIM, 64, STORED_DIM, STORED_DIM));
    struct member member = {0, 1, NULL};
    struct hand hand = {be, &member, workspace};
    struct kv_rows kv = {.layout = layout,
                         .n = STORED_ROWS,
                         .pos = pos,
                         .seq = seq,
                         .tables = tables,
                         .pages = pages,
                         .page_bytes = bytes};
    be->kv_append(&hand, &kv, k, v);
    float lse[STORED_DIM], want[STORED_DIM];
    struct act o = {.width = STORED_DIM * STORED_DIM, .f = out};
    struct attend a = {.kv = kv,
                       .n_heads = STORED_DIM,
                       .group = STORED_DIM,
                       .window = 1,
                       .scale = 1,
                       .q = q,
                       .sinks = sinks,
                       .out = &o,
                       .lse = lse};
    for (int row = 0; row < STORED_ROWS; row++) {
        a.kv.n = 1;
        a.kv.pos = pos + row;
        be->attend(&hand, &a);
        stored_values(type, k + row * STORED_DIM, want);
        for (int d = 0; d < STORED_DIM; d++) {
            assert_true(lse[d] == want[d]);
            off += pow((double)want[d] - k[row * STORED_DIM + d], 2);
            all += pow(k[row * STORED_DIM + d], 2);
        }
        stored_values(type, v + row * STORED_DIM, want);
        for (int h = 0; h < STORED_DIM; h++)
            assert_same(want, out + h * STORED_DIM, STORED_DIM, "stored V");
    }
    print_message("KV type %d on %s: NMSE %.2g\n", (int)type, be->name, off / all);
    if (off / all > most)
        fail_msg("KV type %d: NMSE %g", (int)type, off / all);
    free(pages);
}

static void test_stored(void **state)
{
    (void)state;
    for (int i = 0; backend_cpu_isa(i); i++) {
        const struct backend *be = backend_cpu(backend_cpu_isa(i));
        if (!be)
            continue;
        stored_type(be, KV_F32, 0);
        stored_type(be, KV_F16, 5e-8);
        stored_type(be, KV_BF16, 3e-6);
        stored_type(be, KV_Q8_0, 3.5e-5);
    }
}

/* Q8_0: a NaN or an infinity shows in all 32 dims of its block, and in no other. */
static void test_broken_block(void **state)
{
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        const struct backend *be = backend_cpu(NULL);
        struct kv_layout layout = {KV_Q8_0, 1, 64};
        uint8_t *page = calloc(1, be->kv_layer_bytes(&layout));
        const int32_t number = 0, *const tables[1] = {&number};
        uint8_t *workspace = mem_pages(be->workspace_bytes(1, 64, 64, 1, 64));
        int32_t pos = 0, seq = 0;
        float k[64] = {0}, v[64], q[64] = {0}, sink = 0, out[64];
        for (int i = 0; i < 64; i++)
            v[i] = 1;
        v[37] = broken ? INFINITY : NAN;
        struct member member = {0, 1, NULL};
        struct hand hand = {be, &member, workspace};
        struct kv_rows kv = {.layout = layout, .n = 1, .pos = &pos, .seq = &seq, .tables = tables, .pages = page};
        struct act o = {.width = 64, .f = out};
        struct attend a = {.kv = kv, .n_heads = 1, .group = 1, .scale = 1, .q = q, .sinks = &sink, .out = &o};
        be->kv_append(&hand, &kv, k, v);
        be->attend(&hand, &a);
        for (int i = 0; i < 64; i++)
            assert_true(isnan(out[i]) == (i >= 32));
        free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_sink_and_keep),
        cmocka_unit_test(test_stored),
        cmocka_unit_test(test_broken_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
