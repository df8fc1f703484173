/* test_snapshot.c: a trainer on disk: every model of the golden ones comes back with its bits, a run goes on with its
 * digits, nothing that is broken is taken for a checkpoint, and a full disk costs nothing that was there. */
#define _GNU_SOURCE
#include "train_run.h"

#include "file_test.h"
#include "model_test.h"
#include "train/snapshot.h"

#include <signal.h>
#include <sys/resource.h>

static const char *inside(const char *folder, const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const struct trainer_options plain;

/* A folder that is not there yet, in one that is. */
static char *make_place(char place[320])
{
    char *folder = scratch_dir();
    snprintf(place, 320, "%s/step-3", folder);
    return folder;
}

/* Saved and opened again, the arena has the same bits, tied or not, whatever the model came from. */
static void test_models(void **state)
{
    (void)state;
    const char *const models[] = {"taps", "model/tied-full-first", "model/bf16-export", "model/yarn-mxfp4/model.gguf"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        static struct run r, again;
        struct osso_error err = {""};
        char place[320];
        char *folder = make_place(place);
        run_open(&r, golden(models[i]), plain);
        check_ok(snapshot_save(&r.trainer, place, NULL, 0, &err), err);
        run_open(&again, place, plain);
        assert_null(osso_model_warning(again.model, 0));
        assert_true(memcmp(r.trainer.config.sliding, again.trainer.config.sliding, sizeof r.trainer.config.sliding) ==
                    0);
        assert_true(arena_bytes(&r.trainer) == arena_bytes(&again.trainer) &&
                    r.trainer.config.tied == again.trainer.config.tied);
        assert_memory_equal(r.trainer.values, again.trainer.values, arena_bytes(&r.trainer));
        run_close(&r);
        run_close(&again);
        scratch_remove(folder);
    }
}

/* Three steps, saved, three more in another trainer: the digits of six in one. */
static void check_resume(struct optimizer_options optimizer, bool bf16)
{
    static struct run straight, first, second;
    const struct trainer_options options = {.optimizer = optimizer, .bf16 = bf16};
    struct osso_error err = {""};
    struct docs docs = docs_read(golden("train/documents.txt"));
    char place[320];
    double loss[6];
    int64_t step;
    char *folder = make_place(place);
    run_open(&straight, golden("taps"), options);
    run_open(&first, golden("taps"), options);
    for (int i = 0; i < 6; i++)
        loss[i] = run_step(&straight, &docs);
    for (int i = 0; i < 3; i++)
        assert_true(run_step(&first, &docs) == loss[i]);
    check_ok(snapshot_save(&first.trainer, place, NULL, 3, &err), err);
    run_open(&second, place, options);
    check_ok(snapshot_resume(&second.trainer, place, &step, &err), err);
    assert_int_equal(step, 3);
    for (int i = 3; i < 6; i++)
        assert_true(run_step(&second, &docs) == loss[i]);
    assert_memory_equal(straight.trainer.values, second.trainer.values, arena_bytes(&straight.trainer));
    size_t bytes = arena_bytes(&straight.trainer) / (optimizer.bf16_moments ? 2 : 1);
    assert_memory_equal(straight.trainer.optimizer.m, second.trainer.optimizer.m, bytes);
    assert_memory_equal(straight.trainer.optimizer.v, second.trainer.optimizer.v, bytes);
    run_close(&straight);
    run_close(&first);
    run_close(&second);
    docs_free(&docs);
    scratch_remove(folder);
}

static void test_resume(void **state)
{
    (void)state;
    check_resume((struct optimizer_options){0}, false);
    check_resume((struct optimizer_options){0}, true);
    check_resume((struct optimizer_options){.kind = OPTIMIZER_MUON, .bf16_moments = true, .seed = 7}, false);
}

/* Tokenizer files are copied byte for byte; a name that is taken is refused; what was left unfinished is no obstacle.
 */
static void test_folder(void **state)
{
    (void)state;
    static struct run r;
    struct osso_error err = {""};
    char place[320], unfinished[400], source[512], *have, *want;
    size_t n, len;
    char *folder = make_place(place);
    test_path(source, sizeof source, "models/osso-small");
    run_open(&r, golden("taps"), plain);
    snprintf(unfinished, sizeof unfinished, "%s.unfinished", place);
    check_ok(file_make_dir(unfinished, &(bool){false}, &err), err);
    check_ok(save_atomic(inside(unfinished, "config.json"), "half", 4, &err), err);
    check_ok(snapshot_save(&r.trainer, place, source, 7, &err), err);
    assert_false(file_is_dir(unfinished));
    check_ok(file_read(inside(source, "tokenizer.json"), 1 << 28, &want, &len, &err), err);
    check_ok(file_read(inside(place, "tokenizer.json"), 1 << 28, &have, &n, &err), err);
    assert_true(n == len && memcmp(have, want, n) == 0);
    mem_free(have);
    mem_free(want);
    assert_int_equal(snapshot_save(&r.trainer, place, source, 8, &err), OSSO_IO);
    assert_non_null(strstr(err.text, "exists"));
    run_close(&r);
    scratch_remove(folder);
}

/* ---- what is refused ------------------------------------------------------------------------------------ */

static void test_broken(void **state)
{
    (void)state;
    static struct run r, other;
    struct osso_error err = {""};
    char place[320], *moments;
    size_t len;
    int64_t step = 5;
    char *folder = make_place(place);
    run_open(&r, golden("taps"), plain);
    run_open(&other, golden("model/tied-full-first"), plain);
    check_ok(snapshot_save(&r.trainer, place, NULL, 2, &err), err);
    assert_int_equal(snapshot_resume(&other.trainer, place, &step, &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "values; this one has"));
    assert_int_equal(step, 0);
    assert_true(snapshot_resume(&r.trainer, golden("taps"), &step, &err) != OSSO_OK); /* a model, no checkpoint */
    const struct {
        const char *state, *why;
    } cases[] = {{"{\"version\":9,\"step\":1,\"updates\":1,\"values\":1}", "version 9"},
                 {"{\"version\":1,\"step\":1,\"values\":1}", "\"updates\" is missing"},
                 {"{\"version\":1,\"step\":-1,\"updates\":1,\"values\":1}", "step"},
                 {"{\"version\":1,\"step\":1,\"updates\":9223372036854775807,\"values\":1}", "updates"},
                 {"[]", "missing"},
                 {"", "state.json"},
                 {"\xff\xfe\x01", "state.json"}};
    char *good;
    size_t good_len;
    check_ok(file_read(inside(place, "state.json"), 1 << 16, &good, &good_len, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_ok(save_atomic(inside(place, "state.json"), cases[i].state, strlen(cases[i].state), &err), err);
        assert_true(snapshot_resume(&r.trainer, place, &step, &err) != OSSO_OK);
        if (!strstr(err.text, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].why);
    }
    check_ok(save_atomic(inside(place, "state.json"), good, good_len, &err), err);
    check_ok(snapshot_resume(&r.trainer, place, &step, &err), err);
    check_ok(file_read(inside(place, "optimizer.safetensors"), 1 << 26, &moments, &len, &err), err);
    check_ok(save_atomic(inside(place, "optimizer.safetensors"), moments, len - 4, &err), err);
    assert_true(snapshot_resume(&r.trainer, place, &step, &err) != OSSO_OK);
    assert_non_null(strstr(err.text, "optimizer.safetensors"));
    mem_free(moments);
    mem_free(good);
    run_close(&r);
    run_close(&other);
    scratch_remove(folder);
}

/* Moments of another rule, or of another size, are refused with both names. */
static void test_other_optimizer(void **state)
{
    (void)state;
    static struct run r, other;
    struct osso_error err = {""};
    char place[320], old[200];
    int64_t step;
    char *folder = make_place(place);
    run_open(&r, golden("taps"), (struct trainer_options){.optimizer.bf16_moments = true});
    check_ok(snapshot_save(&r.trainer, place, NULL, 3, &err), err);
    const struct optimizer_options others[] = {{0}, {.kind = OPTIMIZER_MUON, .bf16_moments = true}};
    const char *const names[] = {"optimizer: adamw with moments: f32;", "optimizer: muon with moments: bf16;"};
    for (int i = 0; i < 2; i++) {
        run_open(&other, golden("taps"), (struct trainer_options){.optimizer = others[i]});
        assert_int_equal(snapshot_resume(&other.trainer, place, &step, &err), OSSO_USAGE);
        assert_non_null(strstr(err.text, "is of optimizer: adamw with moments: bf16, and"));
        assert_non_null(strstr(err.text, names[i]));
        run_close(&other);
    }
    check_ok(snapshot_resume(&r.trainer, place, &step, &err), err);
    /* One from before there was a choice is of AdamW in f32. */
    snprintf(old, sizeof old, "{\"version\":1,\"step\":3,\"updates\":0,\"values\":%lld}",
             (long long)r.trainer.optimizer.count);
    check_ok(save_atomic(inside(place, "state.json"), old, strlen(old), &err), err);
    assert_int_equal(snapshot_resume(&r.trainer, place, &step, &err), OSSO_USAGE);
    run_close(&r);
    run_open(&r, golden("taps"), plain);
    char *second = make_place(place);
    check_ok(snapshot_save(&r.trainer, place, NULL, 3, &err), err);
    check_ok(save_atomic(inside(place, "state.json"), old, strlen(old), &err), err);
    check_ok(snapshot_resume(&r.trainer, place, &step, &err), err);
    run_close(&r);
    scratch_remove(folder);
    scratch_remove(second);
}

/* Every size at which a disk may be full: the save fails, and the checkpoint before it is whole. */
static void test_full_disk(void **state)
{
    (void)state;
    static struct run r;
    struct osso_error err = {""};
    struct rlimit before, small;
    char place[320], next[320];
    int64_t step;
    char *folder = make_place(place);
    snprintf(next, sizeof next, "%s/step-4", folder);
    run_open(&r, golden("taps"), plain);
    check_ok(snapshot_save(&r.trainer, place, NULL, 3, &err), err);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlim_t sizes[] = {10, 2000, 100000, arena_bytes(&r.trainer) + 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        small = (struct rlimit){sizes[i], before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        enum osso_status status = snapshot_save(&r.trainer, next, NULL, 4, &err);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(status, OSSO_IO);
        assert_non_null(strstr(err.text, "cannot"));
        assert_false(file_is_dir(next));
        check_ok(snapshot_resume(&r.trainer, place, &step, &err), err);
        assert_int_equal(step, 3);
    }
    check_ok(snapshot_save(&r.trainer, next, NULL, 4, &err), err);
    check_ok(snapshot_resume(&r.trainer, next, &step, &err), err);
    assert_int_equal(step, 4);
    run_close(&r);
    scratch_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models),          cmocka_unit_test(test_resume),
                                       cmocka_unit_test(test_folder),          cmocka_unit_test(test_broken),
                                       cmocka_unit_test(test_other_optimizer), cmocka_unit_test(test_full_disk)};
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
