/* net_head.c: the lines of an answer's head. Numbers are strict: what cannot be read is as if it were not there, but
 * for Content-Range, on whose truth the place of every byte rests. */
#include "hub/net_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Digits up to `end`, without more behind them; false: no such number. */
static bool number(const char **at, int64_t *out)
{
    size_t n = strspn(*at, "0123456789");
    int64_t value = 0;
    if (n == 0 || n > 18)
        return false;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + ((*at)[i] - '0');
    *at += n;
    *out = value;
    return true;
}

static int64_t whole_number(const char *text)
{
    int64_t value;
    return number(&text, &value) && !*text ? value : -1;
}

/* "bytes 0-9/10", or "bytes 0-9" and a star. */
static bool content_range(const char *text, struct net_answer *a)
{
    const char *at = text;
    if (strncasecmp(at, "bytes ", 6) != 0)
        return false;
    at += 6;
    if (*at == '*')
        return true; /* 416: nothing was sent */
    if (!number(&at, &a->first) || *at++ != '-' || !number(&at, &a->last) || *at++ != '/')
        return false;
    return (strcmp(at, "*") == 0 || (number(&at, &a->total) && !*at)) && a->first <= a->last;
}

/* The tag without W/ and quotes. */
static void etag_of(const char *text, char *out, size_t size)
{
    if (strncmp(text, "W/", 2) == 0)
        text += 2;
    size_t n = strlen(text);
    bool quoted = n >= 2 && text[0] == '"' && text[n - 1] == '"';
    snprintf(out, size, "%.*s", (int)(quoted ? n - 2 : n), text + quoted);
}

/* <address>; rel="next" among others. */
static void next_of(const char *text, char out[NET_ADDRESS])
{
    for (const char *at = strchr(text, '<'); at; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        size_t more = end ? strcspn(end, ",") : 0;
        char rel[128];
        if (!end || end - at - 1 >= NET_ADDRESS)
            return;
        snprintf(rel, sizeof rel, "%.*s", (int)more, end);
        if (strstr(rel, "rel=\"next\"") || strstr(rel, "rel=next")) {
            snprintf(out, NET_ADDRESS, "%.*s", (int)(end - at - 1), at + 1);
            return;
        }
    }
}

static void header(struct net_answer *a, const char *name, const char *value)
{
#define IS(text) (strcasecmp(name, text) == 0)
    if (IS("ETag"))
        etag_of(value, a->etag, sizeof a->etag);
    else if (IS("Last-Modified") && !a->etag[0]) /* a plain server's only word on it */
        snprintf(a->etag, sizeof a->etag, "%s", value);
    else if (IS("X-Linked-Etag"))
        etag_of(value, a->linked_etag, sizeof a->linked_etag);
    else if (IS("X-Error-Code"))
        snprintf(a->error_code, sizeof a->error_code, "%s", value);
    else if (IS("Location") && strlen(value) < NET_ADDRESS)
        snprintf(a->location, sizeof a->location, "%s", value);
    else if (IS("Link"))
        next_of(value, a->next);
    else if (IS("Content-Length"))
        a->length = whole_number(value);
    else if (IS("Content-Range"))
        a->odd_range = !content_range(value, a);
    else if (IS("Content-Encoding"))
        a->encoded = *value && strcasecmp(value, "identity") != 0;
    else if (IS("Retry-After"))
        a->retry_after = whole_number(value);
#undef IS
}

void net_head_line(struct net_answer *a, const char *line, size_t n)
{
    char text[NET_ADDRESS + 64];
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' '))
        n--;
    if (n >= sizeof text)
        return; /* longer than anything that is of use */
    memcpy(text, line, n);
    text[n] = 0;
    if (strncmp(text, "HTTP/", 5) == 0) {
        const char *space = strchr(text, ' ');
        int64_t status = 0;
        if (space)
            space++;
        size_t bytes = a->head_bytes;
        *a = NET_NO_ANSWER;
        a->head_bytes = bytes;
        a->status = space && number(&space, &status) && status < 1000 ? (int)status : 0;
        return;
    }
    char *colon = strchr(text, ':');
    if (!colon)
        return;
    *colon = 0;
    header(a, text, colon + 1 + strspn(colon + 1, " \t"));
}
