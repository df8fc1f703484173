/* data_store.c: documents as ids and spans. */
#include "train/data_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { HELD_OUT = 13 }; /* of 256: a twentieth */

bool docs_meant(const struct docs_maker *m, const void *text, size_t len)
{
    uint8_t hash[SHA256_LEN];
    if (!m->split_off)
        return true;
    sha256(text, len, hash);
    return (hash[0] < HELD_OUT) == m->held_out;
}

/* Room for one more of an array that grows. */
static bool room(void **list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    size_t more = *cap ? *cap + *cap / 2 : 256;
    void *grown = mem_grow(*list, more, size);
    if (!grown)
        return false;
    *list = grown;
    *cap = more;
    return true;
}

static enum osso_status add_span(struct docs_maker *m, struct doc_span span)
{
    struct train_docs *d = m->docs;
    if (!room((void **)&d->spans, d->n_spans, &d->spans_cap, sizeof *d->spans))
        return error_nomem(m->err, d->n_spans * sizeof *d->spans, "the data's weights");
    d->spans[d->n_spans++] = span;
    return OSSO_OK;
}

/* The document of ids [at, at + n), whose spans begin at `span`. */
static enum osso_status add_doc(struct docs_maker *m, size_t at, size_t n, size_t span)
{
    struct train_docs *d = m->docs;
    struct docs_source *source = &d->sources[d->n_sources];
    struct doc_place doc = {.at = at, .n = (uint32_t)n, .span = span, .n_spans = (uint32_t)(d->n_spans - span)};
    if (d->n_docs == UINT32_MAX - 1)
        return error_set(m->err, OSSO_LIMIT, "more than %u documents", UINT32_MAX - 1);
    if (!room((void **)&d->docs, d->n_docs, &d->docs_cap, sizeof *d->docs))
        return error_nomem(m->err, d->n_docs * sizeof *d->docs, "the list of documents");
    for (size_t s = span; s < d->n_spans; s++)
        for (uint32_t i = d->spans[s].from; i < d->spans[s].to; i++) {
            const char *bytes;
            size_t len = 0;
            int32_t id = d->ids.data[at + i];
            if (!osso_tokenizer_is_special(m->tokenizer, id))
                osso_tokenizer_piece(m->tokenizer, id, &bytes, &len);
            doc.bytes += (uint32_t)len;
            doc.targets++;
        }
    doc.source = (uint32_t)d->n_sources;
    source->tokens += (int64_t)n - 1;
    source->targets += doc.targets;
    source->bytes += doc.bytes;
    d->longest = n > d->longest ? n : d->longest;
    d->docs[d->n_docs++] = doc;
    return OSSO_OK;
}

enum osso_status docs_add_text(struct docs_maker *m, const char *text, size_t len)
{
    struct train_docs *d = m->docs;
    size_t first = d->ids.len, most = (size_t)d->seq_len + 1;
    enum osso_status status = OSSO_OK;
    if (m->begin >= 0)
        status = osso_ids_push(&d->ids, m->begin, m->err);
    if (!status)
        status = osso_tokenizer_encode(m->tokenizer, text, len, 0, &d->ids, m->err);
    if (!status && m->end >= 0)
        status = osso_ids_push(&d->ids, m->end, m->err);
    /* Each piece begins with the last id of the one before, so that every id but the first is a target once. */
    for (size_t at = first; !status && at + 1 < d->ids.len; at += most - 1) {
        size_t n = d->ids.len - at < most ? d->ids.len - at : most, span = d->n_spans;
        status = add_span(m, (struct doc_span){1, (uint32_t)n, 1});
        if (!status)
            status = add_doc(m, at, n, span);
    }
    return status;
}

enum osso_status docs_add_chat(struct docs_maker *m)
{
    struct train_docs *d = m->docs;
    size_t at = d->ids.len, n = m->ids.len, span = d->n_spans;
    if (n > (size_t)d->seq_len + 1) {
        d->left_out++;
        return OSSO_OK;
    }
    enum osso_status status = osso_ids_append(&d->ids, m->ids.data, n, m->err);
    for (size_t i = 1, end; i < n && !status; i = end) {
        for (end = i + 1; end < n && !(m->weights[end] < m->weights[i]) && !(m->weights[end] > m->weights[i]); end++)
            ;
        if (m->weights[i] > 0)
            status = add_span(m, (struct doc_span){(uint32_t)i, (uint32_t)end, m->weights[i]});
    }
    return status ? status : add_doc(m, at, n, span);
}
