/* stops.c: the ids that end an answer. Files forget them: the GGUF files in use list <|return|> alone, and a model that
 * is not stopped at <|call|> writes its tool's reply itself and answers from it; others list <|end|>, which ends a
 * message, not the answer. So where the tokenizer has harmony's names, harmony says what ends an answer. */
#include "engine/stops.h"

#include "base/error.h"
#include "base/mem.h"
#include "checkpoint/model_open.h"
#include "engine/engine_parts.h"

#include <string.h>

static void add(struct stop_set *set, int32_t id, const char *from, bool stops)
{
    for (int i = 0; i < set->n; i++)
        if (set->list[i].id == id)
            return;
    set->list[set->n].id = id;
    set->list[set->n].from = from;
    set->list[set->n++].stops = stops;
}

void stop_set_make(const struct config *config, const struct osso_tokenizer *tokenizer, struct stop_set *out)
{
    static const char *const ends[] = {"<|return|>", "<|call|>", "<|endoftext|>"};
    bool harmony = tokenizer && osso_tokenizer_special(tokenizer, "<|start|>") >= 0 &&
                   osso_tokenizer_special(tokenizer, "<|message|>") >= 0;
    int32_t message_end = harmony ? osso_tokenizer_special(tokenizer, "<|end|>") : -1;
    out->n = 0;
    for (int i = 0; i < config->n_stop_ids; i++)
        add(out, config->stop_ids[i], config->stop_from[i] ? config->stop_from[i] : "model",
            config->stop_ids[i] != message_end);
    for (size_t i = 0; i < sizeof ends / sizeof *ends && harmony; i++) {
        int32_t id = osso_tokenizer_special(tokenizer, ends[i]);
        if (id >= 0 && id < config->vocab)
            add(out, id, "harmony", true);
    }
}

void stop_set_of(const struct osso_model *model, struct stop_set *out)
{
    const struct osso_tokenizer *tokenizer = NULL;
    struct osso_error none;
    /* The one part of a model that is not there from the beginning; its lock guards it. */
    if (osso_model_tokenizer((struct osso_model *)(uintptr_t)model, &tokenizer, &none))
        tokenizer = NULL;
    stop_set_make(&model->config, tokenizer, out);
}

size_t stop_ids_of(const struct osso_engine *e, int32_t ids[MAX_STOPS])
{
    if (e->model)
        return osso_model_stop_ids(e->model, ids, MAX_STOPS);
    memcpy(ids, e->config.stop_ids, (size_t)e->config.n_stop_ids * sizeof *ids);
    return (size_t)e->config.n_stop_ids;
}

enum osso_status end_ids_make(const struct osso_engine *engine, const int32_t *stop_ids, size_t n_stop_ids,
                              bool ignore_eos, struct end_ids *out, struct osso_error *err)
{
    int32_t model[MAX_STOPS];
    size_t n_model = stop_ids && !ignore_eos ? 0 : stop_ids_of(engine, model);
    const int32_t *stop = stop_ids ? stop_ids : model;
    struct end_ids e = {.n_stop = stop_ids     ? n_stop_ids
                                  : ignore_eos ? 0
                                               : n_model,
                        .n_never = ignore_eos ? n_model : 0};
    e.ids = mem_array(e.n_stop + e.n_never, sizeof *e.ids);
    *out = e;
    if (!e.ids)
        return error_nomem(err, (e.n_stop + e.n_never) * sizeof *e.ids, "stop ids");
    if (e.n_stop)
        memcpy(e.ids, stop, e.n_stop * sizeof *stop);
    if (e.n_never)
        memcpy(e.ids + e.n_stop, model, e.n_never * sizeof *e.ids);
    return OSSO_OK;
}

void end_ids_free(struct end_ids *e)
{
    mem_free(e->ids);
    *e = (struct end_ids){0};
}

bool ids_hold(const int32_t *ids, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

size_t osso_model_stop_ids(const struct osso_model *model, int32_t *ids_out, size_t cap)
{
    struct stop_set set;
    size_t n = 0;
    stop_set_of(model, &set);
    for (int i = 0; i < set.n; i++)
        if (set.list[i].stops && n++ < cap)
            ids_out[n - 1] = set.list[i].id;
    return n;
}
