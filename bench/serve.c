/* serve.c: load for a server of OpenAI's text completions: streams of token ids, nothing parsed but the ends of events
 * and the usage. For osso and others alike; `make bench-serve`, then
 *
 *     build/release/bench/serve PORT [name=value]...
 *
 *     streams=64 prompt=100 new=128       so many at once, each once (turns=N: N times one after the other)
 *     one=1                               the same, one after another
 *     long=8 long_prompt=4000 seconds=60  beside them so many clients with long prompts, all going on until the end
 *     gap=500                             one every so many ms (chats that arrive), for `seconds`
 *     grace=30                            with seconds: what is begun has so long to end, then counts as far as it came
 *     beside=32000                        one prompt of so many tokens beside the streams; how long it took
 *     vocab=200000 seed=1 temperature=1
 *
 * Prints one line of JSON: tokens and seconds, percentiles of the first token and of gaps between events in ms. */
#define _GNU_SOURCE
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 4096, LEAST_TEXT = 65536 };

struct settings {
    int port;
    double streams, prompt, new, turns, one, longs, long_prompt, seconds, grace, gap, beside, vocab, seed, temperature;
};

enum kind { CHAT, LONG, BESIDE };

struct stream {
    enum kind kind;
    int fd; /* -1: not connected */
    double begun, last;
    long events, turns, prompt_tokens, sampled;
    char *text; /* what came and is not an event yet */
    size_t len, cap;
};

struct figures {
    double *values;
    size_t n, cap;
};

static struct settings set = {
    .streams = 64, .prompt = 100, .new = 128, .turns = 1, .vocab = 200000, .seed = 1, .temperature = 1};
static struct stream all[MOST];
static struct pollfd polls[MOST];
static int n_all, n_open;
static struct figures first[3], gaps[3];
static long sampled[3], events[3], prompts[3], done[3], failures;
static double beside_seconds;
/* From the moment when the last of the chats had its first token until the first of them ends; no time at all when that
 * was before. */
static struct {
    double from, to;
    long events;
    bool over;
} steady;
static uint64_t random_state;

static void note(struct figures *f, double value)
{
    if (!(f->values = mem_room(f->values, f->n, &f->cap, sizeof *f->values)))
        abort();
    f->values[f->n++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(struct figures *f, double p)
{
    if (f->n == 0)
        return 0;
    qsort(f->values, f->n, sizeof *f->values, compare);
    return f->values[(size_t)(p * (double)(f->n - 1) + 0.5)] * 1e3;
}

/* ---- a request ------------------------------------------------------------------------------------------ */

static char *body_of(int n_prompt, long n_new, int seed, size_t *len)
{
    char *body = malloc((size_t)n_prompt * 8 + 512);
    size_t n = (size_t)sprintf(
        body,
        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"ignore_eos\":true,"
        "\"max_tokens\":%ld,\"temperature\":%g,\"seed\":%d,\"prompt\":[",
        n_new, set.temperature, seed);
    for (int i = 0; i < n_prompt; i++)
        n += (size_t)sprintf(body + n, "%s%d", i ? "," : "", (int)(rng_splitmix(&random_state) % (uint64_t)set.vocab));
    n += (size_t)sprintf(body + n, "]}");
    *len = n;
    return body;
}

static void send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, bytes, n, MSG_NOSIGNAL);
        if (k <= 0) {
            perror("send");
            exit(1);
        }
        bytes += k;
        n -= (size_t)k;
    }
}

static int tokens_read(const struct stream *s)
{
    return (int)(s->kind == CHAT ? set.prompt : s->kind == LONG ? set.long_prompt : set.beside);
}

static void begin(struct stream *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)set.port)};
    int one = 1;
    size_t len;
    char head[256];
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char *body = body_of(tokens_read(s), s->kind == BESIDE ? 1 : (long)set.new, (int)(s - all), &len);
    int n = snprintf(head, sizeof head,
                     "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "Connection: close\r\nContent-Length: %zu\r\n\r\n",
                     len);
    n_open++;
    s->begun = clock_seconds();
    s->events = s->sampled = s->prompt_tokens = 0;
    s->len = 0;
    s->last = s->begun;
    send_all(s->fd, head, (size_t)n);
    send_all(s->fd, body, len);
    free(body);
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
}

static long number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* One event, NUL-terminated. Those with a choice are tokens; the usage comes behind them or, from others than osso,
 * with the last, or not at all. */
static void take_event(struct stream *s, const char *event)
{
    double t = clock_seconds();
    long n = number_after(event, "\"completion_tokens\":");
    if (strstr(event, "\"error\"") && failures++ == 0)
        fprintf(stderr, "%s\n", event);
    if (n >= 0) {
        s->sampled = n;
        s->prompt_tokens = number_after(event, "\"prompt_tokens\":");
    }
    if (!strstr(event, "\"choices\":[{"))
        return;
    bool is_first = s->events++ == 0;
    if (is_first)
        note(&first[s->kind], t - s->begun);
    else
        note(&gaps[s->kind], t - s->last);
    s->last = t;
    if (s->kind == CHAT && (is_first || !steady.over)) {
        steady.events = is_first ? 0 : steady.events + 1;
        steady.from = is_first ? t : steady.from;
        steady.to = t;
    }
}

/* Ends of events are all that is looked for. */
static void take(struct stream *s)
{
    char *at = s->text, *end;
    s->text[s->len] = 0;
    while ((end = strstr(at, "\n\n"))) {
        *end = 0;
        if (strstr(at, "data:"))
            take_event(s, at);
        at = end + 2;
    }
    size_t rest = s->len - (size_t)(at - s->text);
    memmove(s->text, at, rest);
    s->len = rest;
}

static void shut(struct stream *s)
{
    close(s->fd);
    s->fd = -1;
    n_open--;
}

static void finish(struct stream *s)
{
    shut(s);
    s->turns++;
    steady.over |= s->kind == CHAT;
    if (s->events == 0 && failures++ == 0)
        fprintf(stderr, "a stream without an event: %.*s\n", (int)s->len, s->text ? s->text : "");
    sampled[s->kind] += s->sampled > 0 ? s->sampled : s->events; /* no usage: an event is a token */
    events[s->kind] += s->events;
    prompts[s->kind] += s->prompt_tokens > 0 ? s->prompt_tokens : tokens_read(s);
    done[s->kind]++;
    if (s->kind == BESIDE)
        beside_seconds = clock_seconds() - s->begun;
}

static void read_some(struct stream *s)
{
    for (;;) {
        if (s->cap < s->len + LEAST_TEXT)
            s->text = realloc(s->text, (s->cap = s->len + 2 * LEAST_TEXT) + 1);
        ssize_t n = recv(s->fd, s->text + s->len, LEAST_TEXT, 0);
        if (n > 0) {
            s->len += (size_t)n;
            take(s);
        } else if (n == 0 || errno != EAGAIN) {
            finish(s);
            return;
        } else
            return;
    }
}

/* ---- the load ------------------------------------------------------------------------------------------- */

static void poll_once(int wait_ms)
{
    for (int i = 0; i < n_all; i++)
        polls[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
    int n = poll(polls, (nfds_t)n_all, wait_ms);
    for (int i = 0; i < n_all && n > 0; i++)
        if (all[i].fd >= 0 && polls[i].revents)
            read_some(all + i);
}

static struct stream *add(enum kind kind)
{
    if (n_all == MOST) {
        fprintf(stderr, "more than %d streams\n", MOST);
        exit(1);
    }
    struct stream *s = all + n_all++;
    s->kind = kind;
    s->fd = -1;
    return s;
}

/* What is still going on counts as far as it came; whoever has no token yet has waited at least this long for it. */
static void cut(struct stream *s)
{
    shut(s);
    sampled[s->kind] += s->events;
    events[s->kind] += s->events;
    if (s->events > 0)
        prompts[s->kind] += tokens_read(s);
    else
        note(&first[s->kind], clock_seconds() - s->begun);
}

/* Everyone begins again when done, until the time is over; then all end, or are cut. */
static void run_for(double until)
{
    while (clock_seconds() < until) {
        for (int i = 0; i < n_all; i++)
            if (all[i].fd < 0 && all[i].kind != BESIDE)
                begin(all + i);
        poll_once(100);
    }
    while (n_open > 0 && (set.grace <= 0 || clock_seconds() < until + set.grace))
        poll_once(100);
    for (int i = 0; i < n_all; i++)
        if (all[i].fd >= 0)
            cut(all + i);
}

static void run_arrivals(double until)
{
    double next = clock_seconds();
    while (clock_seconds() < until || (n_all && all[0].kind == BESIDE && all[0].fd >= 0)) {
        if (clock_seconds() >= next && clock_seconds() < until) {
            begin(add(CHAT));
            next += set.gap / 1e3;
        }
        double wait = (next - clock_seconds()) * 1e3;
        poll_once(wait > 0 ? (int)wait + 1 : 0);
    }
    while (n_open > 0)
        poll_once(1000);
}

static void run_turns(void)
{
    for (int i = 0; i < (int)set.streams; i++)
        add(CHAT);
    for (;;) {
        for (int i = 0; i < n_all; i++)
            if (all[i].fd < 0 && all[i].kind == CHAT && all[i].turns < (long)set.turns && (set.one <= 0 || n_open == 0))
                begin(all + i);
        if (n_open == 0)
            return;
        poll_once(1000);
    }
}

static bool read_setting(const char *text)
{
    static const struct {
        const char *name;
        double *value;
    } names[] = {{"streams", &set.streams},
                 {"prompt", &set.prompt},
                 {"new", &set.new},
                 {"turns", &set.turns},
                 {"one", &set.one},
                 {"long", &set.longs},
                 {"long_prompt", &set.long_prompt},
                 {"seconds", &set.seconds},
                 {"grace", &set.grace},
                 {"gap", &set.gap},
                 {"beside", &set.beside},
                 {"vocab", &set.vocab},
                 {"seed", &set.seed},
                 {"temperature", &set.temperature}};
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals && i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == (size_t)(equals - text) &&
            strncmp(names[i].name, text, (size_t)(equals - text)) == 0) {
            char *end;
            *names[i].value = strtod(equals + 1, &end);
            return end != equals + 1 && *end == 0;
        }
    return false;
}

static void print_kind(const char *name, enum kind kind)
{
    if (first[kind].n == 0)
        return;
    printf(
        ",\"%s\":{\"requests\":%ld,\"prompt_tokens\":%ld,\"new_tokens\":%ld,\"first_ms\":{\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f},"
        "\"gap_ms\":{\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f}}",
        name, done[kind], prompts[kind], sampled[kind], percentile(&first[kind], 0.5), percentile(&first[kind], 0.95),
        percentile(&first[kind], 0.99), percentile(&gaps[kind], 0.5), percentile(&gaps[kind], 0.95),
        percentile(&gaps[kind], 0.99));
}

int main(int argc, char **argv)
{
    set.port = argc > 1 ? atoi(argv[1]) : 0;
    for (int i = 2; i < argc; i++)
        if (!read_setting(argv[i]))
            set.port = 0;
    if (set.port <= 0) {
        fprintf(stderr, "serve PORT [name=value]...: see the head of bench/serve.c\n");
        return 2;
    }
    random_state = (uint64_t)set.seed * 7919;
    double start = clock_seconds();
    if (set.beside > 0)
        begin(add(BESIDE));
    if (set.gap > 0)
        run_arrivals(start + set.seconds);
    else if (set.seconds > 0) {
        for (int i = 0; i < (int)set.longs; i++)
            add(LONG);
        for (int i = 0; i < (int)set.streams; i++)
            add(CHAT);
        run_for(start + set.seconds);
    } else
        run_turns();
    double seconds = clock_seconds() - start;
    long tokens = sampled[CHAT] + sampled[LONG], read = prompts[CHAT] + prompts[LONG];
    printf("{\"seconds\":%.3f,\"new_tokens_per_s\":%.1f,\"prompt_tokens_per_s\":%.1f,\"failures\":%ld", seconds,
           (double)tokens / seconds, (double)read / seconds, failures);
    print_kind("chat", CHAT);
    print_kind("long", LONG);
    if (steady.to > steady.from && events[CHAT] > 0)
        printf(",\"steady_tokens_per_s\":%.1f",
               (double)steady.events / (steady.to - steady.from) * (double)sampled[CHAT] / (double)events[CHAT]);
    if (beside_seconds > 0)
        printf(",\"beside_seconds\":%.2f", beside_seconds);
    printf("}\n");
    return failures > 0;
}
