/* taps.c: looks into a forward pass: the length of the last token's residual stream after each layer.
 *
 *   build/release/examples/taps models/osso-small "Once upon a time" */
#include <osso/osso.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static int print_norm(void *user, const struct osso_tap_value *value)
{
    const float *row = value->values + (value->n_rows - 1) * value->width;
    double sum = 0;
    for (int64_t i = 0; i < value->width; i++)
        sum += (double)row[i] * row[i];
    fprintf((FILE *)user, "layer %3d %12.4f\n", value->layer, sqrt(sum));
    return 0;
}

int main(int argc, char **argv)
{
    struct osso_model *model = NULL;
    const struct osso_tokenizer *tokenizer;
    struct osso_engine *engine = NULL;
    struct osso_session *session = NULL;
    struct osso_engine_options options = {.size = sizeof options};
    struct osso_ids ids = {0};
    struct osso_error err = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: taps MODEL TEXT\n");
        return 2;
    }
    int failed = osso_model_open(argv[1], &model, &err) || osso_model_tokenizer(model, &tokenizer, &err) ||
                 osso_tokenizer_encode(tokenizer, argv[2], strlen(argv[2]), 0, &ids, &err) ||
                 osso_engine_create(model, &options, &engine, &err) || osso_session_create(engine, 0, &session, &err) ||
                 osso_session_sync(session, ids.data, ids.len, &err) ||
                 osso_engine_set_tap(engine, 1ull << OSSO_TAP_RESID_POST, NULL, print_norm, stdout, &err) ||
                 osso_step(engine, &session, 1, 0, &err); /* up to 512 tokens */
    if (failed)
        fprintf(stderr, "taps: %s\n", err.text);
    osso_ids_free(&ids);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_model_free(model);
    return failed;
}
