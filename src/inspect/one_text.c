/* one_text.c: one text that is run under hooks. */
#include "inspect/one_text.h"

#include "base/error.h"
#include "base/mem.h"

enum osso_status one_text_positions(struct one_text *t, const int64_t *positions, size_t n_positions,
                                    struct osso_error *err)
{
    long long n = (long long)t->n;
    if (t->n == 0)
        return error_set(err, OSSO_USAGE, "the text is empty; give some");
    t->at = mem_array(t->n, sizeof *t->at);
    t->place = mem_array(t->n, sizeof *t->place);
    if (!t->at || !t->place)
        return error_nomem(err, t->n * sizeof *t->at, "positions");
    for (size_t i = 0; i < n_positions; i++) {
        int64_t at = positions[i] < 0 ? positions[i] + n : positions[i];
        if (at < 0 || at >= n)
            return error_set(err, OSSO_USAGE, "position %lld: the text has %lld tokens, positions 0 to %lld",
                             (long long)positions[i], n, n - 1);
        t->place[at] = 1;
    }
    for (size_t p = 0; p < t->n; p++)
        if (n_positions == 0 || t->place[p]) {
            t->place[p] = (int32_t)t->n_at;
            t->at[t->n_at++] = (int64_t)p;
        } else
            t->place[p] = -1;
    return OSSO_OK;
}

enum osso_status one_text_say(const struct one_text *t, uint64_t done, struct osso_error *err)
{
    if (t->progress && t->progress(t->user, t->n + done, t->n + t->more))
        return error_set(err, OSSO_CANCELLED, "ended early");
    return OSSO_OK;
}

enum osso_status one_text_run(struct one_text *t, struct osso_hooks *hooks, osso_hook_fn *fn, void *user,
                              struct osso_error *err)
{
    struct osso_session *s;
    enum osso_status status = osso_session_create(t->engine, 0, &s, err);
    if (status)
        return status;
    status = osso_session_hook(s, hooks, fn, user, false, t->at[0], t->at[t->n_at - 1] + 1, err);
    if (!status)
        status = osso_session_sync(s, t->ids, t->n, err);
    while (!status && !osso_session_ready(s)) {
        status = osso_step(t->engine, &s, 1, 0, err);
        if (!status && t->progress && t->progress(t->user, osso_session_computed(s), t->n + t->more))
            status = error_set(err, OSSO_CANCELLED, "ended after %zu of %zu tokens", osso_session_computed(s), t->n);
    }
    osso_session_free(s);
    return status;
}

enum osso_status one_text_tap(struct osso_engine *engine, const int32_t *ids, size_t n,
                              const struct osso_tap_options *tap, struct osso_error *err)
{
    struct osso_session *s;
    enum osso_status status = osso_session_create(engine, 0, &s, err);
    if (status)
        return status;
    status = osso_session_sync(s, ids, n, err);
    if (!status)
        status = osso_session_set_tap(s, tap, err);
    while (!status && !osso_session_ready(s))
        status = osso_step(engine, &s, 1, 0, err);
    osso_session_free(s);
    return status;
}

enum osso_status one_text_room(uint64_t rows, uint64_t width, uint64_t max_bytes, const char *less,
                               struct osso_error *err)
{
    uint64_t most = one_text_most(max_bytes);
    if (width && rows > most / sizeof(float) / width)
        return error_set(err, OSSO_LIMIT,
                         "%llu rows of %llu values would have to be kept, more than %llu bytes: ask for %s",
                         (unsigned long long)rows, (unsigned long long)width, (unsigned long long)most, less);
    return OSSO_OK;
}

void one_text_end(struct one_text *t)
{
    mem_free(t->at);
    mem_free(t->place);
    t->at = NULL;
    t->place = NULL;
}
