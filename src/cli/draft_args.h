/* draft_args.h: --draft: what runs tokens ahead, and the smaller model that it may name. */
#ifndef OSSO_CLI_DRAFT_ARGS_H
#define OSSO_CLI_DRAFT_ARGS_H

#include "base/buf.h"
#include "cli/options.h"

#include "osso/answer.h"

struct drafting; /* NULL, to all of these: no tokens are run ahead */

/* Opens the model that --draft names, where it names one, and compares its ids with those of `model`, from `path`
 * (NULL: a script). */
enum osso_status draft_open(const struct options *options, struct osso_model *model, const char *path,
                            struct drafting **drafting_out, struct osso_error *err);
/* The drafter, and with a model its engine, beside one that was made with these options; they take the place of those
 * before. flag: ends the steps of that engine; may be NULL. */
enum osso_status draft_start(struct drafting *drafting, const struct osso_engine *engine,
                             const struct osso_engine_options *engine_options, const volatile sig_atomic_t *flag,
                             struct osso_error *err);
/* A drafter that has learned nothing, over the same engine. */
enum osso_status draft_anew(struct drafting *drafting, struct osso_error *err);
struct osso_drafter *draft_drafter(const struct drafting *drafting);
void draft_free(struct drafting *drafting);
/* Of the model, as members of an object that has some: guesses, those that came, tokens that it computed. */
void draft_json(const struct drafting *drafting, struct buf *out);
/* A note, once, if the model has stopped guessing. */
void draft_say(struct drafting *drafting);

#endif
