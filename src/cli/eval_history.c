/* eval_history.c: two tables, runs and their scores. Whatever is added is added in one transaction that waits for
 * others. */
#include "cli/eval_history.h"

#include "cli/out.h"
#include "cli/state.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "json/jget.h"
#include "json/jwrite.h"
#include "osso/osso.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef HAVE_SQLITE
static enum osso_status left_out(struct osso_error *err)
{
    return error_set(err, OSSO_UNSUPPORTED,
                     "this osso was built without its history of evaluations: install libsqlite3-dev (so Debian calls "
                     "it), then build again with make");
}

enum osso_status eval_history_path(const struct options *o, bool listing, char **path_out, struct osso_error *err)
{
    *path_out = NULL;
    return o->v[OPT_eval_history].set || listing ? left_out(err) : OSSO_OK;
}

enum osso_status eval_history_check(const char *path, struct osso_error *err)
{
    (void)path;
    return left_out(err);
}

enum osso_status eval_history_add(const char *path, const char *report, struct osso_error *err)
{
    (void)path, (void)report;
    return left_out(err);
}

enum osso_status eval_history_read(const char *path, const char *task, char **report_out, struct osso_error *err)
{
    (void)path, (void)task;
    *report_out = NULL;
    return left_out(err);
}

#else
#include <sqlite3.h>

/* Marks the file as ours, and the form of its tables. */
enum { APPLICATION = 0x6f73736f, FORM = 1, PATIENCE_MS = 60000 };

static const char tables[] =
    "CREATE TABLE run(id INTEGER PRIMARY KEY, date TEXT NOT NULL, model TEXT, hash TEXT, parameters INTEGER,"
    " settings TEXT NOT NULL, machine TEXT, seconds REAL, osso TEXT);"
    "CREATE TABLE score(run INTEGER NOT NULL REFERENCES run(id), task TEXT NOT NULL, part INTEGER NOT NULL,"
    " metric TEXT NOT NULL, value REAL, stderr REAL, n INTEGER);"
    "CREATE INDEX score_task ON score(task);"
    "PRAGMA application_id=0x6f73736f; PRAGMA user_version=1;";

enum osso_status eval_history_path(const struct options *o, bool listing, char **path_out, struct osso_error *err)
{
    *path_out = NULL;
    if (o->v[OPT_eval_no_history].set && !listing)
        return OSSO_OK;
    if (o->v[OPT_eval_history].set)
        return (*path_out = file_of_home(o->v[OPT_eval_history].s)) ? OSSO_OK : error_nomem(err, 0, "a path");
    if (!(*path_out = state_path("evals.sqlite")) && listing)
        return error_set(err, OSSO_NOTFOUND,
                         "there is no home folder that would hold a history; name one with --history");
    if (!*path_out)
        say("this run will be in no history: there is no home folder for it; name a file with --history");
    return OSSO_OK;
}

/* What SQLite says of the file. */
static enum osso_status fault(sqlite3 *db, const char *path, const char *what, struct osso_error *err)
{
    return error_set(err, OSSO_IO, "%s: the history cannot be %s: %s; --history names another, --no-history none", path,
                     what, db ? sqlite3_errmsg(db) : "no memory");
}

static int64_t pragma(sqlite3 *db, const char *question)
{
    sqlite3_stmt *s = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(db, question, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

/* Within a transaction: tables where there is nothing at all, and no file of another kind. */
static enum osso_status settle(sqlite3 *db, const char *path, bool make, struct osso_error *err)
{
    int64_t whose = pragma(db, "PRAGMA application_id"), form = pragma(db, "PRAGMA user_version");
    int64_t n = pragma(db, "SELECT count(*) FROM sqlite_master");
    if (n < 0)
        return fault(db, path, "read", err);
    if (whose == 0 && form == 0 && n == 0 && make)
        return sqlite3_exec(db, tables, NULL, NULL, NULL) == SQLITE_OK ? OSSO_OK : fault(db, path, "made", err);
    if (whose != APPLICATION)
        return error_set(err, OSSO_FORMAT, "%s is no history of osso's evaluations; name another file with --history",
                         path);
    if (form != FORM)
        return error_set(err, OSSO_FORMAT,
                         "%s is a history of another osso (form %lld, not %d); name another file with --history", path,
                         (long long)form, FORM);
    return OSSO_OK;
}

/* Opened and inside of a transaction: a writer's excludes others until it is over. */
static enum osso_status begin(const char *path, bool write, sqlite3 **db_out, struct osso_error *err)
{
    int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    enum osso_status status = OSSO_OK;
    if (sqlite3_open_v2(path, db_out, flags, NULL) != SQLITE_OK)
        status = fault(*db_out, path, "opened", err);
    if (!status)
        sqlite3_busy_timeout(*db_out, PATIENCE_MS);
    if (!status && sqlite3_exec(*db_out, write ? "BEGIN IMMEDIATE" : "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        status = fault(*db_out, path, write ? "written" : "read", err);
    return status ? status : settle(*db_out, path, write, err);
}

/* Kept where all went well; closing an open transaction takes it back. */
static enum osso_status end(sqlite3 *db, enum osso_status status, const char *path, struct osso_error *err)
{
    if (!status && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = fault(db, path, "written", err);
    sqlite3_close(db);
    return status;
}

enum osso_status eval_history_check(const char *path, struct osso_error *err)
{
    sqlite3 *db = NULL;
    return end(db, begin(path, true, &db, err), path, err);
}

/* ---- one more run --------------------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *s, int i, const struct jval *v)
{
    if (v && v->type == J_STRING)
        sqlite3_bind_text(s, i, v->text.s, (int)v->text.len, SQLITE_TRANSIENT);
}

static void bind_real(sqlite3_stmt *s, int i, const struct jval *v)
{
    if (v && v->type == J_NUMBER)
        sqlite3_bind_double(s, i, jget_real(v));
}

static bool add_run(sqlite3 *db, const struct jval *root)
{
    sqlite3_stmt *s = NULL;
    const struct jval *model = jval_get(root, "model");
    struct buf settings = {0};
    jwrite_value(&settings, jval_get(root, "config"), JWRITE_PRINTED);
    bool well =
        !settings.failed &&
        sqlite3_prepare_v2(
            db,
            "INSERT INTO run(date, model, hash, parameters, settings, machine, seconds, osso) VALUES(?,?,?,?,?,?,?,?)",
            -1, &s, NULL) == SQLITE_OK;
    if (well) {
        bind_text(s, 1, jval_get(root, "date"));
        bind_text(s, 2, jval_get(model, "name"));
        bind_text(s, 3, jval_get(model, "hash"));
        bind_real(s, 4, jval_get(model, "parameters"));
        sqlite3_bind_text(s, 5, settings.data, (int)settings.len, SQLITE_TRANSIENT);
        bind_text(s, 6, jval_get(root, "machine"));
        bind_real(s, 7, jval_get(root, "seconds"));
        sqlite3_bind_text(s, 8, osso_version(), -1, SQLITE_TRANSIENT);
        well = sqlite3_step(s) == SQLITE_DONE;
    }
    sqlite3_finalize(s);
    buf_free(&settings);
    return well;
}

/* A score is a number "NAME,FILTER"; its error is "NAME_stderr,FILTER". */
static bool add_score(sqlite3_stmt *s, sqlite3_int64 run, const struct jval *task, const struct jval *field)
{
    const char *comma = strchr(field->key.s, ',');
    const struct jval *alias = jval_get(task, "alias");
    struct buf name = {0};
    buf_printf(&name, "%.*s_stderr%s", (int)(comma - field->key.s), field->key.s, comma);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    sqlite3_bind_int64(s, 1, run);
    sqlite3_bind_text(s, 2, task->key.s, (int)task->key.len, SQLITE_TRANSIENT);
    sqlite3_bind_int(s, 3, alias && jtext_compare(alias->text, task->key) != 0);
    sqlite3_bind_text(s, 4, field->key.s, (int)field->key.len, SQLITE_TRANSIENT);
    bind_real(s, 5, field);
    bind_real(s, 6, jval_get(task, name.data ? name.data : ""));
    bind_real(s, 7, jval_get(task, "n"));
    bool well = !name.failed && sqlite3_step(s) == SQLITE_DONE;
    buf_free(&name);
    return well;
}

enum osso_status eval_history_add(const char *path, const char *report, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    enum osso_status status = jdoc_read(report, strlen(report), "the report", &doc, err);
    if (status)
        return status;
    status = begin(path, true, &db, err);
    bool well = !status && add_run(db, jdoc_root(doc)) &&
                sqlite3_prepare_v2(db, "INSERT INTO score VALUES(?,?,?,?,?,?,?)", -1, &s, NULL) == SQLITE_OK;
    sqlite3_int64 run = well ? sqlite3_last_insert_rowid(db) : 0;
    const struct jval *results = jval_get(jdoc_root(doc), "results");
    for (const struct jval *task = results ? results->first : NULL; task && well; task = task->next)
        for (const struct jval *f = task->first; f && well; f = f->next)
            if (f->type == J_NUMBER && strchr(f->key.s, ',') && !strstr(f->key.s, "_stderr,"))
                well = add_score(s, run, task, f);
    if (!status && !well)
        status = fault(db, path, "written", err);
    sqlite3_finalize(s);
    jdoc_release(doc);
    return end(db, status, path, err);
}

/* ---- what there is ----------------------------------------------------------------------------------------------- */

static void text_member(struct buf *b, const char *name, sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    buf_printf(b, ",\"%s\":", name);
    if (text)
        jwrite_string(b, text, (size_t)sqlite3_column_bytes(s, column));
    else
        buf_puts(b, "null");
}

static void real_member(struct buf *b, const char *name, sqlite3_stmt *s, int column)
{
    buf_printf(b, ",\"%s\":", name);
    jwrite_number(b, sqlite3_column_type(s, column) == SQLITE_NULL ? NAN : sqlite3_column_double(s, column));
}

/* Settings are an object that this program wrote; what somebody else has put there is shown as a text. */
static void settings_member(struct buf *b, sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    struct jdoc *doc = NULL;
    struct osso_error none;
    if (text && !jdoc_read(text, strlen(text), "settings", &doc, &none)) {
        buf_puts(b, ",\"settings\":");
        jwrite_value(b, jdoc_root(doc), JWRITE_PRINTED);
        jdoc_release(doc);
    } else
        text_member(b, "settings", s, column);
}

static void write_row(struct buf *b, sqlite3_stmt *s)
{
    buf_printf(b, "%s{\"run\":%lld", b->data[b->len - 1] == '[' ? "" : ",", (long long)sqlite3_column_int64(s, 0));
    static const char *const texts[] = {"date", "model", "hash", "machine", "task", "metric"};
    static const char *const reals[] = {"value", "stderr", "n"};
    for (int i = 0; i < 6; i++)
        text_member(b, texts[i], s, 1 + i);
    for (int i = 0; i < 3; i++)
        real_member(b, reals[i], s, 7 + i);
    settings_member(b, s, 10);
    buf_putc(b, '}');
}

enum osso_status eval_history_read(const char *path, const char *task, char **report_out, struct osso_error *err)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    struct buf b = {0};
    int step = SQLITE_DONE;
    *report_out = NULL;
    if (!file_exists(path))
        return error_set(err, OSSO_NOTFOUND, "%s: there is no history yet; osso eval begins it", path);
    enum osso_status status = begin(path, false, &db, err);
    const char *query =
        "SELECT run.id, date, model, hash, machine, task, metric, value, stderr, n, settings FROM score JOIN run ON run.id = score.run"
        " WHERE CASE WHEN ?1 IS NULL THEN part = 0 ELSE task = ?1 END ORDER BY run.id, score.rowid";
    if (!status && sqlite3_prepare_v2(db, query, -1, &s, NULL) != SQLITE_OK)
        status = fault(db, path, "read", err);
    if (!status && task)
        sqlite3_bind_text(s, 1, task, -1, SQLITE_TRANSIENT);
    buf_puts(&b, "{\"history\":[");
    while (!status && b.data && (step = sqlite3_step(s)) == SQLITE_ROW)
        write_row(&b, s);
    bool none = b.data && b.data[b.len - 1] == '[';
    buf_puts(&b, "]}");
    if (!status && step != SQLITE_DONE)
        status = fault(db, path, "read", err);
    if (!status && none && task)
        status = error_set(err, OSSO_NOTFOUND, "%s has no run of %s", path, task);
    if (!status && !(*report_out = buf_take(&b)))
        status = error_nomem(err, b.len, "a history");
    buf_free(&b);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return status;
}
#endif
