/* toy.c: the HTTP room with handlers that tests need and no model: run by tests/e2e/test_serve*.py as
 *     toy [name=value]...     head, body, idle, write, silence, drain: milliseconds; port, connections, running,
 * workers, queue, max_body, max_bodies, key_file, insecure, host, allow_host, origin, jsonl, loading It prints the line
 * that `osso serve` prints. */
#define _GNU_SOURCE
#include "serve/exchange.h"
#include "serve/http.h"
#include "serve/vitals.h"
#include "serve/service.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int n_gone, n_waiting, giving_up;
static atomic_bool loading;

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static int parameter(const struct exchange *x, const char *name, int standard)
{
    char text[32];
    return exchange_parameter(x, name, text, sizeof text) ? atoi(text) : standard;
}

static void echo(struct exchange *x)
{
    size_t n;
    const char *body = exchange_body(x, &n);
    exchange_reply(x, 200, NULL, "application/json", body, n);
    exchange_drop_body(x);
}

static void who(struct exchange *x)
{
    char text[256];
    int n = snprintf(text, sizeof text, "%llu %s %s", (unsigned long long)exchange_key_id(x), exchange_key_name(x),
                     exchange_id(x));
    exchange_reply(x, 200, NULL, "text/plain", text, (size_t)n);
}

static void set_flag(void *user)
{
    atomic_store((atomic_bool *)user, true);
}

/* GET /stream?n=10&ms=5&size=20: so many events, so far apart, so large. */
static void *stream(void *arg)
{
    struct exchange *x = arg;
    atomic_bool gone = false;
    int n = parameter(x, "n", 10), ms = parameter(x, "ms", 1), size = parameter(x, "size", 20);
    char *event = malloc((size_t)size + 64);
    exchange_on_gone(x, set_flag, &gone);
    atomic_fetch_add(&n_waiting, 1);
    exchange_stream_begin(x, 200, NULL, "text/event-stream");
    for (int i = 0; i < n && !gone && !giving_up; i++) {
        int len = sprintf(event, "data: %d %0*d\n\n", i, size, i);
        size_t unsent = exchange_write(x, event, (size_t)len);
        while (unsent != EXCHANGE_GONE && unsent > 1 << 20 && !gone) { /* a slow reader is waited for */
            pause_ms(1);
            unsent = exchange_write(x, "", 0);
        }
        if (ms)
            pause_ms(ms);
    }
    exchange_on_gone(x, NULL, NULL);
    if (giving_up)
        exchange_write(x, "data: {\"error\":1}\n\n", 19);
    exchange_end(x);
    atomic_fetch_add(&n_gone, gone);
    atomic_fetch_sub(&n_waiting, 1);
    free(event);
    exchange_release(x);
    return NULL;
}

static void begin_thread(struct exchange *x, void *(*run)(void *))
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    exchange_keep(x);
    if (pthread_create(&thread, &attr, run, x))
        exchange_release(x);
    pthread_attr_destroy(&attr);
}

static void start_stream(struct exchange *x)
{
    begin_thread(x, stream);
}

/* GET /wait?ms=1000: a whole answer that takes its time, or until the client leaves. */
static void *wait_for(void *arg)
{
    struct exchange *x = arg;
    atomic_bool gone = false;
    exchange_on_gone(x, set_flag, &gone);
    atomic_fetch_add(&n_waiting, 1);
    for (int left = parameter(x, "ms", 1000); left > 0 && !gone && !giving_up; left -= 5)
        pause_ms(5);
    exchange_on_gone(x, NULL, NULL);
    exchange_reply(x, giving_up ? 503 : 200, NULL, "text/plain", "waited", 6);
    atomic_fetch_add(&n_gone, gone);
    atomic_fetch_sub(&n_waiting, 1);
    exchange_release(x);
    return NULL;
}

static void start_wait(struct exchange *x)
{
    begin_thread(x, wait_for);
}

static void forget(struct exchange *x)
{
    (void)x;
}

static void cut(struct exchange *x)
{
    exchange_stream_begin(x, 200, NULL, "text/event-stream");
    exchange_write(x, "data: 1\n\n", 9);
    exchange_abort(x);
}

static void block(struct exchange *x)
{
    pause_ms(parameter(x, "ms", 200));
    exchange_reply(x, 200, NULL, "text/plain", "done", 4);
}

static void counts(struct exchange *x)
{
    char text[64];
    int n = snprintf(text, sizeof text, "{\"gone\":%d,\"waiting\":%d}", n_gone, n_waiting);
    exchange_reply(x, 200, NULL, "application/json", text, (size_t)n);
}

static void loaded(struct exchange *x)
{
    loading = false;
    exchange_reply(x, 200, NULL, "text/plain", "ok", 2);
}

static const struct route table[] = {
    {"GET", "/", ROUTE_PUBLIC, ROUTE_IO, vitals_root},
    {"GET", "/health", ROUTE_PUBLIC, ROUTE_IO, vitals_health},
    {"GET", "/metrics", ROUTE_KEYED, ROUTE_IO, vitals_metrics},
    {"GET", "/counts", ROUTE_PUBLIC, ROUTE_IO, counts},
    {"GET", "/loaded", ROUTE_PUBLIC, ROUTE_IO, loaded},
    {"POST", "/echo", ROUTE_KEYED, ROUTE_WORK, echo},
    {"GET", "/who", ROUTE_KEYED, ROUTE_WORK, who},
    {"GET", "/things/{id}/parts", ROUTE_KEYED, ROUTE_WORK, who},
    {"DELETE", "/things/{id}/parts", ROUTE_KEYED, ROUTE_WORK, who},
    {"GET", "/stream", ROUTE_KEYED, ROUTE_WORK, start_stream},
    {"GET", "/wait", ROUTE_KEYED, ROUTE_WORK, start_wait},
    {"GET", "/forget", ROUTE_KEYED, ROUTE_WORK, forget},
    {"GET", "/cut", ROUTE_KEYED, ROUTE_WORK, cut},
    {"GET", "/block", ROUTE_KEYED, ROUTE_WORK, block},
};

static enum service_state state(void *user)
{
    (void)user;
    return loading ? SERVICE_LOADING : SERVICE_READY;
}

static void give_up(void *user)
{
    (void)user;
    giving_up = 1;
}

static void metrics(void *user, struct buf *out)
{
    (void)user;
    buf_puts(out, "toy 1\n");
}

/* name=value into the options. */
static void set(struct http_options *o, const char **list, char *word)
{
    char *value = strchr(word, '=');
    if (!value)
        exit(2);
    *value++ = 0;
    const struct {
        const char *name;
        int *place;
    } numbers[] = {{"head", &o->head_ms},        {"body", &o->body_ms},
                   {"idle", &o->idle_ms},        {"write", &o->write_ms},
                   {"silence", &o->silence_ms},  {"drain", &o->drain_ms},
                   {"port", &o->port},           {"connections", &o->max_connections},
                   {"running", &o->max_running}, {"workers", &o->workers},
                   {"queue", &o->worker_queue}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(word, numbers[i].name) == 0) {
            *numbers[i].place = atoi(value);
            return;
        }
    if (strcmp(word, "max_body") == 0)
        o->max_body = (size_t)atol(value);
    else if (strcmp(word, "max_bodies") == 0)
        o->max_bodies = (size_t)atol(value);
    else if (strcmp(word, "key_file") == 0)
        o->key_file = value;
    else if (strcmp(word, "host") == 0)
        o->host = value;
    else if (strcmp(word, "allow_host") == 0)
        list[o->n_allow_hosts++] = value;
    else if (strcmp(word, "origin") == 0)
        list[8 + o->n_origins++] = value;
    else if (strcmp(word, "insecure") == 0)
        o->insecure = true;
    else if (strcmp(word, "jsonl") == 0)
        o->log_jsonl = true;
    else if (strcmp(word, "loading") == 0)
        loading = true;
    else
        exit(2);
}

int main(int argc, char **argv)
{
    static const struct routes routes = {table, sizeof table / sizeof *table};
    struct service service = {.state = state, .give_up = give_up, .metrics = metrics};
    const char *list[16];
    struct http_options o = {.routes = &routes, .service = &service, .allow_hosts = list, .origins = list + 8};
    struct osso_error err = {0};
    struct http *http;
    for (int i = 1; i < argc; i++)
        set(&o, list, argv[i]);
    http_block_signals();
    enum osso_status status = http_create(&o, &http, &err);
    if (status) {
        fprintf(stderr, "osso: %s\n", err.text);
        return status == OSSO_USAGE ? 2 : 1;
    }
    printf("osso: listening on %s\n", http_url(http));
    fflush(stdout);
    if (http_run(http) == HTTP_SECOND_SIGNAL)
        _exit(1);
    while (n_waiting)
        pause_ms(1);
    pause_ms(5); /* the last of them are between their last look and their release */
    http_free(http);
    return 0;
}
