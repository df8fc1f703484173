/* error.c: filling a struct osso_error. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *osso_status_text(enum osso_status status)
{
    switch (status) {
#define STATUS_CASE(name, value, text)                                                             \
    case OSSO_##name:                                                                              \
        return text;
        OSSO_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}

/* Length of the well-formed UTF-8 sequence at s, 0 if it is not one. */
static int utf8_sequence(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    int n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static void make_printable(char *text)
{
    unsigned char *s = (unsigned char *)text;
    while (*s) {
        int n = utf8_sequence(s);
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
