/* train_docs.h: what tests of the trainer share: the rule, and documents from a text file: a line each, ids separated
 * by commas; an id written as id*weight weighs that much as a target, others 1. */
#ifndef OSSO_TRAIN_DOCS_H
#define OSSO_TRAIN_DOCS_H

#include "test.h"

#include "base/file.h"
#include "base/mem.h"
#include "train/trainer.h"

static const struct adamw adamw = {1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 0.95};

static inline const char *golden(const char *name)
{
    static char path[512], relative[128];
    snprintf(relative, sizeof relative, "tests/golden/%s", name);
    return test_path(path, sizeof path, relative);
}

static inline size_t arena_bytes(const struct trainer *t)
{
    return (size_t)params_count(&t->config) * sizeof(float);
}

struct docs {
    int32_t *ids, *start;
    float *weight;
    int n;
};

static inline struct docs docs_read(const char *path)
{
    struct osso_error err = {""};
    char *text, *at;
    size_t len;
    if (file_read(path, 1 << 24, &text, &len, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    struct docs d = {malloc(len * sizeof(int32_t)), calloc(len + 2, sizeof(int32_t)), malloc(len * sizeof(float)), 0};
    int32_t n = 0;
    for (at = text; *at;) {
        d.ids[n] = (int32_t)strtol(at, &at, 10);
        d.weight[n++] = *at == '*' ? strtof(at + 1, &at) : 1;
        if (*at == '\n')
            d.start[++d.n] = n;
        at += *at != 0;
    }
    mem_free(text);
    return d;
}

static inline void docs_free(struct docs *d)
{
    free(d->ids);
    free(d->start);
    free(d->weight);
}

/* Documents [from, end) as a batch. */
static inline struct trainer_batch docs_batch(const struct docs *d, int from, int end)
{
    return (struct trainer_batch){.n_docs = end - from, .ids = d->ids, .start = d->start + from, .weight = d->weight};
}

#endif
