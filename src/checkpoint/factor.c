/* factor.c: NVFP4's scales are eight bits without a sign, so the matrix has a factor that brings them into range.
 * Without it the values are another model's. */
#include "checkpoint/factor.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "blk.0.attn_q.scale"; false: the matrix's name does not end in what it would replace. */
static bool factor_name(const struct names *names, const char *matrix, char text[NAMES_TEXT])
{
    static const char ending[] = ".weight";
    size_t n = strlen(matrix), m = sizeof ending - 1;
    if (n < m || strcmp(matrix + n - m, ending) != 0)
        return false;
    return (size_t)snprintf(text, NAMES_TEXT, "%.*s%s", (int)(n - m), matrix, names->factor) < NAMES_TEXT;
}

static enum osso_status check_values(const char *where, const struct tensor *t, struct osso_error *err)
{
    for (uint64_t i = 0; i < t->bytes / sizeof(float); i++) {
        float value;
        memcpy(&value, t->data + i * sizeof value, sizeof value);
        if (!(value >= 0) || isinf(value))
            return error_set(err, OSSO_FORMAT, "%s: tensor %s: factor %llu is %g; it must be a number from 0 on", where,
                             t->name, (unsigned long long)i, (double)value);
    }
    return OSSO_OK;
}

enum osso_status factor_find(const struct tensors *set, const char *where, const struct names *names,
                             const struct names_row *row, const struct tensor *matrix, int64_t stack,
                             const struct tensor **factor_out, struct osso_error *err)
{
    char name[NAMES_TEXT];
    *factor_out = NULL;
    /* The embedding is read by rows, not multiplied with: nobody says what a factor means there. */
    if (!names->factor || matrix->dtype != DT_NVFP4 || row->members[0] == PARAM_embed ||
        !factor_name(names, matrix->name, name))
        return OSSO_OK;
    const struct tensor *t = tensors_find(set, name);
    if (!t)
        return OSSO_OK;
    if (t->dtype != DT_F32)
        return error_set(err, OSSO_UNSUPPORTED, "%s: tensor %s has the type %s; the factor of a matrix is F32", where,
                         t->name, t->type);
    if (t->rank > 1 || (t->bytes != sizeof(float) && t->bytes != (uint64_t)stack * sizeof(float)))
        return error_set(err, OSSO_FORMAT,
                         "%s: tensor %s has %d dimensions and %llu values; beside %s there must be one%s", where,
                         t->name, t->rank, (unsigned long long)(t->bytes / sizeof(float)), matrix->name,
                         stack > 1 ? ", or one for each expert" : "");
    *factor_out = t;
    return check_values(where, t, err);
}
