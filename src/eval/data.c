/* data.c: the files of the tasks: their lines, in groups where they have subjects, and the questions that come first.
 */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/engine_parts.h"
#include "eval/space.h"

#include <string.h>

enum { FILE_LIMIT = 1 << 30 };

void data_where(const struct run *run, const struct item *item, char *space, size_t size)
{
    snprintf(space, size, "%s, line %lld", run->path, (long long)item->doc_id + 1);
}

int data_group(struct run *run, const char *name, size_t len)
{
    for (int i = run->n_groups - 1; i >= 0; i--) /* lines of one subject follow each other */
        if (strlen(run->groups[i].name) == len && memcmp(run->groups[i].name, name, len) == 0)
            return i;
    struct group *more = mem_grow(run->groups, (size_t)run->n_groups + 1, sizeof *more);
    if (!more)
        return -1;
    run->groups = more;
    more[run->n_groups] = (struct group){.name = mem_strndup(name, len)};
    return more[run->n_groups].name ? run->n_groups++ : -1;
}

enum osso_status data_doc(const struct run *run, const struct item *item, struct doc *doc, struct osso_error *err)
{
    char where[600];
    data_where(run, item, where, sizeof where);
    return run->task->kind == ROLLING ? doc_page(run->task, run->text + item->at, item->len, doc, err)
                                      : doc_read(run->task, run->text + item->at, item->len, where, doc, err);
}

bool item_room(struct item *item, int n)
{
    item->n = n;
    item->ll = mem_array((size_t)n, sizeof *item->ll);
    item->greedy = mem_array((size_t)n, sizeof *item->greedy);
    item->characters = mem_array((size_t)n, sizeof *item->characters);
    return item->ll && item->greedy && item->characters;
}

static enum osso_status add_item(struct run *run, size_t *room, struct item item, struct osso_error *err)
{
    struct item *items = mem_room(run->items, (size_t)run->n_items, room, sizeof *items);
    if (!items)
        return error_nomem(err, (size_t)run->n_items * sizeof *items, "a task's items");
    run->items = items;
    run->items[run->n_items++] = item;
    return OSSO_OK;
}

/* Does a page begin here: a heading of the first level, " = Title = "? */
static bool is_title(const char *s, size_t n)
{
    if (n < 6 || memcmp(s, " = ", 3) != 0 || s[3] == '=')
        return false;
    n -= space_trailing(s, n);
    return n > 5 && s[n - 1] == '=' && s[n - 2] == ' ' && s[n - 3] != '=';
}

/* Pages of WikiText, which has headings; any other text is one. What stands before the first heading belongs to it. */
static enum osso_status find_pages(const struct eval *e, struct run *run, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    size_t room = 0, start = 0;
    int64_t number = 0;
    bool titled = false;
    for (size_t at = 0; at <= run->len && !status;) {
        const char *end = memchr(run->text + at, '\n', run->len - at);
        size_t next = end ? (size_t)(end - run->text) + 1 : run->len;
        bool last = at >= run->len;
        bool title = !last && run->task->clean && is_title(run->text + at, next - at);
        if ((title && titled) || (last && start < run->len)) {
            if (e->o.limit == 0 || number < e->o.limit)
                status = add_item(run, &room, (struct item){.doc_id = number, .at = start, .len = at - start}, err);
            number++;
            start = at;
        }
        titled = titled || title;
        if (last)
            break;
        at = next;
    }
    return status;
}

/* One line: is it right, and is it still within the limit of its group? */
static enum osso_status take_line(const struct eval *e, struct run *run, struct doc *doc, struct item *item,
                                  size_t *room, struct osso_error *err)
{
    enum osso_status status = data_doc(run, item, doc, err);
    if (status)
        return status;
    item->gold = doc->gold;
    item->group = -1;
    if (doc->group.len > 0) {
        item->group = data_group(run, doc->space.data + doc->group.at, doc->group.len);
        if (item->group < 0)
            return error_nomem(err, doc->group.len, "a subject");
    }
    int64_t before = item->group >= 0 ? run->groups[item->group].n_items : run->n_items;
    if (e->o.limit > 0 && before >= e->o.limit)
        return OSSO_OK;
    if (item->group >= 0)
        run->groups[item->group].n_items++;
    return add_item(run, room, *item, err);
}

static enum osso_status find_lines(const struct eval *e, struct run *run, struct osso_error *err)
{
    struct doc doc = {0};
    size_t room = 0;
    enum osso_status status = OSSO_OK;
    int64_t number = 0;
    for (size_t at = 0; at < run->len && !status; number++) {
        const char *end = memchr(run->text + at, '\n', run->len - at);
        size_t next = end ? (size_t)(end - run->text) + 1 : run->len, len = next - at;
        struct item item = {.doc_id = number, .at = at, .len = len};
        if (space_leading(run->text + at, len) < len)
            status = take_line(e, run, &doc, &item, &room, err);
        at = next;
    }
    doc_free(&doc);
    return status;
}

/* ---- what comes first ------------------------------------------------------------------------------------- */

static void begin_head(struct group *g)
{
    buf_puts(&g->head, "The following are multiple choice questions (with answers) about ");
    for (const char *s = g->name; *s; s++)
        buf_putc(&g->head, *s == '_' ? ' ' : *s);
    buf_puts(&g->head, ".\n\n");
}

/* A question with its answer, as far as its group wants one more. */
static void add_shot(const struct eval *e, struct run *run, const struct doc *doc)
{
    const char *s = doc->space.data;
    for (int i = 0; i < run->n_groups; i++) {
        struct group *g = &run->groups[i];
        if (strlen(g->name) != doc->group.len || memcmp(g->name, s + doc->group.at, doc->group.len) != 0 ||
            g->n_shots == e->o.num_fewshot)
            continue;
        buf_add(&g->head, s + doc->context[doc->gold].at, doc->context[doc->gold].len);
        buf_add(&g->head, s + doc->continuation[doc->gold].at, doc->continuation[doc->gold].len);
        buf_puts(&g->head, "\n\n");
        g->n_shots++;
    }
}

static enum osso_status read_shots(struct eval *e, struct run *run, struct osso_error *err)
{
    struct run shots = {.task = run->task};
    struct doc doc = {0};
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < run->n_groups; i++)
        begin_head(&run->groups[i]);
    if (e->o.num_fewshot == 0)
        return OSSO_OK;
    shots.path = file_join(e->o.data, run->task->shots);
    if (!shots.path)
        return error_nomem(err, strlen(e->o.data), "a path");
    const struct eval all = {.o = {.limit = 0}};
    status = file_read_text(shots.path, FILE_LIMIT, &shots.text, &shots.len, err);
    if (!status)
        status = find_lines(&all, &shots, err);
    for (int64_t i = 0; i < shots.n_items && !status; i++) {
        status = data_doc(&shots, &shots.items[i], &doc, err);
        if (!status)
            add_shot(e, run, &doc);
    }
    for (int i = 0; i < run->n_groups && !status; i++)
        if (run->groups[i].n_shots < e->o.num_fewshot)
            status = error_set(err, OSSO_FORMAT, "%s has %d questions of '%s'; --num-fewshot wants %d", shots.path,
                               run->groups[i].n_shots, run->groups[i].name, e->o.num_fewshot);
    if (!status)
        run->hash = hash_bytes(run->hash, shots.text, shots.len);
    struct eval gone = {.runs = &shots, .n_runs = 1};
    doc_free(&doc);
    data_free(&gone);
    return status;
}

/* ---- which tasks ------------------------------------------------------------------------------------------ */

/* Do the task's lines stand beside the model? */
static bool beside_model(const struct eval *e, const struct task *task)
{
    return task->scores & GOALS && (!e->o.data || !e->o.data[0]) && e->engine->model;
}

static bool wants_data(const struct eval *e, const struct task *task)
{
    return task_wants_data(task) && !beside_model(e, task);
}

/* In the model's folder, or in that of its file; NULL: no memory. */
static char *path_beside(const struct osso_model *model, const char *file)
{
    const char *slash = strrchr(model->path, '/');
    if (file_is_dir(model->path))
        return file_join(model->path, file);
    char *dir = slash ? mem_strndup(model->path, (size_t)(slash - model->path) + 1) : mem_strdup(".");
    char *path = dir ? file_join(dir, file) : NULL;
    mem_free(dir);
    return path;
}

static enum osso_status add_run(struct eval *e, const struct task *task, struct osso_error *err)
{
    for (int i = 0; i < e->n_runs; i++)
        if (e->runs[i].task == task)
            return error_set(err, OSSO_USAGE, "the task %s is asked for twice", task->name);
    if (!task->shots && e->o.num_fewshot > 0)
        return error_set(
            err, OSSO_USAGE,
            "--num-fewshot: %s has no file of questions to come first (mmlu has); leave it out, or evaluate "
            "the others by themselves",
            task->name);
    char *path = beside_model(e, task)                  ? path_beside(e->engine->model, task->file)
                 : !task_wants_data(task)               ? mem_strdup("the program's own lines")
                 : task->file && file_is_dir(e->o.data) ? file_join(e->o.data, task->file)
                                                        : mem_strdup(e->o.data);
    struct run *more = path ? mem_grow(e->runs, (size_t)e->n_runs + 1, sizeof *more) : NULL;
    if (!more) {
        mem_free(path);
        return error_nomem(err, sizeof *more, "a task");
    }
    e->runs = more;
    more[e->n_runs++] = (struct run){.task = task, .path = path};
    return OSSO_OK;
}

static enum osso_status all_tasks(struct eval *e, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < n_tasks && !status; i++) {
        char *path = task_table[i].file ? file_join(e->o.data, task_table[i].file) : NULL;
        if (path && file_exists(path) && !(e->o.chat && task_table[i].kind == ROLLING))
            status = add_run(e, &task_table[i], err);
        mem_free(path);
    }
    if (!status && e->n_runs == 0)
        status = error_set(err, OSSO_NOTFOUND, "%s holds no task's file (%s and its like)", e->o.data,
                           task_table[0].file);
    return status;
}

static enum osso_status named_tasks(struct eval *e, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (const char *s = e->o.tasks; !status;) {
        size_t n = strcspn(s, ",");
        const struct task *task = task_find(s, n);
        if (!task)
            status = error_set(err, OSSO_USAGE, "there is no task '%.*s'; osso eval --help lists them", (int)n, s);
        else if (wants_data(e, task) && (!e->o.data || !e->o.data[0]))
            status = error_set(err, OSSO_USAGE,
                               "%s needs data: a folder with the tasks' files, or the file of the one task (--data)",
                               task->name);
        else if (e->o.chat && (task->kind == ROLLING || task->kind == SPEED))
            status = error_set(err, OSSO_USAGE, "--chat: %s asks no question", task->name);
        else
            status = add_run(e, task, err);
        if (!s[n])
            break;
        s += n + 1;
    }
    int n_files = 0;
    for (int i = 0; i < e->n_runs; i++)
        n_files += wants_data(e, e->runs[i].task);
    if (!status && n_files > 1 && !file_is_dir(e->o.data))
        status = error_set(err, OSSO_USAGE, "%s is no folder: several tasks want one with a file for each", e->o.data);
    return status;
}

/* A task's own files are known; a text of one's own may begin with anything (a page, a conversation). */
static enum osso_status read_data(struct run *run, struct osso_error *err)
{
    const char *own = task_own_lines(run->task);
    if (run->task->scores & GOALS && !file_exists(run->path))
        return error_set(err, OSSO_NOTFOUND,
                         "%s: there is no such file. The questions of a model's world stand beside it, as world.jsonl; "
                         "--data FILE names others",
                         run->path);
    if (own) {
        run->len = strlen(own);
        run->text = mem_strdup(own);
        return run->text ? OSSO_OK : error_nomem(err, run->len, "a task's lines");
    }
    return (run->task->file || run->task->kind != ROLLING ? file_read_text : file_read)(run->path, FILE_LIMIT,
                                                                                        &run->text, &run->len, err);
}

enum osso_status data_load(struct eval *e, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    bool all = strcmp(e->o.tasks, "all") == 0;
    if (all && (!e->o.data || !e->o.data[0]))
        return error_set(err, OSSO_USAGE, "all needs data: a folder with the tasks' files (--data)");
    status = all ? all_tasks(e, err) : named_tasks(e, err);
    for (int i = 0; i < e->n_runs && !status; i++) {
        struct run *run = &e->runs[i];
        if (run->task->kind == SPEED)
            continue;
        status = read_data(run, err);
        if (!status)
            run->hash = hash_bytes(0, run->text, run->len);
        if (!status)
            status = chats_are(run)               ? chats_load(e, run, err)
                     : run->task->kind == ROLLING ? find_pages(e, run, err)
                                                  : find_lines(e, run, err);
        if (!status && run->n_items == 0)
            status = error_set(err, OSSO_FORMAT, "%s holds no items", run->path);
        if (!status && run->task->shots)
            status = read_shots(e, run, err);
        e->n_items += (uint64_t)run->n_items;
    }
    return status;
}

void data_free(struct eval *e)
{
    for (int r = 0; r < e->n_runs; r++) {
        struct run *run = &e->runs[r];
        for (int64_t i = 0; i < run->n_items; i++) {
            struct item *item = &run->items[i];
            mem_free(item->ll);
            mem_free(item->greedy);
            mem_free(item->characters);
            mem_free(item->text);
            mem_free(item->answer);
            mem_free(item->said);
        }
        for (int g = 0; g < run->n_groups; g++) {
            mem_free(run->groups[g].name);
            buf_free(&run->groups[g].head);
        }
        chats_free(run);
        mem_free(run->items);
        mem_free(run->groups);
        mem_free(run->text);
        mem_free(run->path);
    }
}
