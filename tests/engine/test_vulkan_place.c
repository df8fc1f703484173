/* test_vulkan_place.c: a model of which only a part is on a device has the CPU's bits, whatever the part, and takes of
 * the device's memory what was said beforehand. Without a device each test is skipped and says why. */
#define _GNU_SOURCE
#include "vulkan_rig.h"

#include <unistd.h>

static const char SHAPE[] = "base"; /* six layers of eight experts */
enum { LAYERS = 6, EXPERTS = 8, TOKENS = 12, CONTEXT = 300 };

static struct osso_engine_options on_device(int host_layers)
{
    struct osso_engine_options o = engine_options(false, CONTEXT);
    o.backend = "kept";
    o.isa = device();
    o.max_sessions = 4;
    o.host_layers = host_layers;
    return o;
}

static struct rig shaped(const struct osso_engine_options *o)
{
    struct rig r = {0};
    struct osso_model_dims dims = {.size = sizeof dims};
    check_ok(osso_model_synthesize(SHAPE, 5, &r.model, &r.err), r.err);
    check_ok(osso_engine_create(r.model, o, &r.engine, &r.err), r.err);
    osso_model_dims(r.model, &dims);
    assert_int_equal(dims.n_layers, LAYERS);
    r.vocab = dims.vocab;
    return r;
}

static struct rig on_cpu(void)
{
    struct osso_engine_options o = engine_options(false, CONTEXT);
    return shaped(&o);
}

static void fill_ids(int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((i * 371 + 5) % 4001);
}

static struct osso_engine_stats stats_of(const struct rig *r)
{
    struct osso_engine_stats s = {.size = sizeof s};
    osso_engine_stats(r->engine, &s);
    return s;
}

static struct osso_engine_plan plan_of(struct rig *r, const struct osso_engine_options *o)
{
    struct osso_engine_plan p = {.size = sizeof p};
    check_ok(osso_engine_plan(r->model, o, &p, &r->err), r->err);
    return p;
}

static uint64_t total(const struct osso_engine_plan *p)
{
    return p->weight_bytes + p->kv_bytes + p->scratch_bytes;
}

/* ---- eight steps ------------------------------------------------------------------------------------------ */

static void check_bits(struct rig *r, const int32_t *ids, const float *want, int chunk, const char *what)
{
    float *have = all_logits(r, ids, TOKENS, chunk);
    if (memcmp(want, have, TOKENS * (size_t)r->vocab * sizeof *want) != 0)
        fail_msg("%s, %d rows a step: other bits than on the CPU", what, chunk);
    free(have);
}

/* What fits runs and takes what was said: no more than allowed, and no less by 2 %. */
static void check_budget(struct rig *cpu, const int32_t *ids, const float *want, uint64_t budget, int host_layers)
{
    struct osso_engine_options o = on_device(0);
    char what[64];
    o.device_bytes = budget;
    struct rig r = {.model = cpu->model, .vocab = cpu->vocab};
    struct osso_engine_plan p = plan_of(cpu, &o);
    check_ok(osso_engine_create(r.model, &o, &r.engine, &r.err), r.err);
    snprintf(what, sizeof what, "%llu bytes of memory", (unsigned long long)budget);
    check_bits(&r, ids, want, host_layers % 2 ? TOKENS : 1, what);
    struct osso_engine_stats s = stats_of(&r);
    print_message("[   NOTE   ] %llu bytes allowed, %llu said, %llu taken, experts of %d layers on the CPU\n",
                  (unsigned long long)budget, (unsigned long long)total(&p), (unsigned long long)s.device_bytes,
                  s.host_layers);
    assert_int_equal(s.host_layers, host_layers);
    assert_int_equal(s.host_layers, p.host_layers);
    assert_int_equal(s.host_bytes, p.host_bytes);
    assert_in_range(total(&p), 1, budget);
    assert_in_range(s.device_bytes, total(&p) - total(&p) / 50, total(&p));
    osso_engine_free(r.engine);
}

static void test_steps(void **state)
{
    int32_t ids[TOKENS];
    (void)state;
    need_device();
    struct rig cpu = on_cpu();
    struct osso_engine_options all = on_device(0), none = on_device(LAYERS);
    struct osso_engine *e;
    fill_ids(ids, TOKENS);
    float *want = all_logits(&cpu, ids, TOKENS, 0);
    struct osso_engine_plan most = plan_of(&cpu, &all), least = plan_of(&cpu, &none);
    assert_int_equal(most.host_layers, 0);
    assert_int_equal(least.weight_bytes + least.host_bytes, most.weight_bytes);
    assert_true(most.embed_bytes > 0 && most.embed_bytes == least.embed_bytes);
    all.backend = "cpu";
    assert_int_equal(plan_of(&cpu, &all).embed_bytes, 0);
    all.backend = "vulkan";
    all.device_bytes = total(&least) - 1;
    assert_int_equal(osso_engine_create(cpu.model, &all, &e, &cpu.err), OSSO_NOMEM);
    assert_non_null(strstr(cpu.err.text, "even with all experts on the CPU"));
    assert_non_null(strstr(cpu.err.text, "allowed (--gpu-memory: raise it)"));
    assert_null(strchr(cpu.err.text, '\n'));
    for (int l = LAYERS; l >= 0; l--) {
        struct osso_engine_options o = on_device(l);
        struct osso_engine_plan p = plan_of(&cpu, &o);
        check_budget(&cpu, ids, want, total(&p), l);
    }
    free(want);
    rig_close(&cpu);
}

static void test_refused(void **state)
{
    (void)state;
    need_device();
    struct rig cpu = on_cpu();
    struct osso_engine_options o = on_device(LAYERS + 1);
    struct osso_engine *e;
    assert_int_equal(osso_engine_create(cpu.model, &o, &e, &cpu.err), OSSO_USAGE);
    assert_non_null(strstr(cpu.err.text, "this model has 6 layers"));
    o.host_layers = -1;
    assert_int_equal(osso_engine_create(cpu.model, &o, &e, &cpu.err), OSSO_USAGE);
    o = engine_options(false, CONTEXT);
    o.backend = "cpu";
    o.device_bytes = 1 << 20;
    assert_int_equal(osso_engine_create(cpu.model, &o, &e, &cpu.err), OSSO_USAGE);
    assert_non_null(strstr(cpu.err.text, "no memory of a device"));
    rig_close(&cpu);
}

/* ---- where bits may go wrong ------------------------------------------------------------------------------ */

static void check_whole(struct rig *cpu, struct rig *r, const char *what)
{
    int32_t ids[TOKENS];
    fill_ids(ids, TOKENS);
    float *want = all_logits(cpu, ids, TOKENS, 0);
    for (int chunk = 1; chunk <= TOKENS; chunk += TOKENS - 1)
        check_bits(r, ids, want, chunk, what);
    free(want);
}

/* Activations in f32, of which there is no int8 form; a device whose memory the host does not see; one member alone. */
static void test_forms(void **state)
{
    (void)state;
    need_device();
    for (int i = 0; i < 3; i++) {
        struct osso_engine_options o = on_device(3), same = engine_options(i == 0, CONTEXT);
        o.exact = i == 0;
        o.isa = i == 1 && !device() ? "apart:0" : device();
        o.threads = i == 2 ? 1 : 2;
        struct rig cpu = shaped(&same), r = shaped(&o);
        check_whole(&cpu, &r, i == 0 ? "exact" : i == 1 ? "memory apart" : "one member");
        rig_close(&r);
        rig_close(&cpu);
    }
}

/* Over a border of pages, at last token by token: once it was recorded, a step of several parts is submitted again. */
static void test_replay(void **state)
{
    enum { FIRST = KV_PAGE - 20, LONG = KV_PAGE + 20 };
    int32_t ids[LONG];
    struct osso_session *s;
    uint64_t recorded = 0;
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(4);
    struct rig cpu = on_cpu(), r = shaped(&o);
    fill_ids(ids, LONG);
    float *want = all_logits(&cpu, ids, LONG, 0);
    check_ok(osso_session_create(r.engine, 0, &s, &r.err), r.err);
    check_ok(osso_session_sync(s, ids, FIRST, &r.err), r.err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
    for (int i = FIRST; i < LONG; i++) {
        recorded = i == FIRST + 8 ? vk_counts(gpu_of(r.engine->backend)->vk).recorded : recorded;
        check_ok(osso_session_append(s, ids[i], &r.err), r.err);
        check_ok(osso_step(r.engine, &s, 1, 0, &r.err), r.err);
        assert_memory_equal(osso_session_logits(s, (size_t)i), want + i * r.vocab, (size_t)r.vocab * sizeof *want);
    }
    recorded = vk_counts(gpu_of(r.engine->backend)->vk).recorded - recorded;
    assert_in_range(recorded, 0, 2 * LAYERS); /* where a second page begins to be seen */
    free(want);
    osso_session_free(s);
    rig_close(&r);
    rig_close(&cpu);
}

/* The logits behind a session's last token, against the same tokens alone on the CPU. */
static void expect_alone(struct rig *cpu, struct osso_session *s, const char *what)
{
    size_t n;
    const int32_t *tokens = osso_session_tokens(s, &n);
    const float *have = osso_session_logits(s, n - 1);
    assert_non_null(have);
    float *want = all_logits(cpu, tokens, n, 0);
    if (memcmp(have, want + (n - 1) * (size_t)cpu->vocab, (size_t)cpu->vocab * sizeof *have) != 0)
        fail_msg("%s: other bits than alone on the CPU", what);
    free(want);
}

/* A fork and a rewind among sessions that run together. */
static void test_company(void **state)
{
    int32_t ids[20];
    struct osso_session *s[3];
    static const char *const what[] = {"forked", "rewound", "the fork"};
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(2);
    struct rig cpu = on_cpu(), r = shaped(&o);
    fill_ids(ids, 20);
    for (int i = 0; i < 2; i++) {
        check_ok(osso_session_create(r.engine, 0, &s[i], &r.err), r.err);
        check_ok(osso_session_sync(s[i], ids + i, i ? 7 : 13, &r.err), r.err);
        while (!osso_session_ready(s[i]))
            check_ok(osso_step(r.engine, &s[i], 1, 4, &r.err), r.err);
    }
    check_ok(osso_session_fork(s[0], &s[2], &r.err), r.err);
    check_ok(osso_session_rewind(s[1], 2, &r.err), r.err);
    for (int i = 0; i < 3; i++)
        check_ok(osso_session_append(s[i], ids[15 + i], &r.err), r.err);
    check_ok(osso_step(r.engine, s, 3, 0, &r.err), r.err);
    for (int i = 0; i < 3; i++) {
        expect_alone(&cpu, s[i], what[i]);
        osso_session_free(s[i]);
    }
    rig_close(&r);
    rig_close(&cpu);
}

/* ---- taps ------------------------------------------------------------------------------------------------- */

struct seen {
    uint64_t hash; /* of all that was shown, in order */
    int n;
};

static void note(struct seen *seen, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        seen->hash = (seen->hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    seen->n++;
}

static int look(void *user, const struct osso_tap_value *v)
{
    size_t n = (size_t)(v->n_rows * v->width);
    note(user, v->values ? (const void *)v->values : v->ids, 4 * n);
    if (v->experts)
        note(user, v->experts, 4 * (v->tap == OSSO_TAP_EXPERT_WEIGHTS ? n : (size_t)v->n_rows));
    return 0;
}

static int change(void *user, const struct osso_tap_value *v)
{
    look(user, v);
    for (int64_t i = 0; v->values && i < v->n_rows * v->width; i += 3)
        v->values[i] *= 0.75f;
    return 0;
}

/* The last token's logits under a tap, which are to be freed. */
static float *tapped(struct rig *r, uint64_t taps, bool changes, struct seen *seen)
{
    int32_t ids[TOKENS];
    struct osso_session *s;
    struct osso_layers layers = {{1 << 1 | 1 << 4}}; /* one that the CPU computes, one of the device's */
    struct osso_tap_options o = {.size = sizeof o,
                                 .taps = taps,
                                 .replaces = changes ? taps & ~((uint64_t)1 << OSSO_TAP_EXPERT_IDS) : 0,
                                 .layers = &layers,
                                 .fn = changes ? change : look,
                                 .user = seen};
    fill_ids(ids, TOKENS);
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_set_tap(s, &o, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, TOKENS, &r->err), r->err);
    while (!osso_session_ready(s)) /* many rows, then few */
        check_ok(osso_step(r->engine, &s, 1, TOKENS - 1, &r->err), r->err);
    float *logits = malloc((size_t)r->vocab * sizeof *logits);
    memcpy(logits, osso_session_logits(s, TOKENS - 1), (size_t)r->vocab * sizeof *logits);
    osso_session_free(s);
    return logits;
}

static void test_taps(void **state)
{
    static const enum osso_tap taps[] = {OSSO_TAP_MLP_IN,         OSSO_TAP_ROUTER_LOGITS, OSSO_TAP_EXPERT_IDS,
                                         OSSO_TAP_EXPERT_WEIGHTS, OSSO_TAP_EXPERT_GATE,   OSSO_TAP_EXPERT_UP,
                                         OSSO_TAP_EXPERT_H,       OSSO_TAP_EXPERT_OUT,    OSSO_TAP_MLP_OUT};
    enum { N = sizeof taps / sizeof *taps };
    uint64_t all = 0;
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(3);
    struct rig cpu = on_cpu(), r = shaped(&o);
    float *plain = tapped(&cpu, (uint64_t)1 << OSSO_TAP_EXPERT_IDS, false, &(struct seen){0});
    for (int i = 0; i <= N; i++) { /* each changed, then all looked at and all changed */
        uint64_t which = i < N ? (uint64_t)1 << taps[i] : all;
        all |= which;
        for (int changes = i < N; changes < 2; changes++) {
            struct seen a = {0}, b = {0};
            float *want = tapped(&cpu, which, changes, &a), *have = tapped(&r, which, changes, &b);
            const char *name = i < N ? osso_tap_name(taps[i]) : "all";
            bool same = memcmp(want, plain, (size_t)r.vocab * sizeof *want) == 0;
            if (a.n != b.n || a.hash != b.hash)
                fail_msg("%s shows other values than on the CPU", name);
            if (memcmp(want, have, (size_t)r.vocab * sizeof *want) != 0)
                fail_msg("%s%s: other logits than on the CPU", name, changes ? ", changed" : "");
            assert_true(same == (!changes || which == (uint64_t)1 << OSSO_TAP_EXPERT_IDS));
            free(want);
            free(have);
        }
    }
    free(plain);
    rig_close(&r);
    rig_close(&cpu);
}

/* ---- what the kernels do not know ------------------------------------------------------------------------- */

enum { RANK = 2, WIDE = 256 };
static float low_a[EXPERTS][RANK * WIDE], low_b[EXPERTS][WIDE * RANK];
static struct lowrank low[EXPERTS];

static void adapt(struct rig *r, int layer)
{
    struct rng rng;
    rng_seed(&rng, 9);
    for (int e = 0; e < EXPERTS; e++) {
        for (int i = 0; i < RANK * WIDE; i++) {
            low_a[e][i] = (float)rng_below(&rng, 2001) / 10000 - 0.1f;
            low_b[e][i] = (float)rng_below(&rng, 2001) / 10000 - 0.1f;
        }
        low[e] = (struct lowrank){RANK, 0.5f, low_a[e], low_b[e]};
    }
    r->engine->weights.layers[layer].up.first.lowrank = low;
    check_ok(forward_learn(&r->engine->forward, &r->err), r->err);
}

/* A layer whose experts have adapters is the CPU's, though the device has been told of it; so is one whose experts are
 * of several formats. */
static void test_adapter(void **state)
{
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(1);
    struct rig cpu = on_cpu(), r = shaped(&o);
    int32_t ids[TOKENS];
    fill_ids(ids, TOKENS);
    float *before = all_logits(&cpu, ids, TOKENS, 0);
    for (int layer = 0; layer < LAYERS; layer += 3) {
        adapt(&cpu, layer);
        adapt(&r, layer);
    }
    check_whole(&cpu, &r, "adapters on experts");
    float *after = all_logits(&cpu, ids, TOKENS, 0);
    assert_memory_not_equal(before, after, TOKENS * (size_t)cpu.vocab * sizeof *after);
    assert_true(gpu_of(r.engine->backend)->layers[0].on_host && gpu_of(r.engine->backend)->layers[3].on_host);
    assert_false(gpu_of(r.engine->backend)->layers[4].on_host);
    free(before);
    free(after);
    rig_close(&r);
    rig_close(&cpu);
}

static void (*get_expert)(const struct expert_source *source, int layer, int expert, struct expert *out);
static float plain[WIDE * WIDE];

/* Expert 2 of layer 4 has its gate in f32. */
static void get_mixed(const struct expert_source *source, int layer, int expert, struct expert *out)
{
    get_expert(source, layer, expert, out);
    if (layer != 4 || expert != 2)
        return;
    struct view of = out->gate;
    out->gate = (struct view){.dtype = DT_F32,
                              .data = (const uint8_t *)plain,
                              .rows = of.rows,
                              .cols = of.cols,
                              .row_stride = of.cols * (int64_t)sizeof *plain};
}

static void mix(struct rig *r)
{
    struct expert_source *source = &r->engine->weights.source;
    struct backend_tensor t = {.data = (const uint8_t *)plain,
                               .bytes = sizeof plain,
                               .dtype = DT_F32,
                               .stack = 1,
                               .rows = WIDE,
                               .columns = WIDE,
                               .row_stride = WIDE * sizeof *plain};
    struct expert e;
    source->get(source, 4, 2, &e);
    for (int64_t row = 0; row < WIDE; row++)
        view_values(&e.gate, row, 0, WIDE, plain + row * WIDE);
    get_expert = source->get;
    source->get = get_mixed;
    if (r->engine->backend->learn)
        check_ok(r->engine->backend->learn(r->engine->backend, &t, &r->err), r->err);
}

static void test_mixed(void **state)
{
    (void)state;
    need_device();
    struct osso_engine_options o = on_device(1);
    struct rig cpu = on_cpu(), r = shaped(&o);
    mix(&cpu);
    mix(&r);
    check_whole(&cpu, &r, "experts of two formats");
    assert_true(gpu_of(r.engine->backend)->layers[4].on_host);
    assert_false(gpu_of(r.engine->backend)->layers[5].on_host);
    rig_close(&r);
    rig_close(&cpu);
}

/* ---- the host's memory ------------------------------------------------------------------------------------ */

static uint64_t resident(void)
{
    unsigned long long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%llu %llu", &size, &pages), 2);
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of a mapped file that are resident in this process. */
static uint64_t resident_of(const char *path)
{
    char line[1024];
    unsigned long long kib = 0, sum = 0, begin, end;
    bool mine = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%llx-%llx ", &begin, &end) == 2)
            mine = strstr(line, path) != NULL;
        else if (mine && sscanf(line, "Rss: %llu kB", &kib) == 1)
            sum += kib << 10;
    }
    fclose(f);
    return sum;
}

/* When a file's weights are on the device, the host keeps none of them; those that stay come when they are used. On
 * Mesa's driver on the CPU the device's memory is the process's, and is taken off. */
static void test_given_back(void **state)
{
    char path[512];
    struct osso_engine_options o = on_device(0);
    struct osso_synth_options s = {.size = sizeof s, .preset = "wide", .format = "gguf", .seed = 3, .force = true};
    struct osso_session *session;
    struct osso_model_dims dims = {.size = sizeof dims};
    (void)state;
    need_device();
    struct rig small = device_rig(64, &session); /* the driver is there */
    snprintf(path, sizeof path, "%s/osso-place-%d.gguf", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
    check_ok(osso_synth(path, &s, &small.err), small.err);
    struct rig r = rig_open(path, &o);
    osso_model_dims(r.model, &dims);
    struct osso_engine_stats stats = stats_of(&r);
    uint64_t all = resident(), kept = resident_of(path);
    print_message(
        "[   NOTE   ] of a file of %.0f MB %.2f MB are resident, of the process %.0f MB, of the device %.0f MB\n",
        (double)dims.file_bytes / 1e6, (double)kept / 1e6, (double)all / 1e6, (double)stats.device_bytes / 1e6);
    assert_in_range(kept, 0, dims.file_bytes / 50);
    if (!test_tsan()) /* whose own memory is some times the process's */
        assert_in_range(all > stats.device_bytes ? all - stats.device_bytes : 0, 0, 300 << 20);
    osso_engine_free(r.engine);
    o.host_layers = 2;
    check_ok(osso_engine_create(r.model, &o, &r.engine, &r.err), r.err);
    free(all_logits(&r, (int32_t[]){1, 2, 3}, 3, 0));
    stats = stats_of(&r);
    kept = resident_of(path);
    assert_in_range(kept, stats.host_bytes / EXPERTS, stats.host_bytes + dims.file_bytes / 50);
    unlink(path);
    rig_close(&r);
    osso_session_free(session);
    rig_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),   cmocka_unit_test(test_refused), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_replay),  cmocka_unit_test(test_company), cmocka_unit_test(test_taps),
        cmocka_unit_test(test_adapter), cmocka_unit_test(test_mixed),   cmocka_unit_test(test_given_back)};
    return cmocka_run_group_tests_name("vulkan_place", tests, NULL, NULL);
}
