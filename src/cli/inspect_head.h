/* inspect_head.h: what the JSON of every verb of osso inspect begins with, and texts of tokens. */
#ifndef OSSO_CLI_INSPECT_HEAD_H
#define OSSO_CLI_INSPECT_HEAD_H

#include "cli/model_args.h"

#include "base/buf.h"

/* {"model":..,"version":..,"exact":..,"seed":..} without the last brace. */
void inspect_head(struct buf *out, const struct options *options, const struct runner *runner);
/* ,"<name>ids":[..],"<name>tokens":[..] of n ids ("" or "clean_"); what is no UTF-8 is U+FFFD there. Without a
 * tokenizer tokens are null. */
void inspect_ids(struct buf *out, const struct runner *runner, const char *name, const int32_t *ids, size_t n);
/* A number of JSON with nine digits, enough for every float; null where it is none. */
void inspect_number(struct buf *out, double value);
/* ,"<name>":..: a member of an object that is such a number, or a place: null where it is negative. */
void inspect_member(struct buf *out, const char *name, double value);
void inspect_place(struct buf *out, const char *name, int64_t place);
/* "id":..,"text":"..": members of an object; without a tokenizer the id alone. */
void inspect_json_token(struct buf *out, const struct runner *runner, int32_t id);
/* A token between quotes as a line can show it: line ends and tabs as \n and \t, what must not reach a terminal as
 * U+FFFD; filled with blanks to `columns`. Without a tokenizer its id. */
void inspect_token(struct buf *out, const struct runner *runner, int32_t id, int columns);
uint64_t inspect_seed(const struct options *options);
/* USAGE for --seed -1: what is drawn here is to be drawn again. */
enum osso_status inspect_check_seed(const struct options *options, struct osso_error *err);

#endif
