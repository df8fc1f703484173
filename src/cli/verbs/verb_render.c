/* verb_render.c: a conversation in openai-harmony's JSON form, or a chat request, rendered as the model sees it. */
#include "cli/input.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/error.h"
#include "json/jwrite.h"

#include <string.h>

static struct osso_render_options render_args(const struct options *o)
{
    const struct option_value *purpose = &o->v[OPT_render_for];
    struct osso_render_options r = {.size = sizeof r, .purpose = OSSO_RENDER_COMPLETION, .drop = OSSO_DROP_LIBRARY};
    if (purpose->set && strcmp(purpose->s, "training") == 0)
        r.purpose = OSSO_RENDER_TRAINING;
    if (purpose->set && strcmp(purpose->s, "plain") == 0)
        r.purpose = OSSO_RENDER_PLAIN;
    const struct option_value *history = &o->v[OPT_history];
    if (o->v[OPT_no_drop_analysis].set || (history->set && strcmp(history->s, "all") == 0))
        r.drop = OSSO_DROP_NONE;
    else if (history->set && strcmp(history->s, "turns") == 0)
        r.drop = OSSO_DROP_TURNS;
    return r;
}

/* openai-harmony's form, or a chat request if that is what the person says; never one taken for the other. */
static enum osso_status read_conversation(const struct options *o, const struct buf *in, const char *where,
                                          struct osso_conversation **conversation_out, struct osso_error *err)
{
    const struct option_value *from = &o->v[OPT_render_from];
    const char *text = in->data ? in->data : "";
    char *ignored;
    if (!from->set || strcmp(from->s, "chat") != 0) {
        enum osso_status status = osso_conversation_check_form(text, in->len, where, err);
        return status ? status : osso_conversation_from_json(text, in->len, where, conversation_out, err);
    }
    enum osso_status status = osso_conversation_from_chat(text, in->len, where, NULL, &ignored, conversation_out, err);
    if (ignored)
        say("%s: the prompt cannot say, and leaves out: %s", where, ignored);
    osso_free(ignored);
    return status;
}

static enum osso_status print(const struct osso_tokenizer *tokenizer, const struct osso_ids *ids, bool as_ids,
                              bool json, struct osso_error *err)
{
    struct osso_decoder decoder = {0};
    char space[OSSO_DECODE_SPACE];
    struct buf numbers = {0}, text = {0}, out = {0};
    buf_ids(&numbers, ids->data, ids->len, json ? "," : " ");
    for (size_t i = 0; i < ids->len; i++)
        buf_add(&text, space, osso_decoder_push(&decoder, tokenizer, ids->data[i], space));
    buf_add(&text, space, osso_decoder_finish(&decoder, space));
    if (json) {
        buf_puts(&out, "{\"ids\":[");
        buf_add(&out, numbers.data, numbers.len);
        buf_puts(&out, "],\"text\":");
        jwrite_string(&out, text.data ? text.data : "", text.len);
        buf_puts(&out, "}\n");
    } else if (as_ids) {
        buf_add(&out, numbers.data, numbers.len);
        buf_putc(&out, '\n');
    }
    bool failed = numbers.failed || text.failed || out.failed;
    if (!failed && (json || as_ids))
        out_write(out.data, out.len);
    else if (!failed) {
        out_model_text(text.data ? text.data : "", text.len);
        if (out_is_terminal())
            out_puts("\n");
    }
    buf_free(&numbers);
    buf_free(&text);
    buf_free(&out);
    return failed ? error_nomem(err, ids->len * 8, "the rendered text") : OSSO_OK;
}

int verb_render(const struct options *o)
{
    struct osso_tokenizer *tokenizer = NULL;
    struct osso_conversation *conversation = NULL;
    struct osso_ids ids = {0};
    struct buf in = {0};
    struct osso_error err = {0};
    struct osso_render_options how = render_args(o);
    const char *path = o->operand[0], *where = strcmp(path, "-") == 0 ? "standard input" : path;
    enum osso_status status = input_read(path, &in, &err);
    if (!status)
        status = read_conversation(o, &in, where, &conversation, &err);
    if (!status)
        status = tokenizer_args(o, &tokenizer, &err);
    if (!status)
        status = osso_conversation_render(conversation, tokenizer, &how, &ids, &err);
    if (status == OSSO_USAGE &&
        conversation) /* a message that no prompt can have: the file is wrong, not the command */
        status = error_prefix(&err, OSSO_FORMAT, where);
    if (!status)
        status = print(tokenizer, &ids, o->v[OPT_render_ids].set, o->v[OPT_json].set, &err);
    buf_free(&in);
    osso_ids_free(&ids);
    osso_conversation_free(conversation);
    osso_tokenizer_free(tokenizer);
    return exit_code(status, &err);
}
