/* report.c: from items to scores, and the report as a line of JSON with the fields of lm-evaluation-harness. */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/engine_parts.h"
#include "eval/stats.h"
#include "eval/world.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static void number(struct buf *b, const char *name, double value)
{
    buf_printf(b, ",\"%s\":", name);
    jwrite_number(b, value);
}

static void score(struct buf *b, const char *name, const char *filter, double value, double error)
{
    char field[64];
    snprintf(field, sizeof field, "%s,%s", name, filter);
    number(b, field, value);
    snprintf(field, sizeof field, "%s_stderr,%s", name, filter);
    number(b, field, error);
}

static void write_sampling(const struct osso_sampling *s, struct buf *b)
{
    buf_printf(b, ",\"seed\":%llu", (unsigned long long)s->seed);
    number(b, "temperature", s->temperature);
    number(b, "top_p", s->top_p);
    number(b, "min_p", s->min_p);
    buf_printf(b, ",\"top_k\":%lld", (long long)s->top_k);
}

/* What is summed over the items of a task, or of one of its groups (-1: of all). */
struct sums {
    struct stats acc, norm, ll, strict, flexible, well;
    double total;
    int64_t n;
    size_t bytes, words, tokens;
};

static void add_item(const struct run *run, const struct item *item, struct sums *s)
{
    const int scores = run->task->scores;
    s->n++;
    if (scores & ACC)
        stats_add(&s->acc, item_right(run, item));
    if (scores & PPL)
        stats_add(&s->ll, item->ll[0]);
    if (scores & WELL)
        stats_add(&s->well, item->well_formed);
    if (scores & NORM)
        stats_add(&s->norm, item_choice(item, true) == item->gold);
    if (scores & MATCH) {
        stats_add(&s->strict, item_right(run, item));
        stats_add(&s->flexible, grade_equal(grade_answer(item->text, GRADE_FLEXIBLE), item->answer));
    }
    if (run->task->kind == ROLLING)
        for (int i = 0; i < item->n; i++) /* windows in their order */
            s->total += item->ll[i];
    s->bytes += item->bytes;
    s->words += item->words;
    s->tokens += item->tokens;
}

/* Of several groups together, each by its size: the deviation within them. */
static double pooled_error(const struct sums *groups, int n)
{
    double squares = 0, items = 0, free = 0;
    for (int i = 0; i < n; i++) {
        double size = (double)groups[i].n, error = stats_error(&groups[i].acc);
        if (groups[i].n < 2)
            return NAN;
        squares += (size - 1) * error * error * size;
        items += size;
        free += size - 1;
    }
    return free > 0 ? sqrt(squares / free / items) : NAN;
}

static void write_scores(const struct task *task, const struct sums *s, double pooled, const struct eval *e,
                         struct buf *b)
{
    bool chat = e->o.chat && task->kind != CHAT;          /* which is never asked otherwise */
    bool half = task->scores & STRIDE && e->o.llama_rule; /* of the text, and so not of its words and bytes */
    const char *filter = chat ? "chat" : "none";          /* the same items in harmony: another score */
    if (task->scores & PPL) {                             /* the error by the delta method */
        double p = exp(-stats_mean(&s->ll));
        score(b, "perplexity", filter, p, p * stats_error(&s->ll));
    }
    if (task->scores & ACC)
        score(b, "acc", filter, stats_mean(&s->acc), pooled >= 0 ? pooled : stats_error(&s->acc));
    if (task->scores & NORM)
        score(b, "acc_norm", filter, stats_mean(&s->norm), stats_error(&s->norm));
    if (task->scores & MATCH) {
        score(b, "exact_match", chat ? "chat-strict" : "strict-match", stats_mean(&s->strict), stats_error(&s->strict));
        score(b, "exact_match", chat ? "chat-flexible" : "flexible-extract", stats_mean(&s->flexible),
              stats_error(&s->flexible));
    }
    if (task->scores & WELL)
        score(b, "well_formed", filter, stats_mean(&s->well), stats_error(&s->well));
    if (task->scores & ROLL) {
        number(b, "token_perplexity,none", exp(-s->total / (double)s->tokens));
        buf_printf(b, ",\"tokens\":%zu", s->tokens);
    }
    if (task->scores & ROLL && !half) {
        if (s->words > 0) /* what the assistant writes of conversations is not counted in words */
            number(b, "word_perplexity,none", exp(-s->total / (double)s->words));
        number(b, "byte_perplexity,none", exp(-s->total / (double)s->bytes));
        number(b, "bits_per_byte,none", -s->total / (double)s->bytes / log(2));
        buf_printf(b, ",\"words\":%zu,\"bytes\":%zu", s->words, s->bytes);
    }
    buf_printf(b, ",\"n\":%lld}", (long long)s->n);
}

/* Tokens a second with their error, and the deviation of the runs. */
static void write_speeds(const struct eval *e, const struct run *run, struct buf *b)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    for (int i = 0; i < PERFORM_LENGTHS && run->speeds[i].length > 0; i++) {
        const struct stats *both[] = {&run->speeds[i].prompt, &run->speeds[i].written};
        for (int k = 0; k < 2; k++) {
            char name[64];
            snprintf(name, sizeof name, "%s_%d_tokens_per_second", k ? "generate" : "prompt", run->speeds[i].length);
            score(b, name, "none", stats_mean(both[k]), stats_error(both[k]));
            snprintf(name, sizeof name, "%s_%d_deviation", k ? "generate" : "prompt", run->speeds[i].length);
            number(b, name, stats_error(both[k]) * sqrt((double)both[k]->n));
        }
    }
    osso_engine_stats(e->engine, &stats);
    buf_printf(b, ",\"kv_bytes\":%llu,\"activation_bytes\":%llu,\"n\":%lld}", (unsigned long long)stats.kv_bytes,
               (unsigned long long)stats.activation_bytes, (long long)run->speeds[0].prompt.n);
}

static void write_run(const struct eval *e, const struct run *run, struct sums *groups, struct buf *b)
{
    struct sums all = {0};
    const char *name = run->task->name;
    buf_printf(b, "\"%s\":{\"alias\":\"%s\"", name, name);
    if (run->failed) {
        buf_puts(b, ",\"error\":");
        jwrite_string(b, run->why.text, strlen(run->why.text));
        buf_puts(b, "}");
        return;
    }
    if (run->task->kind == SPEED) {
        write_speeds(e, run, b);
        return;
    }
    for (int64_t i = 0; i < run->n_items; i++) {
        add_item(run, &run->items[i], &all);
        if (run->items[i].group >= 0)
            add_item(run, &run->items[i], &groups[run->items[i].group]);
    }
    bool pooled = run->n_groups > 0 && run->task->kind == CHOICE;
    write_scores(run->task, &all, pooled ? pooled_error(groups, run->n_groups) : -1, e, b);
    for (int g = 0; g < run->n_groups; g++) {
        struct buf full = {0};
        buf_printf(&full, "%s_%s", name, run->groups[g].name);
        buf_putc(b, ',');
        jwrite_string(b, full.data, full.len);
        buf_puts(b, ":{\"alias\":");
        jwrite_string(b, run->groups[g].name, strlen(run->groups[g].name));
        write_scores(run->task, &groups[g], -1, e, b);
        buf_free(&full);
    }
}

/* The number formats of its tensors, each once. */
static void write_formats(const struct osso_model *model, struct buf *b)
{
    enum { MOST = 16 };
    const char *seen[MOST];
    struct osso_tensor t = {.size = sizeof t};
    struct osso_error end;
    int n = 0;
    buf_puts(b, ",\"formats\":[");
    for (int64_t i = 0; osso_model_tensor(model, i, &t, &end) == OSSO_OK; i++) {
        int k = 0;
        while (k < n && strcmp(seen[k], t.dtype) != 0)
            k++;
        if (k == n && n < MOST)
            buf_printf(b, "%s\"%s\"", n ? "," : "", t.dtype), seen[n++] = t.dtype;
    }
    buf_putc(b, ']');
}

static void write_model(const struct eval *e, struct buf *b)
{
    const struct osso_engine *engine = e->engine;
    struct osso_model_dims d = {.size = sizeof d};
    buf_printf(b, ",\"model\":{\"hash\":\"%016llx\"", (unsigned long long)e->model_hash);
    if (e->o.name) {
        buf_puts(b, ",\"name\":");
        jwrite_string(b, e->o.name, strlen(e->o.name));
    }
    if (engine->model) {
        osso_model_dims(engine->model, &d);
        buf_printf(b, ",\"parameters\":%llu,\"active_parameters\":%llu,\"bytes\":%llu",
                   (unsigned long long)d.parameters, (unsigned long long)d.active_parameters,
                   (unsigned long long)d.file_bytes);
        write_formats(engine->model, b);
    }
    buf_putc(b, '}');
}

enum osso_status report_make(const struct eval *e, double seconds, char **out, bool *complete, struct osso_error *err)
{
    struct buf b = {0};
    struct rusage usage;
    char text[128] = "";
    struct tm utc;
    time_t now = time(NULL);
    int most = 1;
    *complete = true;
    for (int i = 0; i < e->n_runs; i++) {
        most = e->runs[i].n_groups > most ? e->runs[i].n_groups : most;
        *complete = *complete && !e->runs[i].failed;
    }
    struct sums *groups = mem_array((size_t)most, sizeof *groups);
    if (!groups)
        return error_nomem(err, (unsigned long long)most * sizeof *groups, "a report");
    buf_puts(&b, "{\"results\":{");
    for (int i = 0; i < e->n_runs; i++) {
        buf_puts(&b, i ? "," : "");
        memset(groups, 0, (size_t)most * sizeof *groups);
        write_run(e, &e->runs[i], groups, &b);
    }
    buf_putc(&b, '}');
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < e->n_runs && !status; i++)
        if (e->runs[i].task->scores & GOALS && !e->runs[i].failed)
            status = world_write(&e->runs[i], &b, err);
    write_model(e, &b);
    buf_printf(&b, ",\"config\":{\"num_fewshot\":%d,\"limit\":%lld,\"max_length\":%zu,\"prefix_id\":%d",
               e->o.num_fewshot, (long long)e->o.limit, e->rules.max_length, (int)e->rules.prefix);
    if (e->o.chat)
        buf_puts(&b, ",\"chat\":true");
    for (int i = 0; i < e->n_runs; i++)
        if (e->runs[i].task->scores & STRIDE)
            buf_printf(&b, ",\"window\":%zu,\"stride\":%zu,\"rule\":\"%s\"", e->window, e->stride,
                       e->o.llama_rule ? "llama" : "stride");
    if (e->o.sampling)
        write_sampling(&e->sampling, &b);
    if (e->o.settings[0])
        buf_printf(&b, ",%s", e->o.settings);
    if (gmtime_r(&now, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    buf_printf(&b, "},\"date\":\"%s\",\"machine\":", text);
    cpu_name(text, sizeof text);
    jwrite_string(&b, text, strlen(text));
    number(&b, "seconds", seconds);
    number(&b, "run_seconds", e->run_seconds);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        buf_printf(&b, ",\"peak_bytes\":%llu", (unsigned long long)usage.ru_maxrss * 1024);
    buf_puts(&b, "}");
    mem_free(groups);
    *out = status ? NULL : buf_take(&b);
    if (status)
        buf_free(&b);
    return status || *out ? status : error_nomem(err, 0, "a report");
}
