/* data_parts.h: what the files of the data share: documents while they are collected, and as they are kept. */
#ifndef OSSO_TRAIN_DATA_PARTS_H
#define OSSO_TRAIN_DATA_PARTS_H

#include "train/data.h"

/* Ids [from, to) of a document weigh so much. Everything else weighs nothing. */
struct doc_span {
    uint32_t from, to;
    float weight;
};

struct doc_place {
    size_t at;   /* its first id among all ids */
    uint32_t n;  /* ids */
    size_t span; /* its first span */
    uint32_t n_spans;
    uint32_t source;
    uint32_t targets, bytes;
};

struct docs_source {
    double weight;
    size_t first, end; /* documents */
    int64_t tokens, targets, bytes;
};

struct train_docs {
    struct osso_ids ids;
    struct doc_place *docs;
    size_t n_docs, docs_cap;
    struct doc_span *spans;
    size_t n_spans, spans_cap;
    struct docs_source *sources;
    int n_sources;
    int64_t left_out, seq_len;
    size_t longest;
    uint64_t seed;
    bool shuffled;

    /* The epoch that is being given. */
    uint32_t *order;
    size_t order_len, order_at;
    uint64_t epoch, position;
    float *weights; /* of the last document */
};

/* What a source's documents become. */
struct docs_maker {
    struct train_docs *docs;
    const struct osso_tokenizer *tokenizer;
    int32_t begin, end;       /* ids around a text; -1: none */
    bool split_off, held_out; /* the hash says which documents are meant; those held out, or the others */
    struct osso_ids ids;      /* of one document */
    float *weights;           /* of a conversation's ids */
    size_t weights_cap;
    struct osso_error *err;
};

/* data_store.c: is a document with this text among those that are meant? */
bool docs_meant(const struct docs_maker *m, const void *text, size_t len);
/* A text of len > 0 bytes: pieces of at most seq_len rows. */
enum osso_status docs_add_text(struct docs_maker *m, const char *text, size_t len);
/* What is in m->ids and m->weights: one document, or one more that is left out. */
enum osso_status docs_add_chat(struct docs_maker *m);

/* data_text.c: a file's text; `where` is its name. */
enum osso_status docs_read_text(struct docs_maker *m, const char *text, size_t len, const char *split,
                                const char *where);
/* data_lines.h: a file of JSON lines. */
enum osso_status docs_read_lines(struct docs_maker *m, const char *text, size_t len, const char *where);

/* data_order.c: the epoch that position 0 is in. */
enum osso_status docs_order_begin(struct train_docs *d, struct osso_error *err);

#endif
