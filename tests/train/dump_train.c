/* dump_train.c MODEL DOCUMENTS OUT [KEY=NUMBER...]: for tools/oracle/oracle_train.py. Trains a model for a few steps on
 * all of the documents (train_docs.h) and prints a line for each: step, loss, balance loss, z loss, norm of the
 * gradients. The gradients of the first go to OUT/gradients.safetensors, the trained model to the folder OUT/trained.
 *
 * Keys: steps (0: gradients only), batches (that the documents are dealt to, in order), threads, kept, balance, z, lr,
 * weight_decay, grad_clip, bf16 (1: products of bf16). */
#include "train_docs.h"

#include "checkpoint/model_open.h"
#include "train/snapshot.h"

#include <stdio.h>

static double number_of(int argc, char **argv, const char *key, double otherwise)
{
    size_t len = strlen(key);
    for (int i = 4; i < argc; i++)
        if (strncmp(argv[i], key, len) == 0 && argv[i][len] == '=')
            return strtod(argv[i] + len + 1, NULL);
    return otherwise;
}

static const char *place(const char *folder, const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void check(enum osso_status status, const struct osso_error *err)
{
    if (status) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct osso_error err = {""};
    struct osso_model *model;
    static struct trainer t;
    if (argc < 4)
        return fprintf(stderr, "usage: dump_train MODEL DOCUMENTS OUT [KEY=NUMBER...]\n"), 2;
    struct docs docs = docs_read(argv[2]);
    int steps = (int)number_of(argc, argv, "steps", 0), n = (int)number_of(argc, argv, "batches", 1);
    struct adamw rule = {
        number_of(argc, argv, "lr", 1e-3),     0.9, 0.95, 1e-8, number_of(argc, argv, "weight_decay", 0.1),
        number_of(argc, argv, "grad_clip", 1), 0.95};
    struct trainer_options o = {.threads = (int)number_of(argc, argv, "threads", 2),
                                .max_rows = docs.start[docs.n],
                                .max_docs = docs.n,
                                .n_kept = (int)number_of(argc, argv, "kept", 0),
                                .bf16 = number_of(argc, argv, "bf16", 0) != 0,
                                .max_logits = 100};
    for (int d = 0; d < docs.n; d++)
        o.seq_len = docs.start[d + 1] - docs.start[d] > o.seq_len ? docs.start[d + 1] - docs.start[d] : o.seq_len;
    check(osso_model_open(argv[1], &model, &err), &err);
    check(trainer_create(&model->config, &model->weights, &o, &t, &err), &err);
    struct trainer_batch *batches = malloc((size_t)n * sizeof *batches);
    for (int k = 0; k < n; k++)
        batches[k] = docs_batch(&docs, docs.n * k / n, docs.n * (k + 1) / n);
    for (int step = 1; step <= (steps ? steps : 1); step++) {
        struct trainer_result r;
        check(trainer_gradients(&t, batches, n, number_of(argc, argv, "balance", 0), number_of(argc, argv, "z", 0), &r,
                                &err),
              &err);
        if (step == 1)
            check(snapshot_write_arena(&t, t.gradients, place(argv[3], "gradients.safetensors"), &err), &err);
        trainer_update(&t, &rule, &r);
        printf("%d %.9g %.9g %.9g %.9g\n", step, r.loss, r.balance_loss, r.z_loss, r.norm);
    }
    check(snapshot_save(&t, place(argv[3], "trained"), NULL, steps, &err), &err);
    trainer_free(&t);
    osso_model_free(model);
    docs_free(&docs);
    free(batches);
    return 0;
}
