/* about.c: /v1/models, /props, /slots, /tokenize, /detokenize. */
#include "serve/about.h"

#include "base/utf8.h"
#include "json/jget.h"
#include "json/jwrite.h"
#include "serve/desk.h"
#include "serve/exchange.h"
#include "serve/refusal_send.h"

#include <string.h>

static void send(struct exchange *x, struct buf *out)
{
    if (out->failed)
        exchange_error(x, 503, NULL, NULL, "not enough memory for the answer");
    else
        exchange_reply(x, 200, NULL, "application/json", out->data, out->len);
    buf_free(out);
}

/* What the loader finds out is nobody else's until it is done. */
static bool is_loading(struct exchange *x)
{
    if (atomic_load(&desk_of(x)->ready))
        return false;
    exchange_error(x, 503, NULL, "loading", "the model is being loaded; try again later");
    return true;
}

static void put_model(struct buf *out, const struct desk *desk)
{
    buf_puts(out, "{\"id\":");
    jwrite_string(out, desk->name, strlen(desk->name));
    buf_printf(
        out,
        ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"osso\",\"max_model_len\":%lld,\"meta\":{\"n_vocab\":%lld,"
        "\"n_ctx\":%lld}}",
        (long long)desk->created, (long long)desk->context, (long long)desk->vocab, (long long)desk->context);
}

void about_models(struct exchange *x)
{
    struct buf out = {0};
    if (is_loading(x))
        return;
    buf_puts(&out, "{\"object\":\"list\",\"data\":[");
    put_model(&out, desk_of(x));
    buf_puts(&out, "]}");
    send(x, &out);
}

void about_model(struct exchange *x)
{
    struct buf out = {0};
    if (is_loading(x))
        return;
    if (strcmp(exchange_id(x), desk_of(x)->name) != 0) {
        exchange_error(x, 404, "model", "model_not_found", "there is no model \"%.80s\" here; this is \"%.80s\"",
                       exchange_id(x), desk_of(x)->name);
        return;
    }
    put_model(&out, desk_of(x));
    send(x, &out);
}

void about_props(struct exchange *x)
{
    const struct desk *desk = desk_of(x);
    struct buf out = {0};
    if (is_loading(x))
        return;
    buf_puts(&out, "{\"model_alias\":");
    jwrite_string(&out, desk->name, strlen(desk->name));
    buf_printf(&out, ",\"total_slots\":%d,\"default_generation_settings\":{\"n_ctx\":%lld,\"params\":{\"temperature\":",
               desk->slots, (long long)desk->context);
    jwrite_number(&out, desk->defaults.temperature);
    buf_printf(&out, ",\"top_k\":%lld,\"top_p\":", (long long)desk->defaults.top_k);
    jwrite_number(&out, desk->defaults.top_p);
    buf_puts(&out, ",\"min_p\":");
    jwrite_number(&out, desk->defaults.min_p);
    buf_printf(&out, "}},\"build_info\":\"osso %s %s\",\"modalities\":{\"vision\":false,\"audio\":false}}",
               osso_version(), osso_commit());
    send(x, &out);
}

void about_slots(struct exchange *x)
{
    struct desk *desk = desk_of(x);
    struct sched_counts counts;
    struct buf out = {0};
    if (is_loading(x))
        return;
    sched_counts(desk->sched, &counts);
    buf_puts(&out, "[");
    for (int i = 0; i < desk->slots; i++)
        buf_printf(&out, "%s{\"id\":%d,\"n_ctx\":%lld,\"is_processing\":%s}", i ? "," : "", i, (long long)desk->context,
                   (size_t)i < counts.running ? "true" : "false");
    buf_puts(&out, "]");
    send(x, &out);
}

/* ---- text and tokens ------------------------------------------------------------------------------------ */

static struct jdoc *read_body(struct exchange *x)
{
    static const struct jdoc_limits limits = {.depth = 64, .values = 400000};
    struct refusal r = {0};
    struct jdoc *doc = NULL;
    size_t len;
    const char *body = exchange_body(x, &len);
    enum osso_status status = jdoc_read_limited(body, len, "the body", &limits, &doc, &r.err);
    if (status)
        refuse_status(&r, status, NULL);
    else if (jdoc_root(doc)->type != J_OBJECT)
        refuse(&r, 400, NULL, "the body must be a JSON object");
    if (!r.status)
        return doc;
    refusal_send(x, &r);
    jdoc_release(doc);
    return NULL;
}

/* {"id", "piece"}: bytes that are no text are a list of numbers, as llama-server has it. */
static void put_piece(struct buf *out, const struct osso_tokenizer *tokenizer, int32_t id)
{
    const char *bytes = "";
    size_t len = 0;
    osso_tokenizer_piece(tokenizer, id, &bytes, &len);
    buf_printf(out, "{\"id\":%d,\"piece\":", id);
    if (utf8_valid_prefix((const uint8_t *)bytes, len) == len)
        jwrite_string(out, bytes, len);
    else {
        buf_puts(out, "[");
        for (size_t i = 0; i < len; i++)
            buf_printf(out, "%s%u", i ? "," : "", (unsigned)(unsigned char)bytes[i]);
        buf_puts(out, "]");
    }
    buf_puts(out, "}");
}

/* Of a wrong type: refused, and false. */
static bool read_truth(struct exchange *x, const struct jval *root, const char *key, bool *truth_out)
{
    const struct jval *v = jval_given(root, key);
    *truth_out = v && v->type == J_BOOL && v->truth;
    if (!v || v->type == J_BOOL)
        return true;
    exchange_error(x, 400, key, NULL, "\"%s\" must be true or false", key);
    return false;
}

static void put_tokens(struct buf *out, const struct osso_tokenizer *tokenizer, const struct osso_ids *ids, bool pieces)
{
    buf_puts(out, "{\"tokens\":[");
    for (size_t i = 0; i < ids->len; i++) {
        buf_puts(out, i ? "," : "");
        if (pieces)
            put_piece(out, tokenizer, ids->data[i]);
        else
            buf_printf(out, "%d", ids->data[i]);
    }
    buf_puts(out, "]}");
}

void about_tokenize(struct exchange *x)
{
    struct desk *desk = desk_of(x);
    struct jdoc *doc = read_body(x);
    struct osso_ids ids = {0};
    struct osso_error err = {""};
    struct buf out = {0};
    bool special, pieces, begins; /* no text begins with a token of its own: the last says nothing */
    if (!doc)
        return;
    const struct jval *root = jdoc_root(doc), *content = jval_get_type(root, "content", J_STRING);
    if (!content)
        exchange_error(x, 400, "content", NULL, "\"content\" must be text");
    else if (read_truth(x, root, "parse_special", &special) && read_truth(x, root, "with_pieces", &pieces) &&
             read_truth(x, root, "add_special", &begins)) {
        desk_begin_text(desk, content->text.len);
        enum osso_status status = osso_tokenizer_encode(desk->tokenizer, content->text.s, content->text.len,
                                                        special ? OSSO_ENCODE_SPECIAL : 0, &ids, &err);
        desk_end_text(desk, content->text.len);
        if (status)
            exchange_error(x, 503, NULL, NULL, "%s", err.text);
        else {
            put_tokens(&out, desk->tokenizer, &ids, pieces);
            send(x, &out);
        }
    }
    osso_ids_free(&ids);
    jdoc_release(doc);
}

void about_detokenize(struct exchange *x)
{
    const struct osso_tokenizer *tokenizer = desk_of(x)->tokenizer;
    struct jdoc *doc = read_body(x);
    struct buf text = {0}, out = {0};
    if (!doc)
        return;
    const struct jval *list = jval_get_type(jdoc_root(doc), "tokens", J_ARRAY);
    bool ok = list != NULL;
    for (const struct jval *v = list ? list->first : NULL; v && ok; v = v->next) {
        const char *bytes;
        size_t len;
        int64_t id;
        ok = jget_integer(v, &id) && id >= 0 && id <= INT32_MAX &&
             osso_tokenizer_piece(tokenizer, (int32_t)id, &bytes, &len);
        if (ok)
            buf_add(&text, bytes, len);
    }
    if (!ok)
        exchange_error(x, 400, "tokens", NULL, "\"tokens\" must be a list of token ids from 0 to %d",
                       osso_tokenizer_size(tokenizer) - 1);
    else {
        buf_puts(&out, "{\"content\":");
        jwrite_string(&out, text.data ? text.data : "", text.len);
        buf_puts(&out, "}");
        out.failed |= text.failed;
        send(x, &out);
    }
    buf_free(&text);
    jdoc_release(doc);
}
