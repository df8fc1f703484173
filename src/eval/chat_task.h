/* chat_task.h: items that are conversations: what the model is asked, and whether what it wrote is right. */
#ifndef OSSO_EVAL_CHAT_TASK_H
#define OSSO_EVAL_CHAT_TASK_H

#include "base/buf.h"
#include "json/jdoc.h"
#include "osso/text.h"

/* What a line expects, by the members that say so: whichever of them it has, all must hold. */
enum chat_rule {
    CHAT_ANSWER,
    CHAT_PATTERN,
    CHAT_CALL,
    CHAT_NONE_OF,
    CHAT_ALL_OF,
    CHAT_NO_REPEATS,
    CHAT_CASE,
    CHAT_RULES
};
extern const char *const chat_rule_names[CHAT_RULES];

/* Has a line a conversation, and rules that can be followed? */
enum osso_status chat_check(const struct jval *line, const char *where, struct osso_error *err);
/* Appends the ids that its conversation is for a model, as `osso chat` has them, without a date where the line has
 * none. */
enum osso_status chat_prompt(const struct osso_tokenizer *tokenizer, const struct jval *line, const char *where,
                             struct osso_ids *ids, struct osso_error *err);
/* The same of one user's message; final: up to where the text of the answer begins. */
enum osso_status chat_wrap(const struct osso_tokenizer *tokenizer, const char *text, size_t len, bool final,
                           struct osso_ids *ids, struct osso_error *err);

struct chat_verdict {
    bool right;
    bool well_formed; /* harmony by the strict reader, each message with a known channel, ended as its kind ends */
    struct buf said;  /* the final text, by nul_hide, or the call as JSON; empty: neither */
};
/* Of an answer's ids, the one that stopped it included. line NULL: no rule, `right` stays false. The verdict is the
 * caller's: {0}, and buf_free(&v.said). */
enum osso_status chat_grade(const struct osso_tokenizer *tokenizer, const struct jval *line, const int32_t *ids,
                            size_t n, struct chat_verdict *verdict, struct osso_error *err);

/* chat_rules.c: can the rules be followed, and does a final text (by nul_hide) follow them? */
enum osso_status chat_rules_check(const struct jval *line, const char *where, struct osso_error *err);
bool chat_rules_hold(const struct jval *line, const struct buf *said);
/* Appends the expectation as JSON: the rule's value; of several rules an object of them. */
void chat_rules_write(const struct jval *line, struct buf *out);

/* "functions.NAME", or NAME, is what harmony calls the function `name`. */
bool chat_is_function(const char *recipient, struct jtext name);

/* A text without what does not count: letters' case (ASCII), runs of white space, punctuation at the end. */
void chat_plain(const char *s, size_t len, struct buf *out);
/* For tests. The same JSON value: numbers by value (3 is 3.0), objects in any order. */
bool chat_equal(const struct jval *a, const struct jval *b);

#endif
