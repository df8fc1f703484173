/* capture.c: texts through an engine, one after the other, and what their hooks show into a file. */
#include "inspect/capture.h"

#include "base/error.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "model/tap_spec.h"

/* What has been computed is whole: a step that ends in the middle leaves nothing. */
static void count_whole(struct capture *c, size_t computed)
{
    int64_t rows = c->base + capture_count(c, computed);
    for (size_t i = 0; i < c->sheets.n; i++)
        c->sheets.list[i].whole = rows;
    for (size_t i = 0; i < c->hooks->n; i++) {
        const struct column *col = &c->columns[i];
        if (col->rows == SIZE_MAX)
            continue;
        c->sheets.list[col->values].whole = c->sheets.list[col->positions].whole = c->sheets.list[col->rows].whole =
            col->count;
        if (col->places != SIZE_MAX)
            c->sheets.list[col->places].whole = col->count;
    }
}

static bool wants_logits(const struct osso_hooks *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (tap_table[h->list[i].row->tap].kind == LOGITS)
            return true;
    return false;
}

/* Steps until the session is ready. *ended: somebody wants no more. */
static enum osso_status advance(struct capture *c, struct osso_session *s, int64_t done_before, int64_t total,
                                bool *ended, struct osso_error *err)
{
    while (!osso_session_ready(s) && !*ended) {
        enum osso_status status = osso_step(c->engine, &s, 1, 0, err);
        if (c->status)
            return c->status; /* err says why the file could not be written */
        *ended = status == OSSO_CANCELLED;
        if (status && !*ended)
            return status;
        if (status)
            break;
        size_t computed = osso_session_computed(s);
        count_whole(c, computed);
        if (c->o.progress)
            *ended = c->o.progress(c->o.user, (uint64_t)(done_before + (int64_t)computed), (uint64_t)total) != 0;
    }
    return OSSO_OK;
}

static bool stops(const struct capture *c, int32_t id)
{
    for (size_t i = 0; i < c->o.n_stop_ids; i++)
        if (c->o.stop_ids[i] == id)
            return true;
    return false;
}

static enum osso_status generate(struct capture *c, struct osso_session *s, struct osso_sampler *sampler,
                                 int64_t done_before, int64_t total, bool *ended, struct osso_error *err)
{
    struct osso_choice choice = {.id = -1};
    enum osso_status status = OSSO_OK;
    for (int64_t i = 0; i < c->o.generate && !status && !*ended && !stops(c, choice.id); i++) {
        status = osso_sample(sampler, s, &choice, NULL, 0, err);
        if (!status)
            status = osso_session_append(s, choice.id, err);
        if (!status)
            status = advance(c, s, done_before, total, ended, err);
    }
    return status;
}

/* The tokens of this text as far as they were computed, for the metadata. */
static void note_text(struct capture *c, const struct osso_session *s)
{
    size_t n, computed = osso_session_computed(s);
    const int32_t *ids = osso_session_tokens(s, &n);
    n = computed < n ? computed : n;
    buf_printf(&c->lengths, "%s%zu", c->lengths.len ? "," : "", n);
    for (size_t p = 0; p < n; p++) {
        capture_note(c, ids[p]);
        if (c->row_of[p] >= 0)
            buf_printf(&c->positions, "%s%zu", c->positions.len ? "," : "", p);
    }
    c->base += capture_count(c, n);
}

static enum osso_status run_text(struct capture *c, size_t i, struct osso_sampler *sampler, int64_t done_before,
                                 int64_t total, bool *ended, struct osso_error *err)
{
    struct osso_session *s;
    int64_t first, end;
    size_t n = c->o.lengths[i];
    enum osso_status status = osso_session_create(c->engine, 0, &s, err);
    if (status)
        return status;
    capture_rows(c, n);
    capture_range(c, n, &first, &end);
    status = osso_session_hook(s, c->hooks, capture_put, c, false, first, end, err);
    if (!status)
        status = osso_session_sync(s, c->o.texts[i], n, err);
    if (!status && wants_logits(c->hooks))
        osso_session_want_logits(s, (size_t)first);
    if (!status)
        status = advance(c, s, done_before, total, ended, err);
    if (!status && !*ended)
        status = generate(c, s, sampler, done_before, total, ended, err);
    if (!status)
        note_text(c, s);
    osso_session_free(s);
    return status;
}

static enum osso_status run(struct capture *c, bool *ended, struct osso_error *err)
{
    struct osso_sampling greedy;
    struct osso_sampler *own = NULL;
    int64_t total = 0, done = 0;
    enum osso_status status = OSSO_OK;
    osso_sampling_defaults(&greedy);
    greedy.temperature = 0;
    if (!c->o.sampler)
        status = osso_sampler_create(&greedy, c->engine->config.vocab, &own, err);
    for (size_t i = 0; i < c->o.n_texts; i++)
        total += (int64_t)c->o.lengths[i] + c->o.generate;
    for (size_t i = 0; i < c->o.n_texts && !status && !*ended; i++) {
        status = run_text(c, i, own ? own : c->o.sampler, done, total, ended, err);
        done += (int64_t)c->o.lengths[i] + c->o.generate;
    }
    osso_sampler_free(own);
    return status;
}

/* Where generated tokens are longer than anybody expected, their ids alone are told. */
static void metadata_that_fits(struct capture *c, struct buf *b)
{
    capture_metadata(c, b);
    if (b->len <= c->sheets.metadata)
        return;
    buf_clear(b);
    c->o.tokenizer = NULL;
    capture_metadata(c, b);
}

enum osso_status osso_capture(struct osso_engine *engine, struct osso_hooks *hooks, const char *path,
                              const struct osso_capture_options *options, struct osso_error *err)
{
    struct capture c;
    struct buf metadata = {0};
    bool ended = false;
    enum osso_status status = capture_plan(engine, hooks, path, options, &c, err);
    if (!status)
        status = sheets_open(&c.sheets, path, err);
    if (!status)
        status = run(&c, &ended, err);
    if (!status) {
        metadata_that_fits(&c, &metadata);
        bool failed = metadata.failed || c.ids.failed || c.tokens.failed || c.positions.failed;
        status = failed ? error_nomem(err, metadata.len, "a file's metadata")
                        : sheets_commit(&c.sheets, &metadata, err);
    }
    if (!status && ended)
        status = error_set(err, OSSO_CANCELLED, "ended early: %s has the %lld whole rows so far", path,
                           (long long)c.base);
    capture_free(&c);
    buf_free(&metadata);
    return status;
}

enum osso_status osso_capture_measure(struct osso_engine *engine, struct osso_hooks *hooks, const char *path,
                                      const struct osso_capture_options *options, struct osso_capture_size *out,
                                      struct osso_error *err)
{
    struct capture c;
    struct osso_capture_size size = {.size = sizeof size};
    enum osso_status status = capture_plan(engine, hooks, path, options, &c, err);
    int64_t first = 0, end = 0;
    for (size_t i = 0; !status && i < c.o.n_texts; i++) {
        int64_t lo, hi;
        capture_range(&c, c.o.lengths[i], &lo, &hi);
        first = i == 0 || lo < first ? lo : first;
        end = hi > end ? hi : end;
    }
    if (!status)
        status = session_hook_bytes(engine, hooks, first, end, &size.kept_bytes, err);
    if (!status) {
        size.file_bytes = c.sheets.bytes;
        size.rows = (uint64_t)c.n_rows;
        size.memory_bytes = capture_memory(&c) + size.kept_bytes;
        size.at_most = c.o.generate > 0;
        for (size_t i = 0; i < hooks->n; i++)
            size.at_most = size.at_most || hooks->list[i].row->form == HOOK_EXPERT;
        sized_out(out, &size, sizeof size);
    }
    capture_free(&c);
    return status;
}
