/* experts_report_text.c: what was counted, as tables for people. */
#include "cli/experts_report.h"
#include "cli/inspect_head.h"
#include "cli/token_class.h"

#include <math.h>
#include <stdio.h>

enum { BEST = 4, EFFECTS = 20 };

static bool shown(const struct experts_report *p, int layer)
{
    return !p->layers || (p->layers->bits[layer / 64] >> layer % 64 & 1);
}

/* The places of the n largest counts, the lowest first where they are equal; -1 behind the last that is not 0. */
static void largest(const uint64_t *counts, int len, int n, int *places)
{
    for (int i = 0; i < n; i++) {
        places[i] = -1;
        for (int e = 0; e < len; e++) {
            bool taken = counts[e] == 0;
            for (int j = 0; j < i; j++)
                taken = taken || places[j] == e;
            if (!taken && (places[i] < 0 || counts[e] > counts[places[i]]))
                places[i] = e;
        }
    }
}

/* How many experts would be used as evenly as these: e to the entropy. */
static double effective(const uint64_t *load, int n)
{
    double all = 0, entropy = 0;
    for (int e = 0; e < n; e++)
        all += (double)load[e];
    for (int e = 0; e < n; e++)
        if (load[e])
            entropy -= (double)load[e] / all * log((double)load[e] / all);
    return exp(entropy);
}

static void print_layers(struct buf *b, const struct experts_report *p)
{
    const struct osso_experts_result *r = p->result;
    buf_printf(
        b, "%zu tokens, %d of %d experts each\n\nlayer  used  as even as  chosen most (share of tokens, mean weight)\n",
        r->rows, r->chosen, r->n_experts);
    for (int l = 0; l < r->n_layers; l++) {
        const uint64_t *load = r->load + (size_t)l * (size_t)r->n_experts;
        int used = 0, places[BEST];
        if (!shown(p, l))
            continue;
        for (int e = 0; e < r->n_experts; e++)
            used += load[e] > 0;
        largest(load, r->n_experts, BEST, places);
        buf_printf(b, "%5d %5d %11.1f ", l, used, effective(load, r->n_experts));
        for (int i = 0; i < BEST && places[i] >= 0; i++) {
            double n = (double)load[places[i]];
            buf_printf(b, "%s%d (%.0f %%, %.2f)", i ? ", " : " ", places[i], 100 * n / (double)r->rows,
                       r->weight[(size_t)l * (size_t)r->n_experts + (size_t)places[i]] / n);
        }
        buf_putc(b, '\n');
    }
}

/* Per layer the pair that comes together most, beside what chance would make of both. */
static void print_pairs(struct buf *b, const struct experts_report *p)
{
    const struct osso_experts_result *r = p->result;
    if (r->chosen < 2)
        return;
    buf_printf(b, "\nlayer  chosen together most (share of tokens; times as often as by chance)\n");
    for (int l = 0; l < r->n_layers; l++) {
        const uint64_t *load = r->load + (size_t)l * (size_t)r->n_experts, *pairs;
        int one = -1, other = -1;
        uint64_t most = 0;
        if (!shown(p, l))
            continue;
        for (int i = 0; i < r->n_experts; i++) {
            pairs = r->together + ((size_t)l * (size_t)r->n_experts + (size_t)i) * (size_t)r->n_experts;
            for (int j = i + 1; j < r->n_experts; j++)
                if (pairs[j] > most)
                    most = pairs[j], one = i, other = j;
        }
        if (most)
            buf_printf(b, "%5d  %d and %d (%.0f %%; %.1f)\n", l, one, other, 100.0 * (double)most / (double)r->rows,
                       (double)most * (double)r->rows / ((double)load[one] * (double)load[other]));
    }
}

static void print_classes(struct buf *b, const struct experts_report *p)
{
    const struct osso_experts_result *r = p->result;
    buf_printf(b, "\nlayer  where each kind of token goes most (share of its tokens)\n");
    for (int l = 0; l < r->n_layers; l++) {
        bool first = true;
        if (!shown(p, l))
            continue;
        buf_printf(b, "%5d ", l);
        for (int c = 0; c < r->n_classes; c++) {
            const uint64_t *n = r->by_class + ((size_t)l * (size_t)r->n_classes + (size_t)c) * (size_t)r->n_experts;
            int best;
            largest(n, r->n_experts, 1, &best);
            if (best >= 0)
                buf_printf(b, "%s%s %d (%.0f %%)", first ? " " : ", ", token_class_names[c], best,
                           100.0 * (double)n[best] / (double)r->classes[c]);
            first = first && best < 0;
        }
        buf_putc(b, '\n');
    }
}

static void print_tokens(struct inspect_out *out, const struct experts_report *p)
{
    struct buf *b = &out->text;
    const struct osso_experts_result *r = p->result;
    buf_printf(b, "\neach token's experts by falling weight, layer by layer\n");
    for (size_t row = 0; row < r->rows; row++) {
        buf_printf(b, "%6lld  ", (long long)r->position[row]);
        for (int l = 0, n = 0; l < r->n_layers; l++)
            for (int i = 0; i < r->chosen && shown(p, l); i++)
                buf_printf(b, "%s%d",
                           i     ? " "
                           : n++ ? " | "
                                 : "",
                           r->experts[((size_t)l * r->rows + row) * (size_t)r->chosen + (size_t)i]);
        buf_puts(b, "  ");
        inspect_token(b, p->runner, r->id[row], 0);
        buf_putc(b, '\n');
        inspect_row(out);
    }
}

static void print_effects(struct buf *b, const struct experts_report *p)
{
    const struct osso_experts_result *r = p->result;
    buf_printf(
        b,
        "\nswitched off: KL from the plain run in nats, mean over all tokens; the largest, and behind which token\n");
    if (r->not_finite)
        buf_printf(b, "%llu of %llu runs had logits that are not finite\n", (unsigned long long)r->not_finite,
                   (unsigned long long)r->runs);
    for (size_t i = 0; i < r->n_effects && i < EFFECTS; i++) {
        const struct osso_expert_effect *e = &r->effects[i];
        if (isnan(e->kl))
            buf_printf(b, "no finite logits  layer %d, expert %d; from", e->layer, e->expert);
        else
            buf_printf(b, "%12.6f  layer %d, expert %d; %.4f at", e->kl, e->layer, e->expert, e->most);
        buf_printf(b, " position %lld ", (long long)r->position[e->row]);
        inspect_token(b, p->runner, r->id[e->row], 0);
        buf_putc(b, '\n');
    }
}

void experts_report_text(struct inspect_out *out, void *report)
{
    const struct experts_report *p = report;
    struct buf *b = &out->text;
    print_layers(b, p);
    print_pairs(b, p);
    if (p->runner->tokenizer)
        print_classes(b, p);
    if (p->options->v[OPT_by_token].set)
        print_tokens(out, p);
    if (p->options->v[OPT_effect].set)
        print_effects(b, p);
}
