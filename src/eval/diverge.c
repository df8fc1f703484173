/* diverge.c: two models over one text, side by side: how far the second's distributions are from the first's. Both take
 * the same rows in the same step, so only one step's logits exist at a time and nothing is stored but a number a token.
 */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/sorted.h"
#include "engine/engine_parts.h"
#include "eval/score.h"
#include "eval/space.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 30 };

/* One position: what the token that follows is worth to both, and how far b is from a. */
struct gap {
    struct score_row a, b;
    int32_t next;
    double kl;
};

struct pair_run {
    struct osso_engine *a, *b;
    const struct osso_eval_pair_options *o;
    struct pair_rules rules;
    struct osso_ids ids;
    struct gap *gaps; /* [rows] of one step */
    int n_gaps, rows;
    double *kl; /* [tokens] */
    size_t n;   /* tokens so far */
    size_t same;
    double ll_a, ll_b;
};

static void gap_member(const struct member *member, void *arg)
{
    struct pair_run *run = arg;
    struct deal deal = member_deal(member);
    const int64_t vocab = run->a->config.vocab;
    for (int64_t i; (i = member_claim(member, &deal, run->n_gaps)) >= 0;) {
        struct gap *g = &run->gaps[i];
        score_row_read(run->a->backend, vocab, &g->a);
        score_row_read(run->a->backend, vocab, &g->b);
        g->kl = score_row_divergence(run->a->backend, vocab, &g->a, &g->b);
    }
}

static double log_p(const struct score_row *row, int32_t id)
{
    return (double)row->logits[id] - (double)row->max - row->log_sum;
}

/* The rows of this step, positions [pos, ready) of a window that begins at ids[first]. */
static enum osso_status take_rows(struct pair_run *run, struct osso_session *const *both, size_t first, size_t pos,
                                  size_t ready, struct osso_error *err)
{
    run->n_gaps = 0;
    for (; pos < ready; pos++) {
        struct gap g = {.a = {.logits = osso_session_logits(both[0], pos)},
                        .b = {.logits = osso_session_logits(both[1], pos)},
                        .next = run->ids.data[first + pos + 1]};
        if (!g.a.logits || !g.b.logits || run->n_gaps == run->rows)
            return error_set(err, OSSO_LIMIT, "the engines have no logits of position %zu", pos);
        run->gaps[run->n_gaps++] = g;
    }
    if (run->n_gaps > 0)
        team_run(run->a->team, gap_member, run);
    for (int i = 0; i < run->n_gaps; i++) {
        const struct gap *g = &run->gaps[i];
        if (!isfinite(g->a.log_sum) || !isfinite(g->b.log_sum))
            return error_set(err, OSSO_NUMERIC, "model %c: the logits after token %zu of the text are no numbers",
                             isfinite(g->a.log_sum) ? 'B' : 'A', run->n);
        run->kl[run->n++] = g->kl;
        run->same += g->a.best == g->b.best;
        run->ll_a += log_p(&g->a, g->next);
        run->ll_b += log_p(&g->b, g->next);
    }
    return OSSO_OK;
}

static enum osso_status run_window(struct pair_run *run, int number, size_t first, size_t from, size_t end,
                                   struct osso_error *err)
{
    struct osso_engine *engines[] = {run->a, run->b};
    struct osso_session *both[2] = {NULL, NULL};
    size_t n = end - first - 1, pos = from - first - 1;
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < 2 && !status; i++) { /* a salt of their own: both compute every row */
        status = osso_session_create(engines[i], (uint64_t)number + 1, &both[i], err);
        if (!status)
            status = osso_session_sync(both[i], run->ids.data + first, n, err);
        if (!status)
            osso_session_want_logits(both[i], pos);
    }
    while (!status && !osso_session_ready(both[0])) {
        for (int i = 0; i < 2 && !status; i++)
            status = osso_step(engines[i], &both[i], 1, run->rows, err);
        size_t ready = osso_session_computed(both[0]);
        if (!status && ready != osso_session_computed(both[1]))
            status = error_set(err, OSSO_LIMIT, "the engines have not taken the same rows of a step");
        if (!status)
            status = take_rows(run, both, first, pos, ready, err);
        pos = ready > pos ? ready : pos;
        if (!status && run->o->progress && run->o->progress(run->o->user, run->n, run->ids.len - 1))
            status = error_set(err, OSSO_CANCELLED, "the comparison was ended");
    }
    osso_session_free(both[0]);
    osso_session_free(both[1]);
    return status;
}

/* ---- what can be compared --------------------------------------------------------------------------------- */

/* Ids that mean the same to both. */
static enum osso_status check_words(const struct osso_engine *a, const struct osso_tokenizer *ta,
                                    const struct osso_engine *b, const struct osso_tokenizer *tb,
                                    struct osso_error *err)
{
    if (a->config.vocab != b->config.vocab)
        return error_set(err, OSSO_UNSUPPORTED,
                         "A has a vocabulary of %lld, B of %lld: distributions over different ids cannot be compared",
                         (long long)a->config.vocab, (long long)b->config.vocab);
    for (int32_t id = 0; id < a->config.vocab; id++) {
        const char *x = "", *y = "";
        size_t n = 0, m = 0;
        bool there = osso_tokenizer_piece(ta, id, &x, &n), also = osso_tokenizer_piece(tb, id, &y, &m);
        if (there != also || n != m || memcmp(x, y, n) != 0)
            return error_set(err, OSSO_UNSUPPORTED,
                             "id %d is another piece of text for A than for B: they cannot be compared", (int)id);
    }
    return OSSO_OK;
}

static enum osso_status begin(struct pair_run *run, const char *text, size_t len, struct osso_error *err)
{
    const struct osso_eval_pair_options *o = run->o;
    int64_t most = run->a->context < run->b->context ? run->a->context : run->b->context;
    if (o->max_length > most || o->max_length < 0)
        return error_set(err, OSSO_USAGE, "a length of %lld tokens: the smaller context is %lld",
                         (long long)o->max_length, (long long)most);
    if (o->prefix && (*o->prefix < 0 || *o->prefix >= run->a->config.vocab))
        return error_set(err, OSSO_USAGE, "the prefix %d is no id of the vocabulary (0 to %lld)", (int)*o->prefix,
                         (long long)run->a->config.vocab - 1);
    run->rules.max_length = (size_t)(o->max_length > 0 ? o->max_length : most);
    run->rules.prefix = eval_prefix(o->prefix, run->rules.tokenizer);
    run->rows = run->a->max_logits < run->b->max_logits ? run->a->max_logits : run->b->max_logits;
    enum osso_status status = pair_prefix(&run->rules, &run->ids, err);
    if (!status)
        status = osso_tokenizer_encode(run->rules.tokenizer, text, len, 0, &run->ids, err);
    if (!status && run->ids.len < 2)
        status = error_set(err, OSSO_FORMAT, "%s has no tokens", o->data);
    run->gaps = mem_array((size_t)run->rows, sizeof *run->gaps);
    run->kl = mem_array(run->ids.len, sizeof *run->kl);
    return status || (run->gaps && run->kl) ? status : error_nomem(err, run->ids.len * sizeof *run->kl, "a comparison");
}

/* ---- what is said of it ----------------------------------------------------------------------------------- */

static void number(struct buf *b, const char *name, double value)
{
    buf_printf(b, "%s\"%s\":", b->data && b->data[b->len - 1] != '{' ? "," : "", name);
    jwrite_number(b, value);
}

static void write_model(struct buf *b, const char *name, const struct osso_engine *engine, double ll, size_t tokens,
                        size_t bytes)
{
    buf_printf(b, ",\"%s\":{\"hash\":\"%016llx\"", name, (unsigned long long)eval_hash_model(engine->model));
    number(b, "bits_per_byte", -ll / (double)bytes / log(2));
    number(b, "token_perplexity", exp(-ll / (double)tokens));
    buf_putc(b, '}');
}

static enum osso_status report(struct pair_run *run, size_t bytes, char **out, struct osso_error *err)
{
    struct buf b = {0};
    double sum = 0;
    for (size_t i = 0; i < run->n; i++)
        sum += run->kl[i];
    sort_numbers(run->kl, run->n);
    buf_puts(&b, "{\"kl\":{");
    number(&b, "mean", sum / (double)run->n);
    number(&b, "median", sorted_quantile(run->kl, run->n, 0.5));
    number(&b, "p99", sorted_quantile(run->kl, run->n, 0.99));
    number(&b, "p99_9", sorted_quantile(run->kl, run->n, 0.999));
    number(&b, "max", run->kl[run->n - 1]);
    buf_putc(&b, '}');
    number(&b, "top1_agreement", (double)run->same / (double)run->n);
    write_model(&b, "a", run->a, run->ll_a, run->n, bytes);
    write_model(&b, "b", run->b, run->ll_b, run->n, bytes);
    buf_printf(&b, ",\"tokens\":%zu,\"bytes\":%zu,\"max_length\":%zu,\"prefix_id\":%d}", run->n, bytes,
               run->rules.max_length, (int)run->rules.prefix);
    *out = buf_take(&b);
    return *out ? OSSO_OK : error_nomem(err, 0, "a report");
}

enum osso_status osso_eval_diverge(struct osso_engine *a, const struct osso_tokenizer *ta, struct osso_engine *b,
                                   const struct osso_tokenizer *tb, const struct osso_eval_pair_options *options,
                                   char **report_out, struct osso_error *err)
{
    struct osso_eval_pair_options o = {0};
    struct pair_run run = {.a = a, .b = b, .o = &o, .rules = {.tokenizer = ta}};
    char *text = NULL;
    size_t len = 0, first, from, end;
    *report_out = NULL;
    enum osso_status status = sized_check(options, "osso_eval_pair_options", err);
    if (status)
        return status;
    sized_in(&o, sizeof o, options);
    status = o.data ? check_words(a, ta, b, tb, err) : error_set(err, OSSO_USAGE, "a comparison needs a text (--data)");
    if (!status)
        status = file_read(o.data, FILE_LIMIT, &text, &len, err);
    if (!status)
        status = begin(&run, text, len, err);
    for (int i = 0; !status && pair_window(&run.rules, &run.ids, i, &first, &from, &end); i++)
        status = run_window(&run, i, first, from, end, err);
    if (!status)
        status = report(&run, len, report_out, err);
    osso_ids_free(&run.ids);
    mem_free(run.gaps);
    mem_free(run.kl);
    mem_free(text);
    return status;
}
