/* inspect_args.c: hooks, layers, heads and positions from the command line. */
#include "cli/inspect_args.h"

#include "base/error.h"
#include "base/mem.h"

static enum osso_status take_heads(const struct option_value *v, int32_t **heads, int *n, struct osso_error *err)
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
        status = take_heads(&o->v[OPT_inspect_heads], &heads, &hooks.n_heads, err);
    hooks.heads = heads;
    if (!status)
        status = osso_hooks_create(r->model, &hooks, hooks_out, err);
    mem_free(heads);
    return status;
}
