/* net.c: libcurl's multi interface, and what may be wrong with an answer's head. */
#include "hub/net.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "hub/hub_lib.h"
#include "hub/net_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef HAVE_HUB
enum { MAX_HEAD = 1 << 17, MAX_CALLS = 64, SLOWEST = 1000 /* bytes a second */ };

struct net {
    struct hub_curl lib;
    CURLM *multi;
    int timeout_ms;
    struct net_call *calls[MAX_CALLS];
    int n;
};

enum osso_status net_create(int timeout_ms, struct net **net_out, struct osso_error *err)
{
    *net_out = NULL;
    struct net *net = mem_alloc(sizeof *net);
    if (!net)
        return error_nomem(err, sizeof *net, "downloads");
    net->timeout_ms = timeout_ms;
    enum osso_status status = hub_lib_curl(&net->lib, err);
    if (!status && !(net->multi = net->lib.multi_init()))
        status = error_nomem(err, sizeof *net, "downloads");
    if (status) {
        net_free(net);
        return status;
    }
    *net_out = net;
    return OSSO_OK;
}

void net_free(struct net *net)
{
    if (!net)
        return;
    while (net->n > 0)
        net_drop(net, net->calls[0]);
    if (net->multi)
        net->lib.multi_cleanup(net->multi);
    mem_free(net);
}

/* ---- one call ------------------------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
    struct net_call *call = user;
    call->answer.head_bytes += n * size;
    if (call->answer.head_bytes > MAX_HEAD) {
        snprintf(call->why, sizeof call->why, "its headers do not end");
        return 0;
    }
    net_head_line(&call->answer, line, n * size);
    return n * size;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct net_call *call = user;
    call->since_bytes += size * n;
    if (call->body(call->user, data, size * n))
        return size * n;
    call->refused = true;
    return 0;
}

static void add_header(struct net_call *call, const char *line)
{
    struct curl_slist *more = call->net->lib.slist_append(call->headers, line);
    if (more)
        call->headers = more;
}

static void set_up(struct net *net, struct net_call *call)
{
    CURL *e = call->easy;
    char line[4352];
#define SET(option, value) net->lib.easy_setopt(e, CURLOPT_##option, value)
    SET(URL, call->url);
    SET(NOSIGNAL, 1L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* four connections, not four streams of one */
    SET(PROTOCOLS_STR, "http,https");
    SET(FOLLOWLOCATION, 0L);
    SET(CONNECTTIMEOUT_MS, (long)net->timeout_ms);
    SET(BUFFERSIZE, 512L << 10);
    SET(USERAGENT, "osso/" OSSO_VERSION);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, call);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, call);
    SET(PRIVATE, call);
    SET(ERRORBUFFER, call->detail);
    add_header(call, "Accept-Encoding: identity");
    if (call->ranged) {
        snprintf(line, sizeof line, "Range: bytes=%llu-%llu", (unsigned long long)call->first,
                 (unsigned long long)call->last);
        add_header(call, line);
    }
    if (call->token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", call->token);
        add_header(call, line);
    }
    SET(HTTPHEADER, call->headers);
#undef SET
}

enum osso_status net_begin(struct net *net, struct net_call *call, struct osso_error *err)
{
    call->net = net;
    call->answer = NET_NO_ANSWER;
    call->refused = false;
    call->why[0] = call->detail[0] = 0;
    call->since_ms = clock_ms();
    call->since_bytes = 0;
    if (call->easy)
        net->lib.easy_reset(call->easy);
    else
        call->easy = net->lib.easy_init();
    net->lib.slist_free_all(call->headers);
    call->headers = NULL;
    if (!call->easy || net->n == MAX_CALLS)
        return error_nomem(err, sizeof *call, "a connection");
    set_up(net, call);
    if (net->lib.multi_add_handle(net->multi, call->easy) != CURLM_OK)
        return error_nomem(err, sizeof *call, "a connection");
    net->calls[net->n++] = call;
    return OSSO_OK;
}

void net_drop(struct net *net, struct net_call *call)
{
    for (int i = 0; i < net->n; i++)
        if (net->calls[i] == call) {
            net->calls[i] = net->calls[--net->n];
            net->lib.multi_remove_handle(net->multi, call->easy);
        }
}

void net_close_call(struct net *net, struct net_call *call)
{
    net_drop(net, call);
    if (call->easy)
        net->lib.easy_cleanup(call->easy);
    net->lib.slist_free_all(call->headers);
    call->easy = call->headers = NULL;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

/* A proxy that is not there is not what the address in the sentence says. */
static const char *proxy_of(const struct net_call *call)
{
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    static const char *const safe[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    for (const char *const *name = strncasecmp(call->url, "https:", 6) == 0 ? safe : plain; *name; name++)
        if (getenv(*name) && *getenv(*name))
            return *name;
    return NULL;
}

static void explain(struct net *net, struct net_call *call, CURLcode code)
{
    const char *proxy = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY
                            ? proxy_of(call)
                            : NULL;
    snprintf(call->why, sizeof call->why, "%.140s%s%s%s", call->detail[0] ? call->detail : net->lib.easy_strerror(code),
             proxy ? " (a proxy is set: " : "", proxy ? proxy : "", proxy ? ")" : "");
}

static struct net_call *ended(struct net *net)
{
    int left;
    for (CURLMsg *m; (m = net->lib.multi_info_read(net->multi, &left));) {
        struct net_call *call = NULL;
        if (m->msg != CURLMSG_DONE || net->lib.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&call) || !call)
            continue;
        CURLcode code = m->data.result; /* m is gone with the handle */
        net_drop(net, call);
        call->end = code == CURLE_OK ? NET_DONE : call->refused ? NET_ENOUGH : NET_CUT;
        if (code != CURLE_OK && !call->why[0])
            explain(net, call, code);
        return call;
    }
    return NULL;
}

/* A call that has brought less than a kilobyte a second over its time. */
static struct net_call *stalled(struct net *net)
{
    int64_t now = clock_ms();
    for (int i = 0; i < net->n; i++) {
        struct net_call *call = net->calls[i];
        if (now - call->since_ms < net->timeout_ms)
            continue;
        if (call->since_bytes * 1000 < (uint64_t)SLOWEST * (uint64_t)net->timeout_ms) {
            net_drop(net, call);
            call->end = NET_STALLED;
            snprintf(call->why, sizeof call->why, "%s for %.3g s",
                     call->answer.status ? "next to nothing came" : "no answer", net->timeout_ms / 1000.0);
            return call;
        }
        call->since_ms = now;
        call->since_bytes = 0;
    }
    return NULL;
}

struct net_call *net_next(struct net *net, int wait_ms)
{
    int running;
    struct net_call *call;
    if ((call = ended(net)) || (call = stalled(net)))
        return call;
    net->lib.multi_perform(net->multi, &running);
    if ((call = ended(net)))
        return call;
    net->lib.multi_poll(net->multi, NULL, 0, wait_ms, NULL);
    net->lib.multi_perform(net->multi, &running);
    return ended(net);
}

/* ---- addresses ------------------------------------------------------------------------------------------ */

/* The parts of an address that make its origin, in small letters; false: it is none. */
static bool origin_of(struct net *net, const char *url, char text[600], char host[256])
{
    CURLU *u = net->lib.url();
    char *scheme = NULL, *name = NULL, *port = NULL;
    bool good = u && !net->lib.url_set(u, CURLUPART_URL, url, 0) &&
                !net->lib.url_get(u, CURLUPART_SCHEME, &scheme, 0) && !net->lib.url_get(u, CURLUPART_HOST, &name, 0) &&
                !net->lib.url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) && strlen(name) < 256;
    good = good && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    if (good) {
        bool usual = strcmp(port, strcmp(scheme, "https") == 0 ? "443" : "80") == 0;
        for (char *c = name; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        snprintf(text, 600, "%s://%s%s%s", scheme, name, usual ? "" : ":", usual ? "" : port);
        snprintf(host, 256, "%s", name);
    }
    net->lib.free(scheme);
    net->lib.free(name);
    net->lib.free(port);
    net->lib.url_cleanup(u);
    return good;
}

bool net_join(struct net *net, const char *base, const char *location, char out[NET_ADDRESS])
{
    CURLU *u = net->lib.url();
    char *whole = NULL, text[600], host[256];
    bool good = u && !net->lib.url_set(u, CURLUPART_URL, base, 0) && !net->lib.url_set(u, CURLUPART_URL, location, 0) &&
                !net->lib.url_get(u, CURLUPART_URL, &whole, 0) && strlen(whole) < NET_ADDRESS &&
                origin_of(net, whole, text, host);
    if (good)
        snprintf(out, NET_ADDRESS, "%s", whole);
    net->lib.free(whole);
    net->lib.url_cleanup(u);
    return good;
}

bool net_same_origin(struct net *net, const char *a, const char *b)
{
    char ta[600], tb[600], host[256];
    return origin_of(net, a, ta, host) && origin_of(net, b, tb, host) && strcmp(ta, tb) == 0;
}

bool net_is_loopback(struct net *net, const char *url)
{
    char text[600], host[256];
    return origin_of(net, url, text, host) &&
           (strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0);
}

void net_origin(struct net *net, const char *url, char *text, size_t size)
{
    char origin[600], host[256];
    snprintf(text, size, "%s", origin_of(net, url, origin, host) ? origin : "an address that is none");
}
#else
enum osso_status net_create(int timeout_ms, struct net **net_out, struct osso_error *err)
{
    (void)timeout_ms;
    *net_out = NULL;
    return hub_lib_missing(err);
}

/* Nobody has a net to call these with. */
void net_free(struct net *net)
{
    (void)net;
}

enum osso_status net_begin(struct net *net, struct net_call *call, struct osso_error *err)
{
    (void)net, (void)call;
    return hub_lib_missing(err);
}

void net_drop(struct net *net, struct net_call *call)
{
    (void)net, (void)call;
}

struct net_call *net_next(struct net *net, int wait_ms)
{
    (void)net, (void)wait_ms;
    return NULL;
}

void net_close_call(struct net *net, struct net_call *call)
{
    (void)net, (void)call;
}

bool net_join(struct net *net, const char *base, const char *location, char out[NET_ADDRESS])
{
    (void)net, (void)base, (void)location, (void)out;
    return false;
}

bool net_same_origin(struct net *net, const char *a, const char *b)
{
    (void)net, (void)a, (void)b;
    return false;
}

bool net_is_loopback(struct net *net, const char *url)
{
    (void)net, (void)url;
    return false;
}

void net_origin(struct net *net, const char *url, char *text, size_t size)
{
    (void)net, (void)url;
    snprintf(text, size, "%s", "");
}
#endif
