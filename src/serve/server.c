/* server.c: the server's own figures, for /metrics. */
#include "serve/server.h"

#include <string.h>

struct server *server_of(const struct exchange *x)
{
    return (struct server *)(void *)((char *)x->ready - offsetof(struct server, ready));
}

static void gauge(struct buf *out, const char *name, const char *help, unsigned long long value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %llu\n", name, help, name, name, value);
}

void server_metrics(const struct server *s, struct buf *out)
{
    const struct {
        uint64_t value;
        const char *name, *help;
    } row[] = {
#define COUNTER(field, name, help) {s->count.field, name, help},
#include "serve/counters.def"
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int n = (int)strcspn(row[i].name, "{");
        if (*row[i].help)
            buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s counter\n", n, row[i].name, row[i].help, n, row[i].name);
        buf_printf(out, "%s %llu\n", row[i].name, (unsigned long long)row[i].value);
    }
    gauge(out, "osso:http_connections_open", "Connections that are open.", s->connections.n_open);
    gauge(out, "osso:http_connections_limit", "Connections that may be open at once.",
          (unsigned long long)s->o.max_connections);
    gauge(out, "osso:http_requests_running", "Requests that are being answered, /health and the like apart.",
          (unsigned long long)s->running);
    gauge(out, "osso:http_body_bytes", "Bytes of requests' bodies that are held.", atomic_load(&s->bodies.held));
}
