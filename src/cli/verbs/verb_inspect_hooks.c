/* verb_inspect_hooks.c: the values of a run that have names. */
#include "cli/inspect_args.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/error.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

static void shape_of(const struct osso_hook *h, bool json, struct buf *out)
{
    buf_puts(out, json ? "[" : "(");
    for (int i = 0; i < h->rank; i++) {
        buf_puts(out, i ? json ? "," : ", " : "");
        if (h->shape[i] < 0)
            buf_printf(out, json ? "\"%s\"" : "%s", h->axes[i]);
        else
            buf_printf(out, "%lld", (long long)h->shape[i]);
    }
    buf_puts(out, json ? "]" : ")");
}

static void print_hook(const struct osso_hook *h, bool json, bool first)
{
    struct buf line = {0};
    if (json) {
        buf_puts(&line, first ? "" : ",");
        buf_puts(&line, "{\"name\":");
        jwrite_string(&line, h->name, strlen(h->name));
        buf_puts(&line, ",\"shape\":");
        shape_of(h, true, &line);
        buf_printf(&line,
                   ",\"dtype\":\"%s\",\"bytes_per_token\":%lld,\"replaceable\":%s,\"what\":", h->ids ? "I32" : "F32",
                   (long long)h->row_bytes, h->replaceable ? "true" : "false");
        jwrite_string(&line, h->what, strlen(h->what));
        buf_putc(&line, '}');
    } else {
        struct buf shape = {0};
        shape_of(h, false, &shape);
        buf_printf(&line, "%-48s %-20s %10lld  %-7s  %s\n", h->name, shape.data ? shape.data : "",
                   (long long)h->row_bytes, h->replaceable ? "replace" : "read", h->what);
        buf_free(&shape);
    }
    out_write(line.data ? line.data : "", line.len);
    buf_free(&line);
}

int verb_inspect_hooks(const struct options *o)
{
    static const char *const standard[] = {"hook_embed",         "blocks.0.*",  "blocks.0.mlp.experts.0.*",
                                           "ln_final.*",         "unembed.*",   "model.layers.0*",
                                           "model.embed_tokens", "model.norm*", "lm_head*"};
    struct runner r = {0};
    struct osso_hooks *hooks = NULL;
    struct osso_error err = {0};
    struct osso_hook h = {.size = sizeof h};
    bool json = o->v[OPT_json].set, given = o->n_operands > 0;
    enum osso_status status = runner_open(o, &r, &err);
    if (!status)
        status = hooks_args(o, &r, given ? o->operand : standard,
                            given ? (size_t)o->n_operands : sizeof standard / sizeof *standard, &hooks, &err);
    if (!status) {
        out_puts(json ? "[" : "");
        for (size_t i = 0; osso_hooks_get(hooks, i, &h); i++, h.size = sizeof h)
            print_hook(&h, json, i == 0);
        out_puts(json ? "]\n" : "");
    }
    osso_hooks_free(hooks);
    runner_close(&r);
    return exit_code(status, &err);
}
