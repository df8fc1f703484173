/* experts_report_json.c: everything that was counted, for programs. docs/inspecting.md says what the fields are. */
#include "cli/experts_report.h"
#include "cli/inspect_head.h"
#include "cli/token_class.h"

static void print_ids(struct buf *b, const struct experts_report *p)
{
    struct osso_ids all = {0};
    struct osso_error err;
    for (size_t t = 0; t < p->texts->n && !b->failed; t++)
        for (size_t i = 0; i < p->texts->lengths[t] && !b->failed; i++)
            b->failed = osso_ids_push(&all, p->texts->ids[t][i], &err) != OSSO_OK;
    inspect_ids(b, p->runner, "", all.data, all.len);
    osso_ids_free(&all);
    buf_puts(b, ",\"lengths\":[");
    for (size_t t = 0; t < p->texts->n; t++)
        buf_printf(b, "%s%zu", t ? "," : "", p->texts->lengths[t]);
    buf_puts(b, "]");
}

static void print_rows(struct buf *b, const struct experts_report *p)
{
    const struct osso_experts_result *r = p->result;
    buf_puts(b, ",\"rows\":[");
    for (size_t i = 0; i < r->rows; i++)
        buf_printf(b, "%s{\"text\":%d,\"position\":%lld,\"id\":%d,\"class\":\"%s\"}", i ? "," : "", r->text[i],
                   (long long)r->position[i], r->id[i],
                   p->runner->tokenizer ? token_class_names[token_class(p->runner->tokenizer, r->id[i])] : "other");
    buf_puts(b, "],\"classes\":{");
    for (int c = 0; c < r->n_classes; c++)
        buf_printf(b, "%s\"%s\":%llu", c ? "," : "", token_class_names[c], (unsigned long long)r->classes[c]);
    buf_puts(b, "}");
}

/* Counts of all experts, and their weights. */
static void print_load(struct buf *b, const struct osso_experts_result *r, int layer)
{
    size_t at = (size_t)layer * (size_t)r->n_experts;
    buf_puts(b, "\"load\":[");
    for (int e = 0; e < r->n_experts; e++)
        buf_printf(b, "%s%llu", e ? "," : "", (unsigned long long)r->load[at + (size_t)e]);
    buf_puts(b, "],\"weight\":[");
    for (int e = 0; e < r->n_experts; e++) {
        buf_puts(b, e ? "," : "");
        inspect_number(b, r->weight[at + (size_t)e]);
    }
    buf_puts(b, "],\"together\":[");
    bool first = true;
    for (int i = 0; i < r->n_experts; i++)
        for (int j = i + 1; j < r->n_experts; j++) {
            uint64_t n = r->together[(at + (size_t)i) * (size_t)r->n_experts + (size_t)j];
            if (n)
                buf_printf(b, "%s[%d,%d,%llu]", first ? "" : ",", i, j, (unsigned long long)n);
            first = first && !n;
        }
    buf_puts(b, "],\"by_class\":{");
    for (int c = 0; c < r->n_classes; c++) {
        buf_printf(b, "%s\"%s\":[", c ? "," : "", token_class_names[c]);
        for (int e = 0; e < r->n_experts; e++)
            buf_printf(
                b, "%s%llu", e ? "," : "",
                (unsigned long long)
                    r->by_class[((size_t)layer * (size_t)r->n_classes + (size_t)c) * (size_t)r->n_experts + (size_t)e]);
        buf_puts(b, "]");
    }
    buf_puts(b, "}");
}

static void print_choices(struct buf *b, const struct osso_experts_result *r, int layer)
{
    for (int part = 0; part < 2; part++) {
        buf_puts(b, part ? "],\"weights\":[" : ",\"experts\":[");
        for (size_t row = 0; row < r->rows; row++) {
            size_t at = ((size_t)layer * r->rows + row) * (size_t)r->chosen;
            buf_puts(b, row ? ",[" : "[");
            for (int i = 0; i < r->chosen; i++) {
                buf_puts(b, i ? "," : "");
                if (part)
                    inspect_number(b, (double)r->weights[at + (size_t)i]);
                else
                    buf_printf(b, "%d", r->experts[at + (size_t)i]);
            }
            buf_puts(b, "]");
        }
    }
    buf_puts(b, "]");
}

static void print_effects(struct buf *b, const struct osso_experts_result *r)
{
    buf_printf(b, ",\"runs\":%llu,\"run_tokens\":%llu,\"not_finite\":%llu,\"effects\":[", (unsigned long long)r->runs,
               (unsigned long long)r->tokens, (unsigned long long)r->not_finite);
    for (size_t i = 0; i < r->n_effects; i++) {
        const struct osso_expert_effect *e = &r->effects[i];
        buf_printf(b, "%s{\"layer\":%d,\"expert\":%d", i ? "," : "", e->layer, e->expert);
        inspect_member(b, "kl", e->kl);
        inspect_member(b, "most", e->most);
        buf_printf(b, ",\"row\":%zu,\"changed\":%llu}", e->row, (unsigned long long)e->changed);
    }
    buf_puts(b, "]");
}

void experts_report_json(struct inspect_out *out, void *report)
{
    const struct experts_report *p = report;
    struct buf *b = &out->text;
    const struct osso_experts_result *r = p->result;
    bool first = true;
    inspect_head(b, p->options, p->runner);
    print_ids(b, p);
    buf_printf(b, ",\"n_experts\":%d,\"chosen\":%d", r->n_experts, r->chosen);
    print_rows(b, p);
    buf_puts(b, ",\"layers\":[");
    for (int l = 0; l < r->n_layers; l++) {
        if (p->layers && !(p->layers->bits[l / 64] >> l % 64 & 1))
            continue;
        buf_printf(b, "%s{\"layer\":%d,", first ? "" : ",", l);
        first = false;
        print_load(b, r, l);
        print_choices(b, r, l);
        buf_puts(b, "}");
        inspect_row(out);
    }
    buf_puts(b, "]");
    if (p->options->v[OPT_effect].set)
        print_effects(b, r);
    buf_puts(b, "}\n");
}
