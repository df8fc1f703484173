/* verb_tokenize.c: text in, ids out. */
#include "cli/input.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/error.h"
#include "json/jwrite.h"

/* {"ids":[...],"pieces":["...", ...]}: a piece that is half a character shows as U+FFFD. */
static void as_json(const struct osso_tokenizer *tokenizer, const struct osso_ids *ids, struct buf *text)
{
    buf_puts(text, "{\"ids\":[");
    buf_ids(text, ids->data, ids->len, ",");
    buf_puts(text, "],\"pieces\":[");
    for (size_t i = 0; i < ids->len; i++) {
        const char *bytes = "";
        size_t len = 0;
        osso_tokenizer_piece(tokenizer, ids->data[i], &bytes, &len);
        buf_puts(text, i ? "," : "");
        jwrite_string(text, bytes, len);
    }
    buf_puts(text, "]}\n");
}

static void as_ids(const struct osso_ids *ids, struct buf *text)
{
    buf_ids(text, ids->data, ids->len, " ");
    buf_putc(text, '\n');
}

int verb_tokenize(const struct options *o)
{
    struct osso_tokenizer *tokenizer = NULL;
    struct osso_ids ids = {0};
    struct buf in = {0}, text = {0};
    struct osso_error err = {0};
    const char *where;
    enum osso_status status = tokenizer_args(o, &tokenizer, &err);
    if (!status)
        status = input_text(o, &in, &where, &err);
    if (!status)
        status = osso_tokenizer_encode(tokenizer, in.data ? in.data : "", in.len,
                                       o->v[OPT_special].set ? OSSO_ENCODE_SPECIAL : 0, &ids, &err);
    if (!status) {
        if (o->v[OPT_json].set)
            as_json(tokenizer, &ids, &text);
        else
            as_ids(&ids, &text);
        if (text.failed)
            status = error_nomem(&err, text.len, "the list of ids");
        else
            out_write(text.data, text.len);
    }
    buf_free(&in);
    buf_free(&text);
    osso_ids_free(&ids);
    osso_tokenizer_free(tokenizer);
    return exit_code(status, &err);
}
