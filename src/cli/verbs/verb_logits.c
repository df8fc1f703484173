/* verb_logits.c: what the model itself says at every position of a list of ids. */
#include "cli/input.h"
#include "cli/model_args.h"
#include "cli/npy.h"
#include "cli/out.h"
#include "cli/progress.h"

#include "base/error.h"

#include <stdlib.h>

/* Logits that are kept at a time: with a vocabulary of 201,088 a row takes 0.8 MB. */
enum { LOGIT_BYTES = 64 << 20, MOST_ROWS = 512, FEWEST_ROWS = 16 };

/* Steps through the session and writes each row that has become ready. */
static enum osso_status write_rows(struct runner *r, size_t n, int max_rows, struct save *file, struct osso_error *err)
{
    size_t row_bytes = (size_t)r->dims.vocab * sizeof(float), at = 0;
    while (at < n) {
        if (interrupted())
            return error_set(err, OSSO_CANCELLED, "stopped by Ctrl-C");
        progress_prompt(at, n);
        enum osso_status status = osso_step(r->engine, &r->session, 1, max_rows, err);
        if (status)
            return status;
        size_t ready = osso_session_computed(r->session);
        if (ready <= at)
            return error_set(err, OSSO_LIMIT, "the engine does not get past position %zu", at);
        for (; at < ready; at++) {
            const float *row = osso_session_logits(r->session, at);
            if (!row)
                return error_set(err, OSSO_LIMIT, "the engine has no logits of position %zu", at);
            if ((status = osso_session_check_logits(r->session, at, err)) ||
                (status = save_write(file, row, row_bytes, err)))
                return status;
        }
    }
    return OSSO_OK;
}

static enum osso_status run(const struct options *o, struct runner *r, struct osso_ids *ids, struct save **file,
                            struct osso_error *err)
{
    enum osso_status status = input_ids_of(o->v[OPT_ids].s, ids, err);
    if (!status)
        status = runner_open(o, r, err);
    if (status)
        return status;
    struct osso_engine_options e = engine_args(o, r);
    int64_t rows = LOGIT_BYTES / ((r->dims.vocab > 0 ? r->dims.vocab : 1) * (int64_t)sizeof(float));
    rows = rows > MOST_ROWS ? MOST_ROWS : rows < FEWEST_ROWS ? FEWEST_ROWS : rows;
    if ((uint64_t)rows > ids->len)
        rows = (int64_t)ids->len;
    e.max_rows = e.max_logit_rows = (int)rows;
    if (!o->v[OPT_ctx_size].set)
        e.context = (int64_t)ids->len;
    if (!status)
        status = runner_start(r, &e, err);
    if (!status)
        status = osso_session_sync(r->session, ids->data, ids->len, err);
    if (status)
        return status;
    osso_session_want_logits(r->session, 0);
    status = npy_open(o->v[OPT_out].s, ids->len, (uint64_t)r->dims.vocab, file, err);
    if (status)
        return status;
    progress_begin(PROGRESS_PROMPT);
    status = write_rows(r, ids->len, (int)rows, *file, err);
    progress_end();
    return status;
}

int verb_logits(const struct options *o)
{
    struct runner r = {0};
    struct osso_ids ids = {0};
    struct osso_error err = {0};
    struct save *file = NULL;
    if (!o->v[OPT_ids].set || !o->v[OPT_out].set) {
        say("logits needs --ids LIST|FILE and -o FILE.npy; see osso logits --help");
        return 2;
    }
    interrupt_catch(INTERRUPT_TIDY); /* a half-written file must go */
    enum osso_status status = run(o, &r, &ids, &file, &err);
    if (status)
        save_abort(file);
    else
        status = save_commit(file, &err);
    interrupt_release();
    osso_ids_free(&ids);
    runner_close(&r);
    return status == OSSO_CANCELLED ? 130 : exit_code(status, &err);
}
