/* verb_inspect_capture.c: values of a run into a file. */
#include "cli/inspect_args.h"
#include "cli/out.h"
#include "cli/progress.h"

#include "base/error.h"
#include "base/buf.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

static void say_size(const struct osso_capture_size *size, const char *path)
{
    char file[32], memory[32], kept[32];
    say("%s: %llu rows, %s%llu bytes (%s); %s of memory beside the model, %s of it for what must be kept on the way",
        path, (unsigned long long)size->rows, size->at_most ? "at most " : "", (unsigned long long)size->file_bytes,
        human_bytes(file, size->file_bytes), human_bytes(memory, size->memory_bytes),
        human_bytes(kept, size->kept_bytes));
}

static void print_json(const char *path, const struct osso_capture_size *size)
{
    struct buf out = {0};
    buf_puts(&out, "{\"file\":");
    jwrite_string(&out, path, strlen(path));
    buf_printf(&out, ",\"bytes\":%llu,\"rows\":%llu,\"at_most\":%s,\"memory_bytes\":%llu}\n",
               (unsigned long long)size->file_bytes, (unsigned long long)size->rows, size->at_most ? "true" : "false",
               (unsigned long long)size->memory_bytes);
    out_write(out.data ? out.data : "", out.len);
    buf_free(&out);
}

static enum osso_status capture(const struct options *o, struct runner *r, const struct texts *t,
                                struct osso_hooks *hooks, const struct number_list *positions, struct osso_error *err)
{
    struct osso_capture_size size = {.size = sizeof size};
    const char *path = o->v[OPT_inspect_out].s;
    struct osso_capture_options c = {.size = sizeof c,
                                     .texts = t->ids,
                                     .lengths = t->lengths,
                                     .n_texts = t->n,
                                     .positions = positions->n,
                                     .n_positions = positions->len,
                                     .dtype = o->v[OPT_inspect_dtype].set ? o->v[OPT_inspect_dtype].s : NULL,
                                     .top = o->v[OPT_inspect_top].set ? o->v[OPT_inspect_top].i : 0,
                                     .generate = o->v[OPT_inspect_n].set ? o->v[OPT_inspect_n].i : 0,
                                     .tokenizer = r->tokenizer,
                                     .model = r->path,
                                     .exact = o->v[OPT_exact].set,
                                     .progress = progress_call};
    int32_t stops[64];
    c.n_stop_ids = c.generate ? osso_model_stop_ids(r->model, stops, sizeof stops / sizeof *stops) : 0;
    c.n_stop_ids = c.n_stop_ids < sizeof stops / sizeof *stops ? c.n_stop_ids : sizeof stops / sizeof *stops;
    c.stop_ids = stops;
    if (o->v[OPT_inspect_max_bytes].set)
        c.max_bytes = (uint64_t)o->v[OPT_inspect_max_bytes].i;
    enum osso_status status = osso_capture_measure(r->engine, hooks, path, &c, &size, err);
    if (!status)
        say_size(&size, path);
    if (!status) {
        progress_begin_of("token", t->total + t->n * (size_t)c.generate);
        status = osso_capture(r->engine, hooks, path, &c, err);
        progress_end();
    }
    if (!status && o->v[OPT_json].set)
        print_json(path, &size);
    return status;
}

static int64_t at_most(int64_t n, int64_t most)
{
    return n < most ? n : most;
}

/* An engine with no more rows than are used: where every row's logits are looked at a step has as many. */
static enum osso_status start(const struct options *o, struct runner *r, const struct texts *t,
                              const struct osso_hooks *hooks, const struct number_list *positions,
                              struct osso_error *err)
{
    struct osso_hook hook = {.size = sizeof hook};
    bool logits = false;
    int64_t longest = (int64_t)t->longest + (o->v[OPT_inspect_n].set ? o->v[OPT_inspect_n].i : 0);
    for (size_t i = 0; osso_hooks_get(hooks, i, &hook); i++)
        logits = logits || hook.logits;
    int64_t logit_rows = logits ? at_most(longest, INSPECT_LOGIT_ROWS) : 1;
    int64_t rows = logits && positions->len == 0 ? logit_rows : at_most(longest, INSPECT_ROWS);
    return inspect_start(o, r, longest, rows, logit_rows, err);
}

static enum osso_status run(const struct options *o, struct runner *r, struct texts *t, struct number_list *positions,
                            struct osso_error *err)
{
    struct osso_error none;
    struct osso_hooks *hooks = NULL;
    enum osso_status status = OSSO_OK;
    if (o->v[OPT_inspect_positions].set)
        status = number_list_parse(o->v[OPT_inspect_positions].s, "--positions", true, positions, err);
    if (!status)
        status = runner_open(o, r, err);
    if (!status)
        status = texts_args(o, r, t, err);
    if (!status && !r->tokenizer && osso_model_tokenizer(r->model, &r->tokenizer, &none))
        r->tokenizer = NULL; /* ids need none; the metadata then has no texts */
    if (!status)
        status = hooks_args(o, r, o->operand, (size_t)o->n_operands, &hooks, err);
    if (!status)
        status = start(o, r, t, hooks, positions, err);
    if (!status)
        status = capture(o, r, t, hooks, positions, err);
    osso_hooks_free(hooks);
    return status;
}

int verb_inspect_capture(const struct options *o)
{
    struct runner r = {0};
    struct texts texts = {0};
    struct number_list positions = {0};
    struct osso_error err = {0};
    if (!o->v[OPT_inspect_out].set) {
        say("inspect capture needs -o FILE.safetensors or FILE.npz; see osso inspect capture --help");
        return 2;
    }
    interrupt_catch(INTERRUPT_TIDY); /* what was captured stays: whole rows of it */
    enum osso_status status = run(o, &r, &texts, &positions, &err);
    interrupt_release();
    texts_free(&texts);
    mem_free(positions.n);
    runner_close(&r);
    int code = exit_code(status, &err);
    return status == OSSO_CANCELLED ? 130 : code;
}
