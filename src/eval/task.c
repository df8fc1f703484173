/* task.c: the table of tasks, and what they all do with a line of their file. */
#include "eval/task.h"

#include "base/error.h"
#include "eval/clean.h"
#include "eval/space.h"
#include "json/jget.h"

#include <string.h>

/* Questions that anybody can judge: patterns that a right answer has somewhere. */
#define SANITY_LINE(family, question, pattern)                                                                         \
    "{\"family\":\"" family "\",\"messages\":[{\"role\":\"user\",\"content\":\"" question                              \
    "\"}],\"pattern\":\"" pattern "\"}\n"
#define SANITY_LINES                                                                                                   \
    SANITY_LINE("arithmetic", "What is 15 x 23?", "(^|[^0-9])345([^0-9]|$)")                                           \
    SANITY_LINE("poem", "Write a short poem about the sea.", "(sea|wave|ocean|water).*\\n.*[a-z]")                     \
    SANITY_LINE("function", "Write a Python function that adds two numbers.", "def +[a-z_0-9]+\\\\(.*return")          \
    SANITY_LINE("distance", "A train goes 60 km an hour for 2 hours. How far does it go?", "(^|[^0-9])120([^0-9]|$)")

const struct task task_table[] = {
#define TASK(name, file, kind, prompt, choices, gold, between, clean, read, scores, shots)                             \
    {#name, file, kind, prompt, choices, gold, between, clean, read, scores, shots},
#include "eval/tasks.def"
};
const int n_tasks = (int)(sizeof task_table / sizeof *task_table);

const char *task_own_lines(const struct task *task)
{
    return task->kind == CHAT ? task->prompt : NULL;
}

bool task_wants_data(const struct task *task)
{
    return task->kind != SPEED && !task_own_lines(task);
}

const struct task *task_find(const char *name, size_t len)
{
    for (int i = 0; i < n_tasks; i++)
        if (strlen(task_table[i].name) == len && memcmp(task_table[i].name, name, len) == 0)
            return &task_table[i];
    return NULL;
}

/* ---- a document's texts ----------------------------------------------------------------------------------- */

void doc_clear(struct doc *d)
{
    struct buf kept = d->space;
    buf_clear(&kept);
    memset(d, 0, sizeof *d);
    d->space = kept;
}

void doc_free(struct doc *d)
{
    buf_free(&d->space);
}

struct text_at doc_text(struct doc *d, const char *s, size_t len)
{
    struct text_at t = {d->space.len, len};
    buf_add(&d->space, s, len);
    return t;
}

void doc_choice(struct doc *d, struct text_at context, const char *between, const char *s, size_t len)
{
    struct text_at t = doc_text(d, between, strlen(between));
    t.len += doc_text(d, s, len).len;
    d->context[d->n] = context;
    d->continuation[d->n] = t;
    d->characters[d->n++] = count_characters(s, len);
}

enum osso_status line_string(const struct jval *line, const char *key, const char *where, struct jtext *out,
                             struct osso_error *err)
{
    const struct jval *v = jval_get(line, key);
    if (!v || v->type != J_STRING)
        return error_set(err, OSSO_FORMAT, v ? "%s: '%s' is no string" : "%s: there is no '%s'", where, key);
    *out = v->text;
    return OSSO_OK;
}

/* ---- lines whose form the table says ------------------------------------------------------------------------ */

/* The prompt with its {fields} filled in. */
static enum osso_status fill_prompt(const struct task *task, const struct jval *line, const char *where,
                                    struct buf *out, struct osso_error *err)
{
    for (const char *s = task->prompt; *s;) {
        const char *open = strchr(s, '{'), *end = open ? strchr(open, '}') : NULL;
        if (!end) {
            buf_puts(out, s);
            break;
        }
        char key[32];
        struct jtext text = {0};
        size_t n = (size_t)(end - open) - 1;
        memcpy(key, open + 1, n);
        key[n] = 0;
        buf_add(out, s, (size_t)(open - s));
        enum osso_status status = line_string(line, key, where, &text, err);
        if (status)
            return status;
        buf_add(out, text.s, text.len);
        s = end + 1;
    }
    if (task->clean)
        task->clean(out);
    return OSSO_OK;
}

static enum osso_status read_gold(const struct task *task, const struct jval *line, const char *where, struct doc *d,
                                  struct osso_error *err)
{
    const struct jval *v = jval_get(line, task->gold);
    int64_t gold;
    if (!v || v->type != J_NUMBER || !jget_integer(v, &gold))
        return error_set(err, OSSO_FORMAT, v ? "%s: '%s' is no whole number" : "%s: there is no '%s'", where,
                         task->gold);
    if (gold < 0 || gold >= d->n)
        return error_set(err, OSSO_FORMAT, "%s: '%s' is %lld, and there are choices 0 to %d", where, task->gold,
                         (long long)gold, d->n - 1);
    d->gold = (int)gold;
    return OSSO_OK;
}

static enum osso_status read_choices(const struct task *task, const struct jval *line, const char *where,
                                     struct text_at context, struct doc *d, struct osso_error *err)
{
    const struct jval *list = jval_get(line, task->choices);
    if (!list || list->type != J_ARRAY)
        return error_set(err, OSSO_FORMAT, list ? "%s: '%s' is no list" : "%s: there is no '%s'", where, task->choices);
    if (list->n_children == 0 || list->n_children > MOST_CHOICES)
        return error_set(err, OSSO_FORMAT, "%s: '%s' has %zu entries; 1 to %d are taken", where, task->choices,
                         list->n_children, MOST_CHOICES);
    for (const struct jval *v = list->first; v; v = v->next) {
        struct buf text = {0};
        if (v->type != J_STRING || v->text.len == 0)
            return error_set(err, OSSO_FORMAT, "%s: entry %d of '%s' is %s", where, d->n, task->choices,
                             v->type == J_STRING ? "empty" : "no string");
        buf_add(&text, v->text.s, v->text.len);
        if (task->clean)
            task->clean(&text);
        doc_choice(d, context, task->between, text.data ? text.data : "", text.len);
        d->space.failed = d->space.failed || text.failed;
        buf_free(&text);
    }
    return read_gold(task, line, where, d, err);
}

static enum osso_status read_form(const struct task *task, const struct jval *line, const char *where, struct doc *d,
                                  struct osso_error *err)
{
    struct buf prompt = {0};
    struct jtext text = {0};
    enum osso_status status = fill_prompt(task, line, where, &prompt, err);
    struct text_at context = doc_text(d, prompt.data ? prompt.data : "", prompt.len);
    d->space.failed = d->space.failed || prompt.failed;
    buf_free(&prompt);
    if (!status && task->kind == CHOICE)
        return read_choices(task, line, where, context, d, err);
    if (!status)
        status = line_string(line, task->kind == GENERATE ? task->gold : task->choices, where, &text, err);
    if (!status && task->kind == GENERATE) {
        d->context[d->n++] = context;
        d->answer = doc_text(d, text.s, text.len);
    } else if (!status && text.len == 0)
        status = error_set(err, OSSO_FORMAT, "%s: '%s' is empty", where, task->choices);
    else if (!status)
        doc_choice(d, context, task->between, text.s, text.len);
    return status;
}

enum osso_status doc_read(const struct task *task, const char *line, size_t len, const char *where, struct doc *d,
                          struct osso_error *err)
{
    struct jdoc *tree = NULL;
    doc_clear(d);
    enum osso_status status = jdoc_read(line, len, where, &tree, err);
    const struct jval *root = status ? NULL : jdoc_root(tree);
    if (!status && root->type != J_OBJECT)
        status = error_set(err, OSSO_FORMAT, "%s: a line is a JSON object, as {\"query\": ...}", where);
    if (!status)
        status = task->form ? task->form(root, where, d, err) : read_form(task, root, where, d, err);
    if (!status && d->space.failed)
        status = error_nomem(err, d->space.len, "a line's texts");
    jdoc_release(tree);
    return status;
}

enum osso_status doc_page(const struct task *task, const char *text, size_t len, struct doc *d, struct osso_error *err)
{
    doc_clear(d);
    buf_add(&d->space, text, len);
    if (task->clean)
        task->clean(&d->space);
    d->bytes = len;
    d->words = count_words(text, len);
    d->context[0] = (struct text_at){0, 0};
    d->continuation[0] = (struct text_at){0, d->space.len};
    d->n = 1;
    return d->space.failed ? error_nomem(err, len, "a page") : OSSO_OK;
}
