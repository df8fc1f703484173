/* inspect_args.c: hooks, heads and tokens from the command line, and an engine to look into. */
#include "cli/inspect_args.h"

#include "base/error.h"
#include "base/mem.h"
#include "cli/input.h"
#include "cli/numbers.h"
#include "cli/out.h"

#include <string.h>

/* Rows of a step are few enough that what attention keeps of them for a hook is bounded. */
enum { FEWEST_ROWS = 16, KEPT_BYTES = 256 << 20 };

enum osso_status heads_args(const struct option_value *v, int32_t **heads, int *n, struct osso_error *err)
{
    struct number_list list;
    enum osso_status status = number_list_parse(v->s, "--heads", false, &list, err);
    *heads = status ? NULL : mem_array(list.len, sizeof **heads);
    if (!status && !*heads)
        status = error_nomem(err, list.len * sizeof **heads, "--heads");
    for (size_t i = 0; i < list.len && !status; i++)
        (*heads)[i] = list.n[i] < INT32_MAX ? (int32_t)list.n[i] : INT32_MAX;
    *n = (int)list.len;
    mem_free(list.n);
    return status;
}

enum osso_status hooks_args(const struct options *o, const struct runner *r, const char *const *names, size_t n_names,
                            struct osso_hooks **hooks_out, struct osso_error *err)
{
    struct osso_layers layers = {{0}};
    struct osso_hooks_options hooks = {.size = sizeof hooks, .names = names, .n_names = n_names};
    int32_t *heads = NULL;
    enum osso_status status = OSSO_OK;
    *hooks_out = NULL;
    if (o->v[OPT_inspect_layers].set) {
        status = layers_parse(o->v[OPT_inspect_layers].s, "--layers", &r->dims, &layers, err);
        hooks.layers = &layers;
    }
    if (!status && o->v[OPT_inspect_heads].set)
        status = heads_args(&o->v[OPT_inspect_heads], &heads, &hooks.n_heads, err);
    hooks.heads = heads;
    if (!status)
        status = osso_hooks_create(r->model, &hooks, hooks_out, err);
    mem_free(heads);
    return status;
}

enum osso_status token_arg(struct runner *r, const struct option_value *v, const char *flag, int32_t *id,
                           struct osso_error *err)
{
    struct osso_ids ids = {0};
    int64_t number;
    bool is_number = parse_i64(v->s, &number) && number >= 0 && number <= INT32_MAX;
    enum osso_status status = input_check_utf8(v->s, strlen(v->s), flag, err);
    *id = is_number ? (int32_t)number : -1;
    if (!status && *v->s == 0)
        status = error_set(err, OSSO_USAGE, "%s is empty; give some text", flag);
    if (!status && !r->tokenizer) {
        struct osso_error none;
        status = runner_tokenizer(r, is_number ? &none : err);
        if (status && is_number)
            return OSSO_OK; /* a model without a tokenizer has ids alone */
    }
    if (!status)
        status = osso_tokenizer_encode(r->tokenizer, v->s, strlen(v->s), 0, &ids, err);
    if (!status && osso_tokenizer_special(r->tokenizer, v->s) >= 0)
        *id = osso_tokenizer_special(r->tokenizer, v->s);
    if (!status && ids.len == 1)
        *id = ids.data[0];
    if (!status && *id < 0)
        status = error_set(err, OSSO_USAGE, "%s: '%s' is %zu tokens, and one is needed; mind the blank before a word",
                           flag, v->s, ids.len);
    osso_ids_free(&ids);
    return status;
}

uint64_t inspect_max_bytes(const struct options *o)
{
    return o->v[OPT_look_bytes].set ? (uint64_t)o->v[OPT_look_bytes].i : 0;
}

enum osso_status inspect_start(const struct options *o, struct runner *r, int64_t longest, int64_t rows,
                               int64_t logit_rows, struct osso_error *err)
{
    struct osso_engine_options e = engine_args(o, r);
    if (!e.context)
        e.context = longest < r->dims.context ? longest : r->dims.context;
    int64_t keys = e.context * r->dims.n_heads * (int64_t)sizeof(float), fit = keys ? KEPT_BYTES / keys : rows;
    fit = fit < FEWEST_ROWS ? FEWEST_ROWS : fit;
    e.max_rows = (int)(rows < fit ? rows : fit);
    e.max_logit_rows = (int)(logit_rows < e.max_rows ? logit_rows : e.max_rows);
    enum osso_status status = runner_start(r, &e, err);
    if (!status)
        osso_engine_set_interrupt(r->engine, interrupt_flag());
    return status;
}
