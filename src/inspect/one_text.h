/* one_text.h: one text that is run under hooks, and those of its positions that are wanted. */
#ifndef OSSO_INSPECT_ONE_TEXT_H
#define OSSO_INSPECT_ONE_TEXT_H

#include "osso/inspect.h"

/* Bytes that are kept of a run at most: 2 GB unless the caller says another number. */
static inline uint64_t one_text_most(uint64_t max_bytes)
{
    return max_bytes ? max_bytes : 2000000000;
}

/* Start from {0} plus engine, ids, n and progress; one_text_end frees. */
struct one_text {
    struct osso_engine *engine;
    const int32_t *ids;
    size_t n;
    int (*progress)(void *user, uint64_t done, uint64_t total); /* may be NULL */
    void *user;
    uint64_t more; /* that comes behind its tokens, for the progress */
    int64_t *at;   /* [n_at] the positions, ascending */
    size_t n_at;
    int32_t *place; /* [n] of each position in `at`; -1: not wanted */
};
/* Negative positions count from the end; USAGE for what the text does not have. n_positions 0: all. */
enum osso_status one_text_positions(struct one_text *text, const int64_t *positions, size_t n_positions,
                                    struct osso_error *err);
/* Runs it in a session of its own; fn sees the hooks of the positions in `at` and of others between them. */
enum osso_status one_text_run(struct one_text *text, struct osso_hooks *hooks, osso_hook_fn *fn, void *user,
                              struct osso_error *err);
/* Runs a text in a session of its own under a tap. */
enum osso_status one_text_tap(struct osso_engine *engine, const int32_t *ids, size_t n,
                              const struct osso_tap_options *tap, struct osso_error *err);
/* `done` more than the text's tokens; CANCELLED when nobody wants more. */
enum osso_status one_text_say(const struct one_text *text, uint64_t done, struct osso_error *err);
/* LIMIT, with a sentence, when rows x width floats are more than max_bytes (0: MOST_BYTES). `less`: what to ask for. */
enum osso_status one_text_room(uint64_t rows, uint64_t width, uint64_t max_bytes, const char *less,
                               struct osso_error *err);
void one_text_end(struct one_text *text);

#endif
