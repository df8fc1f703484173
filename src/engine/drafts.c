/* drafts.c: what the text so far says about its next tokens, and whether running them, or what a smaller model says,
 * beside the next one pays. */
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

/* Before anything is known: what a guess is worth by what speaks for it (the length of the text; the probability that
 * the model gives it), and what it costs beside the token that is run anyway. Both are replaced by what happens. */
static const struct {
    int length;
    double right;
} by_length[DRAFTS_CLASSES] = {{2, 0.35}, {3, 0.5}, {4, 0.6}, {6, 0.75}, {10, 0.85}, {16, 0.92}};
static const struct {
    double probability, right;
} by_probability[DRAFTS_CLASSES] = {{0, 0.2}, {0.3, 0.4}, {0.5, 0.6}, {0.7, 0.75}, {0.85, 0.88}, {0.95, 0.96}};
static const double FIRST_COST = 0.25, SLOWLY = 0.06, QUICKLY = 0.25, FORGET = 0.001, WORTH = 1.02;
/* Of a model: its own step beside the other's, the share that comes, and of the time how much trying again may lose. */
static const double FIRST_OWN = 0.1, FIRST_MEAN = 0.7, TRYING = 0.015;
enum { TRIES = 2, FEW = 4, LATE = 32, LEAST_PIECE = 64, MOST_PIECE = 512 };

static void learn(double *known, double is, double share)
{
    *known += share * (is - *known);
}

/* A time; three times what is known: somebody else had the machine. */
static void learn_ms(double *known, double ms)
{
    if (*known > 0)
        learn(known, ms < 3 * *known ? ms : 3 * *known, QUICKLY);
    else
        *known = ms;
}

/* Did it come? What was thought before anything was known counts for three. */
static void learn_share(double *known, int *seen, bool right)
{
    double share = 1.0 / (*seen + 4);
    learn(known, right, share > SLOWLY ? share : SLOWLY);
    *seen += share > SLOWLY;
}

static double *rate(struct guesses *g, int class, double first)
{
    if (g->right[class] == 0)
        g->right[class] = first;
    return &g->right[class];
}

static int class_of_length(int length)
{
    int c = 0;
    while (c + 1 < DRAFTS_CLASSES && length >= by_length[c + 1].length)
        c++;
    return c;
}

static int class_of_probability(double probability)
{
    int c = 0;
    while (c + 1 < DRAFTS_CLASSES && probability >= by_probability[c + 1].probability)
        c++;
    return c;
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

/* How many of the guesses to run, whatever it cost to find them. */
static int best_of(struct drafts *d, struct guesses *g)
{
    double expected = 1, chance = 1, most_worth = WORTH;
    g->made = 0;
    for (int i = 0; i < g->n; i++) {
        chance *= g->right[g->class_of[i]];
        expected += chance;
        double worth = expected / cost(d, i + 1);
        if (worth > most_worth) {
            most_worth = worth;
            g->made = i + 1;
        }
    }
    d->made = g->made;
    g->n_made += (size_t)g->made;
    return g->made;
}

static void forget(struct guesses *g)
{
    g->n = g->at = g->made = 0;
}

int drafts_make(struct drafts *d, const int32_t *tokens, size_t n, size_t room)
{
    struct guesses *g = &d->lookup;
    int most = room < (size_t)d->most ? (int)room : d->most;
    forget(g);
    forget(&d->model.g);
    d->made = 0;
    d->model.asked = false;
    if (most <= 0)
        return 0;
    int length = drafts_look(tokens, n, most, g->next);
    g->n = length > 0 ? most : 0;
    for (int i = 0; i < g->n; i++) {
        g->class_of[i] = class_of_length(length + i);
        rate(g, g->class_of[i], by_length[g->class_of[i]].right);
    }
    if (d->ms[0] == 0) /* a step without guesses first: the measure of the others */
        return 0;
    int made = best_of(d, g);
    if (g->n > 0)
        d->doubt = made > 0 ? 0 : d->doubt + FORGET;
    return made;
}

void drafts_took(struct drafts *d, double ms)
{
    learn_ms(&d->ms[d->made], ms);
    if (!d->model.asked)
        d->model.purse += TRYING * ms;
}

static bool came(struct guesses *g, int32_t id)
{
    bool right = g->next[g->at] == id;
    int class = g->class_of[g->at];
    learn_share(&g->right[class], &g->seen[class], right);
    g->n_came += right && g->at < g->made;
    g->at++;
    if (!right)
        g->n = 0;
    return right;
}

void drafts_came(struct drafts *d, int32_t id)
{
    if (d->lookup.at < d->lookup.n)
        came(&d->lookup, id);
    if (d->model.g.at < d->model.g.n)
        learn_share(&d->model.mean, &d->model.seen, came(&d->model.g, id));
}

/* ---- a model that is asked ------------------------------------------------------------------------------ */

/* Tokens for each step's time, when the model says n guesses that bring so many tokens. What it has to read first is
 * charged as if the answer went on for as long again. */
static double model_worth(const struct drafts *d, double expected, int n)
{
    const struct drafts_model *m = &d->model;
    double step = m->step_ms > 0 ? m->step_ms : FIRST_OWN * d->ms[0], row = m->row_ms > 0 ? m->row_ms : step / 4;
    double late = m->missing > LATE ? 1 : (double)m->missing / LATE;
    return expected / (cost(d, n) + (step * n + row * expected * late) / d->ms[0]);
}

/* The best that up to `room` guesses more promise. */
static double model_promise(const struct drafts *d, int room)
{
    const struct drafts_model *m = &d->model;
    double chance = m->chance, expected = m->expected, best = 0;
    for (int n = m->g.n + 1; n <= room; n++) {
        chance *= m->mean;
        expected += chance;
        double worth = model_worth(d, expected, n);
        best = worth > best ? worth : best;
    }
    return best;
}

/* What did not pay is asked again when it seems to, and to see whether it would, but only as far as a small share of
 * the time since then pays for it. */
bool drafts_ask(struct drafts *d, size_t missing, size_t room)
{
    struct drafts_model *m = &d->model;
    int most = room < (size_t)d->most ? (int)room : d->most;
    if (most <= 0 || d->ms[0] == 0)
        return false;
    m->mean = m->mean > 0 ? m->mean : FIRST_MEAN;
    m->missing = missing;
    m->chance = m->expected = 1;
    bool pays = model_promise(d, most) > WORTH;
    double loss = m->row_ms * (double)missing + m->step_ms * TRIES;
    m->trying = !pays;
    bool again = !m->reading && (m->resting || !pays);
    m->asked = !again || (m->purse >= loss && loss > 0);
    if (m->asked && again)
        m->purse = 0;
    if (!m->asked && !pays)
        d->doubt += FORGET;
    m->resting = m->asked ? !pays : true;
    return m->asked;
}

bool drafts_said(struct drafts *d, int32_t id, double probability, size_t room)
{
    struct drafts_model *m = &d->model;
    int most = room < (size_t)d->most ? (int)room : d->most, class = class_of_probability(probability);
    m->chance *= *rate(&m->g, class, by_probability[class].right);
    m->expected += m->chance;
    m->g.next[m->g.n] = id;
    m->g.class_of[m->g.n++] = class;
    if (m->g.n >= most)
        return false;
    if (m->trying)
        return m->g.n < TRIES;
    double now = model_worth(d, m->expected, m->g.n);
    return model_promise(d, most) > (now > 1 ? now : 1);
}

int drafts_piece(const struct drafts *d)
{
    const struct drafts_model *m = &d->model;
    double fit = m->row_ms > 0 ? d->ms[0] / m->row_ms : LEAST_PIECE;
    return fit < LEAST_PIECE ? LEAST_PIECE : fit < MOST_PIECE ? (int)fit : MOST_PIECE;
}

void drafts_reads(struct drafts *d, size_t n, double ms)
{
    d->model.reading = true;
    if (n > 0) /* else sliding layers were replayed */
        learn_ms(&d->model.row_ms, ms / (double)n);
}

int drafts_asked(struct drafts *d, size_t n, double read_ms, double said_ms)
{
    struct drafts_model *m = &d->model;
    int steps = m->g.n;
    m->reading = false;
    if (n > FEW) {
        learn_ms(&m->row_ms, read_ms / (double)n);
        steps--;
    } else
        said_ms += read_ms;
    if (steps > 0)
        learn_ms(&m->step_ms, said_ms / steps);
    int made = best_of(d, &m->g);
    if (made > 0)
        d->doubt = 0;
    return made;
}
