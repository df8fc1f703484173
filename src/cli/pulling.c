/* pulling.c: a model from the hub, and the line for whoever waits. */
#define _GNU_SOURCE
#include "cli/pulling.h"

#include "base/clock.h"

#include "cli/numbers.h"
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { TICK_MS = 200, SAID_MS = 5000, WINDOW_MS = 10000 };

/* The rate is that of the last seconds: `from` and `from_bytes` move on. */
static struct {
    int64_t last_ms, from_ms, middle_ms;
    uint64_t from_bytes, middle_bytes, last_done;
    bool shown;
} line;

void pulling_clear(void)
{
    if (line.shown)
        fprintf(stderr, "\r\033[K");
    line.shown = false;
}

/* "3.2 GB of 12.1 GB, 45.3 MB/s, 3 min left, 4 connections" */
static void words_of(const struct osso_hub_progress *p, int64_t now, char *text, size_t size)
{
    char done[32], total[32], rate_text[32], left[48] = "";
    int64_t ms = now - line.from_ms;
    double rate = ms > 0 && p->done > line.from_bytes ? (double)(p->done - line.from_bytes) * 1000 / (double)ms : 0;
    if (rate > 0) {
        double s = (double)(p->total - p->done) / rate;
        snprintf(left, sizeof left,
                 s < 100    ? "%.0f s left"
                 : s < 6000 ? "%.0f min left"
                            : "%.1f h left",
                 s < 100    ? s
                 : s < 6000 ? s / 60
                            : s / 3600);
    }
    bool fetches = strcmp(p->phase, "fetching") == 0 || strcmp(p->phase, "repairing") == 0;
    snprintf(text, size, "%s %s: %s of %s", p->phase, p->file, human_bytes(done, p->done),
             human_bytes(total, p->total));
    if (fetches)
        snprintf(text + strlen(text), size - strlen(text), ", %s/s, %s%s%d connection%s",
                 human_bytes(rate_text, (uint64_t)rate), left, *left ? ", " : "", p->connections,
                 p->connections == 1 ? "" : "s");
}

static void draw(const struct osso_hub_progress *p, const char *text)
{
    enum { BAR = 20 };
    char bar[BAR + 1];
    int columns = terminal_columns(STDERR_FILENO),
        full = p->total ? (int)((double)p->done / (double)p->total * BAR) : 0;
    for (int i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = 0;
    fprintf(stderr, "\r[%s] %.*s\033[K", bar, columns > BAR + 4 ? columns - BAR - 4 : 60, text);
    fflush(stderr);
    line.shown = true;
}

static int progress(void *user, const struct osso_hub_progress *p)
{
    char text[400];
    int64_t now = clock_ms();
    bool moves = err_is_terminal() && terminal_moves();
    (void)user;
    if (p->note) {
        pulling_clear();
        say("%s", p->note);
        return interrupted();
    }
    if (!line.from_ms || p->done < line.last_done) {
        line.from_ms = line.middle_ms = now;
        line.from_bytes = line.middle_bytes = p->done;
        line.last_ms = now;
    }
    line.last_done = p->done;
    if (now - line.middle_ms > WINDOW_MS / 2) {
        line.from_ms = line.middle_ms;
        line.from_bytes = line.middle_bytes;
        line.middle_ms = now;
        line.middle_bytes = p->done;
    }
    if (p->total == 0 || now - line.last_ms < (moves ? TICK_MS : SAID_MS))
        return interrupted();
    line.last_ms = now;
    words_of(p, now, text, sizeof text);
    if (moves)
        draw(p, text);
    else
        say("%s", text);
    return interrupted();
}

bool pulling_is_offline(const struct options *o)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    const char *word = getenv("HF_HUB_OFFLINE");
    for (size_t i = 0; word && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(word, yes[i]) == 0)
            return true;
    return o->v[OPT_offline].set;
}

struct osso_hub_options pulling_options(const struct options *o)
{
    const struct option_value *v = o->v;
    return (struct osso_hub_options){
        .size = sizeof(struct osso_hub_options),
        .form = v[OPT_form].s,
        .revision = v[OPT_revision].s,
        .include = v[OPT_include].list,
        .n_include = v[OPT_include].n,
        .exclude = v[OPT_exclude].list,
        .n_exclude = v[OPT_exclude].n,
        .local_dir = v[OPT_local_dir].s,
        .offline = pulling_is_offline(o),
        .jobs = v[OPT_jobs].set ? (int)v[OPT_jobs].i : 0,
        .timeout_ms = v[OPT_net_timeout].set ? (int)(v[OPT_net_timeout].f * 1000) : 0,
        .progress = progress,
    };
}

uint64_t pulling_bytes(const struct osso_hub_plan *plan, uint64_t *there_out)
{
    struct osso_hub_file file = {.size = sizeof file};
    uint64_t bytes = 0;
    *there_out = 0;
    for (int i = 0; osso_hub_plan_file(plan, i, &file); i++) {
        bytes += file.bytes;
        *there_out += file.there;
    }
    return bytes;
}

enum osso_status pulling_run(struct osso_hub_plan *plan, struct osso_error *err)
{
    interrupt_catch(INTERRUPT_TIDY);
    enum osso_status status = osso_hub_pull(plan, err);
    interrupt_release();
    pulling_clear();
    return status;
}

bool pulling_agreed(const char *question)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO) || !err_is_terminal())
        return false;
    fprintf(stderr, "osso: %s [y/N] ", question);
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
