/* drafts.c: what the text so far says about its next tokens, and whether running them beside the next one pays. */
#include "engine/drafts.h"

enum { LONGEST = 32, SHORTEST = 2 };

/* ---- looking -------------------------------------------------------------------------------------------- */

static int same_before(const int32_t *a, const int32_t *b, size_t most)
{
    int n = 0;
    while (n < LONGEST && (size_t)n < most && a[-n] == b[-n])
        n++;
    return n;
}

int drafts_look(const int32_t *tokens, size_t n, int most, int32_t *next_out)
{
    int longest = 0;
    size_t from = 0;
    for (size_t i = n; i-- > 1 && longest < LONGEST;) { /* tokens [.., i) end as tokens [.., n) do */
        if (tokens[i - 1] != tokens[n - 1])
            continue;
        int length = same_before(tokens + i - 1, tokens + n - 1, i);
        if (length > longest) {
            longest = length;
            from = i;
        }
    }
    if (longest < SHORTEST)
        return 0;
    for (int i = 0; i < most; i++) {
        size_t at = from + (size_t)i;
        next_out[i] = at < n ? tokens[at] : next_out[at - n];
    }
    return longest;
}

/* ---- deciding ------------------------------------------------------------------------------------------- */

/* Before anything is known: what a guess is worth by the length of the text that speaks for it, and what it costs
 * beside the token that is run anyway. Both are replaced by what happens. */
static const struct {
    int length;
    double right;
} classes[DRAFTS_CLASSES] = {{2, 0.35}, {3, 0.5}, {4, 0.6}, {6, 0.75}, {10, 0.85}, {16, 0.92}};
static const double FIRST_COST = 0.25, SLOWLY = 0.06, QUICKLY = 0.25, FORGET = 0.001, WORTH = 1.02;

static double *rate(struct drafts *d, int length)
{
    int c = 0;
    while (c + 1 < DRAFTS_CLASSES && length >= classes[c + 1].length)
        c++;
    if (d->right[c] == 0)
        d->right[c] = classes[c].right;
    return &d->right[c];
}

/* A step with n guesses beside one without: measured, or as the nearest that was measured lets expect. What turned out
 * to be dear is believed a little less with each step that makes none, and tried again. */
static double cost(const struct drafts *d, int n)
{
    int known = n;
    while (known > 0 && d->ms[known] == 0)
        known--;
    for (int i = n + 1; known == 0 && i <= DRAFTS_MOST; i++)
        known = d->ms[i] > 0 ? i : 0;
    double each = known > 0 ? (d->ms[known] / d->ms[0] - 1) / known : FIRST_COST;
    return (1 + each * n) * (1 - d->doubt);
}

int drafts_make(struct drafts *d, const int32_t *tokens, size_t n, size_t room)
{
    int most = room < (size_t)d->most ? (int)room : d->most, best = 0;
    double expected = 1, chance = 1, most_worth = WORTH;
    d->n_next = d->at = d->made = 0;
    if (most <= 0)
        return 0;
    d->length = drafts_look(tokens, n, most, d->next);
    d->n_next = d->length > 0 ? most : 0;
    if (d->ms[0] == 0) /* a step without guesses first: the measure of the others */
        return 0;
    for (int i = 0; i < d->n_next; i++) {
        chance *= *rate(d, d->length + i);
        expected += chance;
        double worth = expected / cost(d, i + 1);
        if (worth > most_worth) {
            most_worth = worth;
            best = i + 1;
        }
    }
    if (d->n_next > 0)
        d->doubt = best > 0 ? 0 : d->doubt + FORGET;
    d->made = best;
    d->n_made += (size_t)best;
    return best;
}

void drafts_took(struct drafts *d, double ms)
{
    double *known = &d->ms[d->made];
    if (*known > 0 && ms > 3 * *known) /* somebody else had the machine */
        ms = 3 * *known;
    *known = *known > 0 ? *known + QUICKLY * (ms - *known) : ms;
}

void drafts_came(struct drafts *d, int32_t id)
{
    if (d->at >= d->n_next)
        return;
    double *r = rate(d, d->length + d->at);
    if (d->next[d->at] == id) {
        *r += SLOWLY * (1 - *r);
        d->n_right += d->at < d->made;
        d->at++;
    } else {
        *r -= SLOWLY * *r;
        d->n_next = 0;
    }
}
