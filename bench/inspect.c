/* inspect.c MODEL [TOKENS [POSITIONS [ROUNDS [STRIDE]]]]: what looking and changing cost beside plain runs, as ratios
 * of this process's CPU time, on one thread: whoever else computes here changes no ratio. Prints JSON.
 *
 * capture: every residual of TOKENS tokens into a file, beside the same prompt and writing as many bytes; round by
 * round. patch: a map of all layers by POSITIONS, beside the same runs whole and one after another, of which every
 * STRIDE-th is run. tools/measure/inspect_cost.py makes the model. */
#include "osso/inspect.h"
#include "osso/osso.h"
#include "osso/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct osso_error err;
static struct osso_model *model;
static struct osso_model_dims dims = {.size = sizeof dims};

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void check(enum osso_status status)
{
    if (!status)
        return;
    fprintf(stderr, "inspect: %s\n", err.text);
    exit(1);
}

static struct osso_engine *start(int64_t context, int sessions)
{
    struct osso_engine *engine;
    struct osso_engine_options o = {
        .size = sizeof o, .threads = 1, .context = context, .max_sessions = sessions, .max_rows = 512};
    check(osso_engine_create(model, &o, &engine, &err));
    return engine;
}

/* A run that shares with nobody. */
static double run(struct osso_engine *engine, const int32_t *ids, size_t n, const struct osso_tap_options *tap)
{
    static uint64_t salt = 1;
    struct osso_session *s;
    double begin = cpu();
    check(osso_session_create(engine, salt++, &s, &err));
    check(osso_session_sync(s, ids, n, &err));
    if (tap)
        check(osso_session_set_tap(s, tap, &err));
    while (!osso_session_ready(s))
        check(osso_step(engine, &s, 1, 0, &err));
    osso_session_free(s);
    return cpu() - begin;
}

static double write_bytes(const char *path, off_t bytes)
{
    static char block[1 << 20];
    double begin = cpu();
    FILE *f = fopen(path, "wb");
    for (off_t left = bytes; f && left > 0; left -= (off_t)sizeof block)
        fwrite(block, 1, left < (off_t)sizeof block ? (size_t)left : sizeof block, f);
    if (!f || fflush(f) || fsync(fileno(f)) || fclose(f)) {
        fprintf(stderr, "inspect: %s cannot be written\n", path);
        exit(1);
    }
    return cpu() - begin;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, int n)
{
    qsort(list, (size_t)n, sizeof *list, by_size);
    return list[n / 2];
}

static void capture(const int32_t *ids, size_t n, int rounds)
{
    const char *names[] = {"hook_embed", "blocks.*.hook_resid_*"}, *path = "inspect-cost.safetensors";
    struct osso_hooks_options o = {.size = sizeof o, .names = names, .n_names = 2};
    struct osso_capture_options c = {.size = sizeof c, .texts = &ids, .lengths = &n, .n_texts = 1};
    struct osso_engine *engine = start((int64_t)n, 2);
    struct osso_capture_size said = {.size = sizeof said};
    struct osso_hooks *hooks;
    struct stat st;
    double ratio[64], plain[64], looked[64], written[64];
    check(osso_hooks_create(model, &o, &hooks, &err));
    check(osso_capture_measure(engine, hooks, path, &c, &said, &err));
    run(engine, ids, n, NULL); /* the pages of the file are read */
    for (int i = 0; i < rounds; i++) {
        plain[i] = run(engine, ids, n, NULL);
        double begin = cpu();
        check(osso_capture(engine, hooks, path, &c, &err));
        looked[i] = cpu() - begin;
        if (stat(path, &st))
            exit(1);
        written[i] = write_bytes("inspect-cost.bytes", st.st_size);
        ratio[i] = (looked[i] - written[i]) / plain[i];
        fprintf(stderr, "inspect: plain %.2f s, captured %.2f s, written %.2f s\n", plain[i], looked[i], written[i]);
    }
    unlink(path);
    unlink("inspect-cost.bytes");
    printf("{\"capture\":{\"tokens\":%zu,\"bytes\":%lld,\"bytes_said\":%llu,\"plain_s\":%.3f,\"capture_s\":%.3f,"
           "\"write_s\":%.3f,\"ratio\":%.4f},\n",
           n, (long long)st.st_size, (unsigned long long)said.file_bytes, median(plain, rounds), median(looked, rounds),
           median(written, rounds), median(ratio, rounds));
    osso_hooks_free(hooks);
    osso_engine_free(engine);
}

static int zero(void *user, const struct osso_tap_value *v)
{
    int64_t at = *(int64_t *)user;
    for (int r = 0; r < v->n_rows; r++)
        if (v->positions[r] == at)
            memset(v->values + r * v->width, 0, (size_t)v->width * sizeof *v->values);
    return 0;
}

static void patch(const int32_t *ids, size_t n, int stride)
{
    int32_t *other = malloc(n * sizeof *other);
    struct osso_engine *engine = start((int64_t)n, 34);
    struct osso_patch_options o = {.size = sizeof o, .component = "resid_post", .answer = 5, .wrong = 90};
    struct osso_patch_result r = {.size = sizeof r};
    uint64_t resid = (uint64_t)1 << OSSO_TAP_RESID_POST;
    double whole = 0, begin;
    int runs = 0;
    memcpy(other, ids, n * sizeof *other);
    other[0] += other[0] ? -1 : 1; /* they differ from the first token on: every place has a run */
    run(engine, ids, n, NULL);
    begin = cpu();
    check(osso_patch(engine, ids, other, n, &o, &r, &err));
    double map = cpu() - begin;
    for (uint64_t i = 0; i < r.runs; i += (uint64_t)stride, runs++) {
        int64_t at = r.records[i].position;
        struct osso_layers layer = {{0}};
        layer.bits[r.records[i].layer / 64] |= (uint64_t)1 << r.records[i].layer % 64;
        struct osso_tap_options tap = {
            .size = sizeof tap, .taps = resid, .replaces = resid, .layers = &layer, .fn = zero, .user = &at};
        whole += run(engine, other, n, &tap);
        fprintf(stderr, "inspect: map of %llu runs %.2f s; %d whole runs %.2f s\n", (unsigned long long)r.runs, map,
                runs + 1, whole);
    }
    whole *= (double)r.runs / runs;
    printf("\"patch\":{\"positions\":%zu,\"runs\":%llu,\"tokens\":%llu,\"map_s\":%.3f,\"whole_s\":%.3f,\"of_them\":%d,"
           "\"ratio\":%.4f}}\n",
           n, (unsigned long long)r.runs, (unsigned long long)r.tokens, map, whole, runs, map / whole);
    osso_patch_free(&r);
    osso_engine_free(engine);
    free(other);
}

int main(int argc, char **argv)
{
    long number[] = {512, 48, 5, 8};
    if (argc < 2)
        return fputs("usage: inspect MODEL [TOKENS [POSITIONS [ROUNDS [STRIDE]]]]\n", stderr) < 0 ? 1 : 2;
    for (int i = 0; i < 4 && i + 2 < argc; i++)
        number[i] = strtol(argv[i + 2], NULL, 10);
    if (number[0] < 1 || number[1] < 2 || number[2] < 1 || number[2] > 64 || number[3] < 1)
        return 2;
    check(osso_model_open(argv[1], &model, &err));
    osso_model_dims(model, &dims);
    size_t most = (size_t)(number[0] > number[1] ? number[0] : number[1]);
    int32_t *ids = malloc(most * sizeof *ids);
    for (size_t i = 0; i < most; i++)
        ids[i] = (int32_t)((i * 7919 + 13) % (size_t)dims.vocab);
    capture(ids, (size_t)number[0], (int)number[2]);
    patch(ids, (size_t)number[1], (int)number[3]);
    free(ids);
    osso_model_free(model);
    return 0;
}
