/* verb_serve.c: osso serve: the HTTP room (src/serve) in front of a model. The files are opened before anything
 * listens, so that what is wrong with them is said at once; the engine is made while /health says "loading". */
#include "cli/out.h"

#include "cli/options.h"

#ifdef HAVE_MHD
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/device.h"
#include "cli/draft_args.h"
#include "cli/model_args.h"
#include "serve/desk.h"
#include "serve/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8, LEAST_CONTEXT = 4096, TURNS = 65536, RESPONSES = 4096 };

struct server_parts {
    const struct options *options;
    struct runner runner;
    struct osso_engine_options engine;
    struct desk desk;
    struct http *http;
    pthread_t loader;
    bool has_loader;
    enum osso_status status;
    struct osso_error err;
};

static struct http_options options_of(const struct options *o, struct service *service)
{
    const struct option_value *v = o->v;
    return (struct http_options){
        .host = v[OPT_host].s,
        .port = v[OPT_port].set ? (int)v[OPT_port].i : 8080,
        .insecure = v[OPT_insecure].set,
        .key_file = v[OPT_api_key_file].s,
        .allow_hosts = v[OPT_allow_host].list,
        .n_allow_hosts = v[OPT_allow_host].n,
        .origins = v[OPT_cors_origin].list,
        .n_origins = v[OPT_cors_origin].n,
        .service = service,
        .max_body = (size_t)v[OPT_max_body].i,
        .drain_ms = !v[OPT_drain].set ? 0
                    : v[OPT_drain].i  ? (int)v[OPT_drain].i * 1000
                                      : -1,
        .log_jsonl = v[OPT_log_format].set && strcmp(v[OPT_log_format].s, "jsonl") == 0,
    };
}

/* ---- how much ------------------------------------------------------------------------------------------- */

static uint64_t kv_of(const struct runner *r, struct osso_engine_options e, int sessions)
{
    uint64_t kv = 0, rest;
    struct osso_error none;
    e.max_sessions = sessions;
    e.kv_bytes = 0;
    e = device_none(&e);
    return r->model && osso_engine_memory(r->model, &e, &kv, &rest, &none) == OSSO_OK ? kv : 0;
}

/* Half of what is free beside the weights, unless it was said, and no more than all contexts need. Without -c the
 * context is the model's, halved until one fits. */
static void plan_memory(struct server_parts *p)
{
    const struct option_value *v = p->options->v;
    struct osso_engine_options *e = &p->engine;
    uint64_t available = mem_available(), weights = p->runner.dims.file_bytes;
    struct osso_engine_plan on = {.size = sizeof on};
    struct osso_error none; /* the engine says what is wrong with the device */
    if (e->backend && p->runner.model && osso_engine_plan(p->runner.model, e, &on, &none) == OSSO_OK) {
        available = on.available_bytes;
        weights = on.weight_bytes + on.host_bytes + on.scratch_bytes;
    }
    uint64_t budget = v[OPT_kv_memory].set ? (uint64_t)v[OPT_kv_memory].i
                                           : (available > weights ? available - weights : 0) / 2;
    if (!v[OPT_ctx_size].set)
        e->context = p->runner.dims.context;
    while (!v[OPT_ctx_size].set && e->context > LEAST_CONTEXT && kv_of(&p->runner, *e, 1) > budget)
        e->context /= 2;
    uint64_t all = kv_of(&p->runner, *e, e->max_sessions), one = kv_of(&p->runner, *e, 1);
    if (budget < one && !v[OPT_kv_memory].set)
        budget = one; /* the engine says what is missing */
    e->kv_bytes = budget < all ? budget : 0;
}

static struct osso_engine_options plan(struct server_parts *p)
{
    p->engine = engine_args(p->options, &p->runner);
    p->engine.max_sessions = p->options->v[OPT_serve_parallel].set ? (int)p->options->v[OPT_serve_parallel].i : SLOTS;
    p->engine.max_logit_rows = p->engine.max_sessions > 64 ? p->engine.max_sessions : 64;
    plan_memory(p);
    return p->engine;
}

/* ---- the model ------------------------------------------------------------------------------------------ */

/* The weights are read once and the first token comes out before anybody is told that the model answers. */
static enum osso_status first_token(struct server_parts *p, struct osso_engine *engine, struct osso_error *err)
{
    static const int32_t begin = 0;
    struct osso_session *session;
    if (p->runner.script)
        return OSSO_OK;
    enum osso_status status = osso_session_create(engine, 0, &session, err);
    if (status)
        return status;
    status = osso_session_sync(session, &begin, 1, err);
    if (!status)
        status = osso_step(engine, &session, 1, 0, err);
    osso_session_free(session);
    return status;
}

/* A script computes nothing. */
static double chosen(const struct runner *r, const struct osso_engine_options *e)
{
    int64_t k = e->experts_per_token ? e->experts_per_token : r->dims.experts_per_token;
    return r->script || r->dims.n_experts < 1 ? 0 : (double)k / (double)r->dims.n_experts;
}

static enum osso_status start(struct server_parts *p, struct osso_error *err)
{
    struct runner *r = &p->runner;
    struct desk *desk = &p->desk;
    struct osso_engine_options e = plan(p);
    enum osso_status status = r->script ? osso_script_engine(r->script, &e, &r->engine, err)
                                        : osso_engine_create(r->model, &e, &r->engine, err);
    if (!status)
        status = draft_start(r->drafting, r->engine, &e, NULL, err);
    if (!status)
        status = first_token(p, r->engine, err);
    if (status)
        return status;
    desk->context = osso_engine_context(r->engine);
    desk->slots = e.max_sessions;
    const struct sched_options o = {.slots = e.max_sessions,
                                    .max_queue = p->options->v[OPT_max_queue].set ? (int)p->options->v[OPT_max_queue].i
                                                                                  : 256,
                                    .vocab = r->dims.vocab,
                                    .chosen = chosen(r, &e),
                                    .drafter = draft_drafter(r->drafting)};
    return sched_create(r->engine, &o, &desk->sched, err);
}

static void *load(void *arg)
{
    struct server_parts *p = arg;
    p->status = start(p, &p->err);
    if (p->status)
        http_stop(p->http);
    else
        atomic_store(&p->desk.ready, true);
    return NULL;
}

/* "gpt-oss-20b" of "/models/gpt-oss-20b.gguf" or "/models/gpt-oss-20b/". */
static char *name_of(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    size_t n = end - begin;
    static const char *const endings[] = {".gguf", ".jsonl"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(endings[i]);
        if (n > len && strncmp(path + end - len, endings[i], len) == 0)
            n -= len;
    }
    return mem_strndup(path + begin, n);
}

static enum osso_status open_desk(struct server_parts *p, struct osso_error *err)
{
    const struct options *o = p->options;
    struct desk *desk = &p->desk;
    uint64_t salt = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
    pthread_mutex_init(&desk->large, NULL);
    enum osso_status status = runner_open(o, &p->runner, err);
    if (!status)
        status = runner_tokenizer(&p->runner, err);
    if (status)
        return status;
    sampling_args(o, &p->runner, &desk->defaults);
    desk->script = p->runner.script;
    desk->tokenizer = p->runner.tokenizer;
    desk->vocab = p->runner.dims.vocab;
    desk->created = (int64_t)time(NULL);
    desk->salt = rng_splitmix(&salt);
    desk->name = o->v[OPT_model_alias].set ? mem_strdup(o->v[OPT_model_alias].s) : name_of(p->runner.path);
    desk->meter = meter_create();
    desk->turns = shelf_create(TURNS, (size_t)16 << 20);
    desk->responses = shelf_create(RESPONSES, (size_t)64 << 20);
    bool free = o->v[OPT_harmony].set && strcmp(o->v[OPT_harmony].s, "free") == 0;
    if (!free)
        desk->reins = rein_table_create(desk->tokenizer, desk->vocab);
    if (!desk->name || !desk->meter || !desk->turns || !desk->responses)
        return error_nomem(err, sizeof *desk, "the server");
    if (!free && !desk->reins)
        say("note: this tokenizer lacks harmony's special tokens: what the model writes is not held to its form");
    return OSSO_OK;
}

static void close_parts(struct server_parts *p)
{
    if (p->has_loader)
        pthread_join(p->loader, NULL);
    http_quiet(p->http);
    sched_free(p->desk.sched);
    http_free(p->http);
    rein_table_free(p->desk.reins);
    meter_free(p->desk.meter);
    shelf_free(p->desk.turns);
    shelf_free(p->desk.responses);
    mem_free((char *)(uintptr_t)p->desk.name);
    pthread_mutex_destroy(&p->desk.large);
    runner_close(&p->runner);
}

int verb_serve(const struct options *o)
{
    struct osso_error err = {0};
    struct server_parts p = {.options = o};
    struct service service = {
        .user = &p.desk, .state = desk_state, .metrics = desk_metrics, .drain = desk_drain, .give_up = desk_give_up};
    http_block_signals(); /* before any thread is there */
    mem_give_back();
    const struct http_options options = options_of(o, &service);
    enum osso_status status = open_desk(&p, &err);
    if (!status)
        status = http_create(&options, &p.http, &err);
    if (!status && pthread_create(&p.loader, NULL, load, &p) != 0)
        status = error_set(&err, OSSO_NOMEM, "no thread to load the model");
    if (status) {
        close_parts(&p);
        return exit_code(status, &err);
    }
    p.has_loader = true;
    printf("osso: listening on %s\n", http_url(p.http));
    enum http_end end = out_flush() ? http_run(p.http) : HTTP_DONE;
    if (end == HTTP_SECOND_SIGNAL) /* at once: nothing is waited for */
        _exit(1);
    close_parts(&p);
    return p.status ? exit_code(p.status, &p.err) : 0;
}
#else
int verb_serve(const struct options *o)
{
    (void)o;
    say("this osso was built without its server: install libmicrohttpd-dev (so Debian calls it), then build again with make");
    return 1;
}
#endif
