/* stops.h: the ids that end an answer. */
#ifndef OSSO_ENGINE_STOPS_H
#define OSSO_ENGINE_STOPS_H

#include "model/config.h"
#include "osso/model.h"

enum { MAX_STOPS = MAX_STOP_IDS + 3 };

/* What the files say of ends and what harmony knows of them. */
struct stop_set {
    struct {
        int32_t id;
        const char *from; /* file, key or "harmony" */
        bool stops;       /* false: listed by a file, but it only ends a message */
    } list[MAX_STOPS];
    int n;
};
/* tokenizer NULL, or one without harmony's names: what the files say, as it is. */
void stop_set_make(const struct config *config, const struct osso_tokenizer *tokenizer, struct stop_set *out);
/* With the model's own tokenizer, which is opened; a model whose tokenizer cannot be opened has none. */
void stop_set_of(const struct osso_model *model, struct stop_set *out);
struct osso_engine;
/* The ids that end an answer of this engine's model; of one without a model what its configuration says. */
size_t stop_ids_of(const struct osso_engine *engine, int32_t ids[MAX_STOPS]);
/* Of one answer: the ids that end it (those that are asked for, else the model's), and the model's that ignore_eos
 * keeps from coming. */
struct end_ids {
    int32_t *ids; /* [n_stop], then [n_never]; end_ids_free */
    size_t n_stop, n_never;
};
enum osso_status end_ids_make(const struct osso_engine *engine, const int32_t *stop_ids, size_t n_stop_ids,
                              bool ignore_eos, struct end_ids *out, struct osso_error *err);
void end_ids_free(struct end_ids *e);
bool ids_hold(const int32_t *ids, size_t n, int32_t id);

#endif
