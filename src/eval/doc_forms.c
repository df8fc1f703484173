/* doc_forms.c: lines whose form is their task's own. */
#include "eval/chat_task.h"
#include "eval/task.h"

#include "base/error.h"
#include "eval/space.h"
#include "json/jget.h"
#include "json/jwrite.h"

#include <string.h>

/* Several strings of a line at once; keys end with NULL. */
static enum osso_status strings(const struct jval *line, const char *const *keys, const char *where, struct jtext *out,
                                struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; keys[i] && !status; i++)
        status = line_string(line, keys[i], where, &out[i], err);
    return status;
}

/* A text that says which: one character of `names`. */
static enum osso_status named(struct jtext text, const char *names, const char *key, const char *where, int *out,
                              struct osso_error *err)
{
    const char *at = text.len == 1 && text.s[0] ? strchr(names, text.s[0]) : NULL;
    if (!at)
        return error_set(err, OSSO_FORMAT, "%s: '%s' is none of the characters %s", where, key, names);
    *out = (int)(at - names);
    return OSSO_OK;
}

static struct jtext stripped(struct jtext t)
{
    size_t skip = space_leading(t.s, t.len);
    t.s += skip;
    t.len -= skip;
    t.len -= space_trailing(t.s, t.len);
    return t;
}

static void add(struct doc *d, struct text_at *t, const char *before, struct jtext text)
{
    t->len += doc_text(d, before, strlen(before)).len;
    t->len += doc_text(d, text.s, text.len).len;
}

static const struct jtext NOTHING = {"", 0};

enum osso_status form_sciq(const struct jval *line, const char *where, struct doc *d, struct osso_error *err)
{
    static const char *const keys[] = {"support",     "question",       "distractor1", "distractor2",
                                       "distractor3", "correct_answer", NULL};
    struct jtext t[6];
    enum osso_status status = strings(line, keys, where, t, err);
    if (status)
        return status;
    struct text_at context = {d->space.len, 0};
    size_t skip = space_leading(t[0].s, t[0].len);
    add(d, &context, "", (struct jtext){t[0].s + skip, t[0].len - skip});
    add(d, &context, "\nQuestion: ", t[1]);
    add(d, &context, "\nAnswer:", NOTHING);
    for (int i = 2; i < 6; i++)
        doc_choice(d, context, " ", t[i].s, t[i].len);
    d->gold = 3;
    return OSSO_OK;
}

enum osso_status form_social_iqa(const struct jval *line, const char *where, struct doc *d, struct osso_error *err)
{
    static const char *const keys[] = {"context", "question", "answerA", "answerB", "answerC", "label", NULL};
    struct jtext t[6];
    enum osso_status status = strings(line, keys, where, t, err);
    if (!status)
        status = named(t[5], "123", "label", where, &d->gold, err);
    if (status)
        return status;
    struct text_at context = {d->space.len, 0};
    add(d, &context, "Q: ", t[0]);
    add(d, &context, " ", t[1]);
    add(d, &context, "\nA:", NOTHING);
    for (int i = 2; i < 5; i++)
        doc_choice(d, context, " ", t[i].s, t[i].len);
    return OSSO_OK;
}

/* "A. ..." and so on, then "Answer:"; the choices are the letters. */
static enum osso_status lettered(const struct jval *list, size_t n, const char *where, struct text_at context,
                                 struct doc *d, struct osso_error *err)
{
    if (!list || list->type != J_ARRAY || list->n_children != n)
        return error_set(err, OSSO_FORMAT, "%s: the choices are no list of %zu texts", where, n);
    char letter = 'A';
    for (const struct jval *v = list->first; v; v = v->next, letter++) {
        const char before[] = {'\n', letter, '.', ' ', 0};
        if (v->type != J_STRING)
            return error_set(err, OSSO_FORMAT, "%s: choice %c is no string", where, letter);
        add(d, &context, before, v->text);
    }
    add(d, &context, "\nAnswer:", NOTHING);
    for (char c = 'A'; c < letter; c++)
        doc_choice(d, context, " ", &c, 1);
    return OSSO_OK;
}

enum osso_status form_commonsense_qa(const struct jval *line, const char *where, struct doc *d, struct osso_error *err)
{
    static const char *const keys[] = {"question", "answerKey", NULL};
    struct jtext t[2];
    enum osso_status status = strings(line, keys, where, t, err);
    if (!status)
        status = named(t[1], "ABCDE", "answerKey", where, &d->gold, err);
    if (status)
        return status;
    struct text_at context = {d->space.len, 0};
    add(d, &context, "Question: ", stripped(t[0]));
    return lettered(jval_get(jval_get(line, "choices"), "text"), 5, where, context, d, err);
}

/* What is compared is how likely the same rest of the sentence is after each option. */
enum osso_status form_winogrande(const struct jval *line, const char *where, struct doc *d, struct osso_error *err)
{
    static const char *const keys[] = {"sentence", "option1", "option2", "answer", NULL};
    struct jtext t[4];
    enum osso_status status = strings(line, keys, where, t, err);
    if (!status)
        status = named(t[3], "12", "answer", where, &d->gold, err);
    const char *blank = status ? NULL : memchr(t[0].s, '_', t[0].len);
    if (!status && !blank)
        status = error_set(err, OSSO_FORMAT, "%s: 'sentence' has no _ for the options", where);
    if (status)
        return status;
    size_t before = (size_t)(blank - t[0].s);
    struct jtext rest = stripped((struct jtext){blank + 1, t[0].len - before - 1});
    for (int i = 1; i < 3; i++) {
        struct text_at context = doc_text(d, t[0].s, before);
        add(d, &context, "", t[i]);
        doc_choice(d, context, " ", rest.s, rest.len);
    }
    return OSSO_OK;
}

enum osso_status form_mmlu(const struct jval *line, const char *where, struct doc *d, struct osso_error *err)
{
    static const char *const keys[] = {"subject", "question", NULL};
    struct jtext t[2];
    int64_t gold = -1;
    bool found = true;
    enum osso_status status = strings(line, keys, where, t, err);
    if (!status)
        status = jget_i64(line, "answer", 0, 3, &gold, &found, where, err);
    if (!status && !found)
        status = error_set(err, OSSO_FORMAT, "%s: there is no 'answer'", where);
    if (!status && t[0].len == 0)
        status = error_set(err, OSSO_FORMAT, "%s: 'subject' is empty", where);
    if (status)
        return status;
    d->gold = (int)gold;
    d->group = doc_text(d, t[0].s, t[0].len);
    struct text_at context = {d->space.len, 0};
    add(d, &context, "", stripped(t[1]));
    return lettered(jval_get(line, "choices"), 4, where, context, d, err);
}

enum osso_status form_chat(const struct jval *line, const char *where, struct doc *d, struct osso_error *err)
{
    enum osso_status status = chat_check(line, where, err);
    if (status)
        return status;
    const struct jval *family = jval_given(line, "family");
    struct buf right = {0};
    chat_rules_write(line, &right);
    if (!right.failed)
        d->answer = doc_text(d, right.data, right.len);
    d->space.failed = d->space.failed || right.failed;
    buf_free(&right);
    if (family)
        d->group = doc_text(d, family->text.s, family->text.len);
    d->context[0] = d->continuation[0] = (struct text_at){d->space.len, 0};
    d->n = 1;
    return OSSO_OK;
}
