/* steer_args.c: --steer: vectors that are added to a run. */
#include "cli/steer_args.h"
#include "cli/number_list.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/numbers.h"

#include <string.h>

struct steering {
    struct osso_steer *list; /* [n] */
    struct osso_layers *layers;
    size_t n;
};

/* Cuts "FILE:STRENGTH:LAYERS", where FILE may have colons too: it is the longest beginning that is a file. *rest: what
 * stands behind it, NULL: nothing. */
static void cut_file(char *spec, char **rest)
{
    *rest = NULL;
    for (char *colon = spec + strlen(spec); !file_exists(spec);) {
        if (*rest)
            **rest = ':';
        for (*rest = NULL; colon > spec && *--colon != ':';)
            ;
        if (colon == spec)
            return;
        *colon = 0;
        *rest = colon;
    }
}

static enum osso_status read_spec(const char *spec, char *space, const struct osso_model_dims *dims,
                                  struct osso_steer *steer, struct osso_layers *layers, struct osso_error *err)
{
    struct osso_steering *vector;
    char *rest, *list;
    enum osso_status status;
    cut_file(space, &rest);
    *steer = (struct osso_steer){.strength = 1};
    if (!rest && !file_exists(space))
        return error_set(err, OSSO_USAGE, "--steer %s: there is no such file", spec);
    list = rest ? strchr(rest + 1, ':') : NULL;
    if (list)
        *list++ = 0;
    if (rest && !parse_f64(rest + 1, &steer->strength))
        return error_set(err, OSSO_USAGE, "--steer %s: '%s' is no strength; a number is expected, such as 1.5 or -1",
                         spec, rest + 1);
    if (list && (status = layers_parse(list, "--steer", dims, layers, err)))
        return status;
    steer->layers = list ? layers : NULL;
    status = osso_steering_open(space, &vector, err);
    steer->vector = vector;
    if (!status && osso_steering_width(vector) != dims->hidden)
        status = error_set(err, OSSO_USAGE,
                           "%s has vectors of %lld values, the model's have %lld: it was made for another model", space,
                           (long long)osso_steering_width(vector), (long long)dims->hidden);
    return status;
}

enum osso_status steering_args(const struct options *o, const struct osso_model_dims *dims,
                               struct steering **steering_out, struct osso_error *err)
{
    size_t n = o->v[OPT_steer].n;
    enum osso_status status = OSSO_OK;
    *steering_out = NULL;
    if (n == 0)
        return OSSO_OK;
    if (o->v[OPT_script].set)
        return error_set(err, OSSO_USAGE,
                         "--steer changes what a model computes, and --script runs none; give one of them");
    struct steering *s = mem_alloc(sizeof *s);
    if (!s)
        return error_nomem(err, sizeof *s, "--steer");
    *s = (struct steering){mem_array(n, sizeof *s->list), mem_array(n, sizeof *s->layers), 0};
    if (!s->list || !s->layers)
        status = error_nomem(err, n * sizeof *s->layers, "--steer");
    for (size_t i = 0; i < n && !status; i++) {
        char *space = mem_strdup(o->v[OPT_steer].list[i]);
        status = space ? read_spec(o->v[OPT_steer].list[i], space, dims, &s->list[i], &s->layers[i], err)
                       : error_nomem(err, n, "--steer");
        s->n = i + 1;
        mem_free(space);
    }
    if (status)
        steering_free(s);
    else
        *steering_out = s;
    return status;
}

enum osso_status steering_apply(const struct steering *s, struct osso_session *session, struct osso_error *err)
{
    return osso_session_steer(session, s->list, s->n, err);
}

void steering_free(struct steering *s)
{
    for (size_t i = 0; s && i < s->n; i++)
        osso_steering_free((struct osso_steering *)s->list[i].vector);
    if (s) {
        mem_free(s->list);
        mem_free(s->layers);
    }
    mem_free(s);
}
