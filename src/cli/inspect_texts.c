/* inspect_texts.c: the texts to look into. */
#include "cli/inspect_args.h"

#include "base/error.h"
#include "base/mem.h"
#include "cli/conversation_args.h"
#include "cli/input.h"
#include "json/jdoc.h"
#include "json/jget.h"

#include <stdio.h>
#include <string.h>

void texts_free(struct texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        osso_ids_free(&t->list[i]);
    mem_free(t->list);
    mem_free(t->ids);
    mem_free(t->lengths);
    *t = (struct texts){0};
}

/* A place for one more; NULL: no memory. */
static struct osso_ids *add(struct texts *t)
{
    struct osso_ids *list = mem_room(t->list, t->n, &t->room, sizeof *list);
    if (!list)
        return NULL;
    t->list = list;
    t->list[t->n] = (struct osso_ids){0};
    return &t->list[t->n++];
}

static enum osso_status encode(const struct options *o, const struct runner *r, const char *text, size_t len,
                               struct osso_ids *ids, struct osso_error *err)
{
    struct osso_conversation *conversation = NULL;
    struct opening opening;
    if (!o->v[OPT_chat].set)
        return osso_tokenizer_encode(r->tokenizer, text, len, 0, ids, err);
    enum osso_status status = opening_args(o, &opening, err);
    if (!status)
        status = opening_start(&opening, &conversation, err);
    if (!status)
        status = add_user(conversation, text, len, err);
    if (!status)
        status = osso_conversation_render(conversation, r->tokenizer, NULL, ids, err);
    osso_conversation_free(conversation);
    return status;
}

static enum osso_status add_text(const struct options *o, struct runner *r, struct texts *t, const char *text,
                                 size_t len, const char *where, struct osso_error *err)
{
    struct osso_ids *ids = add(t);
    enum osso_status status = ids ? OSSO_OK : error_nomem(err, sizeof *ids, "a text");
    if (!status && len == 0)
        status = error_set(err, OSSO_USAGE, "%s is an empty text", where);
    if (!status && !r->tokenizer)
        status = runner_tokenizer(r, err);
    return status ? status : encode(o, r, text, len, ids, err);
}

/* ---- many ---------------------------------------------------------------------------------------------------------
 */

static enum osso_status add_ids(struct texts *t, const struct jval *list, const char *where, struct osso_error *err)
{
    struct osso_ids *ids = add(t);
    enum osso_status status = ids ? OSSO_OK : error_nomem(err, sizeof *ids, "a text");
    for (const struct jval *v = list->first; v && !status; v = v->next) {
        int64_t id;
        if (!jget_integer(v, &id) || id < 0 || id > INT32_MAX)
            status = error_set(err, OSSO_FORMAT, "%s: ids holds what is no id", where);
        else
            status = osso_ids_push(ids, (int32_t)id, err);
    }
    if (!status && ids->len == 0)
        status = error_set(err, OSSO_USAGE, "%s is an empty text", where);
    return status;
}

static enum osso_status add_line(const struct options *o, struct runner *r, struct texts *t, const char *line,
                                 size_t len, const char *where, struct osso_error *err)
{
    struct jdoc *doc;
    enum osso_status status = jdoc_read(line, len, where, &doc, err);
    if (status)
        return status;
    const struct jval *root = jdoc_root(doc), *text = root, *ids = jval_get_type(root, "ids", J_ARRAY);
    if (root->type == J_OBJECT)
        text = jval_get_type(root, "text", J_STRING);
    if (ids)
        status = add_ids(t, ids, where, err);
    else if (text && text->type == J_STRING)
        status = add_text(o, r, t, text->text.s, text->text.len, where, err);
    else
        status = error_set(err, OSSO_FORMAT, "%s: neither a string nor an object with \"text\" or \"ids\"", where);
    jdoc_release(doc);
    return status;
}

static enum osso_status add_file(const struct options *o, struct runner *r, struct texts *t, const char *path,
                                 struct osso_error *err)
{
    struct buf in = {0};
    struct input_line line = {0};
    char where[600];
    size_t n = strlen(path);
    enum osso_status status = input_read(path, &in, err);
    if (!status)
        status = input_check_utf8(in.data ? in.data : "", in.len, path, err);
    if (!status && !(n > 6 && strcmp(path + n - 6, ".jsonl") == 0))
        status = add_text(o, r, t, in.data, in.len, path, err);
    else
        while (!status && input_next_line(&in, &line)) {
            snprintf(where, sizeof where, "%s, line %lld", path, (long long)line.number);
            status = add_line(o, r, t, line.text, line.len, where, err);
        }
    if (!status && t->n == 0)
        status = error_set(err, OSSO_USAGE, "%s holds no text", path);
    buf_free(&in);
    return status;
}

/* ---- all ----------------------------------------------------------------------------------------------------------
 */

static enum osso_status read_texts(const struct options *o, struct runner *r, struct texts *t, struct osso_error *err)
{
    struct buf in = {0};
    const char *where;
    int given = o->v[OPT_ids].set + o->v[OPT_inspect_data].set + (o->v[OPT_prompt].set || o->v[OPT_file].set);
    if (given > 1)
        return error_set(err, OSSO_USAGE, "a text of -p or -f, --ids and --data exclude each other");
    if (o->v[OPT_inspect_data].set)
        return add_file(o, r, t, o->v[OPT_inspect_data].s, err);
    if (o->v[OPT_ids].set) {
        struct osso_ids *ids = add(t);
        return ids ? input_ids_of(o->v[OPT_ids].s, ids, err) : error_nomem(err, sizeof *ids, "a text");
    }
    enum osso_status status = input_text(o, &in, &where, err);
    if (!status && !o->v[OPT_prompt].set)
        input_chomp(&in);
    if (!status)
        status = add_text(o, r, t, in.data, in.len, where, err);
    buf_free(&in);
    return status;
}

enum osso_status texts_args(const struct options *o, struct runner *r, struct texts *t, struct osso_error *err)
{
    enum osso_status status = read_texts(o, r, t, err);
    if (status)
        return status;
    t->ids = mem_array(t->n, sizeof *t->ids);
    t->lengths = mem_array(t->n, sizeof *t->lengths);
    if (!t->ids || !t->lengths)
        return error_nomem(err, t->n * sizeof *t->ids, "a list of texts");
    for (size_t i = 0; i < t->n; i++) {
        t->ids[i] = t->list[i].data;
        t->lengths[i] = t->list[i].len;
        t->total += t->list[i].len;
        t->longest = t->list[i].len > t->longest ? t->list[i].len : t->longest;
    }
    return OSSO_OK;
}
