/* inspect_args.c: hooks, layers, heads and positions from the command line. */
#include "cli/inspect_args.h"

#include "base/error.h"
#include "base/mem.h"
#include "cli/numbers.h"

#include <stdio.h>
#include <string.h>

enum { MOST_NUMBERS = 1 << 20 };

static bool push(struct number_list *list, int64_t n)
{
    if ((list->len & (list->len + 1)) == 0 || !list->n) { /* a power of two less one: room for as many again */
        int64_t *more = mem_grow(list->n, 2 * list->len + 2, sizeof *more);
        if (!more)
            return false;
        list->n = more;
    }
    list->n[list->len++] = n;
    return true;
}

/* "4", "4-7", "-1": of n characters. */
static bool parse_range(const char *text, size_t n, bool negative, int64_t *lo, int64_t *hi)
{
    char space[48];
    if (n == 0 || n >= sizeof space)
        return false;
    memcpy(space, text, n);
    space[n] = 0;
    char *dash = strchr(space + 1, '-');
    if (dash)
        *dash = 0;
    if (!parse_i64(space, lo) || (dash && !parse_i64(dash + 1, hi)))
        return false;
    if (!dash)
        *hi = *lo;
    return *lo <= *hi && *hi - *lo < MOST_NUMBERS && (negative || *lo >= 0);
}

enum osso_status number_list_parse(const char *text, const char *flag, bool negative, struct number_list *list,
                                   struct osso_error *err)
{
    *list = (struct number_list){0};
    for (const char *at = text;;) {
        size_t n = strcspn(at, ",");
        int64_t lo, hi;
        if (!parse_range(at, n, negative, &lo, &hi) || list->len + (size_t)(hi - lo) >= MOST_NUMBERS)
            return error_set(err, OSSO_USAGE, "%s: '%s' is no list of numbers and ranges, as 4-7,9%s", flag, text,
                             negative ? " or -1" : "");
        for (int64_t i = lo; i <= hi; i++)
            if (!push(list, i))
                return error_nomem(err, list->len * sizeof *list->n, flag);
        if (!at[n])
            return OSSO_OK;
        at += n + 1;
    }
}

static enum osso_status take_layers(const struct option_value *v, struct osso_layers *layers, struct osso_error *err)
{
    struct number_list list;
    enum osso_status status = number_list_parse(v->s, "--layers", false, &list, err);
    for (size_t i = 0; i < list.len && !status; i++) {
        if (list.n[i] >= OSSO_TAP_LAYERS)
            status = error_set(err, OSSO_USAGE, "--layers: no model has a layer %lld", (long long)list.n[i]);
        else
            layers->bits[list.n[i] / 64] |= (uint64_t)1 << list.n[i] % 64;
    }
    mem_free(list.n);
    return status;
}

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

enum osso_status hooks_args(const struct options *o, const struct osso_model *model, const char *const *names,
                            size_t n_names, struct osso_hooks **hooks_out, struct osso_error *err)
{
    struct osso_layers layers = {{0}};
    struct osso_hooks_options hooks = {.size = sizeof hooks, .names = names, .n_names = n_names};
    int32_t *heads = NULL;
    enum osso_status status = OSSO_OK;
    *hooks_out = NULL;
    if (o->v[OPT_inspect_layers].set) {
        status = take_layers(&o->v[OPT_inspect_layers], &layers, err);
        hooks.layers = &layers;
    }
    if (!status && o->v[OPT_inspect_heads].set)
        status = take_heads(&o->v[OPT_inspect_heads], &heads, &hooks.n_heads, err);
    hooks.heads = heads;
    if (!status)
        status = osso_hooks_create(model, &hooks, hooks_out, err);
    mem_free(heads);
    return status;
}
