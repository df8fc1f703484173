/* verb_list.c: the models on this disk. */
#include "cli/model_shelf.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/file.h"
#include "json/jwrite.h"

#include "osso/hub.h"
#include "osso/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, "\"%s\":", key);
    jwrite_string(b, text, strlen(text));
    buf_putc(b, ',');
}

static void add_json(struct buf *b, const struct model_shelf_row *m)
{
    buf_putc(b, '{');
    add_text(b, "name", m->name);
    add_text(b, "path", m->found->path);
    add_text(b, "place", m->found->place);
    add_text(b, "state", model_shelf_state_word(m->state));
    if (m->form[0])
        add_text(b, "form", m->form);
    if (m->types[0])
        add_text(b, "types", m->types);
    if (m->why[0])
        add_text(b, "why", m->why);
    if (m->whole)
        buf_printf(b, "\"begun\":{\"there\":%llu,\"bytes\":%llu},", (unsigned long long)m->have,
                   (unsigned long long)m->whole);
    buf_printf(b, "\"parameters\":%llu,\"bytes\":%llu}", (unsigned long long)m->parameters,
               (unsigned long long)m->bytes);
}

static void put_json(struct buf *b, const struct model_shelf *shelf, bool all, int others)
{
    const char *comma = "";
    buf_puts(b, "{\"models\":[");
    for (int i = 0; i < shelf->n; i++) {
        if (shelf->models[i].state == SHELF_OTHER && !all)
            continue;
        buf_puts(b, comma);
        add_json(b, &shelf->models[i]);
        comma = ",";
    }
    buf_printf(b, "],\"others\":%d,\"bytes\":%llu}\n", others, (unsigned long long)shelf->bytes);
}

static void put_line(struct buf *b, const struct model_shelf_row *m, int width)
{
    char bytes[32], have[32], parameters[32] = "";
    double n = (double)m->parameters;
    if (n >= 1e6)
        snprintf(parameters, sizeof parameters, "%.1f%c", n / (n >= 1e9 ? 1e9 : 1e6), n >= 1e9 ? 'B' : 'M');
    else if (n > 0)
        snprintf(parameters, sizeof parameters, "%.0f", n);
    buf_printf(b, "%-*s  %-8s  %8s  %9s  %s", width, m->name, m->form[0] ? m->form : "-",
               parameters[0] ? parameters : "-", human_bytes(bytes, m->bytes), m->types);
    if (m->whole)
        buf_printf(b, "%sbegun: %s of %s; osso pull goes on", m->types[0] ? "; " : "", human_bytes(have, m->have),
                   human_bytes(bytes, m->whole));
    else if (m->state != SHELF_WHOLE)
        buf_printf(b, "%s: %s", model_shelf_state_word(m->state), m->why);
    buf_putc(b, '\n');
}

static void put_table(struct buf *b, const struct model_shelf *shelf, bool all, int others)
{
    enum { WIDEST = 60 };
    const char *place = "";
    char bytes[32];
    int width = 4;
    for (int i = 0; i < shelf->n; i++) {
        int n = (int)strlen(shelf->models[i].name);
        if ((all || shelf->models[i].state != SHELF_OTHER) && n > width)
            width = n < WIDEST ? n : WIDEST;
    }
    for (int i = 0; i < shelf->n; i++) {
        const struct model_shelf_row *m = &shelf->models[i];
        if (m->state == SHELF_OTHER && !all)
            continue;
        if (strcmp(place, m->found->place) != 0)
            buf_printf(b, "%s%s\n", *place ? "\n" : "", m->found->place);
        place = m->found->place;
        put_line(b, m, width);
    }
    if (*place)
        buf_printf(b, "\n%s in all\n", human_bytes(bytes, shelf->bytes));
    if (others && !all)
        buf_printf(b, "%d that osso does not run (--all lists them)\n", others);
}

/* A cache that is somebody else's looks like none. */
static void say_closed(void)
{
    char *cache = osso_hub_cache();
    if (cache && file_is_dir(cache) && access(cache, R_OK | X_OK) != 0)
        say("%s cannot be looked into: %s", cache, strerror(errno));
    osso_free(cache);
}

int verb_list(const struct options *o)
{
    struct osso_error err = {0};
    struct model_shelf shelf;
    struct buf b = {0};
    bool all = o->v[OPT_all].set;
    int others = 0;
    enum osso_status status = model_shelf_read(&shelf, &err);
    if (status)
        return exit_code(status, &err);
    for (int i = 0; i < shelf.n; i++)
        others += shelf.models[i].state == SHELF_OTHER;
    if (o->v[OPT_json].set)
        put_json(&b, &shelf, all, others);
    else
        put_table(&b, &shelf, all, others);
    if (b.data && !b.failed)
        out_model_text(b.data, b.len); /* names of files may hold anything */
    say_closed();
    if (shelf.n == 0 && !o->v[OPT_json].set)
        say("no models on this disk but the one that ships with osso; get one: osso pull gpt-oss-20b");
    buf_free(&b);
    model_shelf_free(&shelf);
    return 0;
}
