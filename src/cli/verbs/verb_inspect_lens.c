/* verb_inspect_lens.c: what a run would say if it ended earlier. */
#include "cli/inspect_one.h"
#include "cli/progress.h"

#include "osso/lens.h"

#include <stdio.h>

enum { TOKEN_COLUMNS = 18, SHOWN = 5 };

static void json_record(struct buf *b, const struct one *one, const struct osso_lens_result *l, size_t i)
{
    const struct osso_lens_record *r = &l->records[i];
    buf_printf(b, "%s{\"layer\":%d", i ? "," : "", r->layer);
    inspect_place(b, "head", r->head);
    inspect_place(b, "expert", r->expert);
    inspect_place(b, "position", l->answers[r->answer].position);
    inspect_member(b, "probability", r->probability);
    inspect_place(b, "rank", r->rank);
    inspect_member(b, "kl", r->kl);
    inspect_member(b, "norm", r->norm);
    buf_puts(b, ",\"top\":[");
    for (int t = 0; t < l->n_top; t++) {
        const struct osso_lens_token *top = &l->top[i * (size_t)l->n_top + (size_t)t];
        buf_puts(b, t ? ",{" : "{");
        inspect_json_token(b, &one->r, top->id);
        inspect_member(b, "probability", (double)top->probability);
        buf_putc(b, '}');
    }
    buf_puts(b, "]}");
}

static void print_json(struct inspect_out *out, void *found)
{
    const struct one *one = found;
    const struct osso_lens_result *l = one->result;
    struct buf *b = &out->text;
    const struct option_value *component = &one->o->v[OPT_lens_component];
    inspect_head(b, one->o, &one->r);
    inspect_ids(b, &one->r, "", one->ids, one->n);
    buf_printf(b, ",\"component\":\"%s\",\"answers\":[", component->set ? component->s : "resid_post");
    for (size_t i = 0; i < l->n_positions; i++) {
        buf_printf(b, "%s{\"position\":%lld,", i ? "," : "", (long long)l->answers[i].position);
        inspect_json_token(b, &one->r, l->answers[i].id);
        inspect_member(b, "probability", l->answers[i].probability);
        buf_putc(b, '}');
    }
    buf_puts(b, "],\"records\":[");
    for (size_t i = 0; i < l->n; i++) {
        json_record(b, one, l, i);
        inspect_row(out);
    }
    buf_puts(b, "]}\n");
}

static void table_row(struct buf *b, const struct one *one, const struct osso_lens_result *l, size_t i)
{
    const struct osso_lens_record *r = &l->records[i];
    char place[40];
    int n = snprintf(place, sizeof place, "layer %d", r->layer);
    if (r->head >= 0)
        snprintf(place + n, sizeof place - (size_t)n, " head %d", r->head);
    if (r->expert >= 0)
        snprintf(place + n, sizeof place - (size_t)n, " expert %d", r->expert);
    buf_printf(b, "  %-20s %7.2f %%  %7lld  %8.4f  ", place, 100 * r->probability, (long long)r->rank, r->kl);
    for (int t = 0; t < l->n_top && t < SHOWN; t++) {
        const struct osso_lens_token *top = &l->top[i * (size_t)l->n_top + (size_t)t];
        buf_printf(b, "%6.2f %% ", 100 * (double)top->probability);
        inspect_token(b, &one->r, top->id, t + 1 < l->n_top && t + 1 < SHOWN ? TOKEN_COLUMNS : 0);
    }
    buf_putc(b, '\n');
}

static void print_table(struct inspect_out *out, void *found)
{
    const struct one *one = found;
    const struct osso_lens_result *l = one->result;
    struct buf *b = &out->text;
    for (size_t i = 0; i < l->n; i++) {
        const struct osso_lens_answer *a = &l->answers[l->records[i].answer];
        if (i == 0 || l->records[i].answer != l->records[i - 1].answer) {
            buf_printf(b, "%sposition %lld ", i ? "\n" : "", (long long)a->position);
            inspect_token(b, &one->r, one->ids[a->position], 0);
            buf_puts(b, ": in the end ");
            inspect_token(b, &one->r, a->id, 0);
            buf_printf(b, " with %.2f %%\n  %-20s %9s  %7s  %8s  likeliest\n", 100 * a->probability, "", "its prob.",
                       "rank", "KL");
        }
        table_row(b, one, l, i);
        inspect_row(out);
    }
}

static enum osso_status look(struct one *one, struct osso_error *err)
{
    const struct options *o = one->o;
    struct osso_lens_result result = {.size = sizeof result};
    struct osso_lens_options l = {.size = sizeof l,
                                  .component = o->v[OPT_lens_component].set ? o->v[OPT_lens_component].s : NULL,
                                  .layers = one->some_layers ? &one->layers : NULL,
                                  .heads = one->heads,
                                  .n_heads = one->n_heads,
                                  .positions = one->positions.n,
                                  .n_positions = one->positions.len,
                                  .n_top = o->v[OPT_lens_top].set ? (int)o->v[OPT_lens_top].i : 0,
                                  .max_bytes = one->max_bytes,
                                  .progress = progress_call};
    progress_begin_of("row", one->n);
    enum osso_status status = osso_lens(one->r.engine, one->ids, one->n, &l, &result, err);
    progress_end();
    one->result = &result;
    if (!status)
        status = inspect_show(one->o, print_json, print_table, figures_lens, one, err);
    osso_lens_free(&result);
    return status;
}

int verb_inspect_lens(const struct options *o)
{
    return one_run(o, look);
}
