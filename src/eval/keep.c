/* keep.c: the file of samples, and what is kept beside it while they are made: FILE.partial, a first line that says of
 * which model, settings and data, then a line for each item that is done. */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "eval/nul.h"
#include "json/jget.h"
#include "json/jwrite.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- lines ---------------------------------------------------------------------------------------------- */

static void write_key(const struct eval *e, struct buf *b)
{
    buf_printf(b, "{\"model\":\"%016llx\",\"settings\":\"%d %d %lld %zu %d %d %zu %zu %d",
               (unsigned long long)e->model_hash, e->o.num_fewshot, e->o.max_new, (long long)e->o.limit,
               e->rules.max_length, (int)e->rules.prefix, e->o.chat, e->window, e->stride, e->o.llama_rule);
    if (e->o.sampling)
        buf_printf(b, " %llu %.17g %.17g %.17g %lld %.17g %.17g %.17g %lld", (unsigned long long)e->sampling.seed,
                   e->sampling.temperature, e->sampling.top_p, e->sampling.min_p, (long long)e->sampling.top_k,
                   e->sampling.repetition_penalty, e->sampling.presence_penalty, e->sampling.frequency_penalty,
                   (long long)e->sampling.penalty_last_n);
    buf_puts(b, "\",\"more\":");
    jwrite_string(b, e->o.settings, strlen(e->o.settings));
    buf_puts(b, ",\"data\":{");
    for (int i = 0; i < e->n_runs; i++)
        buf_printf(b, "%s\"%s\":\"%016llx\"", i ? "," : "", e->runs[i].task->name, (unsigned long long)e->runs[i].hash);
    buf_puts(b, "}}\n");
}

static void write_numbers(const struct item *item, struct buf *b)
{
    buf_puts(b, ",\"ll\":[");
    for (int i = 0; i < item->n; i++) {
        buf_puts(b, i ? "," : "");
        jwrite_number(b, item->ll[i]);
    }
    buf_puts(b, "],\"greedy\":[");
    for (int i = 0; i < item->n; i++)
        buf_puts(b, item->greedy[i] ? i ? ",true" : "true" : i ? ",false" : "false");
    buf_putc(b, ']');
}

/* A text as the model has written it, NUL bytes too. */
static void write_text(const char *text, struct buf *b)
{
    struct buf raw = {0};
    nul_show(&raw, text);
    jwrite_string(b, raw.data ? raw.data : "", raw.len);
    b->failed |= raw.failed;
    buf_free(&raw);
}

static void write_item(const struct run *run, const struct item *item, struct buf *b)
{
    buf_printf(b, "{\"task\":\"%s\",\"doc_id\":%lld", run->task->name, (long long)item->doc_id);
    if (run->task->kind == GENERATE || run->task->kind == CHAT) {
        buf_puts(b, ",\"text\":");
        write_text(item->text, b);
    }
    if (run->task->kind == CHAT) {
        buf_puts(b, ",\"pred\":");
        write_text(item->said, b);
        buf_printf(b, ",\"acc\":%d,\"well_formed\":%d", item->right, item->well_formed);
    } else if (run->task->kind != GENERATE)
        write_numbers(item, b);
}

enum osso_status keep_add(struct eval *e, const struct run *run, const struct item *item, struct osso_error *err)
{
    if (!e->keep)
        return OSSO_OK;
    struct buf b = {0};
    write_item(run, item, &b);
    buf_puts(&b, "}\n");
    bool well = !b.failed && fwrite(b.data, 1, b.len, e->keep) == b.len && fflush(e->keep) == 0;
    buf_free(&b);
    return well ? OSSO_OK : error_set(err, OSSO_IO, "%s: %s", e->keep_path, strerror(errno));
}

/* ---- taking up ------------------------------------------------------------------------------------------ */

static enum osso_status other(const struct eval *e, const char *what, struct osso_error *err)
{
    return error_set(err, OSSO_FORMAT, "%s was begun with another %s: remove it, or name another file of samples",
                     e->keep_path, what);
}

static enum osso_status check_key(const struct eval *e, const struct jval *was, const struct jval *is,
                                  struct osso_error *err)
{
    static const char *const keys[] = {"model", "settings", "more"}, *const names[] = {"model", "setting", "setting"};
    for (int i = 0; i < 3; i++) {
        const struct jval *a = jval_get_type(was, keys[i], J_STRING), *b = jval_get_type(is, keys[i], J_STRING);
        if (!a || !b || jtext_compare(a->text, b->text) != 0)
            return other(e, names[i], err);
    }
    const struct jval *data = jval_get_type(was, "data", J_OBJECT), *now = jval_get_type(is, "data", J_OBJECT);
    if (!data || data->n_children != now->n_children)
        return other(e, "list of tasks", err);
    for (int i = 0; i < e->n_runs; i++) {
        const struct jval *a = jval_get_type(data, e->runs[i].task->name, J_STRING);
        const struct jval *b = jval_get_type(now, e->runs[i].task->name, J_STRING);
        if (!a)
            return other(e, "list of tasks", err);
        if (jtext_compare(a->text, b->text) != 0)
            return error_set(err, OSSO_FORMAT, "%s has changed since %s was begun: remove that, or put the file back",
                             e->runs[i].path, e->keep_path);
    }
    return OSSO_OK;
}

static int by_doc_id(const void *id, const void *item)
{
    int64_t a = *(const int64_t *)id, b = ((const struct item *)item)->doc_id;
    return (a > b) - (a < b);
}

/* The item that a line is of; NULL: none of ours. */
static struct item *find_item(const struct eval *e, const struct jval *line, const struct run **run_out)
{
    const struct jval *name = jval_get_type(line, "task", J_STRING);
    int64_t id;
    if (!name || !jget_integer(jval_get(line, "doc_id"), &id))
        return NULL;
    for (int r = 0; r < e->n_runs; r++) {
        *run_out = &e->runs[r];
        if (jtext_is(name->text, (*run_out)->task->name)) /* items are in the order of their lines */
            return bsearch(&id, (*run_out)->items, (size_t)(*run_out)->n_items, sizeof(struct item), by_doc_id);
    }
    return NULL;
}

/* "ll" and "greedy" as write_numbers writes them. */
static bool take_numbers(struct item *item, const struct jval *line)
{
    const struct jval *ll = jval_get_type(line, "ll", J_ARRAY), *greedy = jval_get_type(line, "greedy", J_ARRAY);
    if (!ll || !greedy || ll->n_children != greedy->n_children || !item_room(item, (int)ll->n_children))
        return false;
    const struct jval *g = greedy->first;
    int n = 0;
    for (const struct jval *v = ll->first; v; v = v->next, g = g->next, n++) {
        if ((v->type != J_NUMBER && v->type != J_NULL) || g->type != J_BOOL)
            return false;
        item->ll[n] = v->type == J_NUMBER ? jget_real(v) : -INFINITY; /* JSON has no word for it */
        item->greedy[n] = g->truth;
    }
    return true;
}

/* What write_item says of a conversation. */
static bool take_chat(struct item *item, const struct jval *line)
{
    const struct jval *text = jval_get_type(line, "text", J_STRING), *said = jval_get_type(line, "pred", J_STRING);
    int64_t right, well;
    if (!text || !said || !jget_integer(jval_get(line, "acc"), &right) ||
        !jget_integer(jval_get(line, "well_formed"), &well) || right < 0 || right > 1 || well < 0 || well > 1)
        return false;
    item->right = right;
    item->well_formed = well;
    item->text = nul_text(text->text.s, text->text.len);
    item->said = nul_text(said->text.s, said->text.len);
    return item->text && item->said && item_room(item, 1);
}

/* An item's line of an earlier run. */
static bool take_item(struct eval *e, const struct jval *line)
{
    const struct run *run = NULL;
    const struct jval *text = jval_get_type(line, "text", J_STRING);
    struct item *item = find_item(e, line, &run);
    if (!item || item->kept)
        return false;
    if (run->task->kind == GENERATE)
        item->kept = text && item_room(item, 1) && (item->text = nul_text(text->text.s, text->text.len));
    else if (run->task->kind == CHAT)
        item->kept = take_chat(item, line);
    else
        item->kept = take_numbers(item, line);
    return item->kept;
}

static enum osso_status take_up(struct eval *e, const char *text, size_t len, const struct jval *key,
                                struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    size_t number = 0;
    for (size_t at = 0; at < len && !status; number++) {
        size_t n = (size_t)((const char *)memchr(text + at, '\n', len - at) - (text + at));
        struct jdoc *tree = NULL;
        status = jdoc_read(text + at, n, e->keep_path, &tree, err);
        if (!status && number == 0)
            status = check_key(e, jdoc_root(tree), key, err);
        else if (!status && !take_item(e, jdoc_root(tree)))
            status = error_set(err, OSSO_FORMAT, "%s, line %zu: no result of an item; remove the file", e->keep_path,
                               number + 1);
        jdoc_release(tree);
        at += n + 1;
    }
    return status;
}

/* What an earlier run has left; a last line that is not whole goes. */
static enum osso_status read_earlier(struct eval *e, const struct buf *key, struct osso_error *err)
{
    char *text = NULL;
    size_t len = 0;
    struct jdoc *now = NULL;
    enum osso_status status = file_read(e->keep_path, 1 << 30, &text, &len, err);
    while (!status && len > 0 && text[len - 1] != '\n')
        len--;
    if (!status && len == 0) {
        mem_free(text);
        return save_atomic(e->keep_path, key->data, key->len, err);
    }
    if (!status)
        status = jdoc_read(key->data, key->len, e->keep_path, &now, err);
    if (!status)
        status = take_up(e, text, len, jdoc_root(now), err);
    if (!status)
        status = save_atomic(e->keep_path, text, len, err);
    jdoc_release(now);
    mem_free(text);
    return status;
}

enum osso_status keep_open(struct eval *e, struct osso_error *err)
{
    if (!e->o.samples)
        return OSSO_OK;
    struct buf path = {0}, key = {0};
    buf_printf(&path, "%s.partial", e->o.samples);
    write_key(e, &key);
    e->keep_path = buf_take(&path);
    enum osso_status status = !e->keep_path || key.failed ? error_nomem(err, key.len, "the file of samples") : OSSO_OK;
    if (!status)
        status = file_exists(e->keep_path) ? read_earlier(e, &key, err)
                                           : save_atomic(e->keep_path, key.data, key.len, err);
    if (!status && !(e->keep = fopen(e->keep_path, "ab")))
        status = error_set(err, OSSO_IO, "%s: %s", e->keep_path, strerror(errno));
    buf_free(&key);
    return status;
}

void keep_close(struct eval *e, bool whole)
{
    if (e->keep)
        fclose(e->keep);
    if (e->keep && whole)
        remove(e->keep_path);
    mem_free(e->keep_path);
}

/* ---- samples -------------------------------------------------------------------------------------------- */

static void write_verdict(const struct run *run, const struct item *item, struct buf *b)
{
    if (run->task->kind == GENERATE) {
        struct jtext strict = grade_answer(item->text, GRADE_STRICT);
        struct jtext flexible = grade_answer(item->text, GRADE_FLEXIBLE);
        buf_puts(b, ",\"pred\":");
        jwrite_string(b, flexible.s, flexible.len);
        buf_puts(b, ",\"gold\":");
        jwrite_string(b, item->answer, strlen(item->answer));
        buf_printf(b, ",\"exact_match\":%d,\"flexible_match\":%d", grade_equal(strict, item->answer),
                   grade_equal(flexible, item->answer));
    } else if (run->task->kind == CHOICE) {
        int pred = item_choice(item, false);
        buf_printf(b, ",\"pred\":%d,\"gold\":%d,\"acc\":%d", pred, item->gold, pred == item->gold);
        if (run->task->scores & NORM)
            buf_printf(b, ",\"acc_norm\":%d", item_choice(item, true) == item->gold);
    } else if (run->task->kind == CONTINUATION)
        buf_printf(b, ",\"acc\":%d", item->greedy[0]);
    else if (run->task->kind == CHAT)
        buf_printf(b, ",\"gold\":%s", item->answer);
    else
        buf_printf(b, ",\"bytes\":%zu,\"words\":%zu,\"tokens\":%zu", item->bytes, item->words, item->tokens);
}

enum osso_status samples_write(const struct eval *e, struct osso_error *err)
{
    struct buf b = {0};
    for (int r = 0; r < e->n_runs; r++) {
        const struct run *run = &e->runs[r];
        for (int64_t i = 0; i < run->n_items && !run->failed; i++) {
            write_item(run, &run->items[i], &b);
            write_verdict(run, &run->items[i], &b);
            buf_puts(&b, "}\n");
        }
    }
    enum osso_status status = b.failed ? error_nomem(err, b.len, "the samples")
                                       : save_atomic(e->o.samples, b.data ? b.data : "", b.len, err);
    buf_free(&b);
    return status;
}
