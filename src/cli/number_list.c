/* number_list.c: whole numbers and ranges from the command line. */
#include "cli/number_list.h"

#include "base/error.h"
#include "base/mem.h"
#include "cli/numbers.h"

#include <string.h>

enum { MOST_NUMBERS = 1 << 20 };

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
        size_t len = list->len + (size_t)(hi - lo) + 1;
        int64_t *more = mem_grow(list->n, len, sizeof *more);
        if (!more)
            return error_nomem(err, len * sizeof *more, flag);
        list->n = more;
        while (list->len < len)
            more[list->len++] = lo++;
        if (!at[n])
            return OSSO_OK;
        at += n + 1;
    }
}

enum osso_status layers_parse(const char *text, const char *flag, const struct osso_model_dims *dims,
                              struct osso_layers *layers, struct osso_error *err)
{
    struct number_list list;
    enum osso_status status = number_list_parse(text, flag, false, &list, err);
    *layers = (struct osso_layers){{0}};
    for (size_t i = 0; i < list.len && !status; i++) {
        if (list.n[i] >= dims->n_layers)
            status = error_set(err, OSSO_USAGE, "%s: layer %lld: the model has layers 0 to %lld", flag,
                               (long long)list.n[i], (long long)dims->n_layers - 1);
        else
            layers->bits[list.n[i] / 64] |= (uint64_t)1 << list.n[i] % 64;
    }
    mem_free(list.n);
    return status;
}
