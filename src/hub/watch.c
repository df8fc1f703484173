/* watch.c: telling whoever pulls how far it is. */
#include "hub/watch.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static bool call(struct watch *w)
{
    if (w->progress && w->progress(w->user, &w->now) != 0)
        w->stopped = true;
    return !w->stopped;
}

bool watch_tell(struct watch *w, uint64_t bytes, int connections)
{
    w->now.done = w->before + bytes;
    w->now.connections = connections;
    return call(w);
}

void watch_phase(struct watch *w, const char *phase)
{
    w->now.phase = phase;
}

void watch_note(struct watch *w, const char *format, ...)
{
    struct osso_error text; /* control characters of a server's words become harmless there */
    char words[sizeof text.text];
    va_list ap;
    va_start(ap, format);
    vsnprintf(words, sizeof words, format, ap);
    va_end(ap);
    error_set(&text, OSSO_OK, "%s", words);
    w->now.note = text.text;
    call(w);
    w->now.note = NULL;
}
