/* gate.c: in this order: is the head sound, is it meant for us (Host), may that page ask (Origin), who asks (key), what
 * for (route), is there room (size, rate, load). */
#include "serve/gate.h"

#include "serve/service.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdio.h>
#include <string.h>

static char *copy_of(const struct head_field *f)
{
    return f->value ? mem_strndup(f->value, f->value_len) : NULL;
}

/* One that came along is taken, so that a request has the same name in all logs on its way. */
static void name_request(struct server *s, struct exchange *x, const struct head_field *given)
{
    if (head_id_is_sane(given->value, given->value_len, REQUEST_ID_MAX)) {
        memcpy(x->request_id, given->value, given->value_len);
        return;
    }
    unsigned long long high = rng_splitmix(&s->ids[0]);
    snprintf(x->request_id, sizeof x->request_id, "req_%016llx%08x", high, (unsigned)rng_splitmix(&s->ids[1]));
}

static bool check_host(struct server *s, struct exchange *x, const struct head_facts *f)
{
    switch (hosts_check(f->host.value, f->host.value_len, &s->hosts)) {
    case HOSTS_FINE: return true;
    case HOSTS_MALFORMED:
        x->closes = true;
        exchange_error(x, 400, NULL, "invalid_host", "the Host header is no name or address, with or without a port");
        return false;
    case HOSTS_FOREIGN: break;
    }
    exchange_error(x, 403, NULL, "host_not_allowed",
                   "this server is not known by that Host; start it with --allow-host NAME for each name it has");
    return false;
}

/* A browser asks first whether the page may ask: by an OPTIONS with what it is going to send. */
static void preflight(struct exchange *x, const struct head_facts *f)
{
    static const char usual[] = "Authorization, Content-Type, X-Api-Key, X-Request-Id";
    char wanted[512];
    const struct head_field *h = &f->preflight_headers;
    snprintf(wanted, sizeof wanted, "%s", usual);
    if (h->value && h->value_len < sizeof wanted)
        snprintf(wanted, sizeof wanted, "%.*s", (int)h->value_len, h->value);
    const char *const headers[] = {"Access-Control-Allow-Methods",
                                   "GET, HEAD, POST, DELETE",
                                   "Access-Control-Allow-Headers",
                                   wanted,
                                   "Access-Control-Max-Age",
                                   "600",
                                   NULL};
    exchange_reply(x, 204, headers, NULL, NULL, 0);
}

static bool check_origin(struct server *s, struct exchange *x, const char *method, const struct head_facts *f)
{
    const struct head_field *o = &f->origin;
    if (!o->value)
        return true;
    bool listed = hosts_lists_origin(o->value, o->value_len, &s->origins);
    if (!listed && !hosts_same_origin(o->value, o->value_len, f->host.value, f->host.value_len)) {
        exchange_error(x, 403, NULL, "origin_not_allowed",
                       "pages of this Origin may not ask; start the server with --cors-origin ORIGIN to let them");
        return false;
    }
    if (listed)
        x->allow_origin = copy_of(o);
    if (strcmp(method, "OPTIONS") == 0 && f->preflight_method.value)
        preflight(x, f);
    else if (strcmp(method, "POST") == 0 && !head_is_json(&f->content_type))
        exchange_error(x, 415, NULL, "unsupported_media_type", "a page must send Content-Type: application/json");
    return !exchange_begun(x);
}

static bool check_key(struct server *s, struct exchange *x, const struct head_facts *f)
{
    if (!s->keyed || (x->route && x->route->key == ROUTE_PUBLIC))
        return true;
    size_t n;
    const char *bearer = head_bearer(&f->authorization, &n);
    struct tenant *by_bearer = keys_find(&s->keys, bearer, n);
    struct tenant *by_header = keys_find(&s->keys, f->api_key.value, f->api_key.value_len);
    x->tenant = by_bearer ? by_bearer : by_header;
    if (x->tenant) {
        tenant_keep(x->tenant);
        return true;
    }
    if (bearer || f->api_key.value)
        exchange_error(x, 401, NULL, "invalid_api_key", "this API key is not known here");
    else
        exchange_error(x, 401, NULL, "invalid_api_key",
                       "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY");
    return false;
}

static bool check_route(struct server *s, struct exchange *x, bool known)
{
    if (x->route)
        return true;
    struct buf allow = {0};
    routes_allow(s->o.routes, x->path, &allow);
    const char *const headers[] = {"Allow", allow.data, NULL};
    if (known && allow.data)
        exchange_error_with(x, 405, headers, "method_not_allowed", "%s is answered for %s", x->path, allow.data);
    else
        exchange_error(x, 404, NULL, "not_found", "there is nothing at this path");
    buf_free(&allow);
    return false;
}

/* 429 with what to wait, where the key's limits are reached. */
static bool check_limits(struct exchange *x)
{
    struct tenant *t = x->tenant;
    char seconds[16];
    const char *const headers[] = {"Retry-After", seconds, NULL};
    if (!t)
        return true;
    if (t->concurrent && t->running >= t->concurrent) {
        snprintf(seconds, sizeof seconds, "1");
        exchange_error_with(x, 429, headers, "concurrency_limit_exceeded",
                            "this key has %u requests running, as many as it may", t->running);
        return false;
    }
    unsigned wait = tenant_wait(t, clock_ms());
    if (wait) {
        snprintf(seconds, sizeof seconds, "%u", wait);
        exchange_error_with(x, 429, headers, "rate_limit_exceeded",
                            "this key may begin %u requests a minute; wait %u s", t->rpm, wait);
    }
    return !wait;
}

static bool check_size(struct server *s, struct exchange *x, const struct head_facts *f)
{
    if (f->has_length && f->length > s->o.max_body)
        exchange_error(x, 413, NULL, "request_too_large", "the body has %llu bytes; at most %zu are taken (--max-body)",
                       (unsigned long long)f->length, s->o.max_body);
    else if (f->has_length && f->length + atomic_load(&s->bodies.held) > s->bodies.limit)
        exchange_error(x, 503, NULL, "overloaded", "too many large requests are on their way; try again");
    return !exchange_begun(x);
}

static bool check_load(struct server *s, struct exchange *x)
{
    const struct service *service = x->service;
    if (s->draining)
        exchange_error(x, 503, NULL, "draining", "the server is about to stop; try another one");
    else if (service && service->state && service->state(service->user) == SERVICE_LOADING)
        exchange_error(x, 503, NULL, "loading", "the model is being loaded; try again");
    else if (s->running >= s->o.max_running)
        exchange_error(x, 503, NULL, "overloaded", "the server answers as many requests as it can; try again");
    return !exchange_begun(x);
}

static bool fill(struct exchange *x, const char *target, const struct head_facts *f)
{
    size_t n = strcspn(target, "?#");
    x->path = mem_strndup(target, n);
    x->query = target[n] == '?' ? mem_strndup(target + n + 1, strcspn(target + n + 1, "#")) : NULL;
    x->user_agent = copy_of(&f->user_agent);
    return x->path && (target[n] != '?' || x->query);
}

void gate_pass(struct server *s, struct exchange *x, const char *method, const char *target, const struct head *head,
               struct head_facts *facts)
{
    const char *why, *id;
    bool known;
    size_t id_len;
    int status = head_read(head, facts, &why);
    snprintf(x->method, sizeof x->method, "%s", method);
    name_request(s, x, status ? &(struct head_field){0} : &facts->request_id);
    if (!fill(x, target, facts)) {
        exchange_error(x, 503, NULL, "overloaded", "there is no memory for this request");
        return;
    }
    if (status) {
        x->closes = true;
        exchange_error(x, status, NULL, "invalid_head", "%s", why);
        return;
    }
    if (!check_host(s, x, facts) || !check_origin(s, x, method, facts))
        return;
    x->route = routes_find(s->o.routes, method, x->path, &known, &id, &id_len);
    if (!check_key(s, x, facts) || !check_route(s, x, known) || !check_size(s, x, facts))
        return;
    if (id_len && !(x->id = mem_strndup(id, id_len))) {
        exchange_error(x, 503, NULL, "overloaded", "there is no memory for this request");
        return;
    }
    if (x->route->kind == ROUTE_WORK && check_load(s, x) && check_limits(x)) {
        x->counted = true;
        s->running++;
        if (x->tenant)
            x->tenant->running++;
    }
}
