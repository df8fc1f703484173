/* verb_inspect_steer.c: a direction between two kinds of text, into a file. */
#include "cli/embed_args.h"
#include "cli/number_list.h"
#include "cli/numbers.h"
#include "cli/out.h"
#include "cli/progress.h"

#include "base/error.h"
#include "json/jwrite.h"
#include "osso/steer.h"

#include <math.h>
#include <string.h>

/* --position, of each text. */
static enum osso_status place(const struct options *o, struct embed_texts *texts, enum osso_pool *pool,
                              struct osso_error *err)
{
    const char *s = o->v[OPT_steer_position].set ? o->v[OPT_steer_position].s : "last";
    int64_t n;
    *pool = strcmp(s, "mean") == 0 ? OSSO_POOL_MEAN : OSSO_POOL_LAST;
    if (strcmp(s, "mean") == 0 || strcmp(s, "last") == 0)
        return OSSO_OK;
    if (!parse_i64(s, &n) || n > 1 << 30 || n < -(1 << 30))
        return error_set(err, OSSO_USAGE, "--position: '%s' is neither last nor mean nor a token's number", s);
    for (size_t i = 0; i < texts->n; i++) {
        int64_t at = n < 0 ? (int64_t)texts->list[i].n + n : n;
        if (at < 0 || at >= (int64_t)texts->list[i].n)
            return error_set(err, OSSO_USAGE, "--position %s: text %zu (line %lld of its file) has %zu tokens", s,
                             i + 1, (long long)texts->line[i], texts->list[i].n);
        texts->list[i].from = (size_t)at;
        texts->list[i].to = (size_t)at + 1;
    }
    return OSSO_OK;
}

static enum osso_status read_file(const struct options *o, struct runner *r, struct embed_texts *texts,
                                  const char *path, struct osso_error *err)
{
    size_t n = strlen(path);
    return embed_texts_lines(o, r, texts, path, n >= 6 && strcmp(path + n - 6, ".jsonl") == 0, err);
}

static void print_report(const struct options *o, const struct runner *r, const struct osso_steering *v, size_t n_first,
                         size_t n_second)
{
    struct buf b = {0};
    bool json = o->v[OPT_json].set, comma = false;
    const char *path = o->v[OPT_steer_out].s;
    if (json) {
        buf_puts(&b, "{\"file\":");
        jwrite_string(&b, path, strlen(path));
        buf_printf(&b, ",\"first\":%zu,\"second\":%zu,\"norms\":{", n_first, n_second);
    }
    for (int l = 0; l < r->dims.n_layers; l++) {
        const float *d = osso_steering_direction(v, l);
        double squares = 0;
        for (int64_t i = 0; d && i < r->dims.hidden; i++)
            squares += (double)d[i] * d[i];
        if (d)
            buf_printf(&b, json ? "%s\"%d\":%.6g" : "%slayer %d: length %.4g\n", json && comma ? "," : "", l,
                       sqrt(squares));
        comma = comma || d;
    }
    buf_puts(&b, json ? "}}\n" : "");
    out_write(b.data ? b.data : "", b.len);
    buf_free(&b);
}

static enum osso_status run(const struct options *o, struct runner *r, struct embed_texts *texts,
                            struct osso_error *err)
{
    struct osso_layers layers;
    struct osso_steering *vector;
    size_t failed, n_first = 0;
    struct osso_steer_options s = {.size = sizeof s, .progress = progress_call};
    enum osso_status status = runner_open(o, r, err);
    if (!status)
        status = runner_tokenizer(r, err);
    if (!status)
        status = read_file(o, r, texts, o->operand[0], err);
    n_first = texts->n;
    if (!status)
        status = read_file(o, r, texts, o->operand[1], err);
    if (!status && o->v[OPT_inspect_layers].set)
        status = layers_parse(o->v[OPT_inspect_layers].s, "--layers", &r->dims, &layers, err);
    s.layers = o->v[OPT_inspect_layers].set ? &layers : NULL;
    s.method = o->v[OPT_steer_method].set && o->v[OPT_steer_method].s[0] == 'p' ? OSSO_STEER_PCA : OSSO_STEER_MEAN;
    if (!status)
        status = place(o, texts, &s.pool, err);
    if (!status)
        status = embed_start(o, r, texts, err);
    if (status)
        return status;
    progress_begin_of("text", texts->n);
    status = osso_steering_make(r->engine, texts->list, n_first, texts->list + n_first, texts->n - n_first, &s, &vector,
                                &failed, err);
    progress_end();
    if (status && failed < texts->n) {
        char where[600];
        snprintf(where, sizeof where, "%s, line %lld", o->operand[failed >= n_first], (long long)texts->line[failed]);
        return error_prefix(err, status, where);
    }
    if (!status)
        status = osso_steering_save(vector, o->v[OPT_steer_out].s, err);
    if (!status)
        print_report(o, r, vector, n_first, texts->n - n_first);
    osso_steering_free(vector);
    return status;
}

int verb_inspect_steer(const struct options *o)
{
    struct runner r = {0};
    struct embed_texts texts = {0};
    struct osso_error err = {0};
    if (!o->v[OPT_steer_out].set) {
        say("inspect steer needs -o FILE.safetensors or FILE.gguf; see osso inspect steer --help");
        return 2;
    }
    interrupt_catch(INTERRUPT_TIDY);
    enum osso_status status = run(o, &r, &texts, &err);
    interrupt_release();
    embed_texts_free(&texts);
    runner_close(&r);
    return status == OSSO_CANCELLED ? 130 : exit_code(status, &err);
}
