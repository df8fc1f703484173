/* lens.c: what each layer would say: its residual stream through the model's last norm and head, as the last layer's
 * is.
 *
 *   build/release/examples/lens models/osso-small "Once upon a" */
#include <osso/osso.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct osso_model *model;
static const struct osso_tokenizer *tokenizer;
static struct osso_tensor head = {.size = sizeof head};
static float norm[1 << 14], row[1 << 14]; /* the last norm's weights; a row of the head */

/* Called with the residual stream after each layer. */
static int say(void *user, const struct osso_tap_value *value)
{
    const float *x = value->values + (value->n_rows - 1) * value->width; /* of the last token */
    double squares = 0, best = -INFINITY;
    int32_t id = 0;
    const char *piece = "";
    size_t len = 0;
    for (int64_t i = 0; i < value->width; i++)
        squares += (double)x[i] * x[i];
    for (int64_t v = 0; v < head.rows; v++) {
        double logit = 0;
        if (osso_model_tensor_rows(model, "head", v, 1, row, user))
            return 1;
        for (int64_t i = 0; i < value->width; i++)
            logit += (double)x[i] * norm[i] * row[i];
        if (logit > best)
            best = logit, id = (int32_t)v;
    }
    osso_tokenizer_piece(tokenizer, id, &piece, &len);
    printf("layer %3d %8.3f  %.*s\n", value->layer, best / sqrt(squares / (double)value->width + 1e-5), (int)len,
           piece);
    return 0;
}

int main(int argc, char **argv)
{
    struct osso_engine *engine = NULL;
    struct osso_session *session = NULL;
    struct osso_engine_options options = {.size = sizeof options};
    struct osso_ids ids = {0};
    struct osso_error err = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: lens MODEL TEXT\n");
        return 2;
    }
    int failed = osso_model_open(argv[1], &model, &err) || osso_model_tokenizer(model, &tokenizer, &err) ||
                 osso_model_tensor_find(model, "head", &head, &err) || head.cols > 1 << 14 ||
                 osso_model_tensor_rows(model, "final_norm", 0, 1, norm, &err) ||
                 osso_tokenizer_encode(tokenizer, argv[2], strlen(argv[2]), 0, &ids, &err) ||
                 osso_engine_create(model, &options, &engine, &err) || osso_session_create(engine, 0, &session, &err) ||
                 osso_session_sync(session, ids.data, ids.len, &err) ||
                 osso_engine_set_tap(engine, 1ull << OSSO_TAP_RESID_POST, NULL, say, &err, &err) ||
                 osso_step(engine, &session, 1, 0, &err); /* up to 512 tokens */
    if (failed)
        fprintf(stderr, "lens: %s\n", err.text);
    osso_ids_free(&ids);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_model_free(model);
    return failed;
}
