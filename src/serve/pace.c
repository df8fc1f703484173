/* pace.c: how much of the prompts fits into a step, from measured times. */
#include "serve/pace.h"

#include <math.h>

/* Beside streams a step takes so many times what they take alone, and more when many wait for their first token: these
 * wait for all of it, and streams that have begun together cost less. */
static const double STRETCH = 1.7, CROWD = 3;
/* A step may always take so many ms, or what so many rows of a prompt take where that is less: streams give more tokens
 * a second than people read, and with company whoever comes next waits for a step, and then takes part in one. */
enum { STEP_ROWS = 144 };
static const double STEP_MS = 40;
/* Steps with prompts until streams are looked at alone again: contexts grow, other work comes and goes. At once where
 * only less than half or more than twice as many were seen: GROWTH over a longer way was wrong by 2.6 times. */
enum { LOOK = 32, NEAR = 2 };
/* Experts are read once for all rows of a step that chose them: rows of whole steps cost little more than half of what
 * they cost in steps of 128 (`osso bench -p 128,512`). In smaller pieces than LEAST a prompt stands still, and
 * none costs less than the experts that are read for it: these are read again for every piece, and streams wait each
 * time. FIRST: rows of a step while nothing is known. */
enum { PIECE = 512, LEAST = 8, FIRST = 64, PAGE = 128 };
/* What an idle server waits for company, of what its first step will take: eight requests of one client are here within
 * some ms, a step of a large model takes a second. */
static const double MOMENT = 0.02, MOMENT_MS = 10;
/* How fast a new time counts, how a step grows with its streams where only another number of them was seen. */
static const double NEW = 0.3, GROWTH = 0.6;
/* A single step is believed to have taken at most so many times what was known. */
static const double MOST_ALONE = 1.5, MOST_ROWS = 4, MOST_BOTH = 2;
/* A step that took less than this part of it shows that what was known was learned of steps that waited for something
 * else, as the first of a cold server waits for the disk. */
static const double FAR_BELOW = 0.5;
/* So many rows are guessed to take as long as all experts, until more is known. */
enum { EVEN = 64 };
/* What a guess is off by, a step's time is beside what it should be, and a step later what was known: relative. */
static const double GUESS = 0.7, NOISE = 0.15, DRIFT = 0.05;

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

/* The share of the experts that none of so many rows has chosen, as if they chose at random. */
static double unread(const struct pace *p, double rows)
{
    return pow(1 - p->chosen, fmax(rows, 1)); /* what a step without streams takes is known of one */
}

/* What so many rows more take. */
static double cost(const struct pace *p, double before, double rows, double each)
{
    return p->experts * (unread(p, before) - unread(p, before + rows)) + rows * each;
}

/* ---- a step --------------------------------------------------------------------------------------------- */

static double step_ms(const struct pace *p)
{
    double each = row(p, 0);
    return each > 0 ? fmin(STEP_MS, cost(p, 0, STEP_ROWS, each)) : STEP_MS;
}

/* What prompts may add to the step; none: nobody waits for it. */
static double budget_of(const struct pace *p, int streams, int n, bool company)
{
    double known = alone(p, streams), base = known > 0 ? known : p->experts,
           crowd = (n - 1) / sqrt(streams > 0 ? streams : 1);
    if (streams == 0 && !company)
        return INFINITY;
    return fmax(step_ms(p) - base, base * (streams ? STRETCH - 1 : 1) * fmax(1, CROWD * crowd));
}

/* The rows, at most so many, that take no longer than ms where the step has `given` rows of prompts already; all of
 * them together are never a tiny piece. */
static size_t fits(const struct pace *p, int streams, size_t given, size_t most, double each, double ms)
{
    if (each <= 0)
        return given < FIRST ? FIRST - given : 0;
    size_t lo = 0, hi = most;
    while (lo < hi) {
        size_t mid = (lo + hi + 1) / 2;
        if (cost(p, streams + (double)given, (double)mid, each) <= ms)
            lo = mid;
        else
            hi = mid - 1;
    }
    size_t least = (size_t)fmax(LEAST, fmin(p->experts * unread(p, streams) / each, PIECE));
    return lo + given < least ? least - given : lo;
}

int pace_share(struct pace *p, int streams, struct pace_piece *pieces, int n, bool company)
{
    double ms = budget_of(p, streams, n, company);
    bool look = n > 0 && streams > 0 && (p->mixed >= LOOK || !seen_near(p, streams));
    size_t given = 0, most = look ? 0 : PIECE;
    for (int i = 0; i < n; i++) {
        double each = row(p, depth_at(pieces[i].depth));
        size_t rows = pieces[i].rows, room = most - given;
        size_t fit = streams > 0 || company ? fits(p, streams, given, room, each, ms) : PIECE;
        fit = fit < room ? fit : room;
        pieces[i].rows = rows = rows < fit ? rows : fit;
        ms = fmax(0, ms - cost(p, streams + (double)given, (double)rows, each));
        given += rows;
    }
    return (int)given;
}

double pace_moment(const struct pace *p, size_t rows)
{
    double each = row(p, 0);
    return each > 0 ? fmin(MOMENT_MS, MOMENT * cost(p, 0, fmin((double)rows, PIECE), each)) : 0;
}

/* Beside a prompt it is seldom seen what streams take alone: one step in which the process was stopped would count for
 * a minute. */
static void mix(double *known, double seen)
{
    *known = *known > 0 ? *known + NEW * (fmin(seen, MOST_ALONE * *known) - *known) : seen;
}

static void doubt_all(struct pace *p)
{
    p->doubt[0] = p->doubt[1] = GUESS * GUESS;
    p->doubt[2] = 0;
}

/* The first step with rows of prompts: what experts and rows took of it can only be guessed, the more for experts the
 * fewer rows there were, and the fewer of them had been read. What a row costs. */
static double begin(struct pace *p, int streams, double rows, double extra)
{
    double part = EVEN / (EVEN + rows), share = part * (unread(p, streams) - unread(p, streams + rows));
    p->experts = share > 0 ? part * extra : 0;
    doubt_all(p);
    return (1 - share) * extra / rows;
}

/* No step of streams alone takes less than the experts do that it reads. */
static double most_for_experts(const struct pace *p)
{
    double most = INFINITY;
    for (int k = 1; k <= PACE_STREAMS; k++)
        if (p->alone[k] > 0)
            most = fmin(most, p->alone[k] / (1 - unread(p, k)));
    return most;
}

/* A step at the beginning of prompts, of experts and rows as they were known, took `extra`: what rows are to be
 * multiplied by. A Kalman filter tells the two costs apart, since steps of few rows tell of experts, steps of many of
 * rows, and only both together of each. */
static double learn_both(struct pace *p, double experts, double rows, double extra)
{
    double all = experts + rows, off = (fmin(extra / all, MOST_BOTH) - 1) * all;
    if (extra < FAR_BELOW * all) {
        p->experts = fmin(p->experts * extra / all, most_for_experts(p));
        doubt_all(p);
        return extra / all;
    }
    double e = p->doubt[0] * experts + p->doubt[2] * rows, r = p->doubt[2] * experts + p->doubt[1] * rows;
    double sum = e * experts + r * rows + NOISE * NOISE * all * all;
    p->doubt[0] += DRIFT * DRIFT - e * e / sum;
    p->doubt[1] += DRIFT * DRIFT - r * r / sum;
    p->doubt[2] -= e * r / sum;
    p->experts = fmin(p->experts * fmax(1 + e / sum * off, 1 / MOST_BOTH), most_for_experts(p));
    return fmax(1 + r / sum * off, 1 / MOST_BOTH);
}

void pace_learn(struct pace *p, int streams, const struct pace_piece *pieces, int n, double ms)
{
    double each[PACE_DEPTHS], share[PACE_DEPTHS] = {0}, all = 0, rows = 0;
    for (int i = 0; i < n; i++)
        rows += (double)pieces[i].rows;
    if (rows <= 0) {
        p->mixed = 0;
        if (streams > 0)
            mix(&p->alone[streams_at(streams)], ms);
        return;
    }
    p->mixed += streams > 0;
    double extra = fmax(ms - alone(p, streams), 0.05 * ms);
    bool first = row(p, 0) <= 0;
    double guess = first ? begin(p, streams, rows, extra) : 0;
    for (int at = 0; at < PACE_DEPTHS; at++)
        each[at] = first ? guess : row(p, at);
    for (int i = 0; i < n; i++) {
        int at = depth_at(pieces[i].depth);
        share[at] += (double)pieces[i].rows * each[at];
        all += (double)pieces[i].rows * each[at];
    }
    /* Deeper, rows cost more: that is theirs alone, or experts would seem to cost ever more. Each depth takes its
     * share. */
    double experts = cost(p, streams, rows, 0), left = fmax(extra - experts, 0.05 * ms);
    double times = share[0] == all ? learn_both(p, experts, all, extra)
                                   : 1 + NEW * (fmin(fmax(left / all, 1 / MOST_ROWS), MOST_ROWS) - 1);
    for (int at = 0; at < PACE_DEPTHS; at++)
        if (share[at] > 0)
            p->row[at] = each[at] * (1 + (times - 1) * share[at] / all);
}
