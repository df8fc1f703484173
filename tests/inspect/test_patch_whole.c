/* test_patch_whole.c: a map is made of forks that begin at a position and in a layer; each of its records has the bits
 * of the same run computed whole, alone and from the first token and the first layer on. Every component and every way
 * of changing it, fast and exact, texts of other lengths, windows and full layers, steps that cut a run. */
#include "model_test.h"

#include "inspect/patch_parts.h"

static const char MODEL[] = "tests/golden/model/yarn-mxfp4"; /* four layers; 0 and 2 slide over 16 positions */
enum { LENGTH = 40, AT = 11, LONGER = 150, HIDDEN = 13 };

static void texts(int32_t *clean, int32_t *corrupted, size_t n)
{
    struct rng rng;
    rng_seed(&rng, n);
    for (size_t i = 0; i < n; i++)
        clean[i] = corrupted[i] = (int32_t)rng_below(&rng, 270);
    corrupted[AT] = (clean[AT] + 7) % 200;
    corrupted[n - 5] = (clean[n - 5] + 3) % 200;
}

/* The plain text's row, and what a run that is changed at a place says, whole. */
struct whole {
    struct rig *rig;
    struct patching p;
    float *plain;
};

static struct whole whole_create(struct rig *r, const int32_t *clean, const int32_t *corrupted, size_t n,
                                 const struct osso_patch_options *o, size_t n_records)
{
    struct whole w = {r, {.engine = r->engine, .clean = clean, .corrupted = corrupted, .n_clean = n}, NULL};
    struct patching *p = &w.p;
    check_ok(patch_check(p, o, &r->err), r->err);
    check_ok(patch_values(p, &r->err), r->err);
    patch_places(p, NULL);
    assert_int_equal(p->r.n, n_records);
    p->r.records = mem_array(n_records, sizeof *p->r.records);
    patch_places(p, p->r.records);
    float *all = all_logits(r, clean, n, 0);
    w.plain = malloc((size_t)r->vocab * sizeof *w.plain);
    memcpy(w.plain, all + (n - 1) * (size_t)r->vocab, (size_t)r->vocab * sizeof *w.plain);
    free(all);
    p->plain_row.logits = w.plain;
    score_row_read(r->engine->backend, r->vocab, &p->plain_row);
    return w;
}

static void whole_free(struct whole *w)
{
    patch_values_free(&w->p);
    mem_free(w->p.r.records);
    mem_free(w->p.pair);
    mem_free(w->p.at);
    mem_free(w->p.hidden);
    free(w->plain);
}

static void check_record(struct whole *w, size_t i, const struct osso_patch_record *have)
{
    static uint64_t salt = 1000;
    struct patching *p = &w->p;
    struct rig *r = w->rig;
    const struct osso_patch_record *rec = &p->r.records[i];
    struct patch_run run = {.of = p, .record = i};
    int32_t head = rec->head;
    bool by_head = head >= 0 && p->component->by != BY_KV_HEAD;
    uint64_t tap = (uint64_t)1 << (p->component->by == BY_EXPERT ? OSSO_TAP_MLP_OUT : p->component->tap);
    struct osso_layers layer = {{(uint64_t)1 << rec->layer}};
    struct osso_tap_options o = {.size = sizeof o,
                                 .taps = tap,
                                 .replaces = tap,
                                 .layers = &layer,
                                 .heads = by_head ? &head : NULL,
                                 .n_heads = by_head,
                                 .first = rec->position >= 0 ? rec->position : (int64_t)p->first,
                                 .fn = patch_put,
                                 .user = &run};
    o.end = (rec->position >= 0 ? rec->position : (int64_t)p->last) + 1;
    struct osso_session *s;
    check_ok(osso_session_create(r->engine, salt++, &s, &r->err), r->err);
    check_ok(osso_session_set_tap(s, &o, &r->err), r->err);
    check_ok(osso_session_sync(s, p->text, p->n, &r->err), r->err);
    assert_int_equal(osso_session_reused(s), 0);
    while (!osso_session_ready(s)) {
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
        assert_int_equal(r->engine->forward.first_layer, 0);
    }
    struct score_row row = {.logits = osso_session_logits(s, p->n - 1)};
    assert_non_null(row.logits);
    double difference = (double)row.logits[5] - row.logits[90];
    score_row_read(r->engine->backend, r->vocab, &row);
    double kl = score_row_divergence(r->engine->backend, r->vocab, &p->plain_row, &row);
    assert_true(have->layer == rec->layer && have->position == rec->position && have->head == rec->head &&
                have->expert == rec->expert);
    assert_memory_equal(&have->difference, &difference, sizeof difference);
    assert_memory_equal(&have->kl, &kl, sizeof kl); /* every logit is in it */
    osso_session_free(s);
}

/* Every `stride`-th record of a map, and of those that are run. */
static void check_map(struct rig *r, const int32_t *clean, const int32_t *corrupted, size_t n,
                      struct osso_patch_options o, size_t stride)
{
    struct osso_patch_result map = {.size = sizeof map};
    o.size = sizeof o;
    o.answer = 5, o.wrong = 90;
    check_ok(osso_patch(r->engine, clean, corrupted, n, &o, &map, &r->err), r->err);
    struct whole w = whole_create(r, clean, corrupted, n, &o, map.n);
    size_t layers[4] = {0}, seen = 0;
    for (size_t i = 0; i < map.n; i++) {
        const struct osso_patch_record *rec = &map.records[i];
        if (rec->position >= 0 && (size_t)rec->position < w.p.from)
            continue;
        if (seen++ % stride)
            continue;
        layers[rec->layer]++;
        check_record(&w, i, rec);
    }
    for (int l = 0; l < 4; l++)
        assert_true(layers[l] > 0);
    whole_free(&w);
    osso_patch_free(&map);
}

static struct rig open_rig(bool exact, int threads, int max_rows, int64_t context)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, context);
    o.threads = threads;
    o.max_rows = max_rows;
    o.max_logit_rows = max_rows;
    o.max_sessions = 34;
    return rig_open(test_path(path, sizeof path, MODEL), &o);
}

static void test_components(void **state)
{
    (void)state;
    static const char *const components[] = {"resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "q",
                                             "k",         "v",         "z",          "pattern",  "expert"};
    int32_t clean[LENGTH], corrupted[LENGTH];
    texts(clean, corrupted, LENGTH);
    for (int exact = 0; exact < 2; exact++) {
        struct rig r = open_rig(exact, 2, exact ? 50 : 256, LENGTH);
        for (size_t i = 0; i < sizeof components / sizeof *components; i++) {
            struct osso_patch_options o = {.component = components[i], .sessions = exact ? 5 : 0};
            bool many = components[i][1] == 0 || components[i][0] == 'p' || components[i][1] == 'x';
            check_map(&r, clean, corrupted, LENGTH, o, many ? 29 : 7);
            o.at_once = true;
            check_map(&r, clean, corrupted, LENGTH, o, 1);
        }
        rig_close(&r);
    }
}

static void test_taken_away(void **state)
{
    (void)state;
    static const char *const ways[] = {"zero", "mean", "noise", "resample"};
    const int64_t hidden = HIDDEN;
    int32_t clean[LENGTH], corrupted[LENGTH];
    texts(clean, corrupted, LENGTH);
    struct rig r = open_rig(false, 2, 256, LENGTH);
    for (int i = 0; i < 4; i++) {
        check_map(&r, clean, NULL, LENGTH, (struct osso_patch_options){.component = "z", .ablate = ways[i]}, 61);
        check_map(&r, clean, NULL, LENGTH, (struct osso_patch_options){.component = "expert", .ablate = ways[i]}, 31);
    }
    for (int i = 0; i < 2; i++) {
        const char *what = i ? "weights" : "scores";
        struct osso_patch_options o = {.knock_out = what, .hidden = &hidden, .n_hidden = 1};
        check_map(&r, clean, NULL, LENGTH, o, 53);
    }
    rig_close(&r);
}

/* Texts over two pages, of other lengths, in steps that cut most runs; some layers and positions alone. */
static void test_aligned(void **state)
{
    (void)state;
    static const char *const components[] = {"resid_post", "k", "z", "expert"};
    int32_t clean[LONGER], corrupted[LONGER], shorter[LONGER];
    texts(clean, corrupted, LONGER);
    memcpy(shorter, corrupted, AT * sizeof *shorter);
    memcpy(shorter + AT - 2, corrupted + AT, (LONGER - AT) * sizeof *shorter);
    for (int exact = 0; exact < 2; exact++) {
        struct rig r = open_rig(exact, 1 + exact, 64, LONGER);
        for (int i = 0; i < 4; i++) {
            struct osso_patch_options o = {.component = components[i], .n_corrupted = LONGER - 2, .align = true};
            int64_t at[] = {AT, 100, 126, 127, 128, LONGER - 3};
            o.positions = at, o.n_positions = sizeof at / sizeof *at;
            check_map(&r, clean, shorter, LONGER, o, i < 2 ? 3 : 13);
        }
        rig_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_taken_away),
        cmocka_unit_test(test_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
