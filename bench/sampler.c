/* sampler.c: what a token costs beside its forward pass: choosing it from 201,088 logits, turning it into text, and
 * taking it through the message parser. CPU time of one thread, best and median of several calls.
 *
 *   make bench-sampler && build/release/bench/sampler [filter]
 *
 * "peaked": a few likely ids over a broad rest, as a trained model's; "flat": a random model's. The sum of the chosen
 * ids is printed too: it must not change with instruction set or build. "64 rows": the choices of a step of 64
 * sessions, one by one and by osso_sample_all on all CPUs: wall time, and the CPU time of all threads (where others use
 * the machine too the wall says little). */
#include "osso/osso.h"

#include "base/rng.h"
#include "base/thread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VOCAB = 201088, CALLS = 60, CONTEXT = 4096, ROWS = 64, ROW_CALLS = 15 };

static float logits[VOCAB];

static void script(void *user, const int32_t *tokens, size_t n, float *out)
{
    (void)user, (void)tokens, (void)n;
    memcpy(out, logits, sizeof logits);
}

static double us_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static double now_us(void)
{
    return us_of(CLOCK_THREAD_CPUTIME_ID);
}

static void need(enum osso_status status, const struct osso_error *err)
{
    if (status == OSSO_OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static double gaussian(struct rng *r)
{
    return sqrt(-2 * log(1 - rng_unit(r))) * cos(6.283185307179586 * rng_unit(r));
}

static void make_logits(bool peaked)
{
    struct rng r;
    rng_seed(&r, 1);
    for (int i = 0; i < VOCAB; i++)
        logits[i] = (float)(gaussian(&r) * (peaked ? 2.5 : 1));
    for (int i = 0; i < 200 && peaked; i++) /* likely ids lie anywhere */
        logits[rng_below(&r, VOCAB)] = (float)(18 - 2.2 * log(1 + i) + 0.3 * gaussian(&r));
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report(const char *what, const char *shape, double *us, int n, long long sum)
{
    qsort(us, (size_t)n, sizeof *us, by_size);
    printf("%-44s %-7s %9.3f us best %9.3f median", what, shape, us[0], us[n / 2]);
    if (sum >= 0)
        printf("   ids %lld", sum);
    printf("\n");
}

static enum osso_mask_kind odd_only(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    (void)user, (void)session;
    memset(mask->space, 0xaa, (size_t)(mask->vocab + 31) / 32 * sizeof *mask->space);
    return OSSO_MASK_BITS;
}

struct way {
    const char *name;
    double temperature, top_p, min_p, repetition;
    int64_t top_k;
    size_t n_top;
    bool mask;
};

static void bench_way(struct osso_session *session, const struct way *w, const char *shape)
{
    struct osso_sampling o;
    struct osso_sampler *sampler;
    struct osso_choice choice, top[64];
    struct osso_error err;
    double us[CALLS];
    long long sum = 0;
    osso_sampling_defaults(&o);
    o.temperature = w->temperature;
    o.top_p = w->top_p;
    o.min_p = w->min_p;
    o.top_k = w->top_k;
    o.repetition_penalty = w->repetition;
    o.seed = 7;
    need(osso_sampler_create(&o, VOCAB, &sampler, &err), &err);
    if (w->mask)
        osso_sampler_set_mask(sampler, odd_only, NULL);
    for (int i = 0; i < CALLS; i++) {
        double start = now_us();
        need(osso_sample(sampler, session, &choice, w->n_top ? top : NULL, w->n_top, &err), &err);
        us[i] = now_us() - start;
        sum += choice.id;
    }
    osso_sampler_free(sampler);
    report(w->name, shape, us, CALLS, sum);
}

static void bench_choices(const char *filter)
{
    static const struct way ways[] = {
        {"greedy", 0, 1, 0, 1, 0, 0, false},
        {"greedy, 5 top logprobs", 0, 1, 0, 1, 0, 5, false},
        {"temperature 1", 1, 1, 0, 1, 0, 0, false},
        {"temperature 0.7", 0.7, 1, 0, 1, 0, 0, false},
        {"top-k 40", 1, 1, 0, 1, 40, 0, false},
        {"top-k 50000", 1, 1, 0, 1, 50000, 0, false},
        {"top-p 0.95", 1, 0.95, 0, 1, 0, 0, false},
        {"min-p 0.05", 1, 1, 0.05, 1, 0, 0, false},
        {"top-k 40, top-p 0.95, min-p 0.05", 0.8, 0.95, 0.05, 1, 40, 0, false},
        {"temperature 1, penalties", 1, 1, 0, 1.1, 0, 0, false},
        {"temperature 1, mask", 1, 1, 0, 1, 0, 0, true},
    };
    static int32_t ids[CONTEXT];
    for (int peaked = 1; peaked >= 0; peaked--) {
        struct osso_engine_options o = {.size = sizeof o, .threads = 1, .context = CONTEXT};
        struct osso_engine *engine;
        struct osso_session *session;
        struct osso_error err;
        make_logits(peaked);
        for (int i = 0; i < CONTEXT; i++)
            ids[i] = i * 37;
        need(osso_engine_create_scripted(VOCAB, script, NULL, &o, &engine, &err), &err);
        need(osso_session_create(engine, 0, &session, &err), &err);
        need(osso_session_sync(session, ids, CONTEXT, &err), &err);
        while (!osso_session_ready(session))
            need(osso_step(engine, &session, 1, 0, &err), &err);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
            if (!filter || strstr(ways[i].name, filter))
                bench_way(session, &ways[i], peaked ? "peaked" : "flat");
        osso_session_free(session);
        osso_engine_free(engine);
    }
}

/* ---- a step's choices ------------------------------------------------------------------------------------- */

static const int32_t few[] = {17, 4242, 99999, 200012};

static enum osso_mask_kind some_mask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    enum osso_mask_kind kind = *(const enum osso_mask_kind *)user;
    (void)session;
    mask->ids = few;
    mask->n_ids = sizeof few / sizeof *few;
    if (kind == OSSO_MASK_BITS)
        memset(mask->space, 0xff, (size_t)(mask->vocab + 31) / 32 * sizeof *mask->space);
    return kind;
}

struct rows {
    struct osso_engine *engine;
    struct osso_session *sessions[ROWS];
    const char *shape;
};

static long long choose_all(const struct rows *r, struct osso_draw *draws, bool together)
{
    struct osso_error err;
    long long sum = 0;
    if (together)
        need(osso_sample_all(r->engine, draws, ROWS, &err), &err);
    for (int i = 0; i < ROWS; i++) {
        if (!together)
            need(osso_sample(draws[i].sampler, draws[i].session, &draws[i].choice, NULL, 0, &err), &err);
        sum += draws[i].choice.id;
    }
    return sum;
}

/* The two ways in turns. mask -1: none. */
static void bench_together(const struct rows *r, const char *what, double top_p, int mask)
{
    static struct osso_draw draws[2][ROWS];
    struct osso_sampling o;
    struct osso_error err;
    enum osso_mask_kind kind = (enum osso_mask_kind)mask;
    double us[4][ROW_CALLS]; /* wall of both ways, CPU of both */
    long long sum[2] = {0, 0};
    char name[64];
    osso_sampling_defaults(&o);
    o.top_p = top_p;
    for (int i = 0; i < 2 * ROWS; i++) {
        struct osso_draw *d = &draws[i / ROWS][i % ROWS];
        *d = (struct osso_draw){.size = sizeof *d, .session = r->sessions[i % ROWS]};
        o.seed = (uint64_t)(i % ROWS);
        need(osso_sampler_create(&o, VOCAB, &d->sampler, &err), &err);
        if (mask >= 0)
            osso_sampler_set_mask(d->sampler, some_mask, &kind);
    }
    for (int i = 0; i < 2 * ROW_CALLS; i++) {
        double start = us_of(CLOCK_MONOTONIC), cpu = us_of(CLOCK_PROCESS_CPUTIME_ID);
        sum[i % 2] += choose_all(r, draws[i % 2], i % 2);
        us[i % 2][i / 2] = us_of(CLOCK_MONOTONIC) - start;
        us[2 + i % 2][i / 2] = us_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "64 rows, %s, %s%s", what, i % 2 ? "together" : "one by one", i < 2 ? "" : ", CPU");
        report(name, r->shape, us[i], ROW_CALLS, i < 2 ? sum[i] : -1);
    }
    for (int i = 0; i < 2 * ROWS; i++)
        osso_sampler_free(draws[i / ROWS][i % ROWS].sampler);
}

static void bench_rows(const char *filter)
{
    struct osso_engine_options o = {.size = sizeof o, .context = 16, .max_sessions = ROWS, .max_rows = ROWS};
    struct osso_error err;
    if (filter && !strstr("64 rows", filter))
        return;
    o.threads = cpu_count();
    for (int peaked = 1; peaked >= 0; peaked--) {
        struct rows r = {.shape = peaked ? "peaked" : "flat"};
        make_logits(peaked);
        need(osso_engine_create_scripted(VOCAB, script, NULL, &o, &r.engine, &err), &err);
        for (int i = 0; i < ROWS; i++) {
            need(osso_session_create(r.engine, 0, &r.sessions[i], &err), &err);
            need(osso_session_append(r.sessions[i], i, &err), &err);
        }
        need(osso_step(r.engine, r.sessions, ROWS, 0, &err), &err);
        bench_together(&r, "temperature 1", 1, -1);
        bench_together(&r, "top-p 0.95", 0.95, -1);
        bench_together(&r, "nothing forbidden", 1, OSSO_MASK_NONE);
        bench_together(&r, "4 forbidden", 1, OSSO_MASK_FORBID);
        bench_together(&r, "4 allowed", 1, OSSO_MASK_ALLOW);
        bench_together(&r, "bits, all set", 1, OSSO_MASK_BITS);
        for (int i = 0; i < ROWS; i++)
            osso_session_free(r.sessions[i]);
        osso_engine_free(r.engine);
    }
}

/* Ids of ordinary text in one long message, through decoder and parser, a thousand at a time. */
static void bench_text(const char *filter)
{
    enum { PIECE = 1000 };
    static const char text[] =
        "The fox ran over the hill and met a hen. \xe2\x80\x9cWhere to?\xe2\x80\x9d asked the hen; nobody, "
        "not even 12 of them, knew (\xe5\x85\xa8\xe3\x81\xa6). ";
    static char space[OSSO_DECODE_SPACE];
    struct osso_tokenizer *tokenizer;
    struct osso_error err;
    struct osso_ids ids = {0};
    double us[2][CALLS];
    if (filter && !strstr("decoder parser", filter))
        return;
    need(osso_tokenizer_builtin(&tokenizer, &err), &err);
    while (ids.len < PIECE)
        need(osso_tokenizer_encode(tokenizer, text, sizeof text - 1, 0, &ids, &err), &err);
    struct osso_decoder decoder = {{0}, 0};
    struct osso_parser *parser;
    struct osso_parser_state state = {.size = sizeof state};
    need(osso_parser_create(tokenizer, "assistant", 0, &parser, &err), &err);
    need(osso_parser_push(parser, osso_tokenizer_special(tokenizer, "<|message|>"), &state, &err), &err);
    for (int i = 0; i < CALLS; i++) {
        double start = now_us();
        for (size_t j = 0; j < PIECE; j++)
            osso_decoder_push(&decoder, tokenizer, ids.data[j], space);
        us[0][i] = (now_us() - start) / PIECE;
        start = now_us();
        for (size_t j = 0; j < PIECE; j++)
            need(osso_parser_push(parser, ids.data[j], &state, &err), &err);
        us[1][i] = (now_us() - start) / PIECE;
    }
    report("decoder, a token", "text", us[0], CALLS, -1);
    report("parser, a token of 60,000", "text", us[1], CALLS, -1);
    osso_parser_free(parser);
    osso_ids_free(&ids);
    osso_tokenizer_free(tokenizer);
}

int main(int argc, char **argv)
{
    const char *filter = argc > 1 ? argv[1] : NULL;
    bench_choices(filter);
    bench_rows(filter);
    bench_text(filter);
    return 0;
}
