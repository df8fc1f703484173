/* heard.c: what a model has written: when it is over, its text, and what it is worth. */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "engine/engine_parts.h"
#include "eval/chat_task.h"
#include "eval/nul.h"

#include <string.h>

/* Texts that end an answer (gsm8k's). */
enum { N_ENDS = 3 };
static const char *const answer_ends[N_ENDS] = {"Question:", "</s>", "<|im_end|>"};

/* Up to the first text that ends it. */
static void cut_text(char *text)
{
    for (int i = 0; i < N_ENDS; i++) {
        char *at = strstr(text, answer_ends[i]);
        if (at)
            *at = 0;
    }
}

/* special: special tokens by their names, too. */
static void read_text(const struct eval *e, const struct score_request *r, bool special, struct buf *out)
{
    struct osso_decoder decoder = {0};
    char space[OSSO_DECODE_SPACE];
    for (size_t i = r->from; i < r->ids.len; i++)
        if (special || !osso_tokenizer_is_special(e->rules.tokenizer, r->ids.data[i]))
            buf_add(out, space, osso_decoder_push(&decoder, e->rules.tokenizer, r->ids.data[i], space));
    buf_add(out, space, osso_decoder_finish(&decoder, space));
    buf_puts(out, "");
}

static bool is_stop(const struct eval *e, int32_t id)
{
    int32_t ids[32] = {osso_tokenizer_special(e->rules.tokenizer, "<|return|>"),
                       osso_tokenizer_special(e->rules.tokenizer, "<|call|>")};
    size_t n = 2;
    if (e->engine->model) {
        n = osso_model_stop_ids(e->engine->model, ids, 32);
        n = n < 32 ? n : 32;
    }
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* The newest text is looked at, as far back as an end may begin. */
static bool has_end(const struct eval *e, const struct score_request *r)
{
    enum { BACK = 16, ROOM = 128 };
    char tail[ROOM + 1];
    size_t n = 0;
    for (size_t i = r->ids.len - r->from > BACK ? r->ids.len - BACK : r->from; i < r->ids.len; i++) {
        const char *text;
        size_t len;
        if (!osso_tokenizer_piece(e->rules.tokenizer, r->ids.data[i], &text, &len))
            continue;
        for (size_t k = 0; k < len; k++) {
            if (n == ROOM)
                memmove(tail, tail + 1, --n);
            tail[n++] = text[k] ? text[k] : ' ';
        }
    }
    tail[n] = 0;
    for (int i = 0; i < N_ENDS; i++)
        if (strstr(tail, answer_ends[i]))
            return true;
    return false;
}

bool heard_enough(const struct eval *e, const struct run *run, const struct score_request *r)
{
    if (is_stop(e, r->ids.data[r->ids.len - 1]))
        return true;
    return run->task->kind != CHAT && !e->o.chat && has_end(e, r);
}

/* In harmony: the whole of it, the message that counts, and what the line says to that. */
static enum osso_status judge(const struct eval *e, const struct run *run, struct item *item,
                              const struct score_request *r, struct osso_error *err)
{
    struct chat_verdict v = {0};
    struct jdoc *tree = NULL;
    enum osso_status status = OSSO_OK;
    if (run->task->kind == CHAT)
        status = jdoc_read(run->text + item->at, item->len, run->path, &tree, err);
    if (!status)
        status = chat_grade(e->rules.tokenizer, tree ? jdoc_root(tree) : NULL, r->ids.data + r->from,
                            r->ids.len - r->from, &v, err);
    item->right = v.right;
    item->well_formed = v.well_formed;
    item->said = status ? NULL : buf_take(&v.said);
    jdoc_release(tree);
    buf_free(&v.said);
    return status;
}

enum osso_status heard(const struct eval *e, const struct run *run, struct item *item, const struct score_request *r,
                       struct osso_error *err)
{
    struct buf text = {0};
    bool harmony = run->task->kind == CHAT || e->o.chat;
    enum osso_status status = harmony ? judge(e, run, item, r, err) : OSSO_OK;
    if (!status && run->task->kind == GENERATE && harmony) { /* what is graded is the answer */
        item->text = item->said;
        item->said = NULL;
        return OSSO_OK;
    }
    read_text(e, r, harmony, &text);
    item->text = text.failed ? NULL : nul_text(text.data, text.len);
    if (!harmony && item->text)
        cut_text(item->text);
    buf_free(&text);
    return status || item->text ? status : error_nomem(err, r->ids.len, "an answer");
}
