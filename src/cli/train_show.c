/* train_show.c: progress on standard error; numbers for people, the log has the exact ones. */
#include "cli/train_show.h"

#include "base/clock.h"

#include "cli/model_args.h"
#include "cli/out.h"
#include "cli/train_curve.h"

#include "base/clock.h"
#include "osso/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "1:23:45", "4:05" */
static const char *clock_text(char space[32], double seconds)
{
    long long s = seconds < 0 || !(seconds < 1e12) ? 0 : (long long)seconds;
    if (s >= 3600)
        snprintf(space, 32, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(space, 32, "%lld:%02lld", s / 60, s % 60);
    return space;
}

void train_show_end(void)
{
    if (err_is_terminal())
        fputs(terminal_moves() ? "\r\033[K" : "\n", stderr);
}

static void put_bar(double share)
{
    enum { CELLS = 20 };
    char bar[CELLS + 1];
    for (int i = 0; i < CELLS; i++)
        bar[i] = i < (int)(share * CELLS) ? '#' : '.';
    bar[CELLS] = 0;
    fprintf(stderr, "\r[%s] ", bar);
}

static int on_step(void *user, const struct osso_train_report *r)
{
    struct train_show *s = user;
    bool terminal = err_is_terminal() && terminal_moves();
    double t = clock_seconds(), every = terminal ? 0.2 : 10;
    char eta[32], tokens[32];
    s->tokens += r->tokens;
    if (r->skipped) {
        train_show_end();
        say("step %lld: loss or gradients are no numbers; the step is skipped", (long long)r->step);
    } else {
        s->loss = s->loss > 0 ? 0.9 * s->loss + 0.1 * r->loss : r->loss;
    }
    if (t - s->said < every && !r->last && s->said > 0)
        return interrupted();
    s->said = t;
    double speed = (double)s->tokens / (t - s->began), left = (double)(r->steps - r->step);
    clock_text(eta, left * (t - s->began) / (double)(r->step - s->first));
    human_count(tokens, (uint64_t)speed);
    if (terminal)
        put_bar((double)r->step / (double)r->steps);
    fprintf(stderr, "%sstep %lld of %lld, loss %.3f, lr %.2e, %s tokens/s, %s left%s",
            terminal ? "" : "osso: ", (long long)r->step, (long long)r->steps, s->loss, r->lr, tokens, eta,
            terminal ? "\033[K" : "\n");
    return interrupted();
}

static int on_validating(void *user, int64_t done, int64_t docs)
{
    (void)user;
    if (err_is_terminal() && terminal_moves()) {
        put_bar((double)done / (double)docs);
        fprintf(stderr, "validating: %lld of %lld documents\033[K", (long long)done, (long long)docs);
    }
    return interrupted();
}

static int on_validation(void *user, const struct osso_train_validation *v)
{
    char bits[48] = "";
    (void)user;
    train_show_end();
    if (isfinite(v->bits_per_byte))
        snprintf(bits, sizeof bits, ", %.3f bits per byte", v->bits_per_byte);
    say("step %lld: val_loss %.4f%s%s", (long long)v->step, v->loss, bits, v->best ? ", the best so far" : "");
    return interrupted();
}

static int on_saved(void *user, const char *out, const char *log)
{
    struct osso_error err = {""};
    (void)user;
    if (log && train_curve_write(log, out, &err)) {
        train_show_end();
        say("no loss curve: %s", err.text);
    }
    return interrupted();
}

/* ---- samples -------------------------------------------------------------------------------------------- */

static int show_text(void *user, const struct osso_event *event)
{
    (void)user;
    if (event->text_len > 0)
        err_line_text(event->text, event->text_len);
    return interrupted();
}

/* A fresh engine: what was computed with earlier weights is stale. */
static enum osso_status write_sample(struct train_show *s, struct osso_model *model, const char *prompt,
                                     struct osso_error *err)
{
    struct osso_engine_options e = {.size = sizeof e, .threads = s->threads, .isa = s->isa, .max_rows = 64};
    struct osso_sampling sampling = {.size = sizeof sampling};
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_generate_options how = {.size = sizeof how, .max_tokens = 60, .on_event = show_text};
    struct osso_generate_result result = {.size = sizeof result};
    const struct osso_tokenizer *tokenizer;
    struct osso_engine *engine = NULL;
    struct osso_session *session = NULL;
    struct osso_sampler *sampler = NULL;
    struct osso_ids ids = {0};
    osso_sampling_defaults(&sampling);
    sampling.temperature = 0.8;
    osso_model_dims(model, &dims);
    e.context = dims.context < 256 ? dims.context : 256;
    enum osso_status status = osso_model_tokenizer(model, &tokenizer, err);
    if (!status)
        status = osso_tokenizer_encode(tokenizer, prompt, strlen(prompt), 0, &ids, err);
    if (!status)
        status = osso_engine_create(model, &e, &engine, err);
    if (!status)
        status = osso_session_create(engine, 0, &session, err);
    if (!status)
        status = osso_sampler_create(&sampling, dims.vocab, &sampler, err);
    if (!status)
        status = osso_session_sync(session, ids.data, ids.len, err);
    if (!status)
        status = osso_generate(engine, session, sampler, tokenizer, &how, &result, err);
    osso_sampler_free(sampler);
    osso_session_free(session);
    osso_engine_free(engine);
    osso_ids_free(&ids);
    return status == OSSO_CANCELLED ? OSSO_OK : status;
}

static int on_sample(void *user, int64_t step, const struct osso_model *model, const char *prompt)
{
    struct osso_error err = {""};
    train_show_end();
    fprintf(stderr, "osso: step %lld writes: ", (long long)step);
    err_line_text(prompt, strlen(prompt));
    enum osso_status status = write_sample(user, (struct osso_model *)(uintptr_t)model, prompt, &err);
    fputc('\n', stderr);
    if (status)
        say("no sample: %s", err.text);
    return interrupted();
}

struct osso_train_hooks train_show_hooks(struct train_show *s)
{
    s->began = clock_seconds();
    return (struct osso_train_hooks){.size = sizeof(struct osso_train_hooks),
                                     .step = on_step,
                                     .validation = on_validation,
                                     .sample = on_sample,
                                     .saved = on_saved,
                                     .user = s,
                                     .validating = on_validating};
}

/* ---- before a run --------------------------------------------------------------------------------------- */

static void put_bytes(const char *what, uint64_t bytes)
{
    printf("  %-20s %8.2f GiB\n", what, (double)bytes / (1 << 30));
}

void train_show_budget(const struct osso_train_budget *b)
{
    double speed = b->flop_per_second / b->flop_per_token;
    printf("parameters             %.1f M, %.1f M of them active\n", (double)b->parameters / 1e6,
           (double)b->active_parameters / 1e6);
    printf("memory\n");
    put_bytes("weights", b->weights);
    put_bytes("gradients", b->gradients);
    put_bytes("moments", b->moments);
    put_bytes("activations", b->activations);
    put_bytes("pages", b->pages);
    put_bytes("in all", b->total);
    put_bytes("free now", b->available);
    printf("FLOP a token           %.1f M\n", b->flop_per_token / 1e6);
    printf("tokens a step          %lld\n", (long long)b->tokens_per_step);
    if (b->flop_per_second > 0)
        printf("speed (measured)       about %.0f tokens/s, %.1f GFLOP/s\n", speed, b->flop_per_second / 1e9);
    if (b->steps > 0 && b->flop_per_second > 0)
        printf("the run                %lld steps, about %.2f hours\n", (long long)b->steps,
               (double)b->steps * (double)b->tokens_per_step / speed / 3600);
    if (b->epoch_tokens > 0 && b->flop_per_second > 0)
        printf("an epoch               %lld tokens, about %.2f hours\n", (long long)b->epoch_tokens,
               (double)b->epoch_tokens / speed / 3600);
}
