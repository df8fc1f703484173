/* inspect.c MODEL TEXT [LAYER]: how far each layer's attention moves the last token; what LAYER's adds is switched off. */
#include <osso/inspect.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int look(void *off, const struct osso_hook_value *v)
{
    double sum = 0;
    if (v->layer == *(int *)off)
        memset(v->values, 0, (size_t)(v->n_rows * v->width) * sizeof *v->values);
    for (int64_t i = (v->n_rows - 1) * v->width; i < v->n_rows * v->width; i++)
        sum += (double)v->values[i] * v->values[i];
    return printf("layer %2d %10.4f\n", v->layer, sqrt(sum)) < 0;
}

int main(int argc, char **argv)
{
    const char *name = "blocks.*.hook_attn_out";
    struct osso_hooks_options which = {.size = sizeof which, .names = &name, .n_names = 1};
    struct osso_engine_options options = {.size = sizeof options};
    struct osso_error err = {0};
    struct osso_model *model = NULL;
    struct osso_engine *engine = NULL;
    struct osso_session *session = NULL;
    struct osso_hooks *hooks = NULL;
    const struct osso_tokenizer *tokenizer;
    struct osso_ids ids = {0};
    int off = argc > 3 ? atoi(argv[3]) : -1;
    if (argc < 3) return fputs("usage: inspect MODEL TEXT [LAYER]\n", stderr) < 0 ? 1 : 2;
    int failed = osso_model_open(argv[1], &model, &err) || osso_model_tokenizer(model, &tokenizer, &err) ||
        osso_tokenizer_encode(tokenizer, argv[2], strlen(argv[2]), 0, &ids, &err) || osso_engine_create(model, &options, &engine, &err) ||
        osso_session_create(engine, 0, &session, &err) || osso_hooks_create(model, &which, &hooks, &err) ||
        osso_session_sync(session, ids.data, ids.len, &err) ||
        osso_session_hook(session, hooks, look, &off, true, 0, 0, &err) || osso_step(engine, &session, 1, 0, &err);
    osso_session_free(session), osso_hooks_free(hooks), osso_engine_free(engine), osso_model_free(model), osso_ids_free(&ids);
    return failed && fprintf(stderr, "inspect: %s\n", err.text);
}
