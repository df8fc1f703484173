/* world.c: a table of families beside their goals (world_goals.def), what the model before reached, and what somebody
 * would who gives one answer to all. */
#include "eval/world.h"

#include "base/error.h"
#include "eval/expected.h"
#include "eval/stats.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>

enum score { RIGHT, WELL_FORMED, FUNCTION };
static const char *const score_names[] = {"right", "well_formed", "function"};

struct goal {
    const char *name, *family, *less; /* less: NULL, or the family whose share is taken off */
    enum score score;
    double goal, before;
};
static const struct goal goals[] = {
#define GOAL(family, score, goal, before) {family, family, NULL, score, goal, before},
#define LESS(name, family, other, goal, before) {name, family, other, RIGHT, goal, before},
#include "eval/world_goals.def"
};
enum { N_GOALS = sizeof goals / sizeof *goals };

/* What a share of a family is made of. */
struct tally {
    int64_t hits, n;
};

/* "tools, call" is of the family "tools, call" and of "tools". */
static bool in_family(const struct run *run, int group, const char *family)
{
    const char *name = group >= 0 ? run->groups[group].name : "";
    size_t n = strlen(family);
    return strncmp(name, family, n) == 0 && (name[n] == 0 || (name[n] == ',' && name[n + 1] == ' '));
}

static struct tally count(const struct run *run, const struct expected *x, const char *family, enum score score)
{
    struct tally t = {0};
    for (int64_t i = 0; i < run->n_items; i++) {
        const struct item *item = &run->items[i];
        if (!in_family(run, item->group, family) || (score == FUNCTION && !x->calls[i]))
            continue;
        t.n++;
        t.hits += score == RIGHT         ? item->right
                  : score == WELL_FORMED ? item->well_formed
                                         : x->calls[i] == CALL_OF_FUNCTION;
    }
    return t;
}

/* The share of items for which the most frequent right answer is right. */
static double majority(const struct run *run, const struct expected *x, const char *family, int64_t n)
{
    int64_t most = 0, same = 0;
    uint64_t key = 0, item = 0;
    for (size_t i = 0; i < x->n; i++) { /* equal ones follow each other, and those of one item */
        const struct expected_key *k = &x->keys[i];
        if (!in_family(run, run->items[k->item].group, family))
            continue;
        bool again = same > 0 && k->key == key;
        same = !again ? 1 : same + ((uint64_t)k->item != item);
        key = k->key;
        item = (uint64_t)k->item;
        most = same > most ? same : most;
    }
    return (double)most / (double)n;
}

static void number(struct buf *b, const char *name, double value)
{
    buf_printf(b, ",\"%s\":", name);
    jwrite_number(b, value); /* null for what is none */
}

/* The interval of a difference of two shares by Newcombe's rule, from the intervals of both. */
static void write_less(const struct run *run, const struct expected *x, const struct goal *g, struct tally t,
                       struct buf *b)
{
    struct tally other = count(run, x, g->less, g->score);
    double p = (double)t.hits / (double)t.n, q = (double)other.hits / (double)other.n, l1, h1, l2, h2;
    stats_share(t.hits, t.n, &l1, &h1);
    stats_share(other.hits, other.n, &l2, &h2);
    number(b, "value", p - q);
    number(b, "low", p - q - hypot(p - l1, h2 - q));
    number(b, "high", p - q + hypot(h1 - p, q - l2));
    buf_printf(b, ",\"n\":%lld", (long long)(t.n < other.n ? t.n : other.n));
}

static void write_share(const struct run *run, const struct expected *x, const struct goal *g, struct tally t,
                        struct buf *b)
{
    double low, high;
    stats_share(t.hits, t.n, &low, &high);
    number(b, "value", (double)t.hits / (double)t.n);
    number(b, "low", low);
    number(b, "high", high);
    buf_printf(b, ",\"n\":%lld", (long long)t.n);
    if (g->score == RIGHT)
        number(b, "majority", majority(run, x, g->family, t.n));
}

static void write_name(struct buf *b, bool *first, const char *name)
{
    buf_puts(b, *first ? "" : ",");
    jwrite_string(b, name, strlen(name));
    *first = false;
}

/* A row; false: there are no lines for it. */
static bool write_row(const struct run *run, const struct expected *x, const struct goal *g, bool *first, struct buf *b)
{
    struct tally t = count(run, x, g->family, g->score);
    if (t.n == 0 || (g->less && count(run, x, g->less, g->score).n == 0))
        return false;
    buf_puts(b, *first ? "{\"family\":" : ",{\"family\":");
    jwrite_string(b, g->name, strlen(g->name));
    buf_printf(b, ",\"score\":\"%s\"", score_names[g->score]);
    (g->less ? write_less : write_share)(run, x, g, t, b);
    number(b, "goal", g->goal);
    number(b, "before", g->before);
    buf_putc(b, '}');
    *first = false;
    return true;
}

/* Has a family of the lines a row of its own? */
static bool has_row(const char *family)
{
    for (int i = 0; i < N_GOALS; i++)
        if (!goals[i].less && goals[i].score == RIGHT && strcmp(goals[i].family, family) == 0)
            return true;
    return false;
}

enum osso_status world_write(const struct run *run, struct buf *b, struct osso_error *err)
{
    struct expected x = {0};
    bool first = true, here[N_GOALS];
    enum osso_status status = expected_read(run, &x, err);
    if (!status) {
        buf_puts(b, ",\"world\":[");
        for (int i = 0; i < N_GOALS; i++)
            here[i] = write_row(run, &x, &goals[i], &first, b);
        for (int g = 0; g < run->n_groups; g++) {
            const char *name = run->groups[g].name;
            if (!has_row(name))
                write_row(run, &x, &(struct goal){name, name, NULL, RIGHT, NAN, NAN}, &first, b);
        }
        buf_puts(b, "],\"world_without\":[");
        first = true;
        for (int i = 0; i < N_GOALS; i++)
            if (!here[i] && (i == 0 || strcmp(goals[i].name, goals[i - 1].name) != 0))
                write_name(b, &first, goals[i].name);
        buf_putc(b, ']');
    }
    expected_free(&x);
    return status;
}
