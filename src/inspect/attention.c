/* attention.c: patterns of one run, summed up by head as they come. */
#include "osso/attention.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "inspect/hooks.h"
#include "inspect/one_text.h"

#include <math.h>
#include <string.h>

enum { FEWEST_QUERIES = 8 }; /* of those with a copy, before a head is named after them */

/* Sums over the queries of a head. */
struct sums {
    double previous, first, same, duplicate, induction, sink, entropy, weight, distance;
    size_t queries, duplicates, inductions;
};

struct attention {
    struct one_text text;
    struct osso_attention_options o;
    struct osso_hooks *hooks;
    const struct config *c;
    struct sums *sums; /* [n] */
    int32_t *copy_of;  /* [n] the last position before with the same token; -1: none */
    struct osso_attention_result r;
};

/* ---- what is wanted ------------------------------------------------------------------------------------------------
 */

static enum osso_status find_copies(struct attention *a, struct osso_error *err)
{
    const struct one_text *t = &a->text;
    size_t vocab = (size_t)a->c->vocab;
    int32_t *last = mem_array(vocab, sizeof *last);
    enum osso_status status = last ? OSSO_OK : error_nomem(err, vocab * sizeof *last, "places of tokens");
    for (size_t p = 0; p < t->n && !status; p++) {
        if (t->ids[p] < 0 || (size_t)t->ids[p] >= vocab)
            status = error_set(err, OSSO_USAGE, "id %d: the vocabulary has 0 to %zu", (int)t->ids[p], vocab - 1);
        else {
            a->copy_of[p] = last[t->ids[p]] - 1;
            last[t->ids[p]] = (int32_t)p + 1;
        }
    }
    mem_free(last);
    return status;
}

static enum osso_status plan(struct attention *a, const struct osso_attention_options *options, struct osso_error *err)
{
    static const char *const names[] = {"blocks.*.attn.hook_pattern"};
    enum osso_status status = sized_check(options, "osso_attention_options", err);
    if (status)
        return status;
    sized_in(&a->o, sizeof a->o, options);
    if (!a->text.engine->model)
        return error_set(err, OSSO_USAGE, "a scripted engine has no attention");
    a->c = &a->text.engine->config;
    if (a->text.n < 2)
        return error_set(err, OSSO_USAGE, "the text has %zu token%s: a token that can look back is needed", a->text.n,
                         a->text.n == 1 ? "" : "s");
    struct osso_hooks_options h = {.size = sizeof h,
                                   .names = names,
                                   .n_names = 1,
                                   .layers = a->o.layers,
                                   .heads = a->o.heads,
                                   .n_heads = a->o.n_heads};
    status = osso_hooks_create(a->text.engine->model, &h, &a->hooks, err);
    if (!status)
        status = one_text_positions(&a->text, NULL, 0, err);
    if (status)
        return status;
    a->text.progress = a->o.progress;
    a->text.user = a->o.user;
    a->r.n = a->hooks->n * (size_t)a->hooks->n_heads;
    a->r.n_tokens = a->text.n;
    return a->o.patterns ? one_text_room(a->r.n * a->text.n, a->text.n, a->o.max_bytes,
                                         "fewer layers or heads, or a shorter text", err)
                         : OSSO_OK;
}

static enum osso_status make_room(struct attention *a, struct osso_error *err)
{
    size_t n = a->text.n, values = a->o.patterns ? a->r.n * n * n : 0;
    a->sums = mem_array(a->r.n, sizeof *a->sums);
    a->copy_of = mem_array(n, sizeof *a->copy_of);
    a->r.heads = mem_array(a->r.n, sizeof *a->r.heads);
    if (a->o.patterns)
        a->r.patterns = mem_array(values, sizeof *a->r.patterns);
    if (!a->sums || !a->copy_of || !a->r.heads || (a->o.patterns && !a->r.patterns))
        return error_nomem(err, values * sizeof *a->r.patterns, "attention's weights");
    return find_copies(a, err);
}

/* ---- the run -------------------------------------------------------------------------------------------------------
 */

/* Weight on earlier copies of the query's token, and on what followed them before the query. */
static void add_copies(const struct attention *a, struct sums *s, const float *weights, int64_t q, int64_t from)
{
    double on_copies = 0, behind = 0;
    size_t copies = 0, followers = 0;
    for (int64_t p = a->copy_of[q]; p >= 0 && p + 1 >= from; p = a->copy_of[p]) {
        if (p >= from) {
            on_copies += weights[p];
            copies++;
        }
        if (p + 1 < q) {
            behind += weights[p + 1];
            followers++;
        }
    }
    s->duplicate += on_copies;
    s->duplicates += copies > 0;
    s->induction += behind;
    s->inductions += followers > 0;
}

/* One query of one head; from: the first key it sees. */
static void add_query(const struct attention *a, struct sums *s, const float *weights, int64_t q, int64_t from)
{
    double sum = 0, entropy = 0, distance = 0;
    for (int64_t k = from; k <= q; k++) {
        double w = weights[k];
        sum += w;
        entropy -= w > 0 ? w * log(w) : 0;
        distance += w * (double)(q - k);
    }
    double sink = sum < 1 ? 1 - sum : 0;
    s->queries++;
    s->previous += weights[q - 1]; /* a window of one token sees itself alone: 0 stands there */
    s->first += weights[0];
    s->same += weights[q];
    s->sink += sink;
    s->entropy += entropy - (sink > 0 ? sink * log(sink) : 0);
    s->weight += sum;
    s->distance += distance;
    add_copies(a, s, weights, q, from);
}

static int take(void *user, const struct osso_hook_value *v)
{
    struct attention *a = user;
    int64_t n = (int64_t)a->text.n, window = a->c->sliding[v->layer] ? a->c->window : n;
    size_t first = v->index * (size_t)a->hooks->n_heads;
    for (int r = 0; r < v->n_rows; r++) {
        int64_t q = v->positions[r], from = q - window + 1 > 0 ? q - window + 1 : 0;
        for (int h = 0; h < v->n_heads && !v->replayed[r]; h++) {
            const float *weights = v->values + r * v->width + h * v->n_keys;
            if (q > 0)
                add_query(a, &a->sums[first + (size_t)h], weights, q, from);
            if (a->r.patterns)
                memcpy(a->r.patterns + ((int64_t)(first + (size_t)h) * n + q) * n, weights,
                       (size_t)(q + 1) * sizeof *weights);
        }
    }
    return 0;
}

/* ---- by head -------------------------------------------------------------------------------------------------------
 */

static const char *kind_of(const struct osso_head_attention *h)
{
    const struct {
        const char *name;
        double value;
    } kinds[] = {{"previous", h->previous},
                 {"first", h->first},
                 {"same", h->same},
                 {"duplicate", h->duplicates >= FEWEST_QUERIES ? h->duplicate : 0},
                 {"induction", h->inductions >= FEWEST_QUERIES ? h->induction : 0},
                 {"sink", h->sink}};
    size_t best = 0;
    for (size_t i = 1; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].value > kinds[best].value)
            best = i;
    return kinds[best].value >= 0.5 ? kinds[best].name : NULL;
}

static void sum_up(struct attention *a, size_t i)
{
    const struct sums *s = &a->sums[i];
    size_t n_heads = (size_t)a->hooks->n_heads;
    double n = (double)s->queries;
    struct osso_head_attention *h = &a->r.heads[i];
    h->layer = a->hooks->list[i / n_heads].layer;
    h->head = a->hooks->heads[i % n_heads];
    h->sliding = a->c->sliding[h->layer];
    h->previous = s->previous / n;
    h->first = s->first / n;
    h->same = s->same / n;
    h->duplicate = s->duplicates ? s->duplicate / (double)s->duplicates : NAN;
    h->induction = s->inductions ? s->induction / (double)s->inductions : NAN;
    h->duplicates = s->duplicates;
    h->inductions = s->inductions;
    h->sink = s->sink / n;
    h->entropy = s->entropy / n;
    h->span = s->weight > 0 ? s->distance / s->weight : 0;
    h->kind = kind_of(h);
}

enum osso_status osso_attention(struct osso_engine *engine, const int32_t *ids, size_t n,
                                const struct osso_attention_options *options, struct osso_attention_result *result,
                                struct osso_error *err)
{
    struct attention a = {.text = {.engine = engine, .ids = ids, .n = n}, .r.size = sizeof a.r};
    enum osso_status status = sized_check(result, "osso_attention_result", err);
    if (!status)
        status = plan(&a, options, err);
    if (!status)
        status = make_room(&a, err);
    if (!status)
        status = one_text_run(&a.text, a.hooks, take, &a, err);
    for (size_t i = 0; i < a.r.n && !status; i++)
        sum_up(&a, i);
    osso_hooks_free(a.hooks);
    one_text_end(&a.text);
    mem_free(a.sums);
    mem_free(a.copy_of);
    if (status)
        osso_attention_free(&a.r);
    else
        sized_out(result, &a.r, sizeof a.r);
    return status;
}

void osso_attention_free(struct osso_attention_result *result)
{
    mem_free(result->heads);
    mem_free(result->patterns);
    result->heads = NULL;
    result->patterns = NULL;
    result->n = 0;
}
