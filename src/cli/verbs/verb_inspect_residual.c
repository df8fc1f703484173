/* verb_inspect_residual.c: what the residual stream is the sum of, and what each term says for a token. */
#include "cli/inspect_one.h"
#include "cli/progress.h"

#include "base/error.h"
#include "base/mem.h"
#include "osso/residual.h"

#include <math.h>
#include <stdlib.h>

enum { SHOWN = 20 };

static const char *const kinds[] = {[OSSO_TERM_EMBED] = "embedding",
                                    [OSSO_TERM_HEAD] = "head",
                                    [OSSO_TERM_BIAS] = "bias",
                                    [OSSO_TERM_EXPERT] = "expert"};

/* ---- JSON ----------------------------------------------------------------------------------------------------------
 */

static void json_term(struct buf *b, const struct osso_residual_term *t, int64_t position)
{
    buf_printf(b, "{\"position\":%lld,\"kind\":\"%s\"", (long long)position, kinds[t->kind]);
    inspect_place(b, "layer", t->layer);
    if (t->kind == OSSO_TERM_HEAD || t->kind == OSSO_TERM_EXPERT)
        inspect_place(b, kinds[t->kind], t->index);
    if (t->kind == OSSO_TERM_EXPERT)
        inspect_member(b, "weight", t->weight);
    inspect_member(b, "norm", t->norm);
    inspect_member(b, "cosine", t->cosine);
    inspect_member(b, "attribution", t->attribution);
    buf_putc(b, '}');
}

static void json_logit(struct buf *b, const struct one *one, const char *name, int32_t id, double logit)
{
    buf_printf(b, ",\"%s\":{", name);
    inspect_json_token(b, &one->r, id);
    inspect_member(b, "logit", logit);
    buf_putc(b, '}');
}

static void json_target(struct buf *b, const struct one *one, const struct osso_residual_target *t)
{
    buf_printf(b, "{\"position\":%lld", (long long)t->position);
    json_logit(b, one, "answer", t->answer, t->answer_logit);
    json_logit(b, one, "wrong", t->wrong, t->wrong_logit);
    inspect_member(b, "difference", t->answer_logit - t->wrong_logit);
    inspect_member(b, "sum", t->sum);
    inspect_member(b, "scale", t->scale);
    buf_putc(b, '}');
}

static void print_json(struct inspect_out *out, void *found)
{
    const struct one *one = found;
    const struct osso_residual_result *r = one->result;
    struct buf *b = &out->text;
    size_t layers = (size_t)r->n_layers;
    inspect_head(b, one->o, &one->r);
    inspect_ids(b, &one->r, "", one->ids, one->n);
    buf_puts(b, ",\"targets\":[");
    for (size_t i = 0; i < r->n_positions; i++) {
        buf_puts(b, i ? "," : "");
        json_target(b, one, &r->targets[i]);
    }
    buf_puts(b, "],\"streams\":[");
    for (size_t i = 0; i < r->n_positions * layers; i++) {
        const struct osso_residual_stream *s = &r->streams[i];
        buf_printf(b, "%s{\"position\":%lld,\"layer\":%d", i ? "," : "", (long long)r->targets[i / layers].position,
                   (int)(i % layers));
        inspect_member(b, "norm", s->norm);
        inspect_member(b, "cosine", s->cosine);
        inspect_member(b, "largest", s->largest);
        inspect_member(b, "error", s->error);
        buf_putc(b, '}');
    }
    buf_puts(b, "],\"terms\":[");
    for (size_t i = 0; i < r->n_positions * r->n_terms; i++) {
        buf_puts(b, i ? "," : "");
        json_term(b, &r->terms[i], r->targets[i / r->n_terms].position);
        inspect_row(out);
    }
    buf_puts(b, "]}\n");
}

/* ---- a table -------------------------------------------------------------------------------------------------------
 */

static int by_attribution(const void *a, const void *b)
{
    const struct osso_residual_term *x = a, *y = b;
    double s = fabs(x->attribution), t = fabs(y->attribution);
    return s != t ? (s < t ? 1 : -1) : x->layer != y->layer ? x->layer - y->layer : x->index - y->index;
}

static void table_term(struct buf *b, const struct osso_residual_term *t)
{
    buf_printf(b, "  %+10.4f  %10.4g  %+7.3f  ", t->attribution, t->norm, t->cosine);
    if (t->layer >= 0)
        buf_printf(b, "layer %d, ", t->layer);
    switch (t->kind) {
    case OSSO_TERM_EMBED: buf_puts(b, "embedding\n"); break;
    case OSSO_TERM_HEAD: buf_printf(b, "head %d\n", t->index); break;
    case OSSO_TERM_BIAS: buf_puts(b, "bias of o_proj\n"); break;
    default: buf_printf(b, "expert %d (weight %.3f)\n", t->index, t->weight);
    }
}

/* Sorts the terms of the position. */
static void table_position(struct buf *b, const struct one *one, struct osso_residual_result *r, size_t at)
{
    const struct osso_residual_target *t = &r->targets[at];
    struct osso_residual_term *terms = r->terms + at * r->n_terms;
    size_t n = one->o->v[OPT_residual_top].set ? (size_t)one->o->v[OPT_residual_top].i : SHOWN;
    double rest = t->sum;
    n = n < r->n_terms ? n : r->n_terms;
    buf_printf(b, "%sposition %lld ", at ? "\n" : "", (long long)t->position);
    inspect_token(b, &one->r, one->ids[t->position], 0);
    buf_puts(b, ": logit of ");
    inspect_token(b, &one->r, t->answer, 0);
    buf_printf(b, " %.4f, of ", t->answer_logit);
    inspect_token(b, &one->r, t->wrong, 0);
    buf_printf(b, " %.4f: difference %.4f, sum of the terms %.4f\n", t->wrong_logit, t->answer_logit - t->wrong_logit,
               t->sum);
    buf_printf(b, "  %10s  %10s  %7s  %zu of %zu terms\n", "adds", "length", "cosine", n, r->n_terms);
    qsort(terms, r->n_terms, sizeof *terms, by_attribution);
    for (size_t i = 0; i < n; i++) {
        table_term(b, &terms[i]);
        rest -= terms[i].attribution;
    }
    if (n < r->n_terms)
        buf_printf(b, "  %+10.4f  %10s  %7s  the other %zu\n", rest, "", "", r->n_terms - n);
    buf_printf(b, "  %10s  %10s  %7s  the stream\n", "", "length", "cosine");
    for (int l = 0; l < r->n_layers; l++) {
        const struct osso_residual_stream *s = &r->streams[at * (size_t)r->n_layers + (size_t)l];
        buf_printf(b, "  %10s  %10.4g  %+7.3f  behind layer %d; the terms differ by %.1e at most\n", "", s->norm,
                   s->cosine, l, s->error);
    }
}

static void print_table(struct inspect_out *out, void *found)
{
    const struct one *one = found;
    struct osso_residual_result *r = one->result;
    struct buf *b = &out->text;
    for (size_t at = 0; at < r->n_positions; at++) {
        table_position(b, one, r, at);
        inspect_row(out);
    }
}

static enum osso_status look(struct one *one, struct osso_error *err)
{
    const struct option_value *v = one->o->v;
    int32_t answer, wrong;
    struct osso_residual_result result = {.size = sizeof result};
    struct osso_residual_options r = {.size = sizeof r,
                                      .positions = one->positions.n,
                                      .n_positions = one->positions.len,
                                      .max_bytes = one->max_bytes,
                                      .progress = progress_call};
    enum osso_status status = OSSO_OK;
    if (v[OPT_residual_answer].set) {
        status = token_arg(&one->r, &v[OPT_residual_answer], "--answer", &answer, err);
        r.answer = &answer;
    }
    if (!status && v[OPT_residual_wrong].set) {
        status = token_arg(&one->r, &v[OPT_residual_wrong], "--wrong", &wrong, err);
        r.wrong = &wrong;
    }
    if (status)
        return status;
    progress_begin_of("token", one->n);
    status = osso_residual(one->r.engine, one->ids, one->n, &r, &result, err);
    progress_end();
    one->result = &result;
    if (!status)
        status = inspect_show(one->o, print_json, print_table, figures_residual, one, err);
    osso_residual_free(&result);
    return status;
}

int verb_inspect_residual(const struct options *o)
{
    return one_run(o, look);
}
