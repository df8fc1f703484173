/* vitals.c: /, /health and /metrics: constant time, whatever else goes on. */
#include "serve/vitals.h"

#include "serve/exchange.h"
#include "serve/server.h"
#include "serve/service.h"

#include <stdio.h>
#include <string.h>

static void reply(struct exchange *x, int status, const char *type, const char *text)
{
    static const char *const later[] = {"Retry-After", "1", NULL};
    exchange_reply(x, status, status == 503 ? later : NULL, type, text, strlen(text));
}

void vitals_root(struct exchange *x)
{
    reply(x, 200, "text/plain; charset=utf-8",
          "osso " OSSO_VERSION "\n\nThis is a server for OpenAI's API: give a client this address with /v1 behind it.\n"
          "/health says whether it answers, /metrics how it does.\n");
}

void vitals_health(struct exchange *x)
{
    const struct server *server = server_of(x);
    const struct service *service = exchange_service(x);
    if (server->draining)
        reply(x, 503, "application/json", "{\"status\":\"draining\"}");
    else if (service && service->state && service->state(service->user) == SERVICE_LOADING)
        reply(x, 503, "application/json", "{\"status\":\"loading\"}");
    else
        reply(x, 200, "application/json", "{\"status\":\"ok\"}");
}

void vitals_metrics(struct exchange *x)
{
    const struct server *server = server_of(x);
    const struct service *service = exchange_service(x);
    struct buf out = {0};
    server_metrics(server, &out);
    if (service && service->metrics)
        service->metrics(service->user, &out);
    exchange_reply(x, 200, NULL, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
    buf_free(&out);
}
