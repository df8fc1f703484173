/* test_fake_quant.c: a run whose experts compute as MXFP4 is, bit for bit, what its export gives: blocks, losses,
 * logits; and its gradients are those of the exported values, passed straight to the f32 ones. */
#include "train_run.h"

#include "model_test.h"
#include "file_test.h"
#include "osso/train.h"
#include "train/snapshot.h"

/* Two steps on the values, two on blocks. */
static void run_steps(struct run *r, const struct docs *docs)
{
    for (int i = 0; i < 4; i++) {
        trainer_quantize(&r->trainer, i >= 2);
        run_step(r, docs);
    }
}

/* place: where the checkpoint goes; its export has ".mxfp4" behind it. */
static void save_and_export(const struct run *r, const char *place, char export[400])
{
    struct osso_error err = {""};
    snprintf(export, 400, "%s.mxfp4", place);
    check_ok(snapshot_save(&r->trainer, place, NULL, 4, &err), err);
    check_ok(osso_export(place, export, "mxfp4", &err), err);
}

/* What the export computes, the run computes. */
static void test_export(void **state)
{
    (void)state;
    static struct run r, exported;
    struct docs docs = docs_read(golden("train/documents.txt"));
    char place[320], export[400];
    char *folder = scratch_dir();
    snprintf(place, sizeof place, "%s/step-4", folder);
    run_open(&r, golden("taps"), (struct trainer_options){.fake_quant = true});
    run_steps(&r, &docs);
    save_and_export(&r, place, export);
    run_open(&exported, export, (struct trainer_options){0});
    double own = run_gradients(&r, &docs);
    assert_true(own == run_gradients(&exported, &docs));
    assert_memory_equal(r.trainer.gradients, exported.trainer.gradients, arena_bytes(&r.trainer));
    assert_true(memcmp(r.trainer.values, exported.trainer.values, arena_bytes(&r.trainer)) != 0);
    /* And it is something else than what the values themselves give. */
    memset(r.trainer.gradients, 0, arena_bytes(&r.trainer));
    trainer_quantize(&r.trainer, false);
    assert_true(own != run_gradients(&r, &docs));
    run_close(&r);
    run_close(&exported);
    docs_free(&docs);
    scratch_remove(folder);
}

/* Neither threads nor layers kept matter, and a run goes on from a checkpoint with its digits. */
static void test_same_digits(void **state)
{
    (void)state;
    static struct run r, again;
    struct docs docs = docs_read(golden("train/documents.txt"));
    struct osso_error err = {""};
    char place[320];
    int64_t step;
    float *want = NULL;
    char *folder = scratch_dir();
    snprintf(place, sizeof place, "%s/step-4", folder);
    for (int threads = 1; threads <= 3; threads++) {
        run_open(&r, golden("taps"),
                 (struct trainer_options){.fake_quant = true, .threads = threads, .n_kept = threads - 1});
        run_steps(&r, &docs);
        if (threads == 1) {
            check_ok(snapshot_save(&r.trainer, place, NULL, 4, &err), err);
            run_step(&r, &docs);
            want = memcpy(malloc(arena_bytes(&r.trainer)), r.trainer.values, arena_bytes(&r.trainer));
        } else {
            run_step(&r, &docs);
            assert_memory_equal(want, r.trainer.values, arena_bytes(&r.trainer));
        }
        run_close(&r);
    }
    run_open(&again, place, (struct trainer_options){.fake_quant = true});
    check_ok(snapshot_resume(&again.trainer, place, &step, &err), err);
    trainer_quantize(&again.trainer, true);
    run_step(&again, &docs);
    assert_memory_equal(want, again.trainer.values, arena_bytes(&again.trainer));
    run_close(&again);
    free(want);
    docs_free(&docs);
    scratch_remove(folder);
}

/* ---- through the door ----------------------------------------------------------------------------------- */

static void set(struct osso_train_config *config, const char *key, const char *value)
{
    struct osso_error err = {""};
    check_ok(osso_train_config_set(config, key, value, "here", &err), err);
}

/* Four documents of nine ids. */
static void write_ids(const char *path)
{
    struct osso_error err = {""};
    char file[128 + 4 * 9 * 4] = "\x93NUMPY\x01";
    int n = snprintf(file + 10, 119, "{'descr': '<i4', 'fortran_order': False, 'shape': (4, 9), }");
    memset(file + 10 + n, ' ', (size_t)(117 - n));
    file[7] = 0;
    file[8] = 118;
    file[9] = 0;
    file[127] = '\n';
    for (int i = 0; i < 36; i++)
        file[128 + 4 * i] = (char)(i * 7 % 60);
    check_ok(save_atomic(path, file, sizeof file, &err), err);
}

/* osso_train_model is what the export of the checkpoint is; before qat_from_step it is the values. */
static void test_view(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 8, 15, 22, 3, 59};
    struct osso_error err = {""};
    struct osso_train_config *config;
    struct osso_train *train;
    char path[400], out[400], checkpoint[420], export[440];
    char *folder = scratch_dir();
    struct osso_engine_options options = engine_options(true, 64);
    snprintf(path, sizeof path, "%s/ids.npy", folder);
    snprintf(out, sizeof out, "%s/run", folder);
    write_ids(path);
    check_ok(osso_train_config_create(&config, &err), err);
    const char *settings[][2] = {
        {"preset", "nano"},   {"data_ids", path}, {"steps", "5"},         {"batch_size", "2"},
        {"lr", "0.01"},       {"out", out},       {"qat_from_step", "4"}, {"num_hidden_layers", "1"},
        {"hidden_size", "32"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        set(config, settings[i][0], settings[i][1]);
    check_ok(osso_train_open(config,
                             &(struct osso_train_options){.size = sizeof(struct osso_train_options), .threads = 2},
                             &train, &err),
             err);
    for (int step = 1; step <= 5; step++) {
        check_ok(osso_train_step(train, NULL, &err), err);
        if (step != 3 && step != 5)
            continue;
        check_ok(osso_train_save(train, &err), err);
        snprintf(checkpoint, sizeof checkpoint, "%s/step-%06d", out, step);
        snprintf(export, sizeof export, "%s.mxfp4", checkpoint);
        check_ok(osso_export(checkpoint, export, "mxfp4", &err), err);
        struct rig own = {.vocab = 512}, files = rig_open(step == 5 ? export : checkpoint, &options);
        check_ok(
            osso_engine_create((struct osso_model *)(uintptr_t)osso_train_model(train), &options, &own.engine, &err),
            err);
        float *have = all_logits(&own, ids, 6, 16), *want = all_logits(&files, ids, 6, 16);
        assert_int_equal(files.vocab, own.vocab);
        assert_memory_equal(have, want, 6 * 512 * sizeof *have);
        free(have);
        free(want);
        osso_engine_free(own.engine);
        rig_close(&files);
    }
    osso_train_free(train);
    osso_train_config_free(config);
    scratch_remove(folder);
}

/* What rows of no whole blocks get. */
static void test_refused(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct config config;
    check_ok(config_preset("nano", &config, &err), err);
    check_ok(fake_quant_check(&config, "qat_from_step", &err), err);
    config.intermediate = 40;
    assert_int_equal(fake_quant_check(&config, "qat_from_step", &err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(err.text, "qat_from_step: MXFP4 packs 32 values"));
    assert_non_null(strstr(err.text, "64 and 40 inputs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_export), cmocka_unit_test(test_same_digits),
                                       cmocka_unit_test(test_view), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("fake quantization", tests, NULL, NULL);
}
