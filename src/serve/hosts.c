/* hosts.c: reading Host and Origin, without asking any name server. */
#include "serve/hosts.h"

#include <string.h>
#include <strings.h>

static bool all_of(const char *s, size_t n, const char *set)
{
    for (size_t i = 0; i < n; i++)
        if (!s[i] || !strchr(set, s[i]))
            return false;
    return n > 0;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_port(const char *s, size_t n)
{
    unsigned port = 0;
    if (n > 5 || !all_of(s, n, DIGITS))
        return false;
    for (size_t i = 0; i < n; i++)
        port = port * 10 + (unsigned)(s[i] - '0');
    return port >= 1 && port <= 65535;
}

bool hosts_split(const char *host, size_t len, const char **name_out, size_t *name_len_out)
{
    size_t n, rest;
    if (len > 255 + 6)
        return false;
    if (len && host[0] == '[') {
        const char *end = memchr(host, ']', len);
        if (!end || !all_of(host + 1, (size_t)(end - host - 1), "0123456789abcdefABCDEF:."))
            return false;
        n = (size_t)(end - host - 1);
        rest = n + 2;
        *name_out = host + 1;
    } else {
        const char *colon = memchr(host, ':', len);
        n = rest = colon ? (size_t)(colon - host) : len;
        if (!all_of(host, n, DIGITS LETTERS "-._"))
            return false;
        *name_out = host;
    }
    *name_len_out = n;
    return rest == len || (host[rest] == ':' && is_port(host + rest + 1, len - rest - 1));
}

/* Four numbers from 0 to 255 without leading zeros, the first 127. */
static bool is_loopback_v4(const char *s, size_t n)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        size_t digits = 0;
        unsigned value = 0;
        while (at + digits < n && s[at + digits] >= '0' && s[at + digits] <= '9' && digits < 4) {
            value = value * 10 + (unsigned)(s[at + digits] - '0');
            digits++;
        }
        if (digits < 1 || digits > 3 || value > 255 || (digits > 1 && s[at] == '0') || (part == 0 && value != 127))
            return false;
        at += digits;
        if (part < 3 && (at >= n || s[at++] != '.'))
            return false;
    }
    return at == n;
}

static bool same(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

bool hosts_is_loopback(const char *name, size_t len)
{
    return same(name, len, "localhost") || same(name, len, "::1") || is_loopback_v4(name, len);
}

enum hosts_verdict hosts_check(const char *host, size_t len, const struct host_list *allowed)
{
    const char *name;
    size_t n;
    if (!hosts_split(host, len, &name, &n))
        return HOSTS_MALFORMED;
    /* [localhost] is no name and ::1 has brackets: what hosts_split lets through in brackets is an address. */
    if (hosts_is_loopback(name, n))
        return HOSTS_FINE;
    for (size_t i = 0; i < allowed->n; i++)
        if (same(name, n, allowed->name[i]))
            return HOSTS_FINE;
    return HOSTS_FOREIGN;
}

bool hosts_same_origin(const char *origin, size_t len, const char *host, size_t host_len)
{
    const size_t scheme = sizeof "http://" - 1;
    return len == scheme + host_len && memcmp(origin, "http://", scheme) == 0 &&
           strncasecmp(origin + scheme, host, host_len) == 0;
}

bool hosts_lists_origin(const char *origin, size_t len, const struct host_list *origins)
{
    for (size_t i = 0; i < origins->n; i++)
        if (len == strlen(origins->name[i]) && memcmp(origin, origins->name[i], len) == 0)
            return true;
    return false;
}

bool hosts_is_origin(const char *origin)
{
    const char *at = strstr(origin, "://"), *name;
    size_t n;
    return at && all_of(origin, (size_t)(at - origin), LETTERS DIGITS "+-.") &&
           hosts_split(at + 3, strlen(at + 3), &name, &n);
}
