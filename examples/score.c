/* score.c: how likely a model finds a text: the natural logarithm of each token's probability after those before it.
 *
 *   build/release/examples/score models/osso-small "Once upon a time there was a fox." */
#include <osso/osso.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static double log_probability(const float *logits, int64_t vocab, int32_t id)
{
    double most = logits[0], sum = 0;
    for (int64_t i = 1; i < vocab; i++)
        most = logits[i] > most ? logits[i] : most;
    for (int64_t i = 0; i < vocab; i++)
        sum += exp(logits[i] - most);
    return logits[id] - most - log(sum);
}

int main(int argc, char **argv)
{
    struct osso_model *model = NULL;
    const struct osso_tokenizer *tokenizer;
    struct osso_engine *engine = NULL;
    struct osso_session *session = NULL;
    struct osso_engine_options options = {.size = sizeof options, .max_rows = 64, .max_logit_rows = 64};
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_ids ids = {0};
    struct osso_error err = {0};
    double sum = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: score MODEL TEXT\n");
        return 2;
    }
    int failed = osso_model_open(argv[1], &model, &err) || osso_model_tokenizer(model, &tokenizer, &err) ||
                 osso_tokenizer_encode(tokenizer, argv[2], strlen(argv[2]), 0, &ids, &err) ||
                 osso_engine_create(model, &options, &engine, &err) || osso_session_create(engine, 0, &session, &err) ||
                 osso_session_sync(session, ids.data, ids.len, &err);
    if (!failed) {
        osso_model_dims(model, &dims);
        osso_session_want_logits(session, 0); /* of every token, not only of the last */
    }
    for (size_t at = 0; !failed && at + 1 < ids.len;) {
        failed = osso_step(engine, &session, 1, 0, &err); /* a long text takes several steps of 64 rows */
        for (; !failed && at + 1 < ids.len && at < osso_session_computed(session); at++) {
            double p = log_probability(osso_session_logits(session, at), dims.vocab, ids.data[at + 1]);
            printf("%6d %9.4f\n", (int)ids.data[at + 1], p);
            sum += p;
        }
    }
    if (failed)
        fprintf(stderr, "score: %s\n", err.text);
    else
        printf("   sum %9.4f\n", sum);
    osso_ids_free(&ids);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_model_free(model);
    return failed;
}
