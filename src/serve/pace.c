/* pace.c: how much of the prompts fits into a step, from measured times. */
#include "serve/pace.h"

#include <math.h>

/* Beside streams a step takes so many times what they take alone, and more when many wait for their first token: these
 * wait for all of it, and streams that have begun together cost less. */
static const double STRETCH = 1.7, CROWD = 3;
/* A step may always take so many ms: streams give more tokens a second than people read, and with company whoever comes
 * next waits for one step. */
static const double STEP_MS = 40;
/* Steps with prompts until streams are looked at alone again: contexts grow, other work comes and goes. At once where
 * only less than half or more than twice as many were seen: GROWTH over a longer way was wrong by 2.6 times. */
enum { LOOK = 32, NEAR = 2 };
/* Experts are read once for all rows of a step that chose them: rows of whole steps cost little more than half of what
 * they cost in steps of 128 (`osso bench -p 128,512`). In smaller pieces than LEAST a prompt stands still. */
enum { PIECE = 512, LEAST = 8, PAGE = 128 };
/* How fast a new time counts, how a step grows with its streams where only another number of them was seen. */
static const double NEW = 0.3, GROWTH = 0.6;
/* A single step is believed to have taken at most so many times what was known. */
static const double MOST_ALONE = 1.5, MOST_ROWS = 4;

/* ---- what is known -------------------------------------------------------------------------------------- */

static int streams_at(int streams)
{
    return streams < PACE_STREAMS ? streams : PACE_STREAMS;
}

/* The nearest number of streams that was seen alone; 0: none was. */
static int nearest(const struct pace *p, int n)
{
    for (int far = 0; far <= PACE_STREAMS; far++)
        for (int side = -1; side <= 1; side += 2) {
            int k = n + side * far;
            if (k > 0 && k <= PACE_STREAMS && p->alone[k] > 0)
                return k;
        }
    return 0;
}

/* A step of so many streams alone; 0: nothing was seen yet. */
static double alone(const struct pace *p, int streams)
{
    int n = streams_at(streams > 0 ? streams : 1); /* without streams: what any step takes */
    int k = nearest(p, n);
    return k ? p->alone[k] * pow((double)n / k, GROWTH) : 0;
}

static bool seen_near(const struct pace *p, int streams)
{
    int n = streams_at(streams), k = nearest(p, n);
    return k > 0 && k <= NEAR * n && n <= NEAR * k;
}

static int depth_at(size_t depth)
{
    int at = 0;
    for (size_t pages = 1 + depth / PAGE; pages > 1 && at < PACE_DEPTHS - 1; pages /= 2)
        at++;
    return at;
}

/* A row at this depth, else at the nearest that was seen; 0: none was. */
static double row(const struct pace *p, int at)
{
    for (int far = 0; far < PACE_DEPTHS; far++) {
        if (at >= far && p->row[at - far] > 0)
            return p->row[at - far];
        if (at + far < PACE_DEPTHS && p->row[at + far] > 0)
            return p->row[at + far];
    }
    return 0;
}

/* ---- a step --------------------------------------------------------------------------------------------- */

/* What prompts may add to the step; none: nobody waits for it. */
static double budget_of(const struct pace *p, int streams, int n, bool company)
{
    double base = alone(p, streams), crowd = (double)(n - 1) / (streams > 0 ? streams : 1);
    if (streams == 0 && !company)
        return INFINITY;
    return fmax(STEP_MS - base, base * (streams ? STRETCH - 1 : 1) * fmax(1, CROWD * crowd));
}

int pace_share(struct pace *p, int streams, struct pace_piece *pieces, int n, bool company)
{
    double ms = budget_of(p, streams, n, company);
    bool look = n > 0 && streams > 0 && (p->mixed >= LOOK || !seen_near(p, streams));
    size_t given = 0, most = look ? 0 : PIECE;
    for (int i = 0; i < n; i++) {
        double each = row(p, depth_at(pieces[i].depth));
        double fits = each > 0 ? ms / each : given == 0 ? 4 * LEAST : 0;
        if (given == 0)
            fits = fmax(fits, LEAST);
        if (streams == 0 && !company)
            fits = PIECE;
        size_t rows = pieces[i].rows;
        rows = (double)rows > fits ? (size_t)fits : rows;
        rows = rows > most - given ? most - given : rows;
        pieces[i].rows = rows;
        given += rows;
        ms = fmax(0, ms - (double)rows * each);
    }
    return (int)given;
}

/* Beside a prompt it is seldom seen what streams take alone: one step in which the process was stopped would count for
 * a minute. */
static void mix(double *known, double seen)
{
    *known = *known > 0 ? *known + NEW * (fmin(seen, MOST_ALONE * *known) - *known) : seen;
}

void pace_learn(struct pace *p, int streams, const struct pace_piece *pieces, int n, double ms)
{
    double expected = 0, rows = 0;
    for (int i = 0; i < n; i++) {
        expected += (double)pieces[i].rows * row(p, depth_at(pieces[i].depth));
        rows += (double)pieces[i].rows;
    }
    if (rows <= 0) {
        p->mixed = 0;
        if (streams > 0)
            mix(&p->alone[streams_at(streams)], ms);
        return;
    }
    p->mixed += streams > 0;
    double extra = fmax(ms - alone(p, streams), 0.05 * ms);
    /* Each depth takes its share of what the step took more or less than expected. */
    double off = expected > 0 ? fmin(fmax(extra / expected, 1 / MOST_ROWS), MOST_ROWS) : 1;
    double before[PACE_DEPTHS], share[PACE_DEPTHS] = {0};
    for (int at = 0; at < PACE_DEPTHS; at++)
        before[at] = expected > 0 ? row(p, at) : extra / rows;
    for (int i = 0; i < n; i++) {
        int at = depth_at(pieces[i].depth);
        share[at] += (double)pieces[i].rows * before[at] / (expected > 0 ? expected : extra);
    }
    for (int at = 0; at < PACE_DEPTHS; at++)
        if (share[at] > 0)
            p->row[at] = before[at] * (1 + NEW * share[at] * (off - 1));
}
