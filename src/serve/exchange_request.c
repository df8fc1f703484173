/* exchange_request.c: what was asked: written by the I/O thread before a handler is called, read by whoever answers. */
#include "serve/exchange_parts.h"

#include "base/mem.h"

#include <string.h>

enum { BODY_FIRST = 16384 };

static const char *text_or_empty(const char *s)
{
    return s ? s : "";
}

const char *exchange_path(const struct exchange *x)
{
    return text_or_empty(x->path);
}

const char *exchange_id(const struct exchange *x)
{
    return text_or_empty(x->id);
}

const char *exchange_query(const struct exchange *x)
{
    return text_or_empty(x->query);
}

const char *exchange_user_agent(const struct exchange *x)
{
    return text_or_empty(x->user_agent);
}

const char *exchange_request_id(const struct exchange *x)
{
    return x->request_id;
}

const char *exchange_body(const struct exchange *x, size_t *len_out)
{
    *len_out = x->body_len;
    return text_or_empty(x->body);
}

uint64_t exchange_key_id(const struct exchange *x)
{
    return x->tenant ? x->tenant->id : 0;
}

const char *exchange_key_name(const struct exchange *x)
{
    return x->tenant ? x->tenant->name : "";
}

struct service *exchange_service(const struct exchange *x)
{
    return x->service;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A value with %XX and '+' undone; false: it does not fit, or holds a NUL or half a %XX. */
static bool unescape(const char *s, size_t n, char *text, size_t size)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        int high = 0, low = 0;
        char c = s[i] == '+' ? ' ' : s[i];
        if (s[i] == '%') {
            if (n - i < 3 || (high = hex_digit(s[i + 1])) < 0 || (low = hex_digit(s[i + 2])) < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (!c || k + 1 >= size)
            return false;
        text[k++] = c;
    }
    text[k] = 0;
    return true;
}

bool exchange_parameter(const struct exchange *x, const char *name, char *text, size_t size)
{
    size_t len = strlen(name);
    for (const char *q = exchange_query(x); *q;) {
        size_t n = strcspn(q, "&");
        if (n > len && q[len] == '=' && memcmp(q, name, len) == 0)
            return unescape(q + len + 1, n - len - 1, text, size);
        q += n + (q[n] == '&');
    }
    return false;
}

/* ---- the body -------------------------------------------------------------------------------------------- */

void exchange_drop_body(struct exchange *x)
{
    atomic_fetch_sub(&x->bodies->held, x->body_cap);
    mem_free(x->body);
    x->body = NULL;
    x->body_len = x->body_cap = 0;
}

int exchange_add_body(struct exchange *x, const char *data, size_t len, uint64_t expected, size_t limit)
{
    if (len > limit - x->body_len)
        return 413;
    size_t need = x->body_len + len + 1;
    if (need > x->body_cap) {
        size_t cap = x->body_cap ? 2 * x->body_cap : BODY_FIRST;
        if (expected < limit && cap > expected + 1)
            cap = (size_t)expected + 1;
        cap = cap < need ? need : cap;
        size_t more = cap - x->body_cap, held = atomic_fetch_add(&x->bodies->held, more);
        char *body = held + more > x->bodies->limit ? NULL : mem_grow(x->body, cap, 1);
        if (!body) {
            atomic_fetch_sub(&x->bodies->held, more);
            return 503;
        }
        x->body = body;
        x->body_cap = cap;
    }
    memcpy(x->body + x->body_len, data, len);
    x->body_len += len;
    x->body[x->body_len] = 0;
    return 0;
}
