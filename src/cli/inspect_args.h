/* inspect_args.h: what the verbs of osso inspect take: hooks, layers, heads, positions, texts. */
#ifndef OSSO_CLI_INSPECT_ARGS_H
#define OSSO_CLI_INSPECT_ARGS_H

#include "cli/model_args.h"
#include "cli/number_list.h"

#include "osso/inspect.h"

/* The hooks of these names, and of --layers and --heads. */
enum osso_status hooks_args(const struct options *options, const struct runner *runner, const char *const *names,
                            size_t n_names, struct osso_hooks **hooks_out, struct osso_error *err);

/* --heads (mem_free it, whatever comes of it). */
enum osso_status heads_args(const struct option_value *value, int32_t **heads, int *n, struct osso_error *err);
/* A text of one token; a special token's name; a number that is neither: an id. */
enum osso_status token_arg(struct runner *runner, const struct option_value *value, const char *flag, int32_t *id,
                           struct osso_error *err);
/* --max-bytes of what looks into a run; 0: it is not given. */
uint64_t inspect_max_bytes(const struct options *options);
/* An engine for texts of so many tokens, and Ctrl-C. rows, logit_rows: the most of a step, and those that want logits;
 * there may be fewer. */
enum { INSPECT_ROWS = 512, INSPECT_LOGIT_ROWS = 64 };
enum osso_status inspect_start(const struct options *options, struct runner *runner, int64_t longest, int64_t rows,
                               int64_t logit_rows, struct osso_error *err);

/* The texts to look into, as ids: of -p, -f, --ids or --data; with --chat each is a user's message. */
struct texts {
    struct osso_ids *list;
    size_t n, room;
    const int32_t **ids; /* [n] the same, as the library takes them */
    size_t *lengths;
    size_t longest, total; /* tokens */
};
enum osso_status texts_args(const struct options *options, struct runner *runner, struct texts *texts,
                            struct osso_error *err);
void texts_free(struct texts *texts);

#endif
