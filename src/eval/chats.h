/* chats.h: conversations whose every token is known: what the assistant writes in them is scored. */
#ifndef OSSO_EVAL_CHATS_H
#define OSSO_EVAL_CHATS_H

#include "eval/score.h"

struct eval;
struct item;
struct run;

/* All of a file's; an item is ids.data[at, at + len). */
struct chats {
    struct osso_ids ids;
    unsigned char *learned; /* [ids.len] 1: the assistant writes it */
};

bool chats_are(const struct run *run); /* by the task and the file's name */
enum osso_status chats_load(const struct eval *e, struct run *run, struct osso_error *err);
enum osso_status chats_request(const struct run *run, const struct item *item, struct score_request *request,
                               struct osso_error *err);
void chats_free(struct run *run);

#endif
