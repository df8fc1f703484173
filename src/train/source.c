/* source.c: documents of text (data.h) or of arrays, dealt to micro-batches. */
#include "train/source.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* ---- arrays --------------------------------------------------------------------------------------------- */

static enum osso_status open_mask(struct source *s, const char *path, struct osso_error *err)
{
    enum osso_status status = npy_open_ids(path, &s->mask, err);
    if (!status && (s->mask.rows != s->ids.rows || s->mask.columns != s->ids.columns - 1))
        status = error_set(err, OSSO_FORMAT, "%s: the mask has the shape (%lld, %lld); the targets have (%lld, %lld)",
                           path, (long long)s->mask.rows, (long long)s->mask.columns, (long long)s->ids.rows,
                           (long long)s->ids.columns - 1);
    for (int64_t r = 0; !status && r < s->mask.rows; r++)
        for (int64_t i = 0; !status && i < s->mask.columns; i++)
            if (npy_at(&s->mask, r, i) < 0 || npy_at(&s->mask, r, i) > 1)
                status = error_set(err, OSSO_FORMAT, "%s: row %lld of the mask holds %lld; it takes 0 and 1", path,
                                   (long long)r, (long long)npy_at(&s->mask, r, i));
    return status;
}

static enum osso_status open_arrays(struct source *s, const char *ids, const char *mask, struct osso_error *err)
{
    enum osso_status status = npy_open_ids(ids, &s->ids, err);
    if (!status && s->ids.columns < 2)
        status = error_set(err, OSSO_FORMAT, "%s: rows of one id; a row is a document's ids and the one behind them",
                           ids);
    if (!status && mask)
        status = open_mask(s, mask, err);
    s->row_ids = mem_array((size_t)s->ids.columns, sizeof *s->row_ids);
    s->row_weights = mem_array((size_t)s->ids.columns, sizeof *s->row_weights);
    if (!status && (!s->row_ids || !s->row_weights))
        status = error_nomem(err, (uint64_t)s->ids.columns * 8, "a row of ids");
    return status;
}

static enum osso_status next_row(struct source *s, struct osso_error *err)
{
    int64_t row = (int64_t)(s->taken % (uint64_t)s->ids.rows), n = s->ids.columns;
    for (int64_t i = 0; i < n; i++) {
        int64_t id = npy_at(&s->ids, row, i);
        if (id < 0 || id > INT32_MAX)
            return error_set(err, OSSO_FORMAT, "%s: row %lld holds %lld, which is no token id", s->ids.map.path,
                             (long long)row, (long long)id);
        s->row_ids[i] = (int32_t)id;
        s->row_weights[i] = i > 0 && (!s->mask.data || npy_at(&s->mask, row, i - 1));
    }
    s->last = (struct doc){s->row_ids, s->row_weights, n};
    return OSSO_OK;
}

/* ---- text ----------------------------------------------------------------------------------------------- */

static enum osso_status open_docs(const struct osso_train_config *c, const struct osso_tokenizer *tokenizer,
                                  bool validation, struct source *s, struct osso_error *err)
{
    struct train_source list[MAX_SOURCES];
    for (int i = 0; i < c->n_sources; i++)
        list[i] = (struct train_source){c->sources[i].path, c->sources[i].weight, c->sources[i].split};
    char *val = settings_has(c, TRAIN_val_data) ? mem_strdup(settings_text(c, TRAIN_val_data)) : NULL;
    const char *split = NULL;
    double weight = 1;
    if (settings_has(c, TRAIN_val_data) && !val)
        return error_nomem(err, strlen(settings_text(c, TRAIN_val_data)), "a path");
    if (val)
        settings_source(val, &split, &weight);
    struct train_docs_options o = {.sources = list,
                                   .n_sources = c->n_sources,
                                   .val_path = val,
                                   .val_split = split,
                                   .seq_len = settings_int(c, TRAIN_seq_len),
                                   .seed = (uint64_t)settings_int(c, TRAIN_seed),
                                   .validation = validation};
    enum osso_status status = tokenizer
                                  ? train_docs_open(&o, tokenizer, &s->docs, err)
                                  : error_set(
                                        err, OSSO_USAGE,
                                        "data needs a tokenizer; name its folder with tokenizer (or init a model)");
    mem_free(val);
    return status;
}

/* ---- both ----------------------------------------------------------------------------------------------- */

static enum train_key key_of(bool validation)
{
    return validation ? TRAIN_val_ids : TRAIN_data_ids;
}

bool source_wanted(const struct osso_train_config *c, bool validation)
{
    if (!validation)
        return settings_has(c, TRAIN_data) || settings_has(c, TRAIN_data_ids);
    return settings_has(c, TRAIN_data) || settings_has(c, TRAIN_val_ids) || settings_has(c, TRAIN_val_data);
}

enum osso_status source_open(const struct osso_train_config *c, const struct osso_tokenizer *tokenizer, bool validation,
                             struct source *s, struct osso_error *err)
{
    const char *ids = settings_text(c, key_of(validation));
    *s = (struct source){0};
    if (!validation && ids && settings_has(c, TRAIN_data))
        return error_set(err, OSSO_USAGE, "data and data_ids are both given; give one of them");
    enum osso_status status = ids ? open_arrays(s, ids, settings_text(c, validation ? TRAIN_val_mask : TRAIN_data_mask),
                                                err)
                                  : open_docs(c, tokenizer, validation, s, err);
    if (status)
        source_close(s);
    return status;
}

void source_close(struct source *s)
{
    train_docs_free(s->docs);
    npy_close(&s->ids);
    npy_close(&s->mask);
    mem_free(s->row_ids);
    mem_free(s->row_weights);
    *s = (struct source){0};
}

enum osso_status source_seq_len(const struct osso_train_config *c, int64_t *seq_len_out, struct osso_error *err)
{
    struct npy ids;
    int64_t n = settings_int(c, TRAIN_seq_len);
    *seq_len_out = n;
    if (!settings_has(c, TRAIN_data_ids))
        return OSSO_OK;
    enum osso_status status = npy_open_ids(settings_text(c, TRAIN_data_ids), &ids, err);
    if (status)
        return status;
    *seq_len_out = ids.columns - 1;
    npy_close(&ids);
    if (settings_has(c, TRAIN_seq_len) && n != *seq_len_out)
        return error_set(err, OSSO_USAGE, "%s has rows of seq_len + 1 = %lld ids, and seq_len is %lld",
                         settings_text(c, TRAIN_data_ids), (long long)*seq_len_out + 1, (long long)n);
    return OSSO_OK;
}

enum osso_status source_seek(struct source *s, uint64_t taken, struct osso_error *err)
{
    s->taken = taken;
    s->held = false;
    return s->docs ? train_docs_seek(s->docs, taken, err) : OSSO_OK;
}

int64_t source_docs(const struct source *s)
{
    return s->docs ? train_docs_count(s->docs) : s->ids.rows;
}

int64_t source_tokens(const struct source *s)
{
    return s->docs ? train_docs_tokens(s->docs) : s->ids.rows * (s->ids.columns - 1);
}

int64_t source_targets(const struct source *s)
{
    int64_t sum = 0;
    if (s->docs)
        return train_docs_targets(s->docs);
    if (!s->mask.data)
        return source_tokens(s);
    for (int64_t r = 0; r < s->mask.rows; r++)
        for (int64_t i = 0; i < s->mask.columns; i++)
            sum += npy_at(&s->mask, r, i);
    return sum;
}

/* ---- micro-batches -------------------------------------------------------------------------------------- */

enum osso_status micro_create(const struct trainer_options *o, struct micro *m, struct osso_error *err)
{
    size_t n = (size_t)o->max_rows + (size_t)o->max_docs;
    *m = (struct micro){.ids = mem_array(n, sizeof *m->ids),
                        .start = mem_array((size_t)o->max_docs + 1, sizeof *m->start),
                        .weight = mem_array(n, sizeof *m->weight)};
    return m->ids && m->start && m->weight ? OSSO_OK : error_nomem(err, n * 8, "a micro-batch");
}

void micro_free(struct micro *m)
{
    mem_free(m->ids);
    mem_free(m->start);
    mem_free(m->weight);
    *m = (struct micro){0};
}

static enum osso_status next_doc(struct source *s, struct osso_error *err)
{
    if (!s->held && !s->docs)
        return next_row(s, err);
    if (!s->held)
        s->last = train_docs_next(s->docs);
    return OSSO_OK;
}

enum osso_status source_next(struct source *s, struct doc *doc_out, struct osso_error *err)
{
    enum osso_status status = next_doc(s, err);
    s->held = false;
    s->taken += !status;
    *doc_out = s->last;
    return status;
}

static void add_doc(struct micro *m, const struct doc *d)
{
    int64_t at = m->start[m->batch.n_docs];
    memcpy(m->ids + at, d->ids, (size_t)d->n * sizeof *d->ids);
    memcpy(m->weight + at, d->weights, (size_t)d->n * sizeof *d->weights);
    m->start[++m->batch.n_docs] = (int32_t)(at + d->n);
}

enum osso_status source_fill(struct source *s, const struct trainer_options *o, int docs, int64_t most, struct micro *m,
                             struct osso_error *err)
{
    int64_t rows = 0, room = s->docs ? o->max_docs : docs;
    room = most >= 0 && most < room ? most : room;
    m->batch = (struct trainer_batch){.ids = m->ids, .start = m->start, .weight = m->weight};
    m->start[0] = 0;
    while (m->batch.n_docs < room) {
        enum osso_status status = next_doc(s, err);
        if (status)
            return status;
        if (s->last.n < 2 || s->last.n - 1 > o->max_rows)
            return error_set(err, OSSO_LIMIT, "a document has %lld ids; from 2 to %d are possible",
                             (long long)s->last.n, o->max_rows + 1);
        s->held = rows + s->last.n - 1 > o->max_rows;
        if (s->held)
            break;
        rows += s->last.n - 1;
        add_doc(m, &s->last);
        s->taken++;
    }
    return OSSO_OK;
}
