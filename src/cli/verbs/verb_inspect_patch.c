/* verb_inspect_patch.c: which place of a run carries the difference between two texts. */
#include "cli/inspect_args.h"
#include "cli/out.h"
#include "cli/progress.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/input.h"

#include "osso/patch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_AT_ONCE = 32, SHOWN = 20 };

struct patch_texts {
    struct osso_ids clean, corrupted;
    struct number_list positions;
    struct osso_layers layers;
    struct osso_patch_options options;
};

static enum osso_status read_text(const struct runner *r, const struct option_value *v, const char *flag,
                                  struct osso_ids *ids, struct osso_error *err)
{
    enum osso_status status = input_check_utf8(v->s, strlen(v->s), flag, err);
    if (!status)
        status = osso_tokenizer_encode(r->tokenizer, v->s, strlen(v->s), 0, ids, err);
    return status || ids->len > 0 ? status : error_set(err, OSSO_USAGE, "%s is empty; give some text", flag);
}

static enum osso_status read_places(const struct options *o, const struct runner *r, struct patch_texts *t,
                                    struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (o->v[OPT_inspect_layers].set) {
        status = layers_parse(o->v[OPT_inspect_layers].s, "--layers", &r->dims, &t->layers, err);
        t->options.layers = &t->layers;
    }
    if (!status && o->v[OPT_inspect_positions].set)
        status = number_list_parse(o->v[OPT_inspect_positions].s, "--positions", true, &t->positions, err);
    for (size_t i = 0; i < t->positions.len && !status; i++)
        if (t->positions.n[i] < 0)
            t->positions.n[i] += (int64_t)t->clean.len;
    t->options.positions = t->positions.n;
    t->options.n_positions = t->positions.len;
    return status;
}

static enum osso_status read_args(const struct options *o, struct runner *r, struct patch_texts *t,
                                  struct osso_error *err)
{
    t->options = (struct osso_patch_options){.size = sizeof t->options,
                                             .component = o->v[OPT_component].s,
                                             .sessions = RUNS_AT_ONCE,
                                             .progress = progress_call};
    enum osso_status status = read_text(r, &o->v[OPT_clean], "--clean", &t->clean, err);
    if (!status)
        status = read_text(r, &o->v[OPT_corrupted], "--corrupted", &t->corrupted, err);
    if (!status)
        status = token_arg(r, &o->v[OPT_answer], "--answer", &t->options.answer, err);
    if (!status)
        status = token_arg(r, &o->v[OPT_wrong], "--wrong", &t->options.wrong, err);
    if (!status && t->clean.len != t->corrupted.len)
        status = error_set(
            err, OSSO_USAGE,
            "the clean text has %zu tokens and the corrupted one %zu: places are compared one by one, so say it in as many",
            t->clean.len, t->corrupted.len);
    return status ? status : read_places(o, r, t, err);
}

static void print_json(const struct options *o, const struct osso_patch_result *p)
{
    struct buf b = {0};
    buf_printf(
        &b, "{\"component\":\"%s\",\"clean\":%.9g,\"corrupted\":%.9g,\"runs\":%llu,\"tokens\":%llu,\"records\":[",
        o->v[OPT_component].s, p->clean, p->corrupted, (unsigned long long)p->runs, (unsigned long long)p->tokens);
    for (size_t i = 0; i < p->n; i++) {
        const struct osso_patch_record *r = &p->records[i];
        buf_printf(&b, "%s{\"layer\":%d,\"head\":", i ? "," : "", r->layer);
        if (r->head < 0)
            buf_puts(&b, "null");
        else
            buf_printf(&b, "%d", r->head);
        buf_printf(&b, ",\"position\":%lld,\"share\":%.9g}", (long long)r->position, r->share);
    }
    buf_puts(&b, "]}\n");
    out_write(b.data ? b.data : "", b.len);
    buf_free(&b);
}

static int by_share(const void *a, const void *b)
{
    const struct osso_patch_record *x = a, *y = b;
    double s = fabs(x->share), t = fabs(y->share);
    if (s != t)
        return s < t ? 1 : -1;
    return x->layer != y->layer        ? x->layer - y->layer
           : x->head != y->head        ? x->head - y->head
           : x->position < y->position ? -1
                                       : 1;
}

static void print_best(const struct runner *r, const struct patch_texts *t, struct osso_patch_result *p)
{
    printf("logit difference: clean %.4f, corrupted %.4f\n", p->clean, p->corrupted);
    qsort(p->records, p->n, sizeof *p->records, by_share);
    for (size_t i = 0; i < p->n && i < SHOWN; i++) {
        const struct osso_patch_record *rec = &p->records[i];
        const char *piece = "";
        size_t len = 0;
        osso_tokenizer_piece(r->tokenizer, t->corrupted.data[rec->position], &piece, &len);
        printf("%8.1f %%  layer %d", 100 * rec->share, rec->layer);
        if (rec->head >= 0)
            printf(", head %d", rec->head);
        printf(", position %lld  ", (long long)rec->position);
        fflush(stdout);
        out_model_text(piece, len);
        out_puts("\n");
        out_flush();
    }
}

static enum osso_status run(const struct options *o, struct runner *r, struct patch_texts *t, struct osso_error *err)
{
    struct osso_patch_result result = {.size = sizeof result};
    uint64_t runs, tokens;
    char a[32], b[32];
    enum osso_status status = runner_open(o, r, err);
    if (!status)
        status = runner_tokenizer(r, err);
    if (!status)
        status = read_args(o, r, t, err);
    if (status)
        return status;
    struct osso_engine_options e = engine_args(o, r);
    if (!e.context)
        e.context = (int64_t)t->clean.len;
    e.max_sessions = RUNS_AT_ONCE + 2;
    status = runner_start(r, &e, err);
    if (status)
        return status;
    osso_engine_set_interrupt(r->engine, interrupt_flag());
    status = osso_patch_measure(r->engine, t->clean.data, t->corrupted.data, t->clean.len, &t->options, &runs, &tokens,
                                err);
    if (status)
        return status;
    say("%s runs of %s tokens in all, up to %d side by side", human_count(a, runs), human_count(b, tokens),
        RUNS_AT_ONCE);
    progress_begin_of("run", runs);
    status = osso_patch(r->engine, t->clean.data, t->corrupted.data, t->clean.len, &t->options, &result, err);
    progress_end();
    if (status)
        return status;
    if (o->v[OPT_json].set)
        print_json(o, &result);
    else
        print_best(r, t, &result);
    osso_patch_free(&result);
    return OSSO_OK;
}

int verb_inspect_patch(const struct options *o)
{
    struct runner r = {0};
    struct patch_texts t = {0};
    struct osso_error err = {0};
    if (!o->v[OPT_clean].set || !o->v[OPT_corrupted].set || !o->v[OPT_answer].set || !o->v[OPT_wrong].set ||
        !o->v[OPT_component].set) {
        say("inspect patch needs --clean, --corrupted, --answer, --wrong and --component; see osso inspect patch --help");
        return 2;
    }
    interrupt_catch(INTERRUPT_WORK);
    enum osso_status status = run(o, &r, &t, &err);
    bool stopped = interrupted();
    interrupt_release();
    osso_ids_free(&t.clean);
    osso_ids_free(&t.corrupted);
    mem_free(t.positions.n);
    runner_close(&r);
    return stopped && status ? 130 : exit_code(status, &err);
}
