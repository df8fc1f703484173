/* eval_parts.h: what the files of eval/ share: one evaluation while it runs. */
#ifndef OSSO_EVAL_PARTS_H
#define OSSO_EVAL_PARTS_H

#include "eval/chats.h"
#include "eval/pair.h"
#include "eval/stats.h"
#include "eval/task.h"

#include "osso/eval.h"

#include <stdio.h>

/* What became of a line of a task's file, or of a page of its text. */
struct item {
    int64_t doc_id; /* the line, from 0 on */
    size_t at, len; /* in the task's text */
    int n, left;    /* requests: of them all, not yet done */
    int gold, group;
    double *ll;                  /* [n] */
    unsigned char *greedy;       /* [n] */
    size_t *characters;          /* [n] */
    size_t bytes, words, tokens; /* ROLLING */
    char *text, *answer;         /* GENERATE, CHAT; text and said: nul_text */
    char *said;                  /* CHAT, and in harmony: the final text, or the call */
    bool right, well_formed;     /* CHAT */
    bool kept;                   /* done in an earlier run that was ended */
};

struct group {
    char *name;
    struct buf head; /* what stands before each of its questions */
    int64_t n_items;
    int n_shots;
};

/* Tokens a second, of prompts of this length and of what is written after them. */
enum { PERFORM_LENGTHS = 4 };
struct speed {
    int length; /* 0: not measured, the context is too short */
    struct stats prompt, written;
};

struct run {
    struct speed speeds[PERFORM_LENGTHS];
    const struct task *task;
    char *path, *text;
    size_t len;
    uint64_t hash;
    struct item *items;
    int64_t n_items;
    struct group *groups;
    int n_groups;
    struct chats chats;
    bool failed;
    struct osso_error why;
};

struct eval {
    struct osso_engine *engine;
    struct pair_rules rules;
    struct osso_eval_options o;
    struct osso_sampling sampling; /* o.sampling points here, or is NULL */
    struct run *runs;
    int n_runs;
    size_t window, stride; /* of ppl */
    uint64_t n_items, n_done, model_hash;
    double started, run_seconds; /* of the model's own work */
    FILE *keep;                  /* NULL: nothing is kept */
    char *keep_path;
    /* Where the requests have got to. */
    int run;
    int64_t item;
    int number;
    struct doc doc;
    struct osso_ids page; /* the ids of a text that is scored in windows */
};

/* eval.c */
uint64_t eval_hash_model(const struct osso_model *model);
int32_t eval_prefix(const int32_t *wanted, const struct osso_tokenizer *tokenizer); /* -1: there is none */

/* data.c: the files of the tasks. */
enum osso_status data_load(struct eval *e, struct osso_error *err);
void data_free(struct eval *e);
/* The group of this name, made when there is none; -1: no memory. */
int data_group(struct run *run, const char *name, size_t len);
/* The text of an item as a document. */
enum osso_status data_doc(const struct run *run, const struct item *item, struct doc *doc, struct osso_error *err);
/* "FILE line N" into a space. */
void data_where(const struct run *run, const struct item *item, char *space, size_t size);
bool item_room(struct item *item, int n);

/* feed.c: the source of requests. */
enum osso_status feed_run(struct eval *e, struct osso_error *err);

/* heard.c: what a model has written. */
enum osso_status heard(const struct eval *e, const struct run *run, struct item *item, const struct score_request *r,
                       struct osso_error *err);
bool heard_enough(const struct eval *e, const struct run *run, const struct score_request *r);

/* perform.c */
enum osso_status perform_run(struct eval *e, struct run *run, struct osso_error *err);

/* keep.c: what is done, in a file, so that a run that was ended goes on. */
enum osso_status keep_open(struct eval *e, struct osso_error *err);
enum osso_status keep_add(struct eval *e, const struct run *run, const struct item *item, struct osso_error *err);
void keep_close(struct eval *e, bool whole);
enum osso_status samples_write(const struct eval *e, struct osso_error *err);

/* grade.c: the answer in what a model wrote. */
enum grade_rule { GRADE_STRICT, GRADE_FLEXIBLE };
struct jtext grade_answer(const char *text, enum grade_rule rule); /* in the text; "[invalid]": there is none */
bool grade_equal(struct jtext said, const char *right);

/* Is what the model thinks likeliest, or has said, right? */
bool item_right(const struct run *run, const struct item *item);
/* The choice with the largest log-likelihood (normed: per character); of equal ones the first. */
int item_choice(const struct item *item, bool normed);

/* report.c */
enum osso_status report_make(const struct eval *e, double seconds, char **out, bool *complete, struct osso_error *err);

/* hash.c: 64 bits that tell contents apart; no defence against somebody who wants two to be equal. */
uint64_t hash_bytes(uint64_t before, const void *data, size_t n);

#endif
