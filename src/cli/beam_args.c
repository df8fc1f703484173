/* beam_args.c: --beams: the search that it asks for, and what is printed of it. */
#include "cli/beam_args.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "json/jwrite.h"
#include "osso/beams.h"

#include <string.h>

/* Where scores are means, a beam that repeats itself may go on to get better. */
enum { DEFAULT_TOKENS = 256 };

static int on_progress(void *user, size_t done, size_t total)
{
    int over = done <= total ? progress_of_prompt(user, done, total) : 0;
    return over || interrupted();
}

static void print_text(const struct osso_beams *beams)
{
    struct buf head = {0};
    for (size_t i = 0; i < beams->n; i++) {
        const struct osso_beam *b = &beams->list[i];
        buf_clear(&head);
        if (beams->n > 1)
            buf_printf(&head, "[%zu: %.4f] ", i + 1, b->score);
        out_write(head.data, head.len);
        out_model_text(b->text, b->text_len);
        out_puts("\n");
    }
    buf_free(&head);
}

static enum osso_status print_json(const struct osso_beams *beams, const struct osso_ids *prompt,
                                   struct osso_error *err)
{
    struct buf out = {0};
    buf_puts(&out, "{\"prompt_ids\":[");
    buf_ids(&out, prompt->data, prompt->len, ",");
    buf_puts(&out, "],\"beams\":[");
    for (size_t i = 0; i < beams->n; i++) {
        const struct osso_beam *b = &beams->list[i];
        const char *why = osso_stop_text(b->stop);
        buf_puts(&out, i ? ",{\"text\":" : "{\"text\":");
        jwrite_string(&out, b->text, b->text_len);
        buf_printf(&out, ",\"score\":%.9g,\"logprob\":%.9g,\"stop_reason\":", b->score, b->logprob);
        jwrite_string(&out, why, strlen(why));
        buf_puts(&out, ",\"ids\":[");
        buf_ids(&out, b->ids, b->n, ",");
        buf_puts(&out, "]}");
    }
    buf_puts(&out, "]}\n");
    bool failed = out.failed;
    if (!failed)
        out_write(out.data, out.len);
    buf_free(&out);
    return failed ? error_nomem(err, prompt->len, "the list of beams") : OSSO_OK;
}

enum osso_status beams_write(const struct options *o, struct runner *r, const struct osso_ids *prompt,
                             struct osso_error *err)
{
    const struct option_value *v = o->v;
    struct osso_beam_options with = {.size = sizeof with,
                                     .beams = (int)v[OPT_beams].i,
                                     .best = v[OPT_n_best].set ? (int)v[OPT_n_best].i : 1,
                                     .length_penalty = v[OPT_length_penalty].set ? v[OPT_length_penalty].f : 1,
                                     .max_tokens = v[OPT_n_predict].set ? v[OPT_n_predict].i : DEFAULT_TOKENS,
                                     .ignore_eos = v[OPT_ignore_eos].set,
                                     .tokenizer = r->tokenizer,
                                     .stop = v[OPT_stop].list,
                                     .n_stop = v[OPT_stop].n,
                                     .no_special_names = !v[OPT_special].set,
                                     .on_progress = on_progress};
    struct osso_beams *beams;
    struct osso_logit_bias *bias = NULL;
    enum osso_status status = osso_session_sync(r->session, prompt->data, prompt->len, err);
    if (!status)
        status = runner_admit(r, prompt->data, prompt->len, err);
    if (!status)
        status = bias_args(o, r, &bias, &with.n_bias, err);
    if (status)
        return status;
    with.bias = bias;
    progress_begin(PROGRESS_PROMPT);
    status = osso_beam_search(r->engine, r->session, &with, &beams, err);
    progress_end();
    mem_free(bias);
    if (status)
        return status;
    if (v[OPT_json].set)
        status = print_json(beams, prompt, err);
    else
        print_text(beams);
    osso_beams_free(beams);
    return status;
}
