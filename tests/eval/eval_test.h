/* eval_test.h: what tests of evaluations share: the bundled model's tokenizer, and engines whose logits are known. */
#ifndef OSSO_EVAL_TEST_H
#define OSSO_EVAL_TEST_H

#include "model_test.h"

#include "osso/text.h"

static inline struct osso_tokenizer *words(void)
{
    struct osso_tokenizer *t = NULL;
    struct osso_error err = {""};
    char path[512];
    check_ok(osso_tokenizer_open(test_path(path, sizeof path, "models/osso-small"), &t, &err), err);
    return t;
}

enum { CONTEXT = 1024, MOST = 128 };

/* Texts that a made-up model knows by heart; where its tokens begin one of them it is sure of the next. */
struct known {
    struct osso_ids texts[MOST];
    int n;
    int64_t vocab;
    int nan_after; /* > 0: NaN for texts that begin with this id */
    float base;    /* of every other id */
};

static inline void say_known(void *user, const int32_t *tokens, size_t n, float *logits)
{
    const struct known *k = user;
    for (int64_t i = 0; i < k->vocab; i++)
        logits[i] = k->nan_after > 0 && tokens[0] == k->nan_after ? NAN : k->base;
    for (int i = 0; i < k->n; i++)
        if (k->texts[i].len > n && memcmp(k->texts[i].data, tokens, n * sizeof *tokens) == 0)
            logits[k->texts[i].data[n]] = 50;
}

static inline struct osso_engine *engine_over(struct known *k, int sessions)
{
    struct osso_error err = {""};
    struct osso_engine *engine = NULL;
    struct osso_engine_options o = {.size = sizeof o,
                                    .threads = 2,
                                    .context = CONTEXT,
                                    .max_sessions = sessions,
                                    .max_rows = 256,
                                    .max_logit_rows = 64};
    check_ok(osso_engine_create_scripted(k->vocab, say_known, k, &o, &engine, &err), err);
    return engine;
}

/* osso_eval_options.progress: ends the run with the first item. */
static inline int end_at_once(void *user, uint64_t done, uint64_t total)
{
    (void)user, (void)done, (void)total;
    return 1;
}

#endif
