/* error.c: filling a struct osso_error. */
#include "base/error.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *osso_version(void)
{
    return OSSO_VERSION;
}

const char *osso_status_text(enum osso_status status)
{
    switch (status) {
#define STATUS_CASE(name, value, text)                                                                                 \
    case OSSO_##name: return text;
        OSSO_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}

static void make_printable(char *text)
{
    unsigned char *s = (unsigned char *)text;
    while (*s) {
        size_t n = utf8_sequence(s, strlen((char *)s));
        int c1 = n == 2 && s[0] == 0xc2 && s[1] < 0xa0; /* C1 controls move the cursor too */
        if (n == 0 || *s < 0x20 || *s == 0x7f || c1) {
            *s = '?';
            n = 1;
        }
        s += n;
    }
}

enum osso_status error_set(struct osso_error *err, enum osso_status status, const char *format, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, format);
        vsnprintf(err->text, sizeof err->text, format, ap);
        va_end(ap);
        make_printable(err->text);
    }
    return status;
}

enum osso_status error_prefix(struct osso_error *err, enum osso_status status, const char *prefix)
{
    if (err) {
        struct osso_error old = *err;
        snprintf(err->text, sizeof err->text, "%.200s: %.300s", prefix, old.text);
        make_printable(err->text);
    }
    return status;
}

enum osso_status error_nomem(struct osso_error *err, unsigned long long bytes, const char *what)
{
    return error_set(err, OSSO_NOMEM, "not enough memory for %s (%llu bytes); free memory or ask for less", what,
                     bytes);
}
