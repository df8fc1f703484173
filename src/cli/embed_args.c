/* embed_args.c: texts for embeddings, as tokens, and from options to their vectors. */
#include "cli/embed_args.h"
#include "cli/conversation_args.h"
#include "cli/input.h"
#include "cli/out.h"
#include "cli/progress.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "json/jget.h"

#include <limits.h>
#include <string.h>

enum { THOUGHTS = 256 };
static const char *const stop_names[] = {"<|end|>", "<|return|>", "<|call|>", "<|endoftext|>", "<|start|>"};
enum { N_STOPS = sizeof stop_names / sizeof *stop_names };

void embed_texts_free(struct embed_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        mem_free((int32_t *)t->list[i].ids);
    mem_free(t->list);
    mem_free(t->line);
    *t = (struct embed_texts){0};
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

enum osso_status embed_no_image(const char *bytes, size_t len, const char *where, struct osso_error *err)
{
    const char *is = len > 0 ? file_instead(bytes, len) : NULL;
    if (!is || strncmp(is, "is an image", strlen("is an image")) != 0)
        return OSSO_OK;
    return error_set(err, OSSO_USAGE,
                     "%s is an image, and gpt-oss reads text alone; give words about it, such as its caption", where);
}

/* The text as a user's message and the beginning of the model's thoughts; only the text's own tokens are pooled, and
 * what the model goes on with. */
static enum osso_status chat_ids(const struct options *o, const struct osso_tokenizer *tokenizer, const char *text,
                                 size_t len, struct osso_ids *ids, struct osso_embed_text *t, struct osso_error *err)
{
    struct opening opening = {.effort = o->v[OPT_with_reasoning].s};
    struct osso_conversation *conversation = NULL;
    int32_t channel = osso_tokenizer_special(tokenizer, "<|channel|>"),
            message = osso_tokenizer_special(tokenizer, "<|message|>"),
            end = osso_tokenizer_special(tokenizer, "<|end|>");
    if (channel < 0 || message < 0 || end < 0)
        return error_set(err, OSSO_UNSUPPORTED, "--with-reasoning: the model's tokenizer has no tokens for messages");
    enum osso_status status = opening_start(&opening, &conversation, err);
    if (!status)
        status = add_user(conversation, text, len, err);
    if (!status)
        status = osso_conversation_render(conversation, tokenizer, NULL, ids, err);
    osso_conversation_free(conversation);
    for (t->to = ids->len; !status && t->to > 0 && ids->data[t->to - 1] != end;)
        t->to--;
    t->to -= t->to > 0;
    for (t->from = t->to; !status && t->from > 0 && ids->data[t->from - 1] != message;)
        t->from--;
    if (!status)
        status = osso_ids_push(ids, channel, err);
    if (!status)
        status = osso_tokenizer_encode(tokenizer, "analysis", strlen("analysis"), 0, ids, err);
    t->generate = o->v[OPT_embed_n_predict].set ? o->v[OPT_embed_n_predict].i : THOUGHTS;
    return status ? status : osso_ids_push(ids, message, err);
}

static enum osso_status push(struct embed_texts *texts, struct osso_embed_text t, int64_t line, struct osso_error *err)
{
    if (texts->n == texts->cap) {
        size_t cap = texts->cap ? texts->cap * 2 : 64;
        struct osso_embed_text *list = mem_grow(texts->list, cap, sizeof *list);
        texts->list = list ? list : texts->list;
        int64_t *lines = mem_grow(texts->line, cap, sizeof *lines);
        texts->line = lines ? lines : texts->line;
        if (!list || !lines)
            return error_nomem(err, cap * sizeof *list, "the list of texts");
        texts->cap = cap;
    }
    texts->line[texts->n] = line;
    texts->list[texts->n++] = t;
    return OSSO_OK;
}

enum osso_status embed_texts_add(const struct options *o, struct runner *r, struct embed_texts *texts, const char *text,
                                 size_t len, const char *where, int64_t line, struct osso_error *err)
{
    struct osso_embed_text t = {0};
    struct osso_ids ids = {0};
    enum osso_status status = input_check_utf8(text, len, where, err);
    texts->where = where;
    if (!status && len == 0)
        status = error_set(err, OSSO_USAGE, "%s is empty, and nothing has no embedding; give some text", where);
    if (!status && o->v[OPT_with_reasoning].set)
        status = chat_ids(o, r->tokenizer, text, len, &ids, &t, err);
    else if (!status)
        status = osso_tokenizer_encode(r->tokenizer, text, len, 0, &ids, err);
    t.ids = ids.data;
    t.n = ids.len;
    if (!status)
        status = push(texts, t, line, err);
    if (status)
        osso_ids_free(&ids);
    return status;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* A part of a message that is an image, in any of the ways that people write one. */
static bool is_image(const struct jval *v)
{
    const struct jval *type = jval_get_type(v, "type", J_STRING);
    bool image = jval_given(v, "image") || jval_given(v, "image_url") || (type && strstr(type->text.s, "image"));
    const struct jval *parts = v->type == J_ARRAY ? v : jval_get_type(v, "content", J_ARRAY);
    for (const struct jval *part = parts ? parts->first : NULL; part && !image; part = part->next)
        image = part->type == J_OBJECT &&
                (jval_given(part, "image_url") || (jval_get_type(part, "type", J_STRING) &&
                                                   strstr(jval_get_type(part, "type", J_STRING)->text.s, "image")));
    return image;
}

static enum osso_status add_line(const struct options *o, struct runner *r, struct embed_texts *texts, const char *line,
                                 size_t len, const char *where, int64_t number, struct osso_error *err)
{
    struct jdoc *doc;
    enum osso_status status = jdoc_read(line, len, where, &doc, err);
    if (status)
        return status;
    const struct jval *root = jdoc_root(doc),
                      *text = root->type == J_STRING ? root : jval_get_type(root, "text", J_STRING);
    if (!text && is_image(root))
        status = error_set(err, OSSO_USAGE,
                           "%s holds an image, and gpt-oss reads text alone; give words about it, such as its caption",
                           where);
    else if (!text)
        status = error_set(err, OSSO_FORMAT, "%s: a JSON string, or an object with \"text\", is expected", where);
    else
        status = embed_texts_add(o, r, texts, text->text.s, text->text.len, where, number, err);
    jdoc_release(doc);
    return status;
}

enum osso_status embed_texts_lines(const struct options *o, struct runner *r, struct embed_texts *texts,
                                   const char *path, bool json, struct osso_error *err)
{
    struct buf in = {0};
    struct input_line line = {0};
    char where[600];
    size_t before = texts->n;
    enum osso_status status = input_read(path, &in, err);
    if (!status)
        status = embed_no_image(in.data ? in.data : "", in.len, path, err);
    if (!status && in.len > 0)
        status = input_check_utf8(in.data, in.len, path, err);
    while (!status && input_next_line(&in, &line)) {
        snprintf(where, sizeof where, "%s, line %lld", path, (long long)line.number);
        status = (json ? add_line : embed_texts_add)(o, r, texts, line.text, line.len, where, line.number, err);
    }
    texts->where = path;
    if (!status && texts->n == before)
        status = error_set(err, OSSO_USAGE, "%s holds no text; give one a line", path);
    buf_free(&in);
    return status;
}

/* ---- vectors ------------------------------------------------------------------------------------------------------
 */

static enum osso_status embed_layer(const struct options *o, int *layer_out, struct osso_error *err)
{
    const char *s = o->v[OPT_embed_layer].set ? o->v[OPT_embed_layer].s : "last";
    int64_t layer;
    *layer_out = OSSO_EMBED_LAST;
    if (strcmp(s, "last") == 0)
        return OSSO_OK;
    if (!parse_i64(s, &layer) || layer < 0 || layer > INT_MAX)
        return error_set(err, OSSO_USAGE, "--layer: '%s' is neither a layer's number nor last", s);
    *layer_out = (int)layer;
    return OSSO_OK;
}

enum osso_status embed_start(const struct options *o, struct runner *r, const struct embed_texts *texts,
                             struct osso_error *err)
{
    struct osso_engine_options e = engine_args(o, r);
    size_t longest = 0;
    for (size_t i = 0; i < texts->n; i++) {
        size_t n = texts->list[i].n + (size_t)texts->list[i].generate;
        longest = n > longest ? n : longest;
    }
    longest = longest > (size_t)r->dims.context ? (size_t)r->dims.context : longest;
    osso_embed_engine(texts->n, longest, &e);
    enum osso_status status = runner_start(r, &e, err);
    if (!status)
        osso_engine_set_interrupt(r->engine, interrupt_flag());
    return status;
}

static int on_progress(void *user, uint64_t done, uint64_t total)
{
    const size_t *span = user; /* those before, all */
    (void)total;
    progress_prompt(span[0] + (size_t)done, span[1]);
    return interrupted();
}

enum osso_status embed_vectors(const struct options *o, struct runner *r, const struct embed_texts *texts, size_t from,
                               size_t n, float *vectors, struct osso_error *err)
{
    int32_t stops[N_STOPS];
    size_t span[2] = {from, texts->n}, failed = n;
    char where[600];
    const char *pool = o->v[OPT_pool].set ? o->v[OPT_pool].s : "mean";
    struct osso_embed_options e = {.size = sizeof e,
                                   .pool = pool[1] == 'e'   ? OSSO_POOL_MEAN
                                           : pool[0] == 'l' ? OSSO_POOL_LAST
                                                            : OSSO_POOL_MAX,
                                   .no_normalize = o->v[OPT_no_normalize].set,
                                   .stop_ids = stops,
                                   .n_stop_ids = N_STOPS,
                                   .progress = on_progress,
                                   .user = span};
    for (int i = 0; i < N_STOPS; i++)
        stops[i] = osso_tokenizer_special(r->tokenizer, stop_names[i]);
    enum osso_status status = embed_layer(o, &e.layer, err);
    if (!status)
        status = osso_embed(r->engine, texts->list + from, n, &e, vectors, &failed, err);
    if (status && failed < n && texts->line[from + failed] > 0) {
        snprintf(where, sizeof where, "%s, line %lld", texts->where, (long long)texts->line[from + failed]);
        error_prefix(err, status, where);
    } else if (status && failed < n)
        error_prefix(err, status, texts->where);
    return status;
}
