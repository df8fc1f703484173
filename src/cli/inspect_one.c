/* inspect_one.c: verbs that look into one text. */
#include "cli/inspect_one.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/out.h"

/* --repeat: N different ids that mean ordinary text, drawn at random, and the same again. */
static enum osso_status draw_ids(struct one *one, size_t n, struct osso_error *err)
{
    int32_t vocab = (int32_t)one->r.dims.vocab, size = one->r.tokenizer ? osso_tokenizer_size(one->r.tokenizer) : vocab;
    int32_t *all = mem_array((size_t)vocab, sizeof *all);
    size_t room = 0, have = 0, len;
    const char *piece;
    struct rng rng;
    if (!all || !(one->texts.list = mem_room(NULL, 0, &room, sizeof *one->texts.list))) {
        mem_free(all);
        return error_nomem(err, (uint64_t)vocab * sizeof *all, "ids to draw from");
    }
    one->texts.list[0] = (struct osso_ids){0};
    one->texts.n = 1;
    for (int32_t id = 0; id < vocab && id < size; id++)
        if (!one->r.tokenizer || (osso_tokenizer_piece(one->r.tokenizer, id, &piece, &len) &&
                                  !osso_tokenizer_is_special(one->r.tokenizer, id)))
            all[have++] = id;
    enum osso_status status = n <= have ? OSSO_OK
                                        : error_set(err, OSSO_USAGE,
                                                    "--repeat %zu: the vocabulary has %zu ordinary tokens", n, have);
    rng_seed(&rng, inspect_seed(one->o));
    for (size_t i = 0; i < n && !status; i++) {
        size_t at = i + (size_t)rng_below(&rng, have - i);
        int32_t id = all[at];
        all[at] = all[i];
        all[i] = id;
        status = osso_ids_push(&one->texts.list[0], id, err);
    }
    for (size_t i = 0; i < n && !status; i++)
        status = osso_ids_push(&one->texts.list[0], all[i], err);
    mem_free(all);
    return status;
}

static enum osso_status read_text(struct one *one, struct osso_error *err)
{
    const struct options *o = one->o;
    struct osso_error none;
    enum osso_status status = OSSO_OK;
    if (o->v[OPT_inspect_repeat].set && (o->v[OPT_ids].set || o->v[OPT_prompt].set || o->v[OPT_file].set))
        return error_set(err, OSSO_USAGE, "--repeat draws a text of its own: a text of -p, -f or --ids excludes it");
    if (!o->v[OPT_inspect_repeat].set)
        status = texts_args(o, &one->r, &one->texts, err);
    if (!one->r.tokenizer && osso_model_tokenizer(one->r.model, &one->r.tokenizer, &none))
        one->r.tokenizer = NULL; /* ids need none; nothing then says what they mean */
    if (!status && o->v[OPT_inspect_repeat].set)
        status = draw_ids(one, (size_t)o->v[OPT_inspect_repeat].i, err);
    one->ids = status ? NULL : one->texts.list[0].data;
    one->n = status ? 0 : one->texts.list[0].len;
    return status;
}

static enum osso_status read_places(struct one *one, struct osso_error *err)
{
    const struct options *o = one->o;
    enum osso_status status = OSSO_OK;
    one->some_layers = o->v[OPT_inspect_layers].set;
    if (one->some_layers)
        status = layers_parse(o->v[OPT_inspect_layers].s, "--layers", &one->r.dims, &one->layers, err);
    if (!status && o->v[OPT_inspect_heads].set)
        status = heads_args(&o->v[OPT_inspect_heads], &one->heads, &one->n_heads, err);
    if (!status && o->v[OPT_inspect_positions].set)
        status = number_list_parse(o->v[OPT_inspect_positions].s, "--positions", true, &one->positions, err);
    return status;
}

static enum osso_status run(struct one *one, one_fn *fn, struct osso_error *err)
{
    const struct options *o = one->o;
    one->max_bytes = inspect_max_bytes(o);
    enum osso_status status = inspect_check_seed(o, err);
    if (!status)
        status = inspect_page_check(o, err);
    if (!status)
        status = runner_open(o, &one->r, err);
    if (!status && !one->r.model)
        status = error_set(err, OSSO_USAGE, "a script has no values to look into; give a model");
    if (!status)
        status = read_text(one, err);
    if (!status)
        status = read_places(one, err);
    if (!status)
        status = inspect_start(o, &one->r, (int64_t)one->n, INSPECT_ROWS, INSPECT_LOGIT_ROWS, err);
    return status ? status : fn(one, err);
}

int one_run(const struct options *o, one_fn *fn)
{
    struct one one = {.o = o};
    struct osso_error err = {0};
    interrupt_catch(INTERRUPT_WORK);
    enum osso_status status = run(&one, fn, &err);
    bool stopped = interrupted();
    interrupt_release();
    texts_free(&one.texts);
    mem_free(one.positions.n);
    mem_free(one.heads);
    runner_close(&one.r);
    return stopped && status ? 130 : exit_code(status, &err);
}
