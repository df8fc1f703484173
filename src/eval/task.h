/* task.h: the table of tasks, and the documents of one. */
#ifndef OSSO_EVAL_TASK_H
#define OSSO_EVAL_TASK_H

#include "base/buf.h"
#include "json/jdoc.h"

enum task_kind { CHOICE, CONTINUATION, ROLLING, GENERATE, CHAT, SPEED };
enum {
    ACC = 1,
    NORM = 2,
    PPL = 4,
    MATCH = 8,
    ROLL = 16,
    WELL = 32,
    STRIDE = 64,
    GOALS = 128,
    TALKS = 256
}; /* SCORES */
enum { MOST_CHOICES = 64 };

/* The texts of one line: `n` contexts and continuations (contexts that are equal share their place). */
struct text_at {
    size_t at, len;
};
struct doc {
    struct buf space;
    struct text_at context[MOST_CHOICES], continuation[MOST_CHOICES];
    size_t characters[MOST_CHOICES]; /* of a choice by itself, for acc_norm */
    int n, gold;
    struct text_at answer; /* GENERATE: the right one; CHAT: as JSON */
    struct text_at group;  /* a subject; len 0: none */
    size_t bytes, words;   /* ROLLING: of the text before it was cleaned */
};

struct task;
typedef enum osso_status form_fn(const struct jval *line, const char *where, struct doc *doc, struct osso_error *err);
struct task {
    const char *name, *file;
    enum task_kind kind;
    const char *prompt, *choices, *gold, *between;
    void (*clean)(struct buf *text);
    form_fn *form;
    int scores;
    const char *shots;
};
extern const struct task task_table[];
extern const int n_tasks;
/* Lines that the program brings along; NULL: they are in a file. */
const char *task_own_lines(const struct task *task);
bool task_wants_data(const struct task *task);
const struct task *task_find(const char *name, size_t len); /* NULL: no such task */

/* The texts of a line of this task; `where` names it in errors. The doc is the caller's: {0}, and doc_clear. */
enum osso_status doc_read(const struct task *task, const char *line, size_t len, const char *where, struct doc *doc,
                          struct osso_error *err);
/* A page of a text that is scored whole. */
enum osso_status doc_page(const struct task *task, const char *text, size_t len, struct doc *doc,
                          struct osso_error *err);
void doc_clear(struct doc *doc); /* memory kept */
void doc_free(struct doc *doc);

/* For the functions of doc_forms.c. */
struct text_at doc_text(struct doc *doc, const char *s, size_t len);
void doc_choice(struct doc *doc, struct text_at context, const char *between, const char *s, size_t len);
enum osso_status line_string(const struct jval *line, const char *key, const char *where, struct jtext *out,
                             struct osso_error *err);

form_fn form_sciq, form_social_iqa, form_commonsense_qa, form_winogrande, form_mmlu, form_chat;

#endif
