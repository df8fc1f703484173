/* data_open.c: from paths to documents. */
#include "train/data_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "train/text_file.h"

#include <math.h>
#include <string.h>

static const double LEAST_WEIGHT = 0.001, MOST_WEIGHT = 100;

static enum osso_status read_source(struct docs_maker *m, const char *path, const char *split)
{
    struct file_map map = {0};
    bool lines = text_file_is_lines(path);
    if (lines && split && strcmp(split, "none") != 0)
        return error_set(m->err, OSSO_USAGE, "%s: split '%s' is for texts; a line of JSON is a document", path, split);
    const char *text;
    size_t len;
    enum osso_status status = text_file_open(path, &map, &text, &len, m->err);
    if (!status)
        status = lines ? docs_read_lines(m, text, len, path) : docs_read_text(m, text, len, split, path);
    file_map_close(&map);
    return status;
}

static enum osso_status add_source(struct docs_maker *m, const struct train_source *source)
{
    struct train_docs *d = m->docs;
    struct docs_source *own = &d->sources[d->n_sources];
    int64_t left_out = d->left_out;
    own->weight = source->weight > 0 || source->weight < 0 ? source->weight : 1;
    own->first = d->n_docs;
    if (!source->path || !source->path[0])
        return error_set(m->err, OSSO_USAGE, "data without a path");
    if (!isfinite(source->weight) || own->weight < LEAST_WEIGHT || own->weight > MOST_WEIGHT)
        return error_set(m->err, OSSO_USAGE, "%s: a weight of %g; from %g to %g will do", source->path, source->weight,
                         LEAST_WEIGHT, MOST_WEIGHT);
    enum osso_status status = read_source(m, source->path, source->split);
    own->end = d->n_docs;
    if (!status && own->end == own->first && !m->split_off)
        status = d->left_out > left_out
                     ? error_set(m->err, OSSO_FORMAT, "%s: all %lld conversations are longer than seq_len, %lld",
                                 source->path, (long long)(d->left_out - left_out), (long long)d->seq_len)
                     : error_set(m->err, OSSO_FORMAT, "%s holds no documents", source->path);
    d->n_sources++;
    return status;
}

static enum osso_status check_options(const struct train_docs_options *o, struct osso_error *err)
{
    if (o->n_sources < 1 && !(o->validation && o->val_path))
        return error_set(err, OSSO_USAGE, "there is no data: name a file, with data or --data");
    if (o->seq_len < 1 || o->seq_len > INT32_MAX - 1)
        return error_set(err, OSSO_USAGE, "a seq_len of %lld; at least 1", (long long)o->seq_len);
    return OSSO_OK;
}

static enum osso_status nothing_left(const struct train_docs_options *o, struct osso_error *err)
{
    return o->validation ? error_set(err, OSSO_NOTFOUND,
                                     "no document is held out for validation: there are too few; name a val_data")
                         : error_set(err, OSSO_FORMAT,
                                     "no document is left to learn from: all are held out or longer than seq_len; name "
                                     "a val_data, or split the text");
}

enum osso_status train_docs_open(const struct train_docs_options *o, const struct osso_tokenizer *tokenizer,
                                 struct train_docs **docs_out, struct osso_error *err)
{
    *docs_out = NULL;
    enum osso_status status = check_options(o, err);
    if (status)
        return status;
    bool own_val = o->validation && o->val_path;
    struct train_source val = {.path = o->val_path, .split = o->val_split};
    int n = own_val ? 1 : o->n_sources;
    struct train_docs *d = mem_alloc(sizeof *d);
    struct docs_maker m = {
        .docs = d, .tokenizer = tokenizer, .split_off = !o->val_path, .held_out = o->validation, .err = err};
    if (d)
        d->sources = mem_array((size_t)n, sizeof *d->sources);
    if (!d || !d->sources) {
        mem_free(d);
        return error_nomem(err, sizeof *d, "the data");
    }
    d->seq_len = o->seq_len;
    d->seed = o->seed;
    d->shuffled = !o->validation;
    m.end = osso_tokenizer_special(tokenizer, "<|endoftext|>");
    m.begin = osso_tokenizer_special(tokenizer, "<|startoftext|>");
    m.begin = m.begin >= 0 ? m.begin : m.end;
    for (int s = 0; s < n && !status; s++)
        status = add_source(&m, own_val ? &val : &o->sources[s]);
    for (int s = 0; s < d->n_sources && o->validation; s++)
        d->sources[s].weight = 1;
    if (!status && d->n_docs == 0)
        status = nothing_left(o, err);
    if (!status)
        status = docs_order_begin(d, err);
    osso_ids_free(&m.ids);
    mem_free(m.weights);
    if (status)
        train_docs_free(d);
    else
        *docs_out = d;
    return status;
}

void train_docs_free(struct train_docs *d)
{
    if (!d)
        return;
    osso_ids_free(&d->ids);
    mem_free(d->docs);
    mem_free(d->spans);
    mem_free(d->sources);
    mem_free(d->order);
    mem_free(d->weights);
    mem_free(d);
}

/* ---- of one epoch --------------------------------------------------------------------------------------- */

int64_t train_docs_count(const struct train_docs *d)
{
    double n = 0;
    for (int s = 0; s < d->n_sources; s++)
        n += d->sources[s].weight * (double)(d->sources[s].end - d->sources[s].first);
    return llround(n);
}

int64_t train_docs_tokens(const struct train_docs *d)
{
    double n = 0;
    for (int s = 0; s < d->n_sources; s++)
        n += d->sources[s].weight * (double)d->sources[s].tokens;
    return llround(n);
}

int64_t train_docs_targets(const struct train_docs *d)
{
    double n = 0;
    for (int s = 0; s < d->n_sources; s++)
        n += d->sources[s].weight * (double)d->sources[s].targets;
    return llround(n);
}

int64_t train_docs_bytes(const struct train_docs *d)
{
    double n = 0;
    for (int s = 0; s < d->n_sources; s++)
        n += d->sources[s].weight * (double)d->sources[s].bytes;
    return llround(n);
}

int64_t train_docs_left_out(const struct train_docs *d)
{
    return d->left_out;
}
