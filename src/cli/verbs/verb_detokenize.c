/* verb_detokenize.c: ids in, text out. */
#include "cli/input.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/error.h"
#include "json/jwrite.h"

/* Special tokens are left out, or shown by name with --special. */
static enum osso_status decode(const struct osso_tokenizer *tokenizer, const struct osso_ids *ids, bool special,
                               const char *where, struct buf *text, size_t *left_out, struct osso_error *err)
{
    struct osso_decoder decoder = {0};
    char space[OSSO_DECODE_SPACE];
    for (size_t i = 0; i < ids->len; i++) {
        const char *bytes;
        size_t len;
        if (!osso_tokenizer_piece(tokenizer, ids->data[i], &bytes, &len))
            return error_set(err, OSSO_FORMAT,
                             "%s: id %d (number %zu) is not in the vocabulary of %d ids; is -m missing?", where,
                             (int)ids->data[i], i + 1, (int)osso_tokenizer_size(tokenizer));
        if (special || !osso_tokenizer_is_special(tokenizer, ids->data[i]))
            buf_add(text, space, osso_decoder_push(&decoder, tokenizer, ids->data[i], space));
        else
            ++*left_out;
    }
    buf_add(text, space, osso_decoder_finish(&decoder, space));
    return text->failed ? error_nomem(err, text->len, "the text") : OSSO_OK;
}

static void print(const struct buf *text, bool json)
{
    struct buf line = {0};
    const char *data = text->data ? text->data : "";
    if (!json) {
        out_model_text(data, text->len);
        if (out_is_terminal() && text->len > 0 && data[text->len - 1] != '\n')
            out_puts("\n"); /* on a terminal only: into a file go the bytes and nothing else */
        return;
    }
    buf_puts(&line, "{\"text\":");
    jwrite_string(&line, data, text->len);
    buf_puts(&line, "}\n");
    if (!line.failed)
        out_write(line.data, line.len);
    buf_free(&line);
}

int verb_detokenize(const struct options *o)
{
    struct osso_tokenizer *tokenizer = NULL;
    struct osso_ids ids = {0};
    struct buf in = {0}, text = {0};
    struct osso_error err = {0};
    const char *where;
    size_t left_out = 0;
    enum osso_status status = tokenizer_args(o, &tokenizer, &err);
    if (!status)
        status = input_text(o, &in, &where, &err);
    if (!status)
        status = input_ids(in.data ? in.data : "", in.len, where, &ids, &err);
    if (!status)
        status = decode(tokenizer, &ids, o->v[OPT_special].set, where, &text, &left_out, &err);
    if (!status) {
        print(&text, o->v[OPT_json].set);
        if (left_out && err_is_terminal())
            say("left out %zu special token%s; --special shows them", left_out, left_out == 1 ? "" : "s");
    }
    buf_free(&in);
    buf_free(&text);
    osso_ids_free(&ids);
    osso_tokenizer_free(tokenizer);
    return exit_code(status, &err);
}
