/* test_far.c: that the far backend (tests/backend/far.h) is what it says: its memory faults when anybody looks, on any
 * thread. And what an engine does whose device fails. Other suites run over it too: tests/all.sh. */
#define _GNU_SOURCE
#include "model_test.h"

#include "backend/far.h"
#include "engine/engine_parts.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char MODEL[] = "tests/golden/model/yarn-mxfp4", OTHER[] = "tests/golden/model/q8-gguf/model.gguf";

static struct rig far_rig(const char *model)
{
    char path[512];
    struct osso_engine_options o = engine_options(false, 300);
    o.backend = "far";
    return rig_open(test_path(path, sizeof path, model), &o);
}

static void *look(void *at)
{
    return (void *)(uintptr_t) * (volatile const uint8_t *)at;
}

static void *change(void *at)
{
    *(volatile uint8_t *)at = 1;
    return NULL;
}

/* Does a process that does this die of it? */
static bool dies(void *(*touch)(void *), const void *at, bool on_thread)
{
    pthread_t thread;
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        alarm(20);
        if (on_thread && pthread_create(&thread, NULL, touch, (void *)(uintptr_t)at) == 0)
            pthread_join(thread, NULL);
        else
            touch((void *)(uintptr_t)at);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void check_dies(const char *what, const void *at)
{
    for (int on_thread = 0; on_thread < 2; on_thread++)
        if (!dies(look, at, on_thread) || !dies(change, at, on_thread))
            fail_msg("%s can be touched from outside", what);
}

static void check_model_dies(const char *model)
{
    int32_t ids[100] = {0};
    struct rig r = far_rig(model);
    float *logits = all_logits(&r, ids, 100, 0);
    const struct osso_engine *e = r.engine;
    const struct layer_weights *w = &e->weights.layers[0];
    char mine = 0;
    assert_string_equal(backend_name(0), "cpu");
    assert_false(dies(look, &mine, false));
    check_dies("the residual stream", e->forward.acts.x[0]);
    check_dies("a workspace", e->forward.acts.workspaces);
    check_dies("logits", e->forward.acts.logits);
    check_dies("an expert's id", e->forward.acts.kept[0].routing.ids);
    check_dies("the first page", kv_page_at(&e->kv, 0));
    check_dies("the second page", kv_page_at(&e->kv, 1));
    check_dies("a step's positions", e->forward.staged.pos);
    check_dies("a step's page table", e->forward.staged.tables[KV_FULL]);
    check_dies("an attention matrix", w->q.data);
    check_dies("an expert", w->down.first.data);
    check_dies("the embeddings", e->weights.embed.data + e->weights.embed.rows / 2 * e->weights.embed.row_stride);
    free(logits);
    rig_close(&r);
}

static void test_touched(void **state)
{
    (void)state;
    if (getenv("OSSO_VARIANT") && strcmp(getenv("OSSO_VARIANT"), "release") != 0)
        skip_test("far: sanitizers catch the signal that memory out of reach gives");
    check_model_dies(MODEL);
    check_model_dies(OTHER);
}

/* The model is as it was when the engines over it are gone, and a second engine over hidden weights finds them too. */
static void test_hidden_again(void **state)
{
    (void)state;
    int32_t ids[100] = {0};
    struct rig r = far_rig(MODEL), s = r, cpu = r;
    struct osso_engine_options o = engine_options(false, 300);
    size_t bytes = 100 * (size_t)r.vocab * sizeof(float);
    float *first = all_logits(&r, ids, 100, 0);
    o.backend = "far";
    check_ok(osso_engine_create(r.model, &o, &s.engine, &s.err), s.err);
    osso_engine_free(r.engine);
    float *second = all_logits(&s, ids, 100, 7);
    osso_engine_free(s.engine);
    o.backend = "cpu";
    check_ok(osso_engine_create(r.model, &o, &cpu.engine, &cpu.err), cpu.err);
    float *third = all_logits(&cpu, ids, 100, 100);
    assert_memory_equal(first, second, bytes);
    assert_memory_equal(first, third, bytes);
    free(first);
    free(second);
    free(third);
    rig_close(&cpu);
}

/* A step that fails on the device is the engine's last: the same error from then on, no logits; other engines go on. */
static void test_lost(void **state)
{
    (void)state;
    struct rig r = far_rig(MODEL), other = far_rig(MODEL);
    struct osso_session *s, *t;
    struct osso_error again = {""};
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_create(other.engine, 0, &t, &other.err), other.err);
    check_ok(osso_session_sync(s, (int32_t[]){1, 2, 3}, 3, &r.err), r.err);
    check_ok(osso_session_sync(t, (int32_t[]){1, 2, 3}, 3, &other.err), other.err);
    far_fail_at_end(2);
    check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    assert_non_null(osso_session_logits(s, 2));
    check_ok(osso_session_append(s, 4, &r.err), r.err);
    assert_int_equal(osso_step(r.engine, &s, 1, 0, &r.err), OSSO_DEVICE);
    assert_null(osso_session_logits(s, 2));
    assert_null(osso_session_logits(s, 3));
    assert_false(osso_session_ready(s));
    check_ok(osso_step(other.engine, &t, 1, 0, &other.err), other.err);
    assert_int_equal(osso_step(r.engine, &s, 1, 0, &again), OSSO_DEVICE);
    assert_string_equal(again.text, r.err.text);
    assert_int_equal(osso_step(r.engine, &s, 1, 0, NULL), OSSO_DEVICE);
    osso_session_free(s);
    osso_session_free(t);
    rig_close(&r);
    rig_close(&other);
}

static void test_unknown(void **state)
{
    (void)state;
    struct rig r = far_rig(MODEL);
    struct osso_engine *e;
    struct osso_engine_options o = engine_options(false, 300);
    o.backend = "abacus";
    assert_int_equal(osso_engine_create(r.model, &o, &e, &r.err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(r.err.text, "abacus"));
    o.backend = "far";
    o.isa = "sse9";
    assert_int_equal(osso_engine_create(r.model, &o, &e, &r.err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(r.err.text, "sse9"));
    rig_close(&r);
}

/* A device that has what the plan says takes the model; with a byte less it is refused, and told of no tensor. */
static void check_fit(const char *model)
{
    struct rig r = far_rig(model);
    struct osso_engine *e;
    struct osso_engine_options o = engine_options(false, 300);
    struct osso_engine_plan p = {.size = sizeof p}, cpu = p;
    uint64_t kv, rest;
    o.backend = "far";
    int before = far_learned();
    check_ok(osso_engine_plan(r.model, &o, &p, &r.err), r.err);
    check_ok(osso_engine_memory(r.model, &o, &kv, &rest, &r.err), r.err);
    assert_int_equal(p.kv_bytes, kv);
    assert_int_equal(p.context, 300);
    assert_int_equal(p.weight_bytes, far_copied(r.engine->backend));
    far_pretend_memory(p.weight_bytes + p.kv_bytes + p.scratch_bytes - 1);
    assert_int_equal(osso_engine_create(r.model, &o, &e, &r.err), OSSO_NOMEM);
    assert_non_null(strstr(r.err.text, "MiB of its memory (weights"));
    assert_non_null(strstr(r.err.text, "MiB are free"));
    assert_non_null(strstr(r.err.text, "-c"));
    far_pretend_memory(p.weight_bytes);
    assert_int_equal(osso_engine_create(r.model, &o, &e, &r.err), OSSO_NOMEM);
    assert_null(strstr(r.err.text, "-c,")); /* no context is short enough */
    assert_int_equal(far_learned(), before);
    far_pretend_memory(p.weight_bytes + p.kv_bytes + p.scratch_bytes);
    check_ok(osso_engine_create(r.model, &o, &e, &r.err), r.err);
    assert_true(far_learned() > before);
    far_pretend_memory(0);
    osso_engine_free(e);
    o.backend = NULL;
    check_ok(osso_engine_plan(r.model, &o, &cpu, &r.err), r.err);
    assert_int_equal(cpu.weight_bytes, 0);
    rig_close(&r);
}

static void test_fit(void **state)
{
    (void)state;
    check_fit(MODEL);
    check_fit(OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_touched), cmocka_unit_test(test_hidden_again),
                                       cmocka_unit_test(test_lost), cmocka_unit_test(test_unknown),
                                       cmocka_unit_test(test_fit)};
    return cmocka_run_group_tests_name("far", tests, NULL, NULL);
}
