/* meter.c: counts and histograms. */
#include "serve/meter.h"

#include "base/mem.h"

#include <pthread.h>

static const double bounds[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.1, 0.25, 0.5, 0.75,
                                1,     2.5,   5,    7.5,  10,   20,   40,  80,   160, 640};
enum { BOUNDS = sizeof bounds / sizeof *bounds };

struct histogram {
    uint64_t counts[BOUNDS + 1];
    double sum;
};

struct meter {
    pthread_mutex_t lock;
    struct histogram times[METER_TIMES];
    uint64_t ends[METER_ENDS];
};

struct meter *meter_create(void)
{
    struct meter *m = mem_alloc(sizeof *m);
    if (m)
        pthread_mutex_init(&m->lock, NULL);
    return m;
}

void meter_free(struct meter *m)
{
    if (!m)
        return;
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

void meter_time(struct meter *m, enum meter_time which, double seconds)
{
    size_t i = 0;
    while (i < BOUNDS && seconds > bounds[i])
        i++;
    pthread_mutex_lock(&m->lock);
    m->times[which].counts[i]++;
    m->times[which].sum += seconds;
    pthread_mutex_unlock(&m->lock);
}

void meter_end(struct meter *m, enum meter_end how)
{
    pthread_mutex_lock(&m->lock);
    m->ends[how]++;
    pthread_mutex_unlock(&m->lock);
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP osso:%s %s\n# TYPE osso:%s %s\n", name, help, name, type);
}

static void print_histogram(struct buf *out, const char *name, const char *help, const struct histogram *h)
{
    uint64_t below = 0;
    head(out, name, "histogram", help);
    for (size_t i = 0; i < BOUNDS; i++) {
        below += h->counts[i];
        buf_printf(out, "osso:%s_bucket{le=\"%g\"} %llu\n", name, bounds[i], (unsigned long long)below);
    }
    below += h->counts[BOUNDS];
    buf_printf(out, "osso:%s_bucket{le=\"+Inf\"} %llu\nosso:%s_sum %.6f\nosso:%s_count %llu\n", name,
               (unsigned long long)below, name, h->sum, name, (unsigned long long)below);
}

static void one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    head(out, name, type, help);
    buf_printf(out, "osso:%s %llu\n", name, (unsigned long long)value);
}

static void print_pages(struct buf *out, const struct sched_counts *c)
{
    uint64_t all = c->pages_used + c->pages_cached + c->pages_free;
    head(out, "kv_pages", "gauge", "Pages of 128 positions of K and V. A free page serves either group.");
    buf_printf(
        out,
        "osso:kv_pages{group=\"full\",state=\"used\"} %llu\nosso:kv_pages{group=\"full\",state=\"cached\"} %llu\n"
        "osso:kv_pages{group=\"sliding\",state=\"used\"} %llu\nosso:kv_pages{group=\"sliding\",state=\"cached\"} %llu\n"
        "osso:kv_pages{group=\"any\",state=\"free\"} %llu\n",
        (unsigned long long)c->full_used, (unsigned long long)c->full_cached, (unsigned long long)c->sliding_used,
        (unsigned long long)c->sliding_cached, (unsigned long long)c->pages_free);
    head(out, "kv_cache_usage_perc", "gauge", "Share of the pages that answers in work hold; 1 is all.");
    buf_printf(out, "osso:kv_cache_usage_perc %.6f\n", all ? (double)c->pages_used / (double)all : 0.0);
}

static void print_sched(struct buf *out, const struct sched_counts *c)
{
    one(out, "num_requests_running", "gauge", "Answers that are being computed.", c->running);
    one(out, "num_requests_waiting", "gauge", "Requests that wait to be begun.", c->waiting);
    one(out, "slots_busy", "gauge", "Places for answers that are taken.", c->running);
    print_pages(out, c);
    one(out, "prefix_cache_queries_total", "counter", "Tokens of prompts that were looked for among what is computed.",
        c->prompt_tokens);
    one(out, "prefix_cache_hits_total", "counter", "Tokens of prompts that were found.", c->prefix_hits);
    one(out, "draft_tokens_total", "counter", "Tokens that were run ahead (--draft).", c->guessed);
    one(out, "draft_tokens_accepted_total", "counter", "Of these, those that came.", c->guessed_right);
    one(out, "prompt_tokens_total", "counter", "Tokens of prompts.", c->prompt_tokens);
    one(out, "prompt_tokens_computed_total", "counter", "Tokens of prompts run through the model, not found.",
        c->prompt_computed);
    one(out, "replayed_tokens_total", "counter", "Tokens run again for the window of sliding layers.", c->replayed);
    one(out, "generation_tokens_total", "counter", "Tokens of answers.", c->sampled);
    one(out, "preemptions_total", "counter", "Answers that gave their K and V back to wait for room.", c->preemptions);
    head(out, "requests_cancelled_total", "counter", "Requests whose client left.");
    buf_printf(
        out,
        "osso:requests_cancelled_total{phase=\"queued\"} %llu\nosso:requests_cancelled_total{phase=\"prefill\"} %llu\n"
        "osso:requests_cancelled_total{phase=\"decode\"} %llu\n",
        (unsigned long long)c->cancelled_queued, (unsigned long long)c->cancelled_prefill,
        (unsigned long long)c->cancelled_decode);
}

void meter_print(struct meter *m, const struct sched_counts *counts, struct buf *out)
{
    static const char *const names[METER_TIMES][2] = {
        {"time_to_first_token_seconds", "From the request to its first token."},
        {"inter_token_latency_seconds", "Between two tokens of an answer."},
        {"e2e_request_latency_seconds", "From the request to the end of its answer."},
        {"request_queue_time_seconds", "From the request to the first step that it is part of."}};
    static const char *const ends[METER_ENDS] = {"stop", "length", "tool_calls", "abort", "error"};
    print_sched(out, counts);
    pthread_mutex_lock(&m->lock);
    head(out, "request_success_total", "counter", "Requests by how they ended.");
    for (int i = 0; i < METER_ENDS; i++)
        buf_printf(out, "osso:request_success_total{finished_reason=\"%s\"} %llu\n", ends[i],
                   (unsigned long long)m->ends[i]);
    for (int i = 0; i < METER_TIMES; i++)
        print_histogram(out, names[i][0], names[i][1], &m->times[i]);
    pthread_mutex_unlock(&m->lock);
}
