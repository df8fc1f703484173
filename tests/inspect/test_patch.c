/* test_patch.c: values of one run put into another. What has to restore everything does, and nothing else is claimed;
 * forks side by side give the bits of whole runs, one after the other; the clean engine stays clean. */
#include "model_test.h"

#include "engine/engine_parts.h"
#include "osso/patch.h"

static const char MODEL[] = "tests/golden/model/yarn-mxfp4";
enum { LENGTH = 40, AT = 11, LAYERS = 4, HEADS = 8, HEAD_DIM = 16 };

static struct rig open_rig_as(int threads, bool exact)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, LENGTH + 4);
    o.threads = threads;
    o.max_sessions = 34;
    return rig_open(test_path(path, sizeof path, MODEL), &o);
}

static struct rig open_rig(int threads)
{
    return open_rig_as(threads, false);
}

/* Two texts that differ in token AT, and again five tokens before the end when `twice`. */
static void texts(int32_t *clean, int32_t *corrupted, bool twice)
{
    char path[512];
    size_t n;
    int32_t *ids = ids_read(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/ids.txt"), &n);
    memcpy(clean, ids, LENGTH * sizeof *clean);
    memcpy(corrupted, ids, LENGTH * sizeof *clean);
    corrupted[AT] = (clean[AT] + 7) % 200;
    if (twice)
        corrupted[LENGTH - 5] = (clean[LENGTH - 5] + 3) % 200;
    free(ids);
}

static struct osso_patch_result patch(struct rig *r, const char *component, int sessions, bool twice)
{
    int32_t clean[LENGTH], corrupted[LENGTH];
    struct osso_patch_result result = {.size = sizeof result};
    struct osso_patch_options o = {
        .size = sizeof o, .component = component, .answer = 5, .wrong = 90, .sessions = sessions};
    uint64_t runs, tokens;
    texts(clean, corrupted, twice);
    check_ok(osso_patch_measure(r->engine, clean, corrupted, LENGTH, &o, &runs, &tokens, &r->err), r->err);
    check_ok(osso_patch(r->engine, clean, corrupted, LENGTH, &o, &result, &r->err), r->err);
    assert_int_equal(result.runs, runs);
    assert_int_equal(result.tokens, tokens);
    return result;
}

/* Where the only token that differs enters, all of it is restored; so it is at the end of the last layer, behind the
 * last token, and nowhere else there. */
static void test_what_must_be(void **state)
{
    (void)state;
    struct rig r = open_rig(2);
    struct osso_patch_result pre = patch(&r, "resid_pre", 0, false), post = patch(&r, "resid_post", 7, true);
    assert_int_equal(pre.n, LAYERS * LENGTH);
    assert_int_equal(pre.runs, LAYERS * (LENGTH - AT));
    for (size_t i = 0; i < pre.n; i++) {
        const struct osso_patch_record *p = &pre.records[i];
        assert_int_equal(p->layer, i / LENGTH);
        assert_int_equal(p->position, i % LENGTH);
        assert_int_equal(p->head, -1);
        if (p->layer == 0)
            assert_true(p->share == (p->position == AT ? 1 : 0));
    }
    for (size_t i = 0; i < post.n; i++)
        if (post.records[i].layer == LAYERS - 1)
            assert_true(post.records[i].share == (post.records[i].position == LENGTH - 1 ? 1 : 0));
    osso_patch_free(&pre);
    osso_patch_free(&post);
    rig_close(&r);
}

/* ---- whole runs, one after the other -------------------------------------------------------------------------------
 */

struct whole {
    float z[LAYERS][LENGTH][HEADS * HEAD_DIM];
    int layer, head, position; /* layer -1: keep */
};

static int whole_tap(void *user, const struct osso_tap_value *v)
{
    struct whole *w = user;
    for (int r = 0; r < v->n_rows; r++) {
        float *mine = v->values + r * v->width, *kept = w->z[v->layer][v->positions[r]];
        if (w->layer < 0)
            memcpy(kept, mine, sizeof w->z[0][0]);
        else if (v->layer == w->layer && v->positions[r] == w->position)
            memcpy(mine + w->head * HEAD_DIM, kept + w->head * HEAD_DIM, HEAD_DIM * sizeof *mine);
    }
    return 0;
}

static double whole_run(struct rig *r, struct whole *w, const int32_t *ids)
{
    struct osso_session *s;
    const uint64_t z = (uint64_t)1 << OSSO_TAP_ATTN_Z;
    struct osso_tap_options tap = {.size = sizeof tap, .taps = z, .replaces = z, .fn = whole_tap, .user = w};
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_set_tap(s, &tap, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    const float *logits = osso_session_logits(s, LENGTH - 1);
    double d = (double)logits[5] - logits[90];
    osso_session_free(s);
    return d;
}

static void test_whole_runs(void **state)
{
    (void)state;
    static struct whole w;
    int32_t clean[LENGTH], corrupted[LENGTH];
    struct rig r = open_rig(2), one = open_rig(1);
    struct osso_patch_result many = patch(&r, "z", 0, true), few = patch(&one, "z", 3, true);
    texts(clean, corrupted, true);
    w.layer = -1;
    double high = whole_run(&r, &w, clean);
    assert_true(many.clean == high && few.clean == high);
    assert_int_equal(many.n, LAYERS * HEADS * LENGTH);
    for (size_t i = 0; i < many.n; i++) {
        const struct osso_patch_record *p = &many.records[i];
        assert_true(p->share == few.records[i].share);
        assert_true(p->position >= AT || p->share == 0);
        if (i % 37)
            continue;
        w.layer = p->layer, w.head = p->head, w.position = (int)p->position;
        assert_true(p->share == (whole_run(&r, &w, corrupted) - many.corrupted) / (many.clean - many.corrupted));
    }
    struct osso_patch_result again = patch(&r, "z", 0, true);
    assert_memory_equal(again.records, many.records, many.n * sizeof *many.records);
    osso_patch_free(&many);
    osso_patch_free(&few);
    osso_patch_free(&again);
    rig_close(&r);
    rig_close(&one);
}

/* ---- what else can be changed: against whole runs, too -------------------------------------------------------------
 */

enum { TAKE = -1, HIDDEN_MOST = 256 };
static const uint64_t PATTERN = (uint64_t)1 << OSSO_TAP_ATTN_PATTERN, SCORES = (uint64_t)1 << OSSO_TAP_ATTN_SCORES;

/* What a whole run changes: weights or scores of one head, one expert's part. */
struct change {
    float pattern[LAYERS][HEADS][LENGTH][LENGTH];  /* of the clean run */
    float part[2][LAYERS][LENGTH][8][HIDDEN_MOST]; /* what each expert adds, in the clean and the corrupted run */
    bool chose[2][LAYERS][LENGTH][8];
    int which, layer, head, position; /* layer TAKE: keep, as run `which` */
    enum { COPY, HIDE_SCORE, HIDE_WEIGHT, MOVE_EXPERT } how;
};

static void change_attention(struct change *w, const struct osso_tap_value *v, int r)
{
    for (int h = 0; h < v->n_heads; h++)
        for (int k = 0; k < v->n_keys && k < LENGTH; k++) {
            float *value = v->values + (r * v->n_heads + h) * v->n_keys + k;
            if (w->layer == TAKE)
                w->pattern[v->layer][h][v->positions[r]][k] = *value;
            else if (v->layer == w->layer && v->positions[r] == w->position && v->heads[h] == w->head && w->how == COPY)
                *value = w->pattern[v->layer][h][v->positions[r]][k];
            else if (v->layer == w->layer && v->positions[r] == w->position && v->heads[h] == w->head && k == AT)
                *value = w->how == HIDE_SCORE ? -INFINITY : 0;
        }
}

static int change(void *user, const struct osso_tap_value *v)
{
    struct change *w = user;
    for (int r = 0; r < v->n_rows; r++) {
        int p = v->positions[r / v->slots];
        float *row = v->values + r * v->width;
        if (v->n_heads > 0)
            change_attention(w, v, r);
        else if (v->tap == OSSO_TAP_EXPERT_OUT) {
            w->chose[w->which][v->layer][p][v->experts[r]] = true;
            for (int64_t i = 0; i < v->width; i++)
                w->part[w->which][v->layer][p][v->experts[r]][i] = row[i] * v->weights[r];
        } else if (v->layer == w->layer && p == w->position)
            for (int64_t i = 0; i < v->width; i++)
                row[i] += w->part[0][v->layer][p][w->head][i] - w->part[1][v->layer][p][w->head][i];
    }
    return 0;
}

/* The last token's logit difference of a run that is looked at or changed. */
static double changed_run(struct rig *r, struct change *w, const int32_t *ids, uint64_t taps, bool writes)
{
    struct osso_session *s;
    struct osso_tap_options tap = {
        .size = sizeof tap, .taps = taps, .replaces = writes ? taps : 0, .fn = change, .user = w};
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r->err), r->err);
    check_ok(osso_session_set_tap(s, &tap, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    const float *logits = osso_session_logits(s, LENGTH - 1);
    double d = (double)logits[5] - logits[90];
    osso_session_free(s);
    return d;
}

static struct osso_patch_result patch_with(struct rig *r, struct osso_patch_options o)
{
    int32_t clean[LENGTH], corrupted[LENGTH];
    struct osso_patch_result result = {.size = sizeof result};
    o.size = sizeof o;
    o.answer = 5, o.wrong = 90;
    texts(clean, corrupted, true);
    check_ok(osso_patch(r->engine, clean, corrupted, LENGTH, &o, &result, &r->err), r->err);
    return result;
}

static void check_changed(struct rig *r, struct change *w, struct osso_patch_result *p, const int32_t *ids,
                          uint64_t taps, size_t stride)
{
    int seen = 0;
    for (size_t i = 3; i < p->n; i += stride) {
        const struct osso_patch_record *rec = &p->records[i];
        if (rec->position < AT)
            continue;
        w->layer = rec->layer, w->position = (int)rec->position;
        w->head = rec->expert >= 0 ? rec->expert : rec->head;
        double whole = changed_run(r, w, ids, taps, true);
        assert_true(fabs(rec->difference - whole) < 1e-4); /* a weighted part is added up in another order */
        seen++;
    }
    assert_true(seen >= 4);
    osso_patch_free(p);
}

static void test_attention_and_experts(void **state)
{
    (void)state;
    struct change *w = calloc(1, sizeof *w);
    int32_t clean[LENGTH], corrupted[LENGTH];
    int64_t at = AT;
    struct rig r = open_rig_as(1, true); /* a weight that is added in another order may round to another int8 */
    texts(clean, corrupted, true);
    w->layer = TAKE;
    changed_run(&r, w, clean, PATTERN | (uint64_t)1 << OSSO_TAP_EXPERT_OUT, false);
    struct osso_patch_result p = patch_with(&r, (struct osso_patch_options){.component = "pattern"});
    check_changed(&r, w, &p, corrupted, PATTERN, 131);
    w->how = HIDE_SCORE;
    p = patch_with(&r, (struct osso_patch_options){.knock_out = "scores", .hidden = &at, .n_hidden = 1});
    check_changed(&r, w, &p, clean, SCORES, 97);
    w->how = HIDE_WEIGHT;
    p = patch_with(&r, (struct osso_patch_options){.knock_out = "weights", .hidden = &at, .n_hidden = 1});
    check_changed(&r, w, &p, clean, PATTERN, 131);
    w->how = MOVE_EXPERT, w->which = 1, w->layer = TAKE;
    changed_run(&r, w, corrupted, (uint64_t)1 << OSSO_TAP_EXPERT_OUT, false);
    p = patch_with(&r, (struct osso_patch_options){.component = "expert"});
    for (size_t i = 0; i < p.n; i++) {
        const struct osso_patch_record *rec = &p.records[i];
        assert_true(w->chose[0][rec->layer][rec->position][rec->expert] ||
                    w->chose[1][rec->layer][rec->position][rec->expert]);
    }
    check_changed(&r, w, &p, corrupted, (uint64_t)1 << OSSO_TAP_MLP_OUT, 61);
    free(w);
    rig_close(&r);
}

/* An engine may choose fewer experts than the model does, or more: places are those that it chose. */
static void test_another_number_of_experts(void **state)
{
    (void)state;
    static const int numbers[] = {1, 6};
    char path[512];
    int32_t clean[LENGTH], corrupted[LENGTH];
    texts(clean, corrupted, false);
    for (int i = 0; i < 2; i++) {
        struct osso_engine_options e = engine_options(false, LENGTH + 4);
        struct osso_patch_options o = {
            .size = sizeof o, .component = "expert", .ablate = "zero", .answer = -1, .wrong = -1, .sessions = 8};
        struct osso_patch_result p = {.size = sizeof p};
        e.experts_per_token = numbers[i];
        struct rig r = rig_open(test_path(path, sizeof path, MODEL), &e);
        check_ok(osso_patch(r.engine, clean, NULL, LENGTH, &o, &p, &r.err), r.err);
        assert_int_equal(p.n, LAYERS * LENGTH * numbers[i]);
        osso_patch_free(&p);
        rig_close(&r);
    }
}

/* Ablation with the corrupted text's own values is patching the other way round, whatever is beside it. */
static void test_ablation(void **state)
{
    (void)state;
    int32_t clean[LENGTH], corrupted[LENGTH];
    struct rig r = open_rig(1);
    texts(clean, corrupted, true);
    struct osso_patch_options o = {.size = sizeof o, .component = "z", .answer = 5, .wrong = 90};
    struct osso_patch_result back = {.size = sizeof back}, again = {.size = sizeof again};
    struct osso_patch_result there = patch_with(&r,
                                                (struct osso_patch_options){.component = "z", .ablate = "resample"});
    check_ok(osso_patch(r.engine, corrupted, clean, LENGTH, &o, &back, &r.err), r.err);
    assert_int_equal(there.n, back.n);
    for (size_t i = 0; i < there.n; i++)
        assert_true(there.records[i].difference == back.records[i].difference && there.records[i].kl >= 0);
    osso_patch_free(&there);
    osso_patch_free(&back);
    /* a row of this very text, its own mean, nothing: none of them leaves things as they were, and all are seeded */
    const char *const ways[] = {"zero", "mean", "noise", "resample"};
    const int32_t *const text[] = {clean};
    const size_t length[] = {LENGTH};
    o.n_texts = 1, o.texts = text, o.lengths = length, o.seed = 5;
    for (int i = 0; i < 4; i++) {
        o.ablate = ways[i], o.component = i % 2 ? "expert" : "mlp_out", o.sessions = 3 + 20 * (i % 2);
        check_ok(osso_patch(r.engine, clean, NULL, LENGTH, &o, &there, &r.err), r.err);
        o.sessions = 32;
        check_ok(osso_patch(r.engine, clean, NULL, LENGTH, &o, &again, &r.err), r.err);
        assert_true(isnan(there.corrupted) && isnan(there.records[0].share) && there.runs == there.n);
        int moved = 0;
        for (size_t k = 0; k < there.n; k++) {
            assert_true(there.records[k].kl == again.records[k].kl);
            moved += there.records[k].kl > 0;
        }
        assert_true((size_t)moved * 3 > there.n); // of the last layer only the last position counts
        osso_patch_free(&there);
        osso_patch_free(&again);
    }
    rig_close(&r);
}

/* Where a token has one expert, noise on what it adds is noise on what all of them add, over the whole width. */
static void test_noise_of_an_expert(void **state)
{
    (void)state;
    const int32_t ids[] = {77, 77};
    const int64_t at = 1;
    struct osso_layers layers = {{1}};
    struct rig r = {0};
    struct osso_engine_options e = engine_options(true, 8);
    e.experts_per_token = 1;
    check_ok(osso_model_synthesize("wide", 3, &r.model, &r.err), r.err);
    check_ok(osso_engine_create(r.model, &e, &r.engine, &r.err), r.err);
    double kl[2];
    for (int i = 0; i < 2; i++) {
        struct osso_patch_result p = {.size = sizeof p};
        struct osso_patch_options o = {.size = sizeof o,
                                       .component = i ? "expert" : "mlp_out",
                                       .ablate = "noise",
                                       .noise = 1000,
                                       .answer = -1,
                                       .wrong = -1,
                                       .layers = &layers,
                                       .positions = &at,
                                       .n_positions = 1,
                                       .sessions = 4};
        check_ok(osso_patch(r.engine, ids, NULL, 2, &o, &p, &r.err), r.err);
        assert_int_equal(p.n, 1);
        kl[i] = p.records[0].kl;
        osso_patch_free(&p);
    }
    assert_true(kl[0] > 1e-4 && fabs(kl[0] - kl[1]) < 1e-3 * kl[0]);
    rig_close(&r);
}

static int note_plan(void *user, const struct osso_patch_plan *plan)
{
    *(struct osso_patch_plan *)user = *plan;
    return plan->runs != 2;
}

/* What both have in common is paired; what stands between, from its end on. */
static void test_alignment(void **state)
{
    (void)state;
    int32_t clean[LENGTH], corrupted[LENGTH], shorter[LENGTH];
    int64_t at[] = {AT, LENGTH - 3};
    struct osso_patch_plan plan = {0};
    struct rig r = open_rig(1);
    texts(clean, corrupted, false);
    memcpy(shorter, corrupted, AT * sizeof *shorter); /* without the two tokens before AT */
    memcpy(shorter + AT - 2, corrupted + AT, (LENGTH - AT) * sizeof *shorter);
    struct osso_patch_options o = {.size = sizeof o, .component = "resid_post", .answer = 5, .wrong = 90};
    struct osso_patch_result p = {.size = sizeof p};
    o.n_corrupted = LENGTH - 2;
    assert_int_equal(osso_patch(r.engine, clean, shorter, LENGTH, &o, &p, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "40 tokens and the corrupted one 38"));
    o.align = true;
    check_ok(osso_patch(r.engine, clean, shorter, LENGTH, &o, &p, &r.err), r.err);
    assert_int_equal(p.n, LAYERS * (LENGTH - 2));
    for (size_t i = 0; i < p.n; i++) {
        const struct osso_patch_record *rec = &p.records[i];
        assert_int_equal(rec->source, rec->position < AT - 2 ? rec->position : rec->position + 2);
        if (rec->layer == LAYERS - 1)
            assert_true(rec->share == (rec->position == LENGTH - 3 ? 1 : 0) && (rec->share == 0 || rec->kl == 0));
    }
    osso_patch_free(&p);
    o.positions = at, o.n_positions = 2, o.at_once = true, o.planned = note_plan, o.user = &plan;
    assert_int_equal(osso_patch(r.engine, clean, shorter, LENGTH, &o, &p, &r.err), OSSO_CANCELLED);
    assert_true(plan.runs == LAYERS && plan.tokens == LAYERS * (LENGTH - 2 - AT));
    assert_int_equal(plan.bytes,
                     (LAYERS * (LENGTH - (AT - 2)) + (LAYERS - 1) * (LENGTH - 2 - AT)) * r.engine->config.hidden * 4);
    rig_close(&r);
}

static void test_parts_and_refusals(void **state)
{
    (void)state;
    int32_t clean[LENGTH], corrupted[LENGTH];
    int64_t positions[] = {3, AT + 1}, beyond = LENGTH;
    struct rig r = open_rig(1);
    struct osso_layers layers = {{1 << 2}};
    struct osso_patch_result whole = patch(&r, "k", 0, false), part = {.size = sizeof part};
    struct osso_patch_options o = {.size = sizeof o,
                                   .component = "k",
                                   .answer = 5,
                                   .wrong = 90,
                                   .layers = &layers,
                                   .positions = positions,
                                   .n_positions = 2};
    texts(clean, corrupted, false);
    check_ok(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), r.err);
    assert_int_equal(part.n, 2); /* one head of keys */
    assert_int_equal(part.runs, 1);
    assert_true(part.records[0].share == 0 && part.records[1].share == whole.records[2 * LENGTH + AT + 1].share);
    osso_patch_free(&part);
    osso_patch_free(&whole);
    assert_int_equal(osso_patch(r.engine, clean, clean, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "the same 40 tokens"));
    o.positions = &beyond, o.n_positions = 1;
    assert_int_equal(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "positions 0 to 39"));
    o.n_positions = 0, o.max_bytes = 1000;
    assert_int_equal(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), OSSO_LIMIT);
    assert_non_null(strstr(r.err.text, "more than 1000 bytes: ask for fewer layers"));
    o.max_bytes = 0, o.wrong = 5;
    assert_int_equal(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    o.wrong = 90, o.component = "zz";
    assert_int_equal(osso_patch(r.engine, clean, corrupted, LENGTH, &o, &part, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "'zz' is no component"));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_must_be),
        cmocka_unit_test(test_whole_runs),
        cmocka_unit_test(test_attention_and_experts),
        cmocka_unit_test(test_another_number_of_experts),
        cmocka_unit_test(test_ablation),
        cmocka_unit_test(test_noise_of_an_expert),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_parts_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
