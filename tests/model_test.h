/* model_test.h: what the tests that run a model share: ids and arrays from files, an engine in one call. */
#ifndef OSSO_MODEL_TEST_H
#define OSSO_MODEL_TEST_H

#include "test.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "backend/backend.h"
#include "osso/osso.h"

#include <math.h>

/* A float32 .npy of rank 1-3 as rows x columns (the last axis, or the last two when `flat`, are the columns). */
struct array {
    float *data;
    size_t rows, cols;
};

static inline struct array array_read(const char *path)
{
    struct osso_error err = {""};
    char *text;
    size_t len;
    check_ok(file_read(path, 64 << 20, &text, &len, &err), err);
    size_t header = (size_t)(unsigned char)text[8] | (size_t)(unsigned char)text[9] << 8, dims[3] = {1, 1, 1};
    char *shape = strstr(text + 10, "'shape': (");
    assert_non_null(shape);
    assert_non_null(strstr(text + 10, "'<f4'"));
    int rank = sscanf(shape + 10, "%zu, %zu, %zu", &dims[0], &dims[1], &dims[2]);
    struct array a = {NULL, dims[0], rank == 3 ? dims[1] * dims[2] : dims[1]};
    a.data = malloc(a.rows * a.cols * sizeof *a.data + 1);
    assert_int_equal(len - 10 - header, a.rows * a.cols * sizeof *a.data);
    memcpy(a.data, text + 10 + header, a.rows * a.cols * sizeof *a.data);
    mem_free(text);
    return a;
}

/* The comma-separated integers of a one-line file; NULL when there is no such file. */
static inline int32_t *ids_read(const char *path, size_t *n_out)
{
    struct osso_error err = {""};
    char *text;
    size_t len, n = 0;
    *n_out = 0;
    if (!file_exists(path))
        return NULL;
    check_ok(file_read(path, 1 << 20, &text, &len, &err), err);
    int32_t *ids = malloc((len + 1) * sizeof *ids);
    for (char *p = text; *p && *p != '\n'; p += *p == ',')
        ids[n++] = (int32_t)strtol(p, &p, 10);
    mem_free(text);
    *n_out = n;
    return ids;
}

struct rig {
    struct osso_model *model;
    struct osso_engine *engine;
    struct osso_error err;
    int64_t vocab;
};

/* OSSO_TEST_BACKEND=far, vulkan or kept (Vulkan's device, opened once): the same tests over another backend
 * (tests/all.sh; tests/backend/far.h, kept.c), of which OSSO_ISA says which one. Where there is none on this machine,
 * the test is skipped and says why. */
static inline const char *test_backend(void)
{
    static const char *there;
    static struct osso_error err;
    const char *name = getenv("OSSO_TEST_BACKEND");
    const struct backend *backend;
    if (name && !there && backend_open(name, getenv("OSSO_ISA"), &backend, &err) == OSSO_OK) {
        backend->close(backend);
        there = name;
    }
    if (name && !there)
        skip_test(err.text);
    return name;
}

static inline struct osso_engine_options engine_options(bool exact, int64_t context)
{
    return (struct osso_engine_options){.size = sizeof(struct osso_engine_options),
                                        .threads = 2,
                                        .context = context,
                                        .max_sessions = 20,
                                        .max_rows = 256,
                                        .max_logit_rows = 256,
                                        .exact = exact,
                                        .isa = getenv("OSSO_ISA"),
                                        .backend = test_backend()};
}

/* The same on the definition: the CPU's scalar kernels. */
static inline struct osso_engine_options scalar_options(struct osso_engine_options o)
{
    o.backend = NULL;
    o.isa = "scalar";
    return o;
}

static inline struct rig rig_open(const char *path, const struct osso_engine_options *options)
{
    struct rig r = {0};
    struct osso_model_dims dims = {.size = sizeof dims};
    check_ok(osso_model_open(path, &r.model, &r.err), r.err);
    check_ok(osso_engine_create(r.model, options, &r.engine, &r.err), r.err);
    osso_model_dims(r.model, &dims);
    r.vocab = dims.vocab;
    return r;
}

static inline void rig_close(struct rig *r)
{
    osso_engine_free(r->engine);
    osso_model_free(r->model);
}

/* Copies the logits that the last step gave for tokens [from, n) into out[pos - from]. */
static inline void collect(const struct rig *r, const struct osso_session *s, size_t from, float *out)
{
    size_t n;
    osso_session_tokens(s, &n);
    for (size_t pos = from; pos < n; pos++) {
        const float *l = osso_session_logits(s, pos);
        if (l)
            memcpy(out + (pos - from) * (size_t)r->vocab, l, (size_t)r->vocab * sizeof *l);
    }
}

/* All logits of a prompt, computed in steps of at most max_rows. */
static inline float *all_logits(struct rig *r, const int32_t *ids, size_t n, int max_rows)
{
    struct osso_session *s;
    float *out = calloc(n * (size_t)r->vocab, sizeof *out);
    check_ok(osso_session_create(r->engine, (uint64_t)rand() * 65536 + 1, &s, &r->err),
             r->err); /* a salt of its own: nothing shared */
    check_ok(osso_session_sync(s, ids, n, &r->err), r->err);
    osso_session_want_logits(s, 0);
    while (!osso_session_ready(s)) {
        check_ok(osso_step(r->engine, &s, 1, max_rows, &r->err), r->err);
        collect(r, s, 0, out);
    }
    osso_session_free(s);
    return out;
}

#endif
