/* capture.h: what the files of a capture share. */
#ifndef OSSO_INSPECT_CAPTURE_H
#define OSSO_INSPECT_CAPTURE_H

#include "inspect/hooks.h"
#include "inspect/sheets.h"

/* Where a hook's values go. */
struct column {
    size_t values;                  /* its sheet ... */
    size_t places, positions, rows; /* ... and those beside it, SIZE_MAX: none (--top; single experts) */
    int64_t groups, last;           /* a row's values: groups of the last axis */
    int64_t kept;                   /* of `last`: all, or the largest */
    int64_t count;                  /* rows of a single expert so far, whole or not */
};

struct capture {
    struct osso_engine *engine;
    struct osso_hooks *hooks;
    struct osso_capture_options o;
    struct sheets sheets;
    struct column *columns; /* [hooks->n] */
    enum sheet_type type;
    int64_t n_rows, keys; /* as planned: rows of all texts; positions of the longest */
    int64_t *row_of;      /* [context] of the text in work: its positions' rows, -1: not wanted */
    int64_t base;         /* rows of the texts before */
    char *space;          /* values in its first half, their places in its second; the largest of a group behind both */
    size_t space_bytes;
    struct buf ids, tokens, lengths, positions; /* lists for the metadata, as far as the texts have come */
    enum osso_status status;                    /* what went wrong within a step */
    struct osso_error *err;
};

/* ---- capture_plan.c ---- */

/* Checks the options, plans the file. Whatever comes of it, capture_free takes it apart. */
enum osso_status capture_plan(struct osso_engine *engine, struct osso_hooks *hooks, const char *path,
                              const struct osso_capture_options *options, struct capture *c, struct osso_error *err);
void capture_free(struct capture *c);
/* The rows of a text of n tokens, which `generate` more may follow, by c->row_of; how many of its first `computed`
 * positions are wanted. */
void capture_rows(struct capture *c, size_t n);
int64_t capture_count(const struct capture *c, size_t computed);
/* The positions that are looked at in a text of n tokens: [*first, *end), end 0: no end. */
void capture_range(const struct capture *c, size_t n, int64_t *first, int64_t *end);
/* Bytes of memory that the run takes, less what the engine keeps for the hooks. */
uint64_t capture_memory(const struct capture *c);
/* A token that a row may be of, for the metadata. */
void capture_note(struct capture *c, int32_t id);
/* The whole metadata: a JSON object of strings. */
void capture_metadata(const struct capture *c, struct buf *out);

/* ---- capture_put.c ---- */

osso_hook_fn capture_put;

#endif
