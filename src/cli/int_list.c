/* int_list.c: whole numbers separated by commas. */
#include "cli/int_list.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum osso_status int_list_parse(const struct option_value *value, const char *standard, const char *flag,
                                struct int_list *list, struct osso_error *err)
{
    const char *s = value->set ? value->s : standard;
    list->len = 0;
    for (const char *at = s;;) {
        char number[24];
        size_t n = strcspn(at, ",");
        int64_t v;
        snprintf(number, sizeof number, "%.*s", n < sizeof number ? (int)n : 0, at);
        if (!parse_i64(number, &v) || v < 0 || v > 1 << 24 || list->len >= INT_LIST_MOST)
            return error_set(err, OSSO_USAGE, "%s: '%s' is not a list of at most %d whole numbers, separated by commas",
                             flag, s, INT_LIST_MOST);
        list->n[list->len++] = v;
        if (!at[n])
            return OSSO_OK;
        at += n + 1;
    }
}

int64_t int_list_largest(const struct int_list *list)
{
    int64_t most = 0;
    for (int i = 0; i < list->len; i++)
        most = list->n[i] > most ? list->n[i] : most;
    return most;
}
