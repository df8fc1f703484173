/* test_takeover.c: members that stop in the middle of a step. A member is held inside a kernel until the others have
 * done all of that product that it had not taken, which can only end when work is dealt and not shared out; the logits
 * are the bits of one thread that nobody stops. Then members sleep at random, in long prompts and in company.
 *
 * Members are stopped by kernels of the test's own around those of each instruction set. */
#define _DEFAULT_SOURCE
#include "file_test.h"
#include "model_test.h"

#include "backend/cpu/kernels.h"
#include "base/clock.h"
#include "engine/engine_parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const char config[] =
    "{\"model_type\":\"gpt_oss\",\"num_hidden_layers\":2,\"hidden_size\":256,\"intermediate_size\":320,\"vocab_size\":"
    "600,\"num_attention_heads\":8,\"num_key_value_heads\":4,\"head_dim\":64,\"num_local_experts\":8,\"num_experts_"
    "per_tok\":3,\"sliding_window\":128,\"max_position_embeddings\":1024,\"eos_token_id\":599}";

enum { VOCAB = 600, KV_HEADS = 4, LENGTH = 300, FEW_ROWS = 5, STRICT = 7 };
enum kind { LINEAR, EXPERTS, ATTENTION, KINDS };

/* What is done of one product. A held member counts what it is at; the others what they have finished. */
struct product {
    const void *id;
    int64_t total, counted;
};

static struct {
    const struct kernels *plain; /* the kernels around which ours stand */
    const struct osso_engine *engine;
    bool held[8]; /* these members wait for the others */
    bool sleepy;  /* all of them sleep now and then */
    pthread_mutex_t lock;
    struct product products[400];
    int n_products, rows; /* of the step in progress */
    int taken_over[KINDS], alone[KINDS];
    _Atomic unsigned calls;
    atomic_bool failed;
} stop = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int member_of(const void *workspace)
{
    const struct activations *a = &stop.engine->forward.acts;
    ptrdiff_t at = (const uint8_t *)workspace - (const uint8_t *)a->workspaces;
    return (int)(at / (ptrdiff_t)a->workspace_bytes);
}

static void count(const void *id, int64_t total, int64_t done, int64_t *left_out)
{
    pthread_mutex_lock(&stop.lock);
    int i = 0;
    while (i < stop.n_products && stop.products[i].id != id)
        i++;
    if (i == stop.n_products) {
        assert_true(i < 400);
        stop.products[stop.n_products++] = (struct product){id, total, 0};
    }
    stop.products[i].counted += done;
    *left_out = stop.products[i].total - stop.products[i].counted;
    pthread_mutex_unlock(&stop.lock);
}

/* Before a kernel: a held member waits for the others, which must not need it. */
static void before(enum kind kind, const void *workspace, const void *id, int64_t total, int64_t done)
{
    enum { LIMIT_MS = 20000 };
    int64_t left, end = clock_ms() + LIMIT_MS;
    if (stop.sleepy && ++stop.calls % 61 == 0)
        usleep(stop.calls % 7 * 300);
    if (!stop.held[member_of(workspace)] || stop.failed)
        return;
    for (count(id, total, done, &left); left > 0 && clock_ms() < end; count(id, total, 0, &left))
        usleep(20);
    pthread_mutex_lock(&stop.lock);
    (left > 0 ? stop.alone : stop.taken_over)[kind]++;
    stop.failed = stop.failed || left > 0; /* that is enough: nobody is held any more */
    pthread_mutex_unlock(&stop.lock);
}

static void after(const void *workspace, const void *id, int64_t total, int64_t done)
{
    int64_t left;
    if (!stop.held[member_of(workspace)])
        count(id, total, done, &left);
}

static void stop_linear(enum kind kind, linear_fn *plain, const struct view *w, int64_t lo, int64_t hi,
                        const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    int64_t total = w->rows * in->n, done = (hi - lo) * in->n;
    before(kind, workspace, w->data, total, done);
    plain(w, lo, hi, in, y, y_stride, workspace);
    after(workspace, w->data, total, done);
}

#define STOPPING(name, kind)                                                                                           \
    static void stop_##name(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,           \
                            int64_t y_stride, void *workspace)                                                         \
    {                                                                                                                  \
        stop_linear(kind, stop.plain->name, w, lo, hi, in, y, y_stride, workspace);                                    \
    }
STOPPING(linear_i8_q8_0, LINEAR)
STOPPING(linear_i8_mxfp4, EXPERTS)
STOPPING(linear_f32_q8_0, LINEAR)
STOPPING(linear_f32_mxfp4, EXPERTS)

/* Few positions are one page; K of a layer's page names the op, whatever head it is of. Of several rows a member has
 * more than one page at a time, and is not held: the others cannot have all but this one. */
static void stop_attend_page(const struct page_slice *page, const struct page_sums *sums)
{
    const struct osso_engine *e = stop.engine;
    size_t part = (size_t)(page->k - e->kv.memory) / (KV_HEADS * kv_head_bytes(&e->kv.layout));
    const void *id = e->kv.memory + part; /* no weight lies there */
    int64_t total = (int64_t)KV_HEADS * stop.rows;
    if (stop.rows == 1)
        before(ATTENTION, sums->score, id, total, 1);
    stop.plain->attend_page(page, sums);
    if (stop.rows == 1)
        after(sums->score, id, total, 1);
}

/* An engine whose kernels are ours. */
struct stopped {
    struct rig rig;
    struct backend backend;
    struct kernels kernels;
};

static void stopped_open(struct stopped *s, const char *isa, bool exact, int threads)
{
    struct osso_engine_options o = engine_options(exact, 512);
    char *dir = scratch_dir();
    o.isa = isa;
    o.backend = NULL;
    o.threads = threads;
    o.max_rows = o.max_logit_rows = LENGTH;
    memset(&s->rig, 0, sizeof s->rig);
    s->rig.vocab = VOCAB;
    put_file(scratch_path(dir, "c.json"), config, sizeof config - 1);
    check_ok(osso_model_synthesize(scratch_path(dir, "c.json"), 5, &s->rig.model, &s->rig.err), s->rig.err);
    scratch_remove(dir);
    check_ok(osso_engine_create(s->rig.model, &o, &s->rig.engine, &s->rig.err), s->rig.err);
    struct osso_engine *e = s->rig.engine;
    stop.plain = e->backend->state;
    stop.engine = e;
    s->kernels = *stop.plain;
    s->kernels.linear_i8_q8_0 = stop_linear_i8_q8_0;
    s->kernels.linear_i8_mxfp4 = stop_linear_i8_mxfp4;
    s->kernels.linear_f32_q8_0 = stop_linear_f32_q8_0;
    s->kernels.linear_f32_mxfp4 = stop_linear_f32_mxfp4;
    s->kernels.attend_page = stop_attend_page;
    s->backend = *e->backend;
    s->backend.state = &s->kernels;
    e->backend = e->forward.backend = &s->backend;
}

static int32_t ids[LENGTH];

/* All logits of the first n tokens, in steps of `first` rows and then of `each`. */
static float *logits_of(struct stopped *s, int n, int first, int each)
{
    struct osso_session *session;
    struct rig *r = &s->rig;
    float *out = calloc((size_t)n * VOCAB, sizeof *out);
    check_ok(osso_session_create(r->engine, (uint64_t)rand() * 65536 + 1, &session, &r->err), r->err);
    check_ok(osso_session_sync(session, ids, (size_t)n, &r->err), r->err);
    osso_session_want_logits(session, 0);
    for (int at = 0; !osso_session_ready(session); at += stop.rows) {
        stop.n_products = 0;
        stop.rows = at == 0 ? first : n - at < each ? n - at : each;
        check_ok(osso_step(r->engine, &session, 1, stop.rows, &r->err), r->err);
        collect(r, session, 0, out);
    }
    osso_session_free(session);
    return out;
}

static void check_same(float *have, const float *want, int n, const char *what)
{
    if (memcmp(have, want, (size_t)n * VOCAB * sizeof *have) != 0)
        fail_msg("%s: logits differ", what);
    free(have);
}

/* Any member, the first and the last among them, and all but one. */
static void hold_each(struct stopped *s, int threads, const float *want, const char *isa)
{
    for (int one = 0; one < threads; one++)
        for (int others = 0; others < (threads > 2 ? 2 : 1); others++) {
            for (int i = 0; i < threads; i++)
                stop.held[i] = (i == one) != (others == 1);
            check_same(logits_of(s, STRICT, FEW_ROWS, 1), want, STRICT, isa);
            memset(stop.held, 0, sizeof stop.held);
        }
}

static void check_isa(const char *isa, bool exact)
{
    static const int teams[] = {2, 3, 5}, steps[] = {LENGTH, 15, 131, 8};
    struct stopped s;
    stopped_open(&s, isa, exact, 1);
    float *want = logits_of(&s, LENGTH, LENGTH, LENGTH);
    rig_close(&s.rig);
    for (int t = 0; t < (test_quick() ? 2 : 3); t++) {
        stopped_open(&s, isa, exact, teams[t]);
        hold_each(&s, teams[t], want, isa);
        stop.sleepy = true;
        for (int i = 0; i < (test_quick() ? 2 : 4); i++)
            check_same(logits_of(&s, LENGTH, steps[i], steps[i]), want, LENGTH, "members that sleep");
        stop.sleepy = false;
        rig_close(&s.rig);
    }
    free(want);
}

static void test_takeover(void **state)
{
    static const char *const names[KINDS] = {"matrices", "experts", "attention"};
    const char *only = getenv("OSSO_ISA");
    struct rng rng;
    (void)state;
    rng_seed(&rng, 3);
    for (int i = 0; i < LENGTH; i++)
        ids[i] = (int32_t)rng_below(&rng, VOCAB - 1);
    for (int i = 0; backend_cpu_isa(i); i++)
        if (backend_cpu_available(backend_cpu_isa(i)) && (!only || strcmp(only, backend_cpu_isa(i)) == 0))
            for (int exact = 0; exact < 2; exact++)
                check_isa(backend_cpu_isa(i), exact);
    for (int k = 0; k < KINDS; k++) {
        if (stop.alone[k] > 0)
            fail_msg("%s: a member that stood still was waited for %d times", names[k], stop.alone[k]);
        assert_true(stop.taken_over[k] > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_takeover)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
