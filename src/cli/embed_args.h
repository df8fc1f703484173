/* embed_args.h: texts for embeddings, as tokens, and from options to their vectors. */
#ifndef OSSO_CLI_EMBED_ARGS_H
#define OSSO_CLI_EMBED_ARGS_H

#include "cli/model_args.h"

#include "osso/embed.h"

/* Start from {0}; embed_texts_free frees whatever is there. */
struct embed_texts {
    struct osso_embed_text *list; /* its ids belong to it */
    int64_t *line;                /* [n] of the file that it comes from; 0: no file of lines */
    size_t n, cap;
    const char *where; /* that file, or what else the texts are in */
};
void embed_texts_free(struct embed_texts *texts);

/* One more text, checked and as tokens, as --with-reasoning says. where: "the text of -p". line 0: it is not one of
 * many. */
enum osso_status embed_texts_add(const struct options *options, struct runner *runner, struct embed_texts *texts,
                                 const char *text, size_t len, const char *where, int64_t line, struct osso_error *err);
/* A line each: the text itself or, with json, a JSON string or an object with "text". Empty lines are passed over. */
enum osso_status embed_texts_lines(const struct options *options, struct runner *runner, struct embed_texts *texts,
                                   const char *path, bool json, struct osso_error *err);
/* USAGE, with what is possible instead, where these bytes are an image. */
enum osso_status embed_no_image(const char *bytes, size_t len, const char *where, struct osso_error *err);

/* Starts the engine for these texts and Ctrl-C. */
enum osso_status embed_start(const struct options *options, struct runner *runner, const struct embed_texts *texts,
                             struct osso_error *err);
/* The vectors of texts [from, from + n): n * hidden floats. */
enum osso_status embed_vectors(const struct options *options, struct runner *runner, const struct embed_texts *texts,
                               size_t from, size_t n, float *vectors, struct osso_error *err);

#endif
