/* test_taps.c: taps through the engine. Zeroing a head's output by tap gives the bits of the model whose o_proj columns
 * for that head are zero; looking changes nothing; a row is known by session and position. */
#include "model_test.h"

#include "checkpoint/model_open.h"
#include "engine/engine_parts.h"

static const char MODEL[] = "tests/golden/model/window128-sharded"; /* head_dim 64: whole blocks of 32 */
enum { HEAD = 1, LENGTH = 200 };

static int zero_head(void *user, const struct osso_tap_value *v)
{
    int head_dim = *(int *)user;
    for (int r = 0; r < v->n_rows; r++)
        memset(v->values + r * v->width + (int64_t)HEAD * head_dim, 0, (size_t)head_dim * sizeof *v->values);
    return 0;
}

static int look(void *user, const struct osso_tap_value *v)
{
    (*(size_t *)user) += (size_t)v->n_rows;
    return 0;
}

/* The same model with the head's columns of every o_proj zeroed, in memory of our own. */
static uint8_t *zero_columns(struct osso_model *model)
{
    const struct config *c = &model->config;
    struct view *o = &model->weights.layers[0].o;
    assert_int_equal(o->dtype, DT_BF16);
    size_t bytes = (size_t)(o->rows * o->cols) * 2;
    uint8_t *copy = malloc(bytes * (size_t)c->n_layers);
    for (int l = 0; l < c->n_layers; l++) {
        uint8_t *to = copy + bytes * (size_t)l;
        o = &model->weights.layers[l].o;
        memcpy(to, o->data, bytes);
        for (int64_t r = 0; r < o->rows; r++)
            memset(to + r * o->row_stride + HEAD * c->head_dim * 2, 0, (size_t)c->head_dim * 2);
        o->data = to;
    }
    return copy;
}

static void test_zero_head(void **state)
{
    (void)state;
    char path[512];
    int32_t ids[LENGTH];
    struct rng rng;
    rng_seed(&rng, 11);
    for (int exact = 0; exact < 2; exact++) {
        struct osso_engine_options o = engine_options(exact, LENGTH);
        struct rig a = rig_open(test_path(path, sizeof path, MODEL), &o), b = {.vocab = a.vocab};
        check_ok(osso_model_open(path, &b.model, &b.err), b.err);
        uint8_t *weights = zero_columns(b.model);
        check_ok(osso_engine_create(b.model, &o, &b.engine, &b.err), b.err);
        size_t bytes = LENGTH * (size_t)a.vocab * sizeof(float);
        for (int i = 0; i < LENGTH; i++)
            ids[i] = (int32_t)rng_below(&rng, (uint64_t)a.vocab);
        float *plain = all_logits(&a, ids, LENGTH, 0);
        check_ok(
            osso_engine_set_tap(a.engine, 1ull << OSSO_TAP_ATTN_Z, NULL, zero_head, &a.model->config.head_dim, &a.err),
            a.err);
        float *tapped = all_logits(&a, ids, LENGTH, 64), *zeroed = all_logits(&b, ids, LENGTH, 0);
        assert_memory_equal(tapped, zeroed, bytes);
        assert_memory_not_equal(tapped, plain, bytes);
        size_t rows = 0;
        check_ok(osso_engine_set_tap(a.engine, OSSO_TAPS_ALL, NULL, look, &rows, &a.err), a.err);
        float *looked = all_logits(&a, ids, LENGTH, 50);
        assert_true(rows > 0);
        assert_memory_equal(looked, plain, bytes);
        free(plain);
        free(tapped);
        free(zeroed);
        free(looked);
        rig_close(&a);
        rig_close(&b);
        free(weights);
    }
}

struct place {
    int rows[OSSO_TAP_COUNT];
    int32_t first[OSSO_TAP_COUNT];
};

static int note(void *user, const struct osso_tap_value *v)
{
    struct place *p = user;
    p->rows[v->tap] = v->n_rows;
    p->first[v->tap] = v->positions[0];
    return 0;
}

/* The rows that want logits are not the rows of the step: their positions are their own. */
static void test_positions(void **state)
{
    (void)state;
    char path[512];
    int32_t ids[LENGTH] = {0};
    struct place place;
    struct osso_session *s;
    struct osso_engine_options o = engine_options(false, LENGTH);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    check_ok(osso_engine_set_tap(r.engine,
                                 1ull << OSSO_TAP_EMBED | 1ull << OSSO_TAP_FINAL_NORM | 1ull << OSSO_TAP_LOGITS, NULL,
                                 note, &place, &r.err),
             r.err);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r.err), r.err);
    check_ok(osso_step(r.engine, &s, 1, 50, &r.err), r.err);
    osso_session_want_logits(s, LENGTH - 3);
    while (!osso_session_ready(s))
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    assert_int_equal(place.rows[OSSO_TAP_EMBED], LENGTH - 50);
    assert_int_equal(place.first[OSSO_TAP_EMBED], 50);
    for (int tap = OSSO_TAP_FINAL_NORM; tap <= OSSO_TAP_LOGITS; tap++) {
        assert_int_equal(place.rows[tap], 3);
        assert_int_equal(place.first[tap], LENGTH - 3);
    }
    osso_session_free(s);
    rig_close(&r);
}

/* ---- whose row ------------------------------------------------------------------------------------------ */

enum { SESSIONS = 2, SHORT = 20, FROM = 5 /* positions from here on want logits */ };

/* What each tap said of each session's rows, position by position, in two runs: alone, and with the other session. */
struct rows {
    float *want[SESSIONS][OSSO_TAP_COUNT];
    int shown[SESSIONS][OSSO_TAP_COUNT], k;
    bool together;
    struct osso_session *session[SESSIONS];
};

static int whose(const struct rows *rows, const void *user)
{
    for (int i = 0; i < SESSIONS; i++)
        if (user == rows->session[i])
            return i;
    fail_msg("a row of nobody's");
    return -1;
}

/* Keeps a row the first time, compares it the second. Layer 1, and what belongs to no layer. */
static int each_row(void *user, const struct osso_tap_value *v)
{
    struct rows *rows = user;
    assert_int_equal(v->size, sizeof *v);
    assert_true(v->slots == 1 || v->slots == rows->k);
    size_t width = (size_t)v->width * (size_t)v->slots;
    const float *values = v->values ? v->values : (const float *)(const void *)v->ids;
    for (int r = 0; r < v->n_rows / v->slots; r++, values += width) {
        int i = whose(rows, v->users[r]);
        float **want = &rows->want[i][v->tap];
        if (!*want)
            *want = calloc(SHORT * width, sizeof **want);
        float *at = *want + (size_t)v->positions[r] * width;
        rows->shown[i][v->tap]++;
        if (!rows->together)
            memcpy(at, values, width * sizeof *at);
        else if (memcmp(at, values, width * sizeof *at) != 0)
            fail_msg("%s: position %d of session %d has another's values", osso_tap_name(v->tap), v->positions[r], i);
    }
    return 0;
}

static void run_sessions(struct rig *r, struct osso_session *const *s, int n)
{
    while (!osso_session_ready(s[0]) || !osso_session_ready(s[n - 1]))
        check_ok(osso_step(r->engine, s, n, 0, &r->err), r->err);
}

static int count_calls(void *user, const struct osso_tap_value *value)
{
    (void)value;
    ++*(int *)user;
    return 0;
}

static void test_whose(void **state)
{
    (void)state;
    char path[512];
    static struct rows rows;
    struct osso_layers one = {{2}};
    struct osso_engine_options o = engine_options(false, 64);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    const uint64_t all = OSSO_TAPS_ALL & ~(1ull << OSSO_TAP_ATTN_PATTERN) &
                         ~(1ull << OSSO_TAP_ATTN_SCORES); /* their width is the step's */
    rows.k = r.model->config.experts_per_token;
    check_ok(osso_engine_set_tap(r.engine, all, &one, each_row, &rows, &r.err), r.err);
    for (int together = 0; together < 2; together++) {
        rows.together = together;
        for (int i = 0; i < SESSIONS; i++) {
            int32_t ids[SHORT];
            for (int j = 0; j < SHORT; j++)
                ids[j] = (j * 7 + 3 * i) % (int32_t)r.vocab;
            check_ok(osso_session_create(r.engine, (uint64_t)(together * 2 + i), &rows.session[i], &r.err), r.err);
            check_ok(osso_session_sync(rows.session[i], ids, SHORT, &r.err), r.err);
            osso_session_want_logits(rows.session[i], FROM);
            if (!together)
                run_sessions(&r, &rows.session[i], 1);
        }
        if (together)
            run_sessions(&r, rows.session, SESSIONS); /* equal positions in one step */
        for (int i = 0; i < SESSIONS; i++)
            osso_session_free(rows.session[i]);
    }
    for (int i = 0; i < SESSIONS; i++)
        for (int tap = 0; tap < OSSO_TAP_COUNT; tap++) {
            bool some = tap == OSSO_TAP_FINAL_NORM || tap == OSSO_TAP_LOGITS;
            if (tap <= OSSO_TAP_ATTN_SCORES) /* later ones have tests of their own */
                assert_int_equal(rows.shown[i][tap], !(all >> tap & 1) ? 0 : some ? 2 * (SHORT - FROM) : 2 * SHORT);
            free(rows.want[i][tap]);
        }
    rig_close(&r);
}

static int by_user(void *user, const struct osso_tap_value *v)
{
    for (int r = 0; r < v->n_rows; r++)
        ++*(int *)v->users[r];
    ++*(int *)user;
    return 0;
}

static void test_user(void **state)
{
    (void)state;
    char path[512];
    int mine = 0, calls = 0;
    struct osso_session *s;
    struct osso_engine_options o = engine_options(false, 64);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    check_ok(
        osso_engine_set_tap(r.engine, 1ull << OSSO_TAP_LOGITS | 1ull << OSSO_TAP_EMBED, NULL, by_user, &calls, &r.err),
        r.err);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    osso_session_set_user(s, &mine);
    check_ok(osso_session_sync(s, (int32_t[]){1, 2, 3}, 3, &r.err), r.err);
    check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    assert_int_equal(mine, 4); /* three rows, one of which wants logits */
    assert_int_equal(calls, 2);
    osso_session_free(s);
    rig_close(&r);
}

/* A run that a tap may have changed is private: nobody with its salt finds its pages. */
static void test_private(void **state)
{
    (void)state;
    char path[512];
    int32_t ids[LENGTH] = {1, 2, 3};
    struct osso_session *s;
    struct osso_engine_options o = engine_options(false, LENGTH);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    int head_dim = r.model->config.head_dim;
    size_t rows = 0;
    for (int tapped = 1; tapped >= 0; tapped--)
        for (int again = 0; again < 2; again++) {
            struct osso_engine_stats stats = {.size = sizeof stats};
            check_ok(osso_engine_set_tap(r.engine, tapped ? 1ull << OSSO_TAP_ATTN_Z : 1ull << OSSO_TAP_ATTN_LSE, NULL,
                                         tapped ? zero_head : look, tapped ? (void *)&head_dim : (void *)&rows, &r.err),
                     r.err);
            check_ok(osso_session_create(r.engine, 5, &s, &r.err), r.err);
            check_ok(osso_session_sync(s, ids, LENGTH, &r.err), r.err);
            osso_engine_stats(r.engine, &stats);
            assert_int_equal(osso_session_computed(s), !tapped && again ? LENGTH - 1 : 0);
            run_sessions(&r, &s, 1);
            osso_session_free(s);
        }
    rig_close(&r);
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

/* What no tap is, and taps without a function, are refused, and what was set before stays. */
static void test_bad_taps(void **state)
{
    (void)state;
    char path[512];
    int calls = 0;
    struct osso_engine_options o = engine_options(false, 16);
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    struct osso_session *s;
    check_ok(osso_engine_set_tap(r.engine, 1ull << OSSO_TAP_EMBED, NULL, count_calls, &calls, &r.err), r.err);
    const uint64_t bad[] = {1ull << 63, 1ull << OSSO_TAP_COUNT, ~0ull, OSSO_TAPS_ALL + 1,
                            1ull << 60 | 1ull << OSSO_TAP_EMBED};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int with = 0; with < 2; with++) {
            r.err.text[0] = 0;
            assert_int_equal(osso_engine_set_tap(r.engine, bad[i], NULL, with ? count_calls : NULL, &calls, &r.err),
                             OSSO_USAGE);
            assert_non_null(strstr(r.err.text, "belong to no tap"));
        }
    for (int tap = 0; tap < OSSO_TAP_COUNT; tap++)
        assert_int_equal(osso_engine_set_tap(r.engine, 1ull << tap, NULL, NULL, NULL, &r.err), OSSO_USAGE);
    assert_int_equal(osso_engine_set_tap(r.engine, OSSO_TAPS_ALL, NULL, NULL, NULL, &r.err), OSSO_USAGE);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, (int32_t[]){1, 2}, 2, &r.err), r.err);
    check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    assert_int_equal(calls, 1);
    check_ok(osso_engine_set_tap(r.engine, 0, NULL, NULL, NULL, &r.err), r.err);
    check_ok(osso_session_append(s, 3, &r.err), r.err);
    check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    assert_int_equal(calls, 1);
    osso_session_free(s);
    rig_close(&r);
}

/* Numbers are public: a new tap comes at the end, and to the end of this list. */
static void test_numbers(void **state)
{
    (void)state;
    char names[] = "embed resid_pre attn_in q k v q_rot k_rot attn_z attn_lse attn_out resid_mid mlp_in router_logits "
                   "expert_ids expert_weights expert_gate expert_up expert_h expert_out mlp_out resid_post final_norm "
                   "logits attn_pattern attn_scores";
    int i = 0;
    for (const char *name = strtok(names, " "); name; name = strtok(NULL, " "))
        assert_string_equal(osso_tap_name((enum osso_tap)i++), name);
    assert_true(OSSO_TAP_COUNT >= i);
    for (i = 0; i < OSSO_TAP_COUNT; i++) {
        assert_true(strlen(osso_tap_text((enum osso_tap)i)) > 3);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(osso_tap_name((enum osso_tap)i), osso_tap_name((enum osso_tap)j));
    }
    assert_string_equal(osso_tap_name(OSSO_TAP_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zero_head), cmocka_unit_test(test_positions),
                                       cmocka_unit_test(test_whose),     cmocka_unit_test(test_user),
                                       cmocka_unit_test(test_private),   cmocka_unit_test(test_bad_taps),
                                       cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests_name("taps", tests, NULL, NULL);
}
