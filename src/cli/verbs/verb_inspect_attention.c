/* verb_inspect_attention.c: what each head looks at. */
#include "cli/inspect_one.h"
#include "cli/progress.h"

#include "osso/attention.h"

#include <math.h>

enum { SHOWN_KEYS = 3, TOKEN_COLUMNS = 14 };

static const float *pattern_of(const struct osso_attention_result *a, size_t head, size_t query)
{
    return a->patterns + (head * a->n_tokens + query) * a->n_tokens;
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------
 */

static void json_head(struct buf *b, const struct osso_head_attention *h)
{
    buf_printf(b, "{\"layer\":%d,\"head\":%d,\"sliding\":%s", h->layer, h->head, h->sliding ? "true" : "false");
    inspect_member(b, "previous", h->previous);
    inspect_member(b, "first", h->first);
    inspect_member(b, "same", h->same);
    inspect_member(b, "duplicate", h->duplicate);
    buf_printf(b, ",\"duplicates\":%zu", h->duplicates);
    inspect_member(b, "induction", h->induction);
    buf_printf(b, ",\"inductions\":%zu", h->inductions);
    inspect_member(b, "sink", h->sink);
    inspect_member(b, "entropy", h->entropy);
    inspect_member(b, "span", h->span);
    buf_printf(b, h->kind ? ",\"kind\":\"%s\"" : ",\"kind\":null", h->kind);
}

static void json_pattern(struct inspect_out *out, const struct osso_attention_result *a, size_t i)
{
    struct buf *b = &out->text;
    buf_puts(b, ",\"pattern\":[");
    for (size_t q = 0; q < a->n_tokens; q++) {
        const float *weights = pattern_of(a, i, q);
        buf_puts(b, q ? ",[" : "[");
        for (size_t k = 0; k <= q; k++)
            buf_printf(b, "%s%.7g", k ? "," : "", (double)weights[k]);
        buf_putc(b, ']');
        inspect_row(out);
    }
    buf_putc(b, ']');
}

static void print_json(struct inspect_out *out, void *found)
{
    const struct one *one = found;
    const struct osso_attention_result *a = one->result;
    struct buf *b = &out->text;
    const struct option_value *repeat = &one->o->v[OPT_inspect_repeat];
    inspect_head(b, one->o, &one->r);
    inspect_ids(b, &one->r, "", one->ids, one->n);
    inspect_place(b, "repeat", repeat->set ? repeat->i : -1);
    buf_puts(b, ",\"heads\":[");
    for (size_t i = 0; i < a->n; i++) {
        buf_puts(b, i ? "," : "");
        json_head(b, &a->heads[i]);
        if (a->patterns)
            json_pattern(out, a, i);
        buf_putc(b, '}');
        inspect_row(out);
    }
    buf_puts(b, "]}\n");
}

/* ---- a table -------------------------------------------------------------------------------------------------------
 */

static void share(struct buf *b, double value)
{
    if (isnan(value))
        buf_printf(b, "%10s", "-");
    else
        buf_printf(b, "%8.1f %%", 100 * value);
}

static void table_head(struct buf *b, const struct osso_head_attention *h)
{
    const double shares[] = {h->previous, h->first, h->same, h->duplicate, h->induction, h->sink};
    buf_printf(b, "%5d%s %4d", h->layer, h->sliding ? "~" : " ", h->head);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        share(b, shares[i]);
    buf_printf(b, " %8.2f %8.1f  %s\n", h->entropy, h->span, h->kind ? h->kind : "");
}

/* The largest weights of each query. */
static void table_pattern(struct inspect_out *out, const struct one *one, const struct osso_attention_result *a,
                          size_t i)
{
    struct buf *b = &out->text;
    buf_printf(b, "\nlayer %d, head %d\n", a->heads[i].layer, a->heads[i].head);
    for (size_t q = 0; q < a->n_tokens; q++) {
        const float *weights = pattern_of(a, i, q);
        size_t best[SHOWN_KEYS], n = 0;
        for (size_t k = 0; k <= q; k++) {
            size_t at = n < SHOWN_KEYS ? n++ : SHOWN_KEYS;
            for (; at > 0 && weights[best[at - 1]] < weights[k]; at--)
                if (at < SHOWN_KEYS)
                    best[at] = best[at - 1];
            if (at < SHOWN_KEYS)
                best[at] = k;
        }
        buf_printf(b, "%6zu ", q);
        inspect_token(b, &one->r, one->ids[q], TOKEN_COLUMNS);
        for (size_t k = 0; k < n; k++) {
            buf_printf(b, " %5.1f %% %6zu ", 100 * (double)weights[best[k]], best[k]);
            inspect_token(b, &one->r, one->ids[best[k]], k + 1 < n ? TOKEN_COLUMNS : 0);
        }
        buf_putc(b, '\n');
        inspect_row(out);
    }
}

static void print_table(struct inspect_out *out, void *found)
{
    const struct one *one = found;
    const struct osso_attention_result *a = one->result;
    struct buf *b = &out->text;
    buf_printf(b, "layer  head %9s %9s %9s %9s %9s %9s %8s %8s\n", "previous", "first", "same", "duplicate",
               "induction", "sink", "entropy", "span");
    for (size_t i = 0; i < a->n; i++)
        table_head(b, &a->heads[i]);
    for (size_t i = 0; i < a->n && a->patterns; i++)
        table_pattern(out, one, a, i);
}

static enum osso_status look(struct one *one, struct osso_error *err)
{
    const struct options *o = one->o;
    struct osso_attention_result result = {.size = sizeof result};
    struct osso_attention_options a = {.size = sizeof a,
                                       .layers = one->some_layers ? &one->layers : NULL,
                                       .heads = one->heads,
                                       .n_heads = one->n_heads,
                                       .patterns = o->v[OPT_patterns].set,
                                       .max_bytes = one->max_bytes,
                                       .progress = progress_call};
    progress_begin_of("token", one->n);
    enum osso_status status = osso_attention(one->r.engine, one->ids, one->n, &a, &result, err);
    progress_end();
    one->result = &result;
    if (!status)
        status = inspect_show(one->o, print_json, print_table, figures_attention, one, err);
    osso_attention_free(&result);
    return status;
}

int verb_inspect_attention(const struct options *o)
{
    return one_run(o, look);
}
