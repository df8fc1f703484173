/* verb_embed.c: vectors of texts, as lines of JSON or a file of numbers. */
#include "cli/embed_args.h"
#include "cli/input.h"
#include "cli/npy.h"
#include "cli/out.h"
#include "cli/progress.h"

#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <string.h>

enum { BATCH = 1024 }; /* vectors that are held at a time */

/* Where they go: one of these, or standard output. */
struct target {
    struct save *file;           /* JSONL, NumPy */
    struct osso_rows_file *rows; /* safetensors */
    bool lines;
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Known before anything is computed. */
static enum osso_status check_out(const struct options *o, struct osso_error *err)
{
    const char *path = o->v[OPT_embed_out].s;
    if (!path || ends_with(path, ".jsonl") || ends_with(path, ".npy") || ends_with(path, ".safetensors"))
        return OSSO_OK;
    return error_set(err, OSSO_USAGE, "-o %s: the name has to end with .jsonl, .npy or .safetensors", path);
}

static enum osso_status read_texts(const struct options *o, struct runner *r, struct embed_texts *texts,
                                   struct osso_error *err)
{
    struct buf in = {0};
    const char *where = o->v[OPT_file].set ? o->v[OPT_file].s : "standard input";
    enum osso_status status = OSSO_OK;
    if (o->v[OPT_embed_data].set && (o->v[OPT_prompt].set || o->v[OPT_file].set))
        return error_set(err, OSSO_USAGE, "--data and a text are both given; give one of them");
    if (o->v[OPT_embed_data].set)
        return embed_texts_lines(o, r, texts, o->v[OPT_embed_data].s, true, err);
    if (o->v[OPT_prompt].set)
        status = input_text(o, &in, &where, err);
    else {
        status = input_read(o->v[OPT_file].s, &in, err);
        if (!status)
            status = embed_no_image(in.data ? in.data : "", in.len, where, err);
        if (!status)
            input_chomp(&in);
    }
    if (!status)
        status = embed_texts_add(o, r, texts, in.data ? in.data : "", in.len, where, 0, err);
    buf_free(&in);
    return status;
}

static void put_metadata(const struct options *o, const struct runner *r, struct buf *b)
{
    const char *layer = o->v[OPT_embed_layer].set ? o->v[OPT_embed_layer].s : "last";
    const char *pool = o->v[OPT_pool].set ? o->v[OPT_pool].s : "mean";
    buf_puts(b, "{\"format\":\"pt\",\"model\":");
    jwrite_string(b, r->path ? r->path : "", r->path ? strlen(r->path) : 0);
    buf_puts(b, ",\"layer\":");
    jwrite_string(b, layer, strlen(layer));
    buf_printf(b, ",\"pool\":\"%s\",\"normalized\":\"%s\",\"reasoning\":\"%s\"}", pool,
               o->v[OPT_no_normalize].set ? "false" : "true",
               o->v[OPT_with_reasoning].set ? o->v[OPT_with_reasoning].s : "");
}

static enum osso_status target_open(const struct options *o, const struct runner *r, size_t n, struct target *t,
                                    struct osso_error *err)
{
    const char *path = o->v[OPT_embed_out].s;
    struct buf metadata = {0};
    enum osso_status status;
    t->lines = !path || ends_with(path, ".jsonl");
    if (!path)
        return OSSO_OK;
    if (t->lines)
        return save_open(path, &t->file, err);
    if (ends_with(path, ".npy"))
        return npy_open(path, n, (uint64_t)r->dims.hidden, &t->file, err);
    put_metadata(o, r, &metadata);
    status = metadata.failed
                 ? error_nomem(err, metadata.len, "a header")
                 : osso_rows_create(path, "embeddings", n, (uint64_t)r->dims.hidden, metadata.data, &t->rows, err);
    buf_free(&metadata);
    return status;
}

static enum osso_status put_line(const struct target *t, const struct embed_texts *texts, size_t i, const float *vector,
                                 int64_t hidden, struct buf *line, struct osso_error *err)
{
    buf_clear(line);
    buf_printf(line, "{\"index\":%zu,\"tokens\":%zu,\"embedding\":[", i, texts->list[i].n);
    for (int64_t j = 0; j < hidden; j++)
        buf_printf(line, "%s%.9g", j ? "," : "", (double)vector[j]);
    buf_puts(line, "]}\n");
    if (line->failed)
        return error_nomem(err, line->len, "a vector's line");
    if (t->file)
        return save_write(t->file, line->data, line->len, err);
    out_write(line->data, line->len);
    return OSSO_OK;
}

static enum osso_status put(const struct options *o, struct runner *r, const struct embed_texts *texts,
                            struct target *t, struct osso_error *err)
{
    size_t room = texts->n < BATCH ? texts->n : BATCH, hidden = (size_t)r->dims.hidden;
    struct buf line = {0};
    float *vectors = mem_array(room * hidden, sizeof *vectors);
    enum osso_status status = vectors ? OSSO_OK : error_nomem(err, room * hidden * sizeof *vectors, "the vectors");
    for (size_t from = 0; from < texts->n && !status && !out_failed(); from += room) {
        size_t n = texts->n - from < room ? texts->n - from : room;
        status = embed_vectors(o, r, texts, from, n, vectors, err);
        for (size_t i = 0; i < n && !status && t->lines; i++)
            status = put_line(t, texts, from + i, vectors + i * hidden, (int64_t)hidden, &line, err);
        if (!status && t->rows)
            status = osso_rows_add(t->rows, vectors, n, err);
        else if (!status && !t->lines)
            status = save_write(t->file, vectors, n * hidden * sizeof *vectors, err);
    }
    buf_free(&line);
    mem_free(vectors);
    return status;
}

static enum osso_status run(const struct options *o, struct runner *r, struct embed_texts *texts, struct target *t,
                            struct osso_error *err)
{
    enum osso_status status = check_out(o, err);
    if (!status)
        status = runner_open(o, r, err);
    if (!status)
        status = runner_tokenizer(r, err);
    if (!status)
        status = read_texts(o, r, texts, err);
    if (!status)
        status = embed_start(o, r, texts, err);
    if (!status)
        status = target_open(o, r, texts->n, t, err);
    if (status)
        return status;
    progress_begin_of("text", texts->n);
    status = put(o, r, texts, t, err);
    progress_end();
    return status;
}

int verb_embed(const struct options *o)
{
    struct runner r = {0};
    struct embed_texts texts = {0};
    struct target t = {0};
    struct osso_error err = {0}, ignored;
    interrupt_catch(INTERRUPT_TIDY); /* a half-written file must go */
    enum osso_status status = run(o, &r, &texts, &t, &err);
    if (status) {
        osso_rows_close(t.rows, false, &ignored);
        save_abort(t.file);
    } else if (t.rows)
        status = osso_rows_close(t.rows, true, &err);
    else if (t.file)
        status = save_commit(t.file, &err);
    interrupt_release();
    embed_texts_free(&texts);
    runner_close(&r);
    return status == OSSO_CANCELLED ? 130 : out_failed() ? 1 : exit_code(status, &err);
}
