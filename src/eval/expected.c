/* expected.c: the right answers of a task's lines, as numbers that are equal where one answer is right for both; for
 * how many lines the most frequent one is right is what a score has to beat. */
#include "eval/expected.h"

#include "base/error.h"
#include "base/mem.h"
#include "eval/chat_task.h"
#include "json/jwrite.h"

#include <stdlib.h>
#include <string.h>

static enum osso_status add_key(struct expected *x, uint64_t rest, const struct buf *text, int64_t item,
                                struct osso_error *err)
{
    struct expected_key *keys = text->failed ? NULL : mem_room(x->keys, x->n, &x->room, sizeof *keys);
    if (!keys)
        return error_nomem(err, x->n * sizeof *keys, "the right answers");
    x->keys = keys;
    keys[x->n++] = (struct expected_key){hash_bytes(rest, text->data ? text->data : "", text->len), item};
    return OSSO_OK;
}

static enum osso_status add_answer(struct expected *x, uint64_t rest, struct jtext answer, int64_t item,
                                   struct osso_error *err)
{
    struct buf plain = {0};
    chat_plain(answer.s, answer.len, &plain);
    enum osso_status status = add_key(x, rest, &plain, item, err);
    buf_free(&plain);
    return status;
}

/* A line's rules but for `answer`, whose texts are keys of their own. */
static enum osso_status add_line(struct expected *x, const struct jval *line, int64_t item, struct osso_error *err)
{
    struct buf rules = {0};
    enum osso_status status = OSSO_OK;
    const struct jval *answer = jval_given(line, chat_rule_names[CHAT_ANSWER]);
    for (int i = 0; i < CHAT_RULES; i++) {
        const struct jval *v = i == CHAT_ANSWER ? NULL : jval_given(line, chat_rule_names[i]);
        if (v) {
            buf_puts(&rules, chat_rule_names[i]);
            jwrite_value(&rules, v, JWRITE_SPELT);
        }
    }
    uint64_t rest = hash_bytes(0, rules.data ? rules.data : "", rules.len);
    if (rules.failed || !answer)
        status = add_key(x, 0, &rules, item, err);
    else if (answer->type == J_STRING)
        status = add_answer(x, rest, answer->text, item, err);
    for (const struct jval *t = answer && answer->type == J_ARRAY ? answer->first : NULL; t && !status; t = t->next)
        status = add_answer(x, rest, t->text, item, err);
    buf_free(&rules);
    return status;
}

/* Was the function called that the line names? What was said is a call's JSON then. */
static unsigned char read_call(const struct jval *line, const struct item *item)
{
    const struct jval *call = jval_given(line, chat_rule_names[CHAT_CALL]);
    struct jdoc *doc = NULL;
    struct osso_error none;
    if (!call)
        return NO_CALL;
    if (!item->said || jdoc_read(item->said, strlen(item->said), "a call", &doc, &none))
        return CALL;
    const struct jval *root = jdoc_root(doc);
    const struct jval *name = root->type == J_OBJECT ? jval_get_type(root, "name", J_STRING) : NULL;
    bool same = name && chat_is_function(name->text.s, jval_get(call, "name")->text);
    jdoc_release(doc);
    return same ? CALL_OF_FUNCTION : CALL;
}

static int by_key(const void *a, const void *b)
{
    const struct expected_key *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

enum osso_status expected_read(const struct run *run, struct expected *x, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (!(x->calls = mem_array((size_t)run->n_items, sizeof *x->calls)))
        return error_nomem(err, (size_t)run->n_items, "the right answers");
    for (int64_t i = 0; i < run->n_items && !status; i++) {
        struct jdoc *line = NULL;
        status = jdoc_read(run->text + run->items[i].at, run->items[i].len, run->path, &line, err);
        if (!status)
            status = add_line(x, jdoc_root(line), i, err);
        if (!status)
            x->calls[i] = read_call(jdoc_root(line), &run->items[i]);
        jdoc_release(line);
    }
    if (!status)
        qsort(x->keys, x->n, sizeof *x->keys, by_key);
    return status;
}

void expected_free(struct expected *x)
{
    mem_free(x->keys);
    mem_free(x->calls);
}
