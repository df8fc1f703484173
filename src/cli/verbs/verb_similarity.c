/* verb_similarity.c: how alike two texts are: the cosine, or the nearness, of their vectors. */
#include "cli/embed_args.h"
#include "cli/out.h"
#include "cli/progress.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

static enum osso_status run(const struct options *o, struct runner *r, struct embed_texts *texts, double *result,
                            struct osso_error *err)
{
    enum osso_status status = runner_open(o, r, err);
    bool euclidean = o->v[OPT_metric].set && strcmp(o->v[OPT_metric].s, "euclidean") == 0;
    if (!status)
        status = runner_tokenizer(r, err);
    for (int i = 0; i < 2 && !status; i++)
        status = embed_texts_add(o, r, texts, o->operand[i], strlen(o->operand[i]),
                                 i ? "the second text" : "the first text", 0, err);
    if (!status)
        status = embed_start(o, r, texts, err);
    if (status)
        return status;
    size_t hidden = (size_t)r->dims.hidden;
    float *vectors = mem_array(2 * hidden, sizeof *vectors);
    if (!vectors)
        return error_nomem(err, 2 * hidden * sizeof *vectors, "two vectors");
    texts->where = "a text";
    progress_begin_of("text", texts->n);
    status = embed_vectors(o, r, texts, 0, 2, vectors, err);
    progress_end();
    if (!status)
        *result = osso_similarity(vectors, vectors + hidden, hidden,
                                  euclidean ? OSSO_METRIC_EUCLIDEAN : OSSO_METRIC_COSINE);
    mem_free(vectors);
    return status;
}

int verb_similarity(const struct options *o)
{
    struct runner r = {0};
    struct embed_texts texts = {0};
    struct osso_error err = {0};
    double result = 0;
    interrupt_catch(INTERRUPT_WORK);
    enum osso_status status = run(o, &r, &texts, &result, &err);
    bool stopped = interrupted();
    interrupt_release();
    if (!status && o->v[OPT_json].set)
        printf("{\"similarity\":%.9g,\"metric\":\"%s\"}\n", result,
               o->v[OPT_metric].set ? o->v[OPT_metric].s : "cosine");
    else if (!status)
        printf("%.6f\n", result);
    embed_texts_free(&texts);
    runner_close(&r);
    return stopped && status ? 130 : exit_code(status, &err);
}
