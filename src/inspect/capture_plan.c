/* capture_plan.c: what a capture writes: its tensors, their shapes, the metadata, and how large the file becomes. */
#include "inspect/capture.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

enum { SPACE = 4 << 20, ID_BYTES = 12, TOKEN_BYTES = 1024 /* of a generated one, in the metadata */ };
static const uint64_t MOST_BYTES = (uint64_t)2 << 30;

/* ---- checks -------------------------------------------------------------------------------------------------------
 */

static enum osso_status check_texts(const struct capture *c, struct osso_error *err)
{
    const struct osso_capture_options *o = &c->o;
    const struct config *config = c->hooks->config;
    if (o->n_texts == 0)
        return error_set(err, OSSO_USAGE, "no text to look into");
    for (size_t i = 0; i < o->n_texts; i++) {
        if (o->lengths[i] == 0)
            return error_set(err, OSSO_USAGE, "text %zu is empty", i + 1);
        if (o->lengths[i] + (size_t)o->generate > (size_t)c->engine->context)
            return error_set(err, OSSO_LIMIT, "text %zu has %zu tokens%s: the context has %lld", i + 1,
                             o->lengths[i] + (size_t)o->generate, o->generate ? " with those to generate" : "",
                             (long long)c->engine->context);
        for (size_t k = 0; k < o->lengths[i]; k++)
            if (o->texts[i][k] < 0 || o->texts[i][k] >= config->vocab)
                return error_set(err, OSSO_USAGE, "text %zu: id %d at position %zu: this model has ids from 0 to %lld",
                                 i + 1, o->texts[i][k], k, (long long)config->vocab - 1);
    }
    return OSSO_OK;
}

/* A position of a text of n tokens as it counts from the beginning; -1: it has none there. */
static int64_t resolved(const struct capture *c, size_t n, int64_t position)
{
    int64_t all = (int64_t)n + c->o.generate, at = position < 0 ? position + (int64_t)n : position;
    return at >= 0 && at < all ? at : -1;
}

static enum osso_status check_positions(const struct capture *c, struct osso_error *err)
{
    const struct osso_capture_options *o = &c->o;
    for (size_t i = 0; i < o->n_texts; i++)
        for (size_t k = 0; k < o->n_positions; k++)
            if (resolved(c, o->lengths[i], o->positions[k]) < 0)
                return error_set(err, OSSO_USAGE, "position %lld: text %zu has %zu tokens", (long long)o->positions[k],
                                 i + 1, o->lengths[i]);
    return OSSO_OK;
}

static enum osso_status check_type(struct capture *c, struct osso_error *err)
{
    static const char *const names[] = {[SHEET_F32] = "f32", [SHEET_F16] = "f16", [SHEET_BF16] = "bf16"};
    for (int i = 0; c->o.dtype && i < 3; i++)
        if (strcmp(names[i], c->o.dtype) == 0) {
            c->type = (enum sheet_type)i;
            return i == SHEET_BF16 && c->sheets.npz
                       ? error_set(err, OSSO_UNSUPPORTED, "NumPy has no bf16: write f32 or f16, or a safetensors file")
                       : OSSO_OK;
        }
    return c->o.dtype ? error_set(err, OSSO_USAGE, "%s is no type to write: f32, f16 or bf16", c->o.dtype) : OSSO_OK;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------
 */

void capture_rows(struct capture *c, size_t n)
{
    size_t all = n + (size_t)c->o.generate;
    int64_t row = c->base;
    for (size_t p = 0; p < all; p++)
        c->row_of[p] = c->o.n_positions ? -1 : 0;
    for (size_t k = 0; k < c->o.n_positions; k++)
        c->row_of[resolved(c, n, c->o.positions[k])] = 0;
    for (size_t p = 0; p < all; p++)
        if (c->row_of[p] == 0)
            c->row_of[p] = row++;
}

int64_t capture_count(const struct capture *c, size_t computed)
{
    int64_t n = 0;
    for (size_t p = 0; p < computed; p++)
        n += c->row_of[p] >= 0;
    return n;
}

void capture_range(const struct capture *c, size_t n, int64_t *first, int64_t *end)
{
    *first = *end = 0;
    for (size_t k = 0; k < c->o.n_positions; k++) {
        int64_t at = resolved(c, n, c->o.positions[k]);
        *first = k == 0 || at < *first ? at : *first;
        *end = at + 1 > *end ? at + 1 : *end;
    }
}

/* Rows of all texts, and their keys, as they are at the most. */
static void count_rows(struct capture *c)
{
    for (size_t i = 0; i < c->o.n_texts; i++) {
        size_t all = c->o.lengths[i] + (size_t)c->o.generate;
        c->base = 0;
        capture_rows(c, c->o.lengths[i]);
        c->n_rows += capture_count(c, all);
        c->keys = (int64_t)all > c->keys ? (int64_t)all : c->keys;
    }
    c->base = 0;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------
 */

static size_t add_sheet(struct capture *c, const struct sheet *sheet, const char *beside)
{
    struct sheet *t = &c->sheets.list[c->sheets.n];
    *t = *sheet;
    if (beside) {
        t->type = SHEET_I32;
        size_t n = strlen(t->name);
        snprintf(t->name + n, sizeof t->name - n, ".%s", beside);
    }
    return c->sheets.n++;
}

/* A list of one number a row. */
static size_t add_list(struct capture *c, const struct sheet *sheet, const char *beside)
{
    struct sheet one = *sheet;
    one.rank = 1;
    one.inner = 1;
    return add_sheet(c, &one, beside);
}

static void add_column(struct capture *c, size_t i)
{
    const struct hook *hook = &c->hooks->list[i];
    struct column *to = &c->columns[i];
    struct osso_hook info = {.size = sizeof info};
    struct sheet t = {.outer = 1, .rows = c->n_rows};
    osso_hooks_get(c->hooks, i, &info);
    memcpy(t.name, hook->name, sizeof hook->name);
    t.type = info.ids ? SHEET_I32 : c->type;
    t.rank = info.rank;
    for (int a = 0; a < info.rank; a++) {
        enum hook_axis axis = hook->row->axes[a];
        t.shape[a] = axis == KEYS ? c->keys : info.shape[a];
        if (axis == POS || axis == ROUTED)
            t.row_axis = a;
    }
    t.outer = t.row_axis > 0 ? t.shape[0] : 1;
    bool by_rows = t.row_axis < t.rank - 1; /* the last axis is one of values */
    to->last = by_rows ? t.shape[t.rank - 1] : 1;
    to->groups = t.rank == 3 && t.row_axis == 0 ? t.shape[1] : 1;
    to->kept = c->o.top && c->o.top < to->last && !info.ids ? c->o.top : to->last;
    t.inner = to->groups * to->kept;
    if (by_rows)
        t.shape[t.rank - 1] = to->kept;
    bool routed = hook->row->form == HOOK_EXPERT;
    to->values = add_sheet(c, &t, NULL);
    to->places = to->kept < to->last ? add_sheet(c, &t, "indices") : SIZE_MAX;
    to->positions = routed ? add_list(c, &t, "positions") : SIZE_MAX;
    to->rows = routed ? add_list(c, &t, "rows") : SIZE_MAX;
}

/* ---- metadata -----------------------------------------------------------------------------------------------------
 */

void capture_note(struct capture *c, int32_t id)
{
    const char *piece = "";
    size_t len = 0;
    buf_printf(&c->ids, "%s%d", c->ids.len ? "," : "", (int)id);
    if (!c->o.tokenizer)
        return;
    osso_tokenizer_piece(c->o.tokenizer, id, &piece, &len);
    buf_puts(&c->tokens, c->tokens.len ? "," : "");
    jwrite_string(&c->tokens, piece, len);
}

/* Key and value, which is text or, within brackets, a list. */
static void member(struct buf *out, const char *key, const char *value, size_t len, bool list)
{
    struct buf text = {0};
    buf_puts(&text, list ? "[" : "");
    buf_add(&text, value ? value : "", len);
    buf_puts(&text, list ? "]" : "");
    buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
    jwrite_string(out, text.data ? text.data : "", text.len);
    out->failed = out->failed || text.failed;
    buf_free(&text);
}

void capture_metadata(const struct capture *c, struct buf *out)
{
    buf_putc(out, '{');
    member(out, "format", "pt", 2, false);
    member(out, "osso", osso_version(), strlen(osso_version()), false);
    if (c->o.model)
        member(out, "model", c->o.model, strlen(c->o.model), false);
    member(out, "precision", c->o.exact ? "exact" : "fast", c->o.exact ? 5 : 4, false);
    member(out, "lengths", c->lengths.data, c->lengths.len, true);
    member(out, "positions", c->positions.data, c->positions.len, true);
    member(out, "ids", c->ids.data, c->ids.len, true);
    if (c->o.tokenizer)
        member(out, "tokens", c->tokens.data, c->tokens.len, true);
    buf_putc(out, '}');
}

/* Room for the metadata: exactly what it takes, and more for what is not known yet. */
static enum osso_status plan_metadata(struct capture *c, struct osso_error *err)
{
    struct buf b = {0};
    for (size_t i = 0; i < c->o.n_texts; i++) {
        buf_printf(&c->lengths, "%s%zu", i ? "," : "", c->o.lengths[i]);
        capture_rows(c, c->o.lengths[i]);
        for (size_t p = 0; p < c->o.lengths[i]; p++) {
            capture_note(c, c->o.texts[i][p]);
            if (c->row_of[p] >= 0)
                buf_printf(&c->positions, "%s%zu", c->positions.len ? "," : "", p);
        }
    }
    capture_metadata(c, &b);
    uint64_t more = (uint64_t)c->o.generate * c->o.n_texts *
                    (2 * ID_BYTES + (c->o.tokenizer ? (uint64_t)TOKEN_BYTES : 0));
    c->sheets.metadata = b.len + more + (c->o.generate ? c->o.n_texts * ID_BYTES : 0);
    bool failed = b.failed || c->ids.failed || c->tokens.failed || c->positions.failed;
    buf_free(&b);
    buf_clear(&c->ids);
    buf_clear(&c->tokens);
    buf_clear(&c->lengths);
    buf_clear(&c->positions);
    return failed ? error_nomem(err, c->sheets.metadata, "a file's metadata") : OSSO_OK;
}

/* ---- all ----------------------------------------------------------------------------------------------------------
 */

static enum osso_status check_size(const struct capture *c, const char *path, struct osso_error *err)
{
    uint64_t most = c->o.max_bytes ? c->o.max_bytes : MOST_BYTES, disk = file_space_left(path);
    if (c->sheets.bytes > most)
        return error_set(
            err, OSSO_LIMIT,
            "%s would have %llu bytes, more than %llu: ask for fewer hooks, layers, heads or positions, for "
            "the largest values only (--top), or allow it (--max-bytes)",
            path, (unsigned long long)c->sheets.bytes, (unsigned long long)most);
    if (c->sheets.bytes > disk)
        return error_set(err, OSSO_IO, "%s would have %llu bytes: the disk has room for %llu", path,
                         (unsigned long long)c->sheets.bytes, (unsigned long long)disk);
    return OSSO_OK;
}

static enum osso_status allocate(struct capture *c, struct osso_error *err)
{
    enum { MOST_BESIDE = 4 };
    c->columns = mem_array(c->hooks->n, sizeof *c->columns);
    c->sheets.list = mem_array(MOST_BESIDE * c->hooks->n, sizeof *c->sheets.list);
    c->row_of = mem_array((size_t)c->engine->context, sizeof *c->row_of);
    return c->columns && c->sheets.list && c->row_of
               ? OSSO_OK
               : error_nomem(err, c->hooks->n * MOST_BESIDE * sizeof *c->sheets.list, "the tensors of a file");
}

static bool is_npz(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".npz") == 0;
}

enum osso_status capture_plan(struct osso_engine *e, struct osso_hooks *hooks, const char *path,
                              const struct osso_capture_options *options, struct capture *c, struct osso_error *err)
{
    *c = (struct capture){.engine = e, .hooks = hooks, .err = err};
    enum osso_status status = sized_check(options, "osso_capture_options", err);
    sized_in(&c->o, sizeof c->o, options);
    c->sheets.npz = is_npz(path);
    if (!status && (c->o.generate < 0 || c->o.top < 0))
        status = error_set(err, OSSO_USAGE, "%lld tokens to generate, the %lld largest values: not below 0",
                           (long long)c->o.generate, (long long)c->o.top);
    if (!status)
        status = check_type(c, err);
    if (!status)
        status = check_texts(c, err);
    if (!status)
        status = check_positions(c, err);
    if (!status)
        status = allocate(c, err);
    if (status)
        return status;
    count_rows(c);
    size_t widest = SPACE, last = 0;
    for (size_t i = 0; i < hooks->n; i++) {
        add_column(c, i);
        size_t row = (size_t)(c->columns[i].groups * c->columns[i].last) * 2 * sizeof(float);
        widest = row > widest ? row : widest;
        last = (size_t)c->columns[i].last > last ? (size_t)c->columns[i].last : last;
    }
    c->space_bytes = widest;
    c->space = mem_alloc(widest + last * sizeof(float));
    status = c->space ? plan_metadata(c, err) : error_nomem(err, widest, "rows on their way to a file");
    if (!status)
        status = sheets_plan(&c->sheets, err);
    return status ? status : check_size(c, path, err);
}

uint64_t capture_memory(const struct capture *c)
{
    struct osso_engine_stats stats = {.size = sizeof stats};
    osso_engine_stats(c->engine, &stats);
    return stats.kv_bytes + stats.activation_bytes + session_hook_room(c->engine, c->hooks) + c->space_bytes +
           (uint64_t)c->engine->context * sizeof *c->row_of + 2 * c->sheets.metadata;
}

void capture_free(struct capture *c)
{
    sheets_abort(&c->sheets);
    mem_free(c->columns);
    mem_free(c->sheets.list);
    mem_free(c->row_of);
    mem_free(c->space);
    buf_free(&c->ids);
    buf_free(&c->tokens);
    buf_free(&c->lengths);
    buf_free(&c->positions);
}
