/* data_lines.c: files with a JSON object a line. */
#include "train/data_lines.h"

#include "base/error.h"
#include "base/mem.h"
#include "json/jget.h"
#include "train/chat_learned.h"

#include <string.h>

static const double MOST_WEIGHT = 1000;

/* What the messages of a list weigh; *weights_out is the caller's, one for each and one more. */
static enum osso_status read_weights(const struct jval *messages, double **weights_out, struct osso_error *err)
{
    double *weights = mem_array(messages->n_children + 1, sizeof *weights);
    size_t i = 0;
    *weights_out = weights;
    if (!weights)
        return error_nomem(err, messages->n_children * sizeof *weights, "the messages");
    for (const struct jval *m = messages->first; m; m = m->next, i++) {
        const struct jval *weight = jval_given(m, "weight");
        weights[i] = weight ? jget_real(weight) : 1;
        if (weight && (weight->type != J_NUMBER || !(weights[i] >= 0 && weights[i] <= MOST_WEIGHT)))
            return error_set(err, OSSO_FORMAT, "message %zu: \"weight\" must be a number from 0 to %g", i, MOST_WEIGHT);
    }
    return OSSO_OK;
}

/* {"instruction", "input", "output"}: a question, with what it is about below it, and its answer. */
static enum osso_status read_instruction(const struct jval *root, struct osso_conversation **c_out,
                                         struct osso_error *err)
{
    const struct jval *ask = jval_get_type(root, "instruction", J_STRING), *about = jval_given(root, "input");
    const struct jval *answer = jval_get_type(root, "output", J_STRING);
    struct buf text = {0};
    *c_out = NULL;
    if (!ask || !answer || (about && about->type != J_STRING))
        return error_set(err, OSSO_FORMAT,
                         "\"instruction\", \"output\" and, if it is there, \"input\" must be strings");
    buf_add(&text, ask->text.s, ask->text.len);
    if (about && about->text.len) {
        buf_puts(&text, "\n\n");
        buf_add(&text, about->text.s, about->text.len);
    }
    struct osso_message user = {.size = sizeof user, .role = OSSO_ROLE_USER, .text = text.data, .text_len = text.len};
    struct osso_message said = {.size = sizeof said,
                                .role = OSSO_ROLE_ASSISTANT,
                                .channel = "final",
                                .text = answer->text.s,
                                .text_len = answer->text.len};
    enum osso_status status = text.failed ? error_nomem(err, text.len, "an instruction")
                                          : osso_conversation_create(c_out, err);
    if (!status)
        status = osso_conversation_add_system(*c_out, NULL, err);
    if (!status)
        status = osso_conversation_add(*c_out, &user, err);
    if (!status)
        status = osso_conversation_add(*c_out, &said, err);
    buf_free(&text);
    return status;
}

/* Is anything of what is in the maker learned? The first id is never asked for. */
static bool is_learned(const struct docs_maker *m)
{
    for (size_t i = 1; i < m->ids.len; i++)
        if (m->weights[i] > 0)
            return true;
    return false;
}

/* "date": the day that the system message names; osso chat names one, so a model should have seen it. */
static enum osso_status set_date(struct osso_conversation *c, const struct jval *root, struct osso_error *err)
{
    const struct jval *date = jval_given(root, "date");
    if (date && date->type != J_STRING)
        return error_set(err, OSSO_FORMAT, "\"date\" must be a string, such as \"2026-01-15\"");
    return date ? osso_conversation_set_field(c, OSSO_FIELD_DATE, date->text.s, err) : OSSO_OK;
}

static enum osso_status read_chat(struct docs_maker *m, const struct jval *root, const char *line, size_t len)
{
    struct osso_conversation *c = NULL;
    const struct jval *messages = jval_get_type(root, "messages", J_ARRAY);
    double one = 1, *weights = NULL;
    char *ignored = NULL;
    enum osso_status status = OSSO_OK;
    if (messages)
        status = read_weights(messages, &weights, m->err);
    if (!status)
        status = messages ? osso_conversation_from_chat(line, len, "the conversation", NULL, &ignored, &c, m->err)
                          : read_instruction(root, &c, m->err);
    if (!status)
        status = set_date(c, root, m->err);
    if (!status)
        status = chat_learned(c, messages ? weights : &one, m->tokenizer, &m->ids, &m->weights, &m->weights_cap,
                              m->err);
    if (!status && !is_learned(m))
        status = error_set(m->err, OSSO_FORMAT,
                           "nothing of it would be learned: no message of the assistant answers the last one of the "
                           "user, or all weigh 0");
    osso_free(ignored);
    mem_free(weights);
    osso_conversation_free(c);
    return status ? status : docs_add_chat(m);
}

enum osso_status docs_read_line(struct docs_maker *m, const char *line, size_t len, const char *where)
{
    struct jdoc *doc = NULL;
    enum osso_status status = jdoc_read_harmony(line, len, where, &doc, m->err);
    if (status)
        return status;
    const struct jval *root = jdoc_root(doc), *text = jval_get_type(root, "text", J_STRING);
    if (jval_given(root, "messages") || jval_given(root, "instruction")) {
        if (docs_meant(m, line, len))
            status = read_chat(m, root, line, len);
    } else if (!text) {
        status = error_set(m->err, OSSO_FORMAT, "it has neither \"messages\" nor \"instruction\" nor \"text\"");
    } else if (text->text.len && docs_meant(m, text->text.s, text->text.len)) {
        status = docs_add_text(m, text->text.s, text->text.len);
    }
    jdoc_release(doc);
    return status ? error_prefix(m->err, status, where) : OSSO_OK;
}

static bool is_blank(const char *s, size_t n)
{
    while (n > 0 && strchr(" \t\r", *s) && *s)
        s++, n--;
    return n == 0;
}

enum osso_status docs_read_lines(struct docs_maker *m, const char *text, size_t len, const char *path)
{
    enum osso_status status = OSSO_OK;
    struct buf where = {0};
    size_t number = 1;
    for (const char *s = text, *end = text + len, *next; s < end && !status; s = next, number++) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        next = newline ? newline + 1 : end;
        size_t n = (size_t)((newline ? newline : end) - s);
        if (n > 0 && s[n - 1] == '\r')
            n--;
        if (is_blank(s, n))
            continue;
        buf_clear(&where);
        buf_printf(&where, "%s line %zu", path, number);
        status = where.failed ? error_nomem(m->err, where.len, "a name") : docs_read_line(m, s, n, where.data);
    }
    buf_free(&where);
    return status;
}
