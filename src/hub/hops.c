/* hops.c: redirects, refusals, tries. */
#include "hub/hops.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum osso_status hops_follow(struct net *net, const char *from, const struct net_answer *answer, int *hops,
                             char url_out[NET_ADDRESS], struct osso_error *err)
{
    char origin[300], target[NET_ADDRESS];
    net_origin(net, from, origin, sizeof origin);
    if (++*hops > MOST_HOPS)
        return error_set(err, OSSO_FORMAT, "%s redirects in a circle", origin);
    if (!answer->location[0] || !net_join(net, from, answer->location, target))
        return error_set(err, OSSO_FORMAT, "%s redirects to what is no http address", origin);
    bool was_safe = strncmp(from, "https:", 6) == 0, is_safe = strncmp(target, "https:", 6) == 0;
    if (was_safe && !is_safe && !net_is_loopback(net, target))
        return error_set(err, OSSO_FORMAT, "%s redirects from https to http, where anybody could change the file",
                         origin);
    snprintf(url_out, NET_ADDRESS, "%s", target);
    return OSSO_OK;
}

/* "90 s", "5 min", "24 h", rounded up. */
static const char *long_words(int64_t seconds, char text[32])
{
    int64_t unit = seconds <= 120 ? 1 : seconds <= 7200 ? 60 : 3600;
    snprintf(text, 32, "%lld %s", (long long)(seconds / unit + (seconds % unit != 0)),
             unit == 1    ? "s"
             : unit == 60 ? "min"
                          : "h");
    return text;
}

enum osso_status hops_pause(struct net *net, const char *url, const struct net_answer *a, int timeout_ms, int failures,
                            struct watch *watch, int64_t *ms_out, struct osso_error *err)
{
    enum { UNSAID = 2 /* seconds */ };
    char origin[300], words[32];
    *ms_out = (int64_t)(timeout_ms / 60 + 1) << (failures < 7 ? failures : 7);
    if (a->retry_after < 0)
        return OSSO_OK;
    net_origin(net, url, origin, sizeof origin);
    if (a->retry_after > timeout_ms / 100)
        return error_set(err, OSSO_IO,
                         "%s answers %d and wants to be left alone for %s (Retry-After): ask again then, "
                         "nothing that has come is lost",
                         origin, a->status, long_words(a->retry_after, words));
    *ms_out = a->retry_after * 1000;
    if (watch && a->retry_after >= UNSAID)
        watch_note(watch, "%s answers %d and asks to wait %s; it goes on then", origin, a->status,
                   long_words(a->retry_after, words));
    return OSSO_OK;
}

enum osso_status hops_refusal(struct net *net, const char *url, const struct net_answer *a, const char *what,
                              bool has_token, struct osso_error *err)
{
    char origin[300];
    net_origin(net, url, origin, sizeof origin);
    const char *code = a->error_code;
    if (strcmp(code, "GatedRepo") == 0)
        return error_set(err, OSSO_NOTFOUND,
                         "%s is gated: accept its terms at %s/%s in a browser, then give a token %s", what, origin,
                         what, has_token ? "of that account (HF_TOKEN)" : "(HF_TOKEN, or hf auth login)");
    if (strcmp(code, "RevisionNotFound") == 0)
        return error_set(err, OSSO_NOTFOUND, "%s has no such --revision at %s", what, origin);
    if (strcmp(code, "EntryNotFound") == 0)
        return error_set(err, OSSO_NOTFOUND, "%s is not at %s any more; pull again", what, origin);
    if (a->status == 401 && has_token && strcmp(code, "RepoNotFound") != 0)
        return error_set(err, OSSO_NOTFOUND,
                         "%s refuses the token: give another one (HF_TOKEN, or hf auth login), or none", origin);
    if (strcmp(code, "RepoNotFound") == 0 || a->status == 404 || a->status == 401)
        return error_set(err, OSSO_NOTFOUND, "there is no %s at %s%s", what, origin,
                         has_token ? ", or this token may not see it: look at the name"
                                   : ": look at the name; a private one needs a token (HF_TOKEN)");
    if (a->status == 403)
        return error_set(err, OSSO_NOTFOUND, "%s does not give %s away (403)%s", origin, what,
                         has_token ? "" : "; it may need a token (HF_TOKEN)");
    return error_set(err, OSSO_IO, "%s answers %d when asked for %s", origin, a->status, what);
}

/* ---- a small answer ------------------------------------------------------------------------------------- */

struct taking {
    struct buf *body; /* NULL: it is thrown away */
    size_t limit;
    bool over;
};

static bool take(void *user, const char *data, size_t n)
{
    struct taking *t = user;
    if (!t->body || n > t->limit - t->body->len) {
        t->over = true;
        return false;
    }
    buf_add(t->body, data, n);
    return true;
}

static bool go_on(struct watch *watch)
{
    return watch_tell(watch, 0, 1);
}

static enum osso_status wait_out(struct net *net, const char *url, const struct net_answer *a, int timeout_ms,
                                 int failures, struct watch *watch, struct osso_error *err)
{
    int64_t ms = 0;
    enum osso_status status = hops_pause(net, url, a, timeout_ms, failures, watch, &ms, err);
    bool more = go_on(watch);
    for (int64_t end = clock_ms() + ms; !status && more && clock_ms() < end; more = go_on(watch))
        nanosleep(&(struct timespec){0, 50 * 1000000L}, NULL);
    return status || more ? status : error_set(err, OSSO_CANCELLED, "stopped");
}

/* One request until it ends; false: stopped. A body that drips may not take longer than ten times its time. */
static enum osso_status one(struct net *net, struct net_call *call, int timeout_ms, struct watch *watch,
                            struct osso_error *err)
{
    enum osso_status status = net_begin(net, call, err);
    int64_t end = clock_ms() + (int64_t)timeout_ms * 10;
    while (!status && net_next(net, 100) != call) {
        if (!go_on(watch))
            status = error_set(err, OSSO_CANCELLED, "stopped");
        else if (clock_ms() > end)
            status = error_set(err, OSSO_IO, "the answer takes too long");
    }
    if (status)
        net_drop(net, call);
    return status;
}

enum osso_status hops_get(struct net *net, const char *url, const char *token, size_t limit, const char *what,
                          int timeout_ms, struct watch *watch, struct buf *body, struct net_answer *answer_out,
                          struct osso_error *err)
{
    char at[NET_ADDRESS], origin[300];
    struct taking taking = {body, limit, false};
    struct net_call call = {.url = at, .ranged = !body, .body = take, .user = &taking};
    int hops = 0, failures = 0;
    enum osso_status status = OSSO_OK;
    snprintf(at, sizeof at, "%s", url);
    for (bool done = false; !status && !done;) {
        if (body)
            buf_clear(body);
        taking.over = false;
        call.token = token && net_same_origin(net, url, at) ? token : NULL;
        status = one(net, &call, timeout_ms, watch, err);
        const struct net_answer *a = &call.answer;
        net_origin(net, at, origin, sizeof origin);
        bool whole = call.end == NET_DONE || (call.end == NET_ENOUGH && !body);
        if (status)
            break;
        if (hops_is_redirect(a->status))
            status = hops_follow(net, at, a, &hops, at, err);
        else if (a->status >= 400 && !hops_is_passing(a->status))
            status = hops_refusal(net, at, a, what, call.token != NULL, err);
        else if (body && taking.over)
            status = error_set(err, OSSO_LIMIT, "%s says more of %s than can be true (%zu bytes)", origin, what, limit);
        else if ((a->status == 200 || a->status == 206) && whole && body && a->encoded)
            status = error_set(err, OSSO_FORMAT, "%s sends %s compressed, which it was not asked to", origin, what);
        else if ((a->status == 200 || a->status == 206) && whole)
            done = true;
        else if (++failures >= (a->status ? MOST_FAILURES : MOST_SILENT))
            status = a->status >= 400 ? error_set(err, OSSO_IO, "%s answers %d when asked for %s, %d times; try later",
                                                  origin, a->status, what, failures)
                     : whole ? error_set(err, OSSO_FORMAT, "%s answers %d when asked for %s, which says nothing",
                                         origin, a->status, what)
                             : error_set(err, OSSO_IO, "cannot ask %s for %s: %s", origin, what, call.why);
        else
            status = wait_out(net, at, a, timeout_ms, failures, watch, err);
    }
    *answer_out = call.answer;
    net_close_call(net, &call);
    if (!status && body && body->failed)
        status = error_nomem(err, limit, what);
    return status;
}
