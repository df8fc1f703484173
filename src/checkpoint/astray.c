/* astray.c: names that look like one that was looked for. */
#include "checkpoint/astray.h"

#include <string.h>

/* A tensor of this name behind a prefix ("base_model.model."), as wrappers save them; NULL: none. */
const char *astray_prefixed(const struct tensors *set, const char *name)
{
    size_t n = strlen(name);
    for (int64_t i = 0; i < set->n; i++) {
        const char *have = set->list[i].name;
        size_t m = strlen(have);
        if (m > n + 1 && have[m - n - 1] == '.' && strcmp(have + m - n, name) == 0)
            return have;
    }
    return NULL;
}

static bool is_known(const struct names *names, int layer, int expert, const char *name)
{
    char known[NAMES_TEXT];
    for (int i = 0; i < names->n_rows; i++)
        for (int part = 0; part < NAMES_PARTS && names->rows[i].ending[part]; part++) {
            names_text_of(names, &names->rows[i], layer, part, expert, known);
            if (strcmp(known, name) == 0)
                return true;
        }
    return false;
}

/* What stands in its place under a name that no model of ours has: that which agrees longest, at least up to the last
 * word; NULL: none. */
const char *astray_nearest(const struct tensors *set, const struct names *names, int layer, int expert,
                           const char *name)
{
    const char *dot = strrchr(name, '.'), *best = NULL;
    size_t least = dot ? (size_t)(dot - name) + 1 : strlen(name);
    for (int64_t i = 0; i < set->n; i++) {
        const char *have = set->list[i].name;
        size_t n = 0;
        while (name[n] && name[n] == have[n])
            n++;
        if (n < least || (best && n == least) || is_known(names, layer, expert, have))
            continue;
        best = have;
        least = n;
    }
    /* Or the same end behind another beginning: "model.language_model.layers.0....". */
    const char *rest = strchr(name, '.');
    return best || !rest || !strchr(rest + 1, '.') ? best : astray_prefixed(set, rest + 1);
}
