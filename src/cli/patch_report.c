/* patch_report.c: what osso inspect patch found. */
#include "cli/inspect_head.h"
#include "cli/patch_args.h"

#include <math.h>
#include <stdlib.h>

enum { SHOWN = 20 };

static void print_record(struct buf *b, const struct patch_args *a, const struct osso_patch_record *r)
{
    buf_printf(b, "{\"layer\":%d", r->layer);
    inspect_place(b, "head", r->head);
    inspect_place(b, "position", r->position);
    inspect_member(b, "share", r->share);
    inspect_member(b, "difference", r->difference);
    inspect_member(b, "kl", r->kl);
    if (r->expert >= 0)
        buf_printf(b, ",\"expert\":%d", r->expert);
    if (a->options.align)
        inspect_place(b, "source", r->source);
    buf_puts(b, "}");
}

static void print_list(struct buf *b, const char *name, const int64_t *list, size_t n)
{
    buf_printf(b, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s%lld", i ? "," : "", (long long)list[i]);
    buf_puts(b, "]");
}

void patch_report_json(struct inspect_out *out, void *about)
{
    const struct patch_found *f = about;
    const struct patch_args *a = f->args;
    const struct osso_patch_result *p = f->result;
    struct buf *b = &out->text;
    const struct osso_patch_options *x = &a->options;
    const char *component = x->component ? x->component : "pattern";
    inspect_head(b, f->options, f->runner);
    inspect_ids(b, f->runner, "clean_", a->clean.data, a->clean.len);
    inspect_ids(b, f->runner, "corrupted_", a->corrupted.data, a->corrupted.len);
    inspect_place(b, "answer", x->answer);
    inspect_place(b, "wrong", x->wrong);
    buf_printf(b, ",\"component\":\"%s\",\"mode\":\"%s\"", component,
               x->knock_out ? "knock-out"
               : x->ablate  ? x->ablate
                            : "patch");
    if (x->knock_out) {
        buf_printf(b, ",\"by\":\"%s\"", x->knock_out);
        print_list(b, "from", x->hidden, x->n_hidden);
        print_list(b, "to", x->positions, x->n_positions);
    }
    inspect_member(b, "clean", p->clean);
    inspect_member(b, "corrupted", p->corrupted);
    inspect_member(b, "kl", p->kl);
    buf_printf(b, ",\"runs\":%llu,\"tokens\":%llu,\"not_finite\":%llu,\"records\":[", (unsigned long long)p->runs,
               (unsigned long long)p->tokens, (unsigned long long)p->not_finite);
    for (size_t i = 0; i < p->n; i++) {
        buf_puts(b, i ? "," : "");
        print_record(b, a, &p->records[i]);
        inspect_row(out);
    }
    buf_puts(b, "]}\n");
}

static double effect(const struct osso_patch_record *r)
{
    return isnan(r->kl) ? -1 : isnan(r->share) ? r->kl : fabs(r->share);
}

static int by_effect(const void *a, const void *b)
{
    const struct osso_patch_record *x = a, *y = b;
    double s = effect(x), t = effect(y);
    if (s != t)
        return s < t ? 1 : -1;
    return x->layer != y->layer     ? x->layer - y->layer
           : x->head != y->head     ? x->head - y->head
           : x->expert != y->expert ? x->expert - y->expert
                                    : (x->position > y->position) - (x->position < y->position);
}

static void print_place(struct buf *b, const struct runner *r, const int32_t *ids, const struct osso_patch_record *rec)
{
    if (isnan(rec->kl))
        buf_printf(b, "   no finite logits  layer %d", rec->layer);
    else if (isnan(rec->share) && isnan(rec->difference))
        buf_printf(b, "   KL %10.6f  layer %d", rec->kl, rec->layer);
    else if (isnan(rec->share))
        buf_printf(b, "%10.4f  KL %10.6f  layer %d", rec->difference, rec->kl, rec->layer);
    else
        buf_printf(b, "%8.1f %%  KL %10.6f  layer %d", 100 * rec->share, rec->kl, rec->layer);
    if (rec->head >= 0)
        buf_printf(b, ", head %d", rec->head);
    if (rec->expert >= 0)
        buf_printf(b, ", expert %d", rec->expert);
    if (rec->position >= 0) {
        buf_printf(b, ", position %lld ", (long long)rec->position);
        inspect_token(b, r, ids[rec->position], 0);
    } else {
        buf_puts(b, ", all positions");
    }
    buf_puts(b, "\n");
}

void patch_report_text(struct inspect_out *out, void *about)
{
    const struct patch_found *f = about;
    const struct patch_args *a = f->args;
    struct osso_patch_result *p = f->result;
    struct buf *b = &out->text;
    bool patch = !a->options.ablate && !a->options.knock_out;
    if (!isnan(p->clean))
        buf_printf(b, "logit difference: clean %.4f", p->clean);
    if (!isnan(p->corrupted))
        buf_printf(b, ", corrupted %.4f", p->corrupted);
    if (!isnan(p->clean))
        buf_puts(b, "\n");
    buf_printf(b, "%sKL from the clean text's distribution, in nats\n",
               isnan(p->clean)       ? ""
               : isnan(p->corrupted) ? "logit difference without it, "
               : patch               ? "share of the difference that is restored, "
                                     : "share of the difference that is lost, ");
    if (p->not_finite)
        buf_printf(b, "%llu of %llu runs ended in logits that are not finite\n", (unsigned long long)p->not_finite,
                   (unsigned long long)p->runs);
    qsort(p->records, p->n, sizeof *p->records, by_effect);
    for (size_t i = 0; i < p->n && i < SHOWN; i++)
        print_place(b, f->runner, patch ? a->corrupted.data : a->clean.data, &p->records[i]);
}
