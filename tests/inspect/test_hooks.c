/* test_hooks.c: hooks by name. Their values add up to the run (embedding, heads, biases, experts: the residual stream;
 * weights and sink: 1), do not depend on threads, steps or company, change no logit, and change nothing when they are
 * written back; what is replaced counts; names are found, and those that are none are refused with what was meant. */
#include "model_test.h"

#include "backend/far.h"
#include "checkpoint/model_open.h"
#include "osso/inspect.h"

static const char MODEL[] = "tests/golden/taps", WIDE[] = "tests/golden/model/window128-sharded";
enum { LENGTH = 150, SHORT = 30 };

static struct rig open_rig(const char *model, bool exact, int threads)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, LENGTH);
    o.threads = threads;
    return rig_open(test_path(path, sizeof path, model), &o);
}

static void some_ids(const struct rig *r, int32_t *ids, int n)
{
    struct rng rng;
    rng_seed(&rng, 21);
    for (int i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)r->vocab);
}

static struct osso_hooks *hooks_of(struct rig *r, const char *const *names, size_t n)
{
    struct osso_hooks *hooks;
    struct osso_hooks_options o = {.size = sizeof o, .names = names, .n_names = n};
    check_ok(osso_hooks_create(r->model, &o, &hooks, &r->err), r->err);
    return hooks;
}

/* ---- collecting -----------------------------------------------------------------------------------------------------
 */

enum { MOST_HOOKS = 512 };

/* All values of some hooks: [n][width], or [n][heads][n] of attention. */
struct seen {
    struct osso_hooks *hooks;
    const struct osso_session *session;
    int n, rows[MOST_HOOKS];
    size_t width[MOST_HOOKS];
    float *values[MOST_HOOKS];
};

static int collect_values(void *user, const struct osso_hook_value *v)
{
    struct seen *s = user;
    struct osso_hook hook = {.size = sizeof hook};
    assert_true(osso_hooks_get(s->hooks, v->index, &hook));
    assert_int_equal(hook.ids, v->ids != NULL);
    assert_ptr_equal(v->session, s->session);
    int64_t keys = v->n_heads ? v->n_keys : 1;
    size_t width = v->n_heads ? (size_t)v->n_heads * (size_t)s->n : (size_t)v->width;
    if (!s->values[v->index]) {
        s->values[v->index] = calloc((size_t)s->n * width, sizeof(float));
        for (size_t i = 0; strstr(hook.name, "attn_scores") && i < (size_t)s->n * width; i++)
            s->values[v->index][i] = -INFINITY; /* keys behind the last of a step */
    }
    s->width[v->index] = width;
    for (int r = 0; r < v->n_rows; r++) {
        const float *from = (v->values ? v->values : (const float *)(const void *)v->ids) + r * v->width;
        float *to = s->values[v->index] + (size_t)v->positions[r] * width;
        if (v->replayed[r])
            continue;
        s->rows[v->index]++;
        for (int h = 0; h < v->n_heads; h++)
            memcpy(to + h * s->n, from + h * keys, (size_t)keys * sizeof *to);
        if (!v->n_heads)
            memcpy(to, from, width * sizeof *to);
    }
    return 0;
}

/* Runs a text with all logits and keeps what the hooks show; with company of another session. Returns the logits. */
static float *look(struct rig *r, struct osso_hooks *hooks, const int32_t *ids, int n, int max_rows, bool company,
                   struct seen *seen)
{
    struct osso_session *s, *other = NULL;
    float *logits = calloc((size_t)n * (size_t)r->vocab, sizeof *logits);
    *seen = (struct seen){.hooks = hooks, .n = n};
    check_ok(osso_session_create(r->engine, 1, &s, &r->err), r->err);
    seen->session = s;
    check_ok(osso_session_hook(s, hooks, collect_values, seen, false, 0, 0, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, (size_t)n, &r->err), r->err);
    osso_session_want_logits(s, 0);
    if (company) {
        check_ok(osso_session_create(r->engine, 1, &other, &r->err), r->err);
        check_ok(osso_session_sync(other, ids, (size_t)n, &r->err), r->err);
    }
    while (!osso_session_ready(s)) {
        check_ok(
            osso_step(r->engine, (struct osso_session *[]){other ? other : s, s}, other ? 2 : 1, max_rows, &r->err),
            r->err);
        collect(r, s, 0, logits);
    }
    osso_session_free(s);
    osso_session_free(other);
    return logits;
}

static void seen_free(struct seen *s)
{
    for (int i = 0; i < MOST_HOOKS; i++)
        free(s->values[i]);
}

/* The values of the hook of this name; NULL: it is not among them. */
static const float *values_of(const struct seen *s, const char *format, int layer)
{
    char name[96];
    struct osso_hook hook = {.size = sizeof hook};
    snprintf(name, sizeof name, format, layer);
    for (size_t i = 0; osso_hooks_get(s->hooks, i, &hook); i++, hook.size = sizeof hook)
        if (strcmp(hook.name, name) == 0) {
            assert_non_null(s->values[i]);
            return s->values[i];
        }
    fail_msg("no hook %s", name);
    return NULL;
}

static const char *const all_names[] = {"*"};

/* ---- what they show -------------------------------------------------------------------------------------------------
 */

static void test_whoever_else_is_there(void **state)
{
    (void)state;
    int32_t ids[LENGTH];
    struct seen want = {0};
    for (int exact = 0; exact < 2; exact++)
        for (int way = 0; way < 4; way++) {
            static const int threads[] = {1, 2, 5, 1}, rows[] = {0, 0, 33, 50};
            struct seen have;
            struct rig r = open_rig(WIDE, exact, threads[way]);
            struct osso_hooks *hooks = hooks_of(&r, all_names, 1);
            some_ids(&r, ids, LENGTH);
            float *plain = all_logits(&r, ids, LENGTH, 0);
            far_show_weights(true); /* hook_result reads them */
            float *logits = look(&r, hooks, ids, LENGTH, rows[way], way == 3, &have);
            assert_memory_equal(logits, plain, LENGTH * (size_t)r.vocab * sizeof *plain);
            for (int i = 0; i < MOST_HOOKS && (way == 0 || want.values[i] || have.values[i]); i++) {
                if (!have.values[i])
                    continue;
                assert_int_equal(have.rows[i], LENGTH);
                if (way && memcmp(have.values[i], want.values[i], LENGTH * have.width[i] * sizeof(float)) != 0)
                    fail_msg("hook %d: other values in way %d", i, way);
            }
            free(plain);
            free(logits);
            if (way == 0)
                want = have;
            else
                seen_free(&have);
            if (way == 3)
                seen_free(&want);
            osso_hooks_free(hooks);
            rig_close(&r);
        }
}

static double far_from(const double *sum, const float *want, int64_t n)
{
    double worst = 0, largest = 1;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(sum[i] - (double)want[i]));
        largest = fmax(largest, fabs((double)want[i]));
    }
    return worst / largest;
}

static void add_layer(struct rig *r, const struct seen *seen, int layer, double *sum)
{
    const struct config *c = &r->model->config;
    int64_t hidden = c->hidden, k = c->experts_per_token;
    float bias[512];
    char name[32];
    snprintf(name, sizeof name, "layers.%d.o_bias", layer);
    check_ok(osso_model_tensor_rows(r->model, name, 0, 1, bias, &r->err), r->err);
    const float *result = values_of(seen, "blocks.%d.attn.hook_result", layer);
    const float *weights = values_of(seen, "blocks.%d.mlp.hook_router_scores", layer);
    const float *out = values_of(seen, "blocks.%d.mlp.experts.hook_out", layer);
    for (int p = 0; p < SHORT; p++)
        for (int64_t i = 0; i < hidden; i++) {
            double *to = &sum[p * hidden + i];
            *to += (double)bias[i];
            for (int h = 0; h < c->n_heads; h++)
                *to += (double)result[(p * c->n_heads + h) * hidden + i];
            for (int64_t j = 0; j < k; j++)
                *to += (double)weights[p * k + j] * (double)out[(p * k + j) * hidden + i];
        }
}

/* Routing as the hooks tell it: falling weights, dense ones at the ids, each expert's rows by themselves. */
static void check_routing(struct rig *r, const struct seen *seen, int layer)
{
    const struct config *c = &r->model->config;
    int k = c->experts_per_token;
    const float *weights = values_of(seen, "blocks.%d.mlp.hook_router_scores", layer);
    const float *dense = values_of(seen, "blocks.%d.mlp.hook_expert_weights", layer);
    const int32_t *ids = (const int32_t *)(const void *)values_of(seen, "blocks.%d.mlp.hook_expert_indices", layer);
    const float *logits = values_of(seen, "blocks.%d.mlp.router.hook_out", layer);
    for (int p = 0; p < SHORT; p++) {
        double sum = 0;
        for (int e = 0; e < c->n_experts; e++)
            sum += (double)dense[p * c->n_experts + e];
        assert_true(fabs(sum - 1) < 1e-6);
        for (int j = 0; j < k; j++) {
            assert_true(j == 0 || weights[p * k + j] <= weights[p * k + j - 1]);
            assert_true(dense[p * c->n_experts + ids[p * k + j]] == weights[p * k + j]);
            assert_true(j == 0 ||
                        logits[p * c->n_experts + ids[p * k + j]] <= logits[p * c->n_experts + ids[p * k + j - 1]]);
        }
    }
}

static void check_attention(struct rig *r, const struct seen *seen, int layer)
{
    const struct config *c = &r->model->config;
    const float *pattern = values_of(seen, "blocks.%d.attn.hook_pattern", layer);
    const float *sink = values_of(seen, "blocks.%d.attn.hook_sink", layer);
    for (int p = 0; p < SHORT; p++)
        for (int h = 0; h < c->n_heads; h++) {
            double sum = (double)sink[p * c->n_heads + h];
            for (int j = 0; j < SHORT; j++) {
                float w = pattern[(p * c->n_heads + h) * SHORT + j];
                sum += (double)w;
                assert_true(w == 0 || (j <= p && (!c->sliding[layer] || j > p - c->window)));
            }
            assert_true(fabs(sum - 1) < 1e-6);
        }
}

static void check_norm(const struct seen *seen, struct rig *r, const char *of, const char *scale, const char *unit,
                       const char *out, const char *gain, int layer)
{
    int64_t hidden = r->model->config.hidden;
    float g[512];
    char name[48];
    snprintf(name, sizeof name, gain, layer);
    check_ok(osso_model_tensor_rows(r->model, name, 0, 1, g, &r->err), r->err);
    const float *x = values_of(seen, of, layer), *s = values_of(seen, scale, layer), *u = values_of(seen, unit, layer);
    const float *o = values_of(seen, out, layer);
    for (int64_t i = 0; i < SHORT * hidden; i++) {
        assert_true(fabs((double)x[i] / (double)s[i / hidden] - (double)u[i]) < 1e-5);
        assert_true(fabs((double)u[i] * (double)g[i % hidden] - (double)o[i]) < 1e-5 * fmax(1, fabs((double)o[i])));
    }
}

static void test_sums(void **state)
{
    (void)state;
    static const char *const models[] = {MODEL, WIDE, "tests/golden/model/yarn-mxfp4"};
    for (int m = 0; m < 3; m++) {
        int32_t ids[SHORT];
        struct seen seen;
        struct rig r = open_rig(models[m], true, 2);
        far_show_weights(true);
        const struct config *c = &r.model->config;
        struct osso_hooks *hooks = hooks_of(&r, all_names, 1);
        some_ids(&r, ids, SHORT);
        float *logits = look(&r, hooks, ids, SHORT, 0, false, &seen);
        int64_t n = SHORT * c->hidden;
        double *sum = calloc((size_t)n, sizeof *sum);
        const float *embed = values_of(&seen, "hook_embed", 0);
        for (int64_t i = 0; i < n; i++)
            sum[i] = (double)embed[i];
        for (int l = 0; l < c->n_layers; l++) {
            add_layer(&r, &seen, l, sum);
            assert_true(far_from(sum, values_of(&seen, "blocks.%d.hook_resid_post", l), n) < 1e-5);
            check_routing(&r, &seen, l);
            check_attention(&r, &seen, l);
            check_norm(&seen, &r, "blocks.%d.hook_resid_pre", "blocks.%d.ln1.hook_scale",
                       "blocks.%d.ln1.hook_normalized", "blocks.%d.ln1.hook_out", "layers.%d.attn_norm", l);
            check_norm(&seen, &r, "blocks.%d.hook_resid_mid", "blocks.%d.ln2.hook_scale",
                       "blocks.%d.ln2.hook_normalized", "blocks.%d.ln2.hook_out", "layers.%d.mlp_norm", l);
        }
        check_norm(&seen, &r, "model.norm.input", "ln_final.hook_scale", "ln_final.hook_normalized",
                   "ln_final.hook_out", "final_norm", 0);
        assert_memory_equal(values_of(&seen, "unembed.hook_out", 0), logits, SHORT * (size_t)r.vocab * sizeof *logits);
        free(sum);
        free(logits);
        seen_free(&seen);
        osso_hooks_free(hooks);
        rig_close(&r);
    }
}

/* ---- what they change -----------------------------------------------------------------------------------------------
 */

static int leave_be(void *user, const struct osso_hook_value *v)
{
    (void)v;
    ++*(int *)user;
    return 0;
}

static int zero(void *user, const struct osso_hook_value *v)
{
    memset(v->values, 0, (size_t)(v->n_rows * v->width) * sizeof *v->values);
    ++*(int *)user;
    return 0;
}

static float *run_with(struct rig *r, struct osso_hooks *hooks, osso_hook_fn *fn, int *calls, const int32_t *ids, int n)
{
    struct osso_session *s;
    size_t bytes = (size_t)r->vocab * sizeof(float);
    check_ok(osso_session_create(r->engine, 1, &s, &r->err), r->err);
    check_ok(osso_session_hook(s, hooks, fn, calls, true, 3, 0, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, (size_t)n, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    float *logits = memcpy(malloc(bytes), osso_session_logits(s, (size_t)n - 1), bytes);
    osso_session_free(s);
    return logits;
}

/* Every hook that can be replaced: writing back what was read changes nothing (but a rounding, of weights), zeros do.
 */
static void test_replace(void **state)
{
    (void)state;
    int32_t ids[SHORT];
    struct osso_hook hook = {.size = sizeof hook};
    static const int32_t one_head[] = {1};
    for (int exact = 0; exact < 2; exact++) {
        struct rig r = open_rig(WIDE, exact, 2);
        const char *names[] = {"*", "blocks.0.mlp.experts.*.hook_out"};
        struct osso_hooks *all = hooks_of(&r, names, 2);
        some_ids(&r, ids, SHORT);
        float *every = all_logits(&r, ids, SHORT, 0), *want = every + (SHORT - 1) * r.vocab;
        size_t bytes = (size_t)r.vocab * sizeof *want;
        for (size_t i = 0; osso_hooks_get(all, i, &hook); i++, hook.size = sizeof hook) {
            const char *name = hook.name;
            int calls = 0;
            if (hook.layer > 0)
                continue; /* one layer is enough */
            struct osso_hooks *few = NULL;
            struct osso_hooks_options o = {
                .size = sizeof o, .names = &name, .n_names = 1, .heads = one_head, .n_heads = 1};
            check_ok(osso_hooks_create(r.model, &o, &few, &r.err), r.err);
            struct osso_session *s;
            if (!hook.replaceable) {
                check_ok(osso_session_create(r.engine, 1, &s, &r.err), r.err);
                assert_int_equal(osso_session_hook(s, few, zero, &calls, true, 0, 0, &r.err), OSSO_USAGE);
                assert_non_null(strstr(r.err.text, name));
                osso_session_free(s);
                osso_hooks_free(few);
                continue;
            }
            float *same = run_with(&r, few, leave_be, &calls, ids, SHORT);
            for (int64_t v = 0; v < r.vocab && exact; v++)
                assert_true(fabs(same[v] - want[v]) < 1e-4 * fmax(1, fabs(want[v])));
            if (!strstr(name, "hook_pattern") && memcmp(same, want, bytes) != 0)
                fail_msg("%s: writing back changes logits", name);
            float *other = calls ? run_with(&r, few, zero, &calls, ids, SHORT) : NULL;
            if (other && !strstr(name, ".experts.") && memcmp(other, want, bytes) == 0)
                fail_msg("%s: zeros change nothing", name);
            free(same);
            free(other);
            osso_hooks_free(few);
        }
        free(every);
        osso_hooks_free(all);
        rig_close(&r);
    }
}

/* ---- names
 * ------------------------------------------------------------------------------------------------------------ */

static size_t count_of(struct rig *r, const char *name, const char *first)
{
    struct osso_hook hook = {.size = sizeof hook};
    struct osso_hooks *hooks = hooks_of(r, &name, 1);
    size_t n = 0;
    assert_true(osso_hooks_get(hooks, 0, &hook));
    if (strcmp(hook.name, first) != 0)
        fail_msg("%s: %s, expected %s", name, hook.name, first);
    for (; osso_hooks_get(hooks, n, &hook); hook.size = sizeof hook)
        n++;
    osso_hooks_free(hooks);
    return n;
}

static void test_names(void **state)
{
    (void)state;
    struct rig r = open_rig(MODEL, false, 1);
    size_t layers = (size_t)r.model->config.n_layers;
    assert_int_equal(layers, 3);
    assert_int_equal(count_of(&r, "blocks.*.hook_resid_post", "blocks.0.hook_resid_post"), layers);
    assert_int_equal(count_of(&r, "blocks.1-2.hook_resid_post", "blocks.1.hook_resid_post"), 2);
    assert_int_equal(count_of(&r, "blocks.0,2.hook_resid_*", "blocks.0.hook_resid_pre"), 6);
    assert_int_equal(count_of(&r, "blocks.1-.attn.hook_q", "blocks.1.attn.hook_q"), 2);
    assert_int_equal(count_of(&r, "blocks.2.mlp.experts.1.hook_out", "blocks.2.mlp.experts.1.hook_out"), 1);
    assert_int_equal(count_of(&r, "blocks.2.mlp.experts.0-1.hook_out", "blocks.2.mlp.experts.0.hook_out"), 2);
    assert_int_equal(count_of(&r, "model.layers.1.self_attn.q_proj.output", "model.layers.1.self_attn.q_proj"), 1);
    assert_int_equal(count_of(&r, "layers[1]", "model.layers.1"), 1);
    assert_int_equal(count_of(&r, "layers.1.mlp.input", "model.layers.1.mlp.input"), 1);
    assert_int_equal(count_of(&r, "transformer.h.2", "model.layers.2"), 1);
    assert_int_equal(count_of(&r, "transformer.wte", "model.embed_tokens"), 1);
    assert_int_equal(count_of(&r, "embed_tokens", "model.embed_tokens"), 1);
    static const char *const words[][2] = {
        {"model.layers.1:residual", "model.layers.1"},
        {"layers.1:attention", "model.layers.1.self_attn"},
        {"layers.1:mlp", "model.layers.1.mlp"},
        {"layers.1:moe", "model.layers.1.mlp"},
        {"layers.1.mlp.experts.2:expert", "blocks.1.mlp.experts.2.hook_out"},
        {"embed_tokens:embedding", "model.embed_tokens"},
        {"transformer.h.1:layernorm", "model.layers.1.input_layernorm"},
        {"layers[1]:attention_scores", "blocks.1.attn.hook_attn_scores"},
        {"layers.1:attention_pattern", "blocks.1.attn.hook_pattern"},
        {"layers.1:key", "blocks.1.attn.hook_k"},
        {"layers.1:query", "blocks.1.attn.hook_q"},
        {"layers.1:value", "blocks.1.attn.hook_v"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(count_of(&r, words[i][0], words[i][1]), 1);
    rig_close(&r);
}

static void test_bad_names(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"blocks.1.hook_resid_pots", "blocks.1.hook_resid_post"},
        {"blocks.1.atn.hook_q", "blocks.1.attn.hook_q"},
        {"blocks.99.hook_resid_post", "layers 0 to 2"},
        {"blocks.0.mlp.experts.999.hook_out", "experts 0 to"},
        {"model.layers.1.self_atn", "model.layers.1.self_attn"},
        {"layers.1:residuals", "nearest"},
        {"", "nearest"},
        {"blocks.-1.hook_resid_post", "nearest"},
        {"blocks.99999999999999999999.hook_resid_post", "nearest"},
        {"::::[[[]]]....", "nearest"},
    };
    struct rig r = open_rig(MODEL, false, 1);
    struct osso_hooks *hooks;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct osso_hooks_options o = {.size = sizeof o, .names = &bad[i][0], .n_names = 1};
        assert_int_equal(osso_hooks_create(r.model, &o, &hooks, &r.err), OSSO_USAGE);
        assert_null(hooks);
        if (!strstr(r.err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], r.err.text);
    }
    const char *good = "blocks.*.hook_resid_post";
    struct osso_layers beyond = {{8}}, none = {{0}};
    const int32_t heads[] = {0, 1000};
    struct osso_hooks_options o = {.size = sizeof o, .names = &good, .n_names = 1, .layers = &beyond};
    assert_int_equal(osso_hooks_create(r.model, &o, &hooks, &r.err), OSSO_USAGE);
    o.layers = &none;
    assert_int_equal(osso_hooks_create(r.model, &o, &hooks, &r.err), OSSO_USAGE);
    o.layers = NULL;
    o.heads = heads;
    o.n_heads = 2;
    assert_int_equal(osso_hooks_create(r.model, &o, &hooks, &r.err), OSSO_USAGE);
    o.size = 0;
    assert_int_equal(osso_hooks_create(r.model, &o, &hooks, &r.err), OSSO_USAGE);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whoever_else_is_there), cmocka_unit_test(test_sums),
                                       cmocka_unit_test(test_replace), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_bad_names)};
    return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
