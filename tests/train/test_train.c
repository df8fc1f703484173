/* test_train.c: the trainer against PyTorch's numbers (tests/golden/train): gradients of a step, ten steps of AdamW.
 * And what PyTorch cannot say: bits that do not depend on threads, steps that are skipped, what is refused. */
#include "train_docs.h"

#include "model_test.h"
#include "checkpoint/model_open.h"

struct run {
    struct osso_model *model;
    struct docs docs;
    struct trainer trainer;
    struct trainer_batch batches[2]; /* two documents each */
};

static void run_open_of(struct run *r, const char *model, const char *documents, struct trainer_options options)
{
    struct osso_error err = {""};
    memset(r, 0, sizeof *r);
    check_ok(osso_model_open(golden(model), &r->model, &err), err);
    r->docs = docs_read(golden(documents));
    options.threads = options.threads ? options.threads : 2;
    options.seq_len = 40;
    options.max_rows = 60;
    check_ok(trainer_create(&r->model->config, &r->model->weights, &options, &r->trainer, &err), err);
    for (int k = 0; k < 2; k++)
        r->batches[k] = docs_batch(&r->docs, 2 * k, 2 * k + 2);
}

static void run_open(struct run *r, struct trainer_options options)
{
    run_open_of(r, "taps", "train/documents.txt", options);
}

static void run_close(struct run *r)
{
    trainer_free(&r->trainer);
    docs_free(&r->docs);
    osso_model_free(r->model);
}

static struct trainer_result run_step(struct run *r, const struct adamw *rule)
{
    struct osso_error err = {""};
    struct trainer_result result;
    check_ok(trainer_gradients(&r->trainer, r->batches, 2, 0.02, 0.001, &result, &err), err);
    trainer_update(&r->trainer, rule, &result);
    return result;
}

/* ---- PyTorch -------------------------------------------------------------------------------------------- */

struct wanted {
    const struct run *run;
    const char *name;
    int layer;
    const float *gradients;
    int64_t n;
};

static enum osso_status find_tensor(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct wanted *w = user;
    (void)err;
    if (strcmp(p->param->name, w->name) == 0 && p->layer == w->layer) {
        const struct trainer *t = &w->run->trainer;
        w->gradients = t->gradients + ((const float *)(const void *)p->data - t->values);
        w->n = p->stack * p->rows * p->columns;
    }
    return OSSO_OK;
}

/* One line of gradients.txt. */
static double check_line(const struct run *r, char *line)
{
    struct osso_error err = {""};
    char *at = strchr(line, ' '), *colon;
    *at++ = 0;
    struct wanted w = {.run = r, .name = line, .layer = (int)strtol(at, &at, 10)};
    double largest = strtod(at, &at), norm = strtod(at, &at), squares = 0, worst = 0;
    check_ok(weights_each(&r->trainer.weights, &r->trainer.config, find_tensor, &w, &err), err);
    assert_non_null(w.gradients);
    for (int64_t i = 0; i < w.n; i++)
        squares += (double)w.gradients[i] * (double)w.gradients[i];
    worst = fabs(sqrt(squares) - norm) / norm;
    while ((colon = strchr(at, ':'))) {
        int64_t i = strtol(at, NULL, 10);
        assert_true(i < w.n);
        worst = fmax(worst, fabs((double)w.gradients[i] - strtod(colon + 1, &at)) / largest);
    }
    if (worst > 1e-5)
        fail_msg("%s of layer %d: %.1e of the largest gradient", w.name, w.layer, worst);
    return worst;
}

/* `expected`: lines, one a tensor. */
static struct trainer_result check_gradients_of(const char *model, const char *documents,
                                                struct trainer_options options, const char *file, int expected)
{
    static struct run r;
    struct osso_error err = {""};
    struct trainer_result result;
    char *text;
    size_t len;
    int lines = 0;
    double worst = 0;
    run_open_of(&r, model, documents, options);
    check_ok(trainer_gradients(&r.trainer, r.batches, 2, 0.02, 0.001, &result, &err), err);
    check_ok(file_read(golden(file), 1 << 20, &text, &len, &err), err);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
        worst = fmax(worst, check_line(&r, line));
    print_message("%s: gradients of %d tensors: within %.1e\n", model, lines, worst);
    assert_int_equal(lines, expected);
    mem_free(text);
    run_close(&r);
    return result;
}

static void check_gradients(const char *model, const char *documents, const char *file, int expected)
{
    check_gradients_of(model, documents, (struct trainer_options){0}, file, expected);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradients("taps", "train/documents.txt", "train/gradients.txt", 3 + 3 * 19);
}

/* dtype bf16: PyTorch's gradients when it rounds the factors of the same products, on documents where no factor is so
 * close to a rounding that the order of a sum decides; in f32 they are 5e-3 and more away. */
static void test_bf16_gradients(void **state)
{
    (void)state;
    struct trainer_result have = check_gradients_of("model/f32-gguf", "train/bf16_documents.txt",
                                                    (struct trainer_options){.bf16 = true}, "train/bf16_gradients.txt",
                                                    3 + 2 * 19);
    struct osso_error err = {""};
    double loss, balance, z;
    char *text;
    size_t len;
    check_ok(file_read(golden("train/bf16_steps.txt"), 1 << 20, &text, &len, &err), err);
    assert_int_equal(sscanf(text, "%lf %lf %lf", &loss, &balance, &z), 3);
    assert_true(fabs(have.loss - loss) <= 1e-5 && fabs(have.balance_loss - balance) <= 1e-5);
    assert_true(fabs(have.z_loss - z) <= 1e-5 * z);
    mem_free(text);
}

static void check_steps_of(const char *model, const char *documents, struct trainer_options options, const char *file)
{
    static struct run r;
    struct osso_error err = {""};
    char *text;
    size_t len;
    int lines = 0;
    run_open_of(&r, model, documents, options);
    check_ok(file_read(golden(file), 1 << 20, &text, &len, &err), err);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        struct trainer_result have = run_step(&r, &adamw);
        double want[4];
        assert_int_equal(sscanf(line, "%lf %lf %lf %lf", &want[0], &want[1], &want[2], &want[3]), 4);
        assert_true(fabs(have.loss - want[0]) <= 1e-5);
        assert_true(fabs(have.balance_loss - want[1]) <= 1e-5 && fabs(have.z_loss - want[2]) <= 1e-5 * want[2]);
        assert_true(fabs(have.norm - want[3]) <= 1e-4 * want[3]);
        assert_true(have.rows == 65 && have.targets > 30 && !have.skipped);
    }
    assert_int_equal(lines, 10);
    assert_int_equal(r.trainer.optimizer.updates, 10);
    mem_free(text);
    run_close(&r);
}

static void check_steps(struct trainer_options options, const char *file)
{
    check_steps_of("taps", "train/documents.txt", options, file);
}

/* Mixtral's layer and Llama's, whose gradients are the same function's. */
static void test_plain(void **state)
{
    (void)state;
    check_gradients("plain/mixtral", "plain/mixtral/documents.txt", "plain/mixtral/gradients.txt", 3 + 2 * 10);
    check_gradients("plain/llama", "plain/llama/documents.txt", "plain/llama/gradients.txt", 2 + 2 * 9);
    check_steps_of("plain/mixtral", "plain/mixtral/documents.txt", (struct trainer_options){0},
                   "plain/mixtral/steps.txt");
    check_steps_of("plain/llama", "plain/llama/documents.txt", (struct trainer_options){.n_kept = 1},
                   "plain/llama/steps.txt");
}

static void test_steps(void **state)
{
    (void)state;
    const struct optimizer_options muon = {.kind = OPTIMIZER_MUON};
    check_steps((struct trainer_options){0}, "train/steps.txt");
    check_steps((struct trainer_options){.isa = "scalar", .n_kept = 1, .max_logits = 7, .threads = 1},
                "train/steps.txt");
    check_steps((struct trainer_options){.optimizer = muon}, "train/muon.txt");
}

/* Moments of bf16: the first update is that of f32, and each moment then is one of the two neighbours of the f32 one,
 * the upper one as often as it is the nearer. */
static void test_bf16_moments(void **state)
{
    (void)state;
    static struct run exact, small;
    run_open(&exact, (struct trainer_options){0});
    run_open(&small, (struct trainer_options){.optimizer = {.bf16_moments = true, .seed = 5}});
    run_step(&exact, &adamw);
    run_step(&small, &adamw);
    assert_memory_equal(exact.trainer.values, small.trainer.values, arena_bytes(&exact.trainer));
    for (int second = 0; second < 2; second++) {
        const uint16_t *have = second ? small.trainer.optimizer.v : small.trainer.optimizer.m;
        const uint32_t *want = second ? exact.trainer.optimizer.v : exact.trainer.optimizer.m; /* as bits */
        double ups = 0, expected = 0, variance = 0;
        for (int64_t i = 0; i < exact.trainer.optimizer.count; i++) {
            double part = (want[i] & 0xffff) / 65536.0;
            uint32_t up = have[i] - (want[i] >> 16);
            assert_true(up == 0 || (up == 1 && part > 0));
            ups += up;
            expected += part;
            variance += part * (1 - part);
        }
        print_message("moment %d: %.0f rounded up, %.0f expected\n", second + 1, ups, expected);
        assert_true(variance > 1000 && fabs(ups - expected) < 5 * sqrt(variance));
    }
    run_close(&exact);
    run_close(&small);
}

/* ---- what must not matter ------------------------------------------------------------------------------- */

static void check_threads(struct optimizer_options optimizer, bool bf16)
{
    static struct run r;
    float *want = NULL;
    double loss = 0;
    for (int threads = 1; threads <= 3; threads++) {
        struct trainer_result last = {0};
        run_open(&r, (struct trainer_options){
                         .threads = threads, .n_kept = threads - 1, .optimizer = optimizer, .bf16 = bf16});
        for (int i = 0; i < 4; i++)
            last = run_step(&r, &adamw);
        if (!want) {
            want = memcpy(malloc(arena_bytes(&r.trainer)), r.trainer.values, arena_bytes(&r.trainer));
            loss = last.loss;
        }
        assert_true(last.loss == loss);
        assert_memory_equal(want, r.trainer.values, arena_bytes(&r.trainer));
        run_close(&r);
    }
    free(want);
}

/* Products of bf16: every instruction set's gradients are scalar's, which are near those of f32 (this model has large
 * weights) and not those; experts' blocks likewise. */
static void check_bf16(bool blocks)
{
    static struct run r;
    float *want = NULL;
    for (int i = -1; i < 0 || backend_cpu_isa(i); i++) {
        const char *isa = i < 0 ? "scalar" : backend_cpu_isa(i);
        struct osso_error err = {""};
        struct trainer_result result;
        double apart = 0, size = 0;
        if (!backend_cpu_available(isa))
            continue;
        run_open(&r, (struct trainer_options){.isa = isa, .bf16 = i >= 0, .fake_quant = blocks});
        trainer_quantize(&r.trainer, blocks);
        check_ok(trainer_gradients(&r.trainer, r.batches, 2, 0.02, 0.001, &result, &err), err);
        int64_t n = params_count(&r.trainer.config);
        if (i <= 0) {
            for (int64_t k = 0; i == 0 && k < n; k++) {
                apart += fabs((double)want[k] - (double)r.trainer.gradients[k]);
                size += fabs((double)want[k]);
            }
            if (i == 0 && !(apart > 1e-4 * size && apart < 0.4 * size))
                fail_msg("gradients of bf16 are %g of theirs from those of f32", apart / size);
            free(want);
            want = memcpy(malloc(arena_bytes(&r.trainer)), r.trainer.gradients, arena_bytes(&r.trainer));
        }
        assert_memory_equal(want, r.trainer.gradients, arena_bytes(&r.trainer));
        run_close(&r);
    }
    free(want);
}

static void test_bf16(void **state)
{
    (void)state;
    check_bf16(false);
    check_bf16(true);
}

static double distance(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += fabs((double)a[k] - (double)b[k]);
    return sum;
}

/* Muon with rounded factors: on every instruction set the values that scalar has after a step, near those of f32. */
static void test_bf16_muon(void **state)
{
    (void)state;
    static struct run r;
    float *first = NULL, *want = NULL;
    for (int i = -1; i < 0 || backend_cpu_isa(i); i++) {
        const char *isa = i < 0 ? "scalar" : backend_cpu_isa(i);
        if (!backend_cpu_available(isa))
            continue;
        const struct optimizer_options muon = {.kind = OPTIMIZER_MUON, .bf16_products = i >= 0};
        run_open(&r, (struct trainer_options){.isa = isa, .optimizer = muon});
        int64_t n = params_count(&r.trainer.config);
        if (i < 0)
            first = memcpy(malloc(arena_bytes(&r.trainer)), r.trainer.values, arena_bytes(&r.trainer));
        run_step(&r, &adamw);
        double apart = want ? distance(want, r.trainer.values, n) : 0, step = distance(first, r.trainer.values, n);
        if (i == 0 && !(apart > 1e-5 * step && apart < 0.02 * step))
            fail_msg("a step of Muon in bf16 is %g of it from that of f32", apart / step);
        if (i <= 0) {
            free(want);
            want = memcpy(malloc(arena_bytes(&r.trainer)), r.trainer.values, arena_bytes(&r.trainer));
        }
        assert_memory_equal(want, r.trainer.values, arena_bytes(&r.trainer));
        run_close(&r);
    }
    free(first);
    free(want);
}

static void test_threads(void **state)
{
    (void)state;
    check_threads((struct optimizer_options){0}, false);
    check_threads((struct optimizer_options){0}, true);
    check_threads((struct optimizer_options){.kind = OPTIMIZER_MUON, .bf16_moments = true}, false);
    check_threads((struct optimizer_options){.kind = OPTIMIZER_MUON, .bf16_products = true}, true);
}

/* The loss is that of the engine's exact logits, before any step. */
static void test_engine(void **state)
{
    (void)state;
    static struct run r;
    struct osso_error err = {""};
    struct trainer_result have;
    struct osso_engine_options options = engine_options(true, 256);
    struct rig rig = rig_open(golden("taps"), &options);
    run_open(&r, (struct trainer_options){0});
    check_ok(trainer_loss(&r.trainer, r.batches, 1, &have, &err), err);
    double sum = 0, weights = 0;
    for (int d = 0; d < 2; d++) {
        int32_t first = r.docs.start[d], n = r.docs.start[d + 1] - first - 1;
        float *logits = all_logits(&rig, r.docs.ids + first, (size_t)n, 16);
        for (int32_t i = 0; i < n; i++) {
            const float *row = logits + i * rig.vocab;
            double total = 0, weight = (double)r.docs.weight[first + i + 1];
            for (int64_t v = 0; v < rig.vocab; v++)
                total += exp((double)row[v]);
            sum += weight * (log(total) - (double)row[r.docs.ids[first + i + 1]]);
            weights += weight;
        }
        free(logits);
    }
    assert_true(fabs(have.loss - sum / weights) < 1e-6);
    rig_close(&rig);
    run_close(&r);
}

/* A few documents are learned by heart. */
static void test_overfit(void **state)
{
    (void)state;
    static struct run r;
    struct adamw rule = adamw;
    struct trainer_result last = {0};
    rule.lr = 3e-3; /* at three times this rate the end hangs on the last bits */
    rule.weight_decay = 0;
    run_open(&r, (struct trainer_options){0});
    for (int i = 0; i < 200; i++)
        last = run_step(&r, &rule);
    print_message("after 200 steps: %.4f\n", last.loss);
    assert_true(last.loss < 0.05);
    run_close(&r);
}

/* ---- steps that are none -------------------------------------------------------------------------------- */

static void test_not_finite(void **state)
{
    (void)state;
    static struct run r;
    struct osso_error err = {""};
    struct trainer_result result;
    run_open(&r, (struct trainer_options){0});
    run_step(&r, &adamw);
    float *before = memcpy(malloc(arena_bytes(&r.trainer)), r.trainer.values, arena_bytes(&r.trainer));
    float *m = memcpy(malloc(arena_bytes(&r.trainer)), r.trainer.optimizer.m, arena_bytes(&r.trainer));
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        check_ok(trainer_gradients(&r.trainer, r.batches, 2, 0, 0, &result, &err), err);
        if (i < 3)
            r.trainer.gradients[1000 * i + 7] = bad[i];
        else
            result.loss = NAN; /* the gradients are good */
        trainer_update(&r.trainer, &adamw, &result);
        assert_true(result.skipped);
        assert_int_equal(r.trainer.optimizer.updates, 1);
        assert_memory_equal(before, r.trainer.values, arena_bytes(&r.trainer));
        assert_memory_equal(m, r.trainer.optimizer.m, arena_bytes(&r.trainer));
    }
    /* Nothing of it is left: the next step is as if they had not been. */
    struct trainer_result next = run_step(&r, &adamw);
    assert_true(!next.skipped && isfinite(next.norm) && r.trainer.optimizer.updates == 2);
    free(before);
    free(m);
    run_close(&r);
}

static void test_refused(void **state)
{
    (void)state;
    static struct run r;
    struct osso_error err = {""};
    struct trainer_result result;
    run_open(&r, (struct trainer_options){.max_docs = 2});
    int32_t ids[80] = {0}, lone[] = {0, 1}, longer[] = {0, 42}, half[] = {0, 40, 80}, three[] = {0, 2, 4, 6};
    float none[80] = {0};
    const struct {
        struct trainer_batch batch;
        const char *why;
    } cases[] = {{{0, ids, lone, NULL, 0}, "no document"},
                 {{1, ids, lone, NULL, 0}, "has 1 ids"},
                 {{1, ids, longer, NULL, 0}, "has 42 ids; 2 to 41"},
                 {{2, ids, half, NULL, 0}, "78 rows; there is room for 60"},
                 {{3, ids, three, NULL, 0}, "3 documents; there is room for 2"},
                 {{1, ids, three, none, 0}, "no target"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(trainer_gradients(&r.trainer, &cases[i].batch, 1, 0, 0, &result, &err) != OSSO_OK);
        if (!strstr(err.text, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].why);
    }
    for (int32_t bad = -1; bad <= 64; bad += 65) {
        ids[1] = bad;
        assert_int_equal(
            trainer_gradients(&r.trainer, &(struct trainer_batch){1, ids, three, NULL, 0}, 1, 0, 0, &result, &err),
            OSSO_USAGE);
        assert_non_null(strstr(err.text, "the model knows 0 to 63"));
    }
    for (int64_t i = 0; i < params_count(&r.trainer.config); i++)
        assert_true(r.trainer.gradients[i] == 0);
    run_close(&r);
}

/* Every allocation of trainer_create fails once: nothing leaks, and the sentence says what was to be had. */
static void test_no_memory(void **state)
{
    (void)state;
    static struct trainer t;
    struct osso_error err = {""};
    struct osso_model *model;
    struct trainer_options options = {.threads = 2, .seq_len = 40, .max_rows = 60, .max_docs = 3};
    check_ok(osso_model_open(golden("taps"), &model, &err), err);
    int failures = 0;
    for (uint64_t n = 1; n < 200; n++) {
        mem_fail_at(n);
        enum osso_status status = trainer_create(&model->config, &model->weights, &options, &t, &err);
        mem_fail_at(0);
        if (!status)
            break;
        assert_int_equal(status, OSSO_NOMEM);
        failures++;
    }
    assert_true(failures > 20);
    trainer_free(&t);
    options.isa = "abacus";
    assert_int_equal(trainer_create(&model->config, &model->weights, &options, &t, &err), OSSO_UNSUPPORTED);
    options.isa = NULL;
    options.seq_len = 61;
    assert_int_equal(trainer_create(&model->config, &model->weights, &options, &t, &err), OSSO_USAGE);
    osso_model_free(model);
}

/* ---- rates ---------------------------------------------------------------------------------------------- */

/* Sums of squares by blocks, whoever takes them, and however many go on side by side. */
struct norm {
    const struct optimizer *o;
    double got;
};

static void norm_member(const struct member *member, void *arg)
{
    struct norm *n = arg;
    double got = optimizer_norm(member, n->o);
    if (member->id == 0)
        n->got = got;
}

static void test_norm(void **state)
{
    enum { BLOCKS = 18, COUNT = (BLOCKS - 1) * OPTIMIZER_BLOCK + 777 };
    float *gradients = malloc(COUNT * sizeof *gradients);
    double sums[BLOCKS], sum = 0;
    struct rng r;
    (void)state;
    rng_seed(&r, 5);
    for (int64_t i = 0; i < COUNT; i++)
        gradients[i] = (float)((double)(rng_next(&r) >> 40) / 0x1p24 - 0.5);
    for (int64_t b = 0; b < BLOCKS; b++) {
        double squares = 0;
        for (int64_t i = b * OPTIMIZER_BLOCK; i < COUNT && i < (b + 1) * OPTIMIZER_BLOCK; i++)
            squares += (double)gradients[i] * (double)gradients[i];
        sum += squares;
    }
    for (int threads = 1; threads <= 3; threads++) {
        struct optimizer o = {.count = COUNT, .gradients = gradients, .n_blocks = BLOCKS, .block_sums = sums};
        struct norm n = {.o = &o};
        struct osso_error err;
        struct team *team;
        assert_int_equal(team_create(threads, &team, &err), OSSO_OK);
        team_run(team, norm_member, &n);
        team_free(team);
        assert_true(n.got == sqrt(sum));
    }
    free(gradients);
}

static void test_schedules(void **state)
{
    (void)state;
    const struct {
        enum schedule_kind kind;
        double at[6]; /* of steps 1, 4, 5, 12, 16, 20 */
    } cases[] = {{SCHEDULE_CONSTANT, {0.25, 1, 1, 1, 1, 1}},
                 {SCHEDULE_LINEAR, {0.25, 1, 1 - 0.9 / 16, 0.55, 0.325, 0.1}},
                 {SCHEDULE_COSINE, {0.25, 1, 0.99135336, 0.55, 0.23180195, 0.1}},
                 {SCHEDULE_WSD, {0.25, 1, 1, 1, 0.82, 0.1}}};
    const int64_t steps[] = {1, 4, 5, 12, 16, 20};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int k = 0; k < 6; k++) {
            struct schedule s = {cases[i].kind, 1, 0.1, 20, 4, 5};
            if (fabs(schedule_lr(&s, steps[k]) - cases[i].at[k]) > 1e-7)
                fail_msg("schedule %zu, step %d: %.9g", i, (int)steps[k], schedule_lr(&s, steps[k]));
        }
    struct schedule none = {SCHEDULE_LINEAR, 2, 0, 10, 0, 0};
    assert_true(schedule_lr(&none, 1) == 1.8 && schedule_lr(&none, 10) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_bf16_gradients), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_threads),        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_bf16_muon), cmocka_unit_test(test_bf16_moments),   cmocka_unit_test(test_engine),
        cmocka_unit_test(test_overfit),   cmocka_unit_test(test_not_finite),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_norm),           cmocka_unit_test(test_schedules)};
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
