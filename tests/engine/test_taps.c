/* test_taps.c: a tap that replaces. Zeroing a head's output by tap gives the bits of the model whose o_proj columns for
 * that head are zero; writing back what was read changes nothing. */
#include "model_test.h"

#include "engine/engine_parts.h"

static const char MODEL[] = "tests/golden/model/window128-sharded"; /* head_dim 64: whole blocks of 32 */
enum { HEAD = 1, LENGTH = 200 };

static void zero_head(void *user, const struct osso_tap_value *v)
{
    int head_dim = *(int *)user;
    for (int r = 0; r < v->n_rows; r++)
        memset(v->values + r * v->width + (int64_t)HEAD * head_dim, 0, (size_t)head_dim * sizeof *v->values);
}

static void look(void *user, const struct osso_tap_value *v)
{
    (*(size_t *)user) += (size_t)v->n_rows;
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
        check_ok(osso_engine_set_tap(a.engine, 1ull << OSSO_TAP_ATTN_Z, zero_head, &a.model->config.head_dim, &a.err), a.err);
        float *tapped = all_logits(&a, ids, LENGTH, 64), *zeroed = all_logits(&b, ids, LENGTH, 0);
        assert_memory_equal(tapped, zeroed, bytes);
        assert_memory_not_equal(tapped, plain, bytes);
        size_t rows = 0;
        check_ok(osso_engine_set_tap(a.engine, ~0ull, look, &rows, &a.err), a.err);
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

static void note(void *user, const struct osso_tap_value *v)
{
    struct place *p = user;
    p->rows[v->tap] = v->n_rows;
    p->first[v->tap] = v->positions[0];
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
    check_ok(osso_engine_set_tap(r.engine, 1ull << OSSO_TAP_EMBED | 1ull << OSSO_TAP_FINAL_NORM | 1ull << OSSO_TAP_LOGITS,
                                 note, &place, &r.err), r.err);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zero_head), cmocka_unit_test(test_positions)};
    return cmocka_run_group_tests_name("taps", tests, NULL, NULL);
}
