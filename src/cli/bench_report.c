/* bench_report.c: results of `osso bench` as a table, JSON or CSV, under llama-bench's names for columns and fields. */
#include "cli/bench_report.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/thread.h"
#include "json/jwrite.h"
#include "osso/osso.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS = 47 };

struct field {
    const char *name;
    char text[1024];
    bool quoted;
};

struct summary {
    double avg_ns, stddev_ns, avg_ts, stddev_ts;
    double gbps, tera; /* what the work itself read and computed per second */
};

static double tokens_of(const struct measurement *m)
{
    return (double)(m->n_prompt + m->n_gen * m->parallel);
}

/* Mean and sample standard deviation of scale(ns) over the repetitions. */
static void mean(const struct measurement *m, bool per_second, double *avg, double *stddev)
{
    double sum = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < m->repetitions; i++) {
            double v = per_second ? 1e9 * tokens_of(m) / m->ns[i] : m->ns[i];
            if (pass == 0)
                sum += v / m->repetitions;
            else
                squares += (v - sum) * (v - sum);
        }
    *avg = sum;
    *stddev = m->repetitions > 1 ? sqrt(squares / (m->repetitions - 1)) : 0;
}

static struct summary summarize(const struct measurement *m)
{
    struct summary s;
    mean(m, false, &s.avg_ns, &s.stddev_ns);
    mean(m, true, &s.avg_ts, &s.stddev_ts);
    s.gbps = m->n_gen > 0 ? m->bytes_per_token * s.avg_ts / 1e9 : 0;
    s.tera = m->operations_per_token * s.avg_ts / 1e12;
    return s;
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* "84 of 41.6": percent, and of what; `text` has 32 bytes. */
static void share(char *text, double part, double whole)
{
    if (whole > 0)
        snprintf(text, 32, whole >= 10 ? "%.0f of %.1f" : "%.0f of %.2f", percent(part, whole), whole);
}

/* "gpt-oss 20B", "gpt-oss 4.1M", "mixtral 9.1M" */
static void model_type(const struct runner *r, char *text, size_t size)
{
    double n = (double)r->dims.parameters;
    const char *name = r->dims.window ? "gpt-oss" : r->dims.n_experts > 1 ? "mixtral" : "llama";
    if (r->dims.hidden == 2880 && (r->dims.n_layers == 24 || r->dims.n_layers == 36))
        snprintf(text, size, "gpt-oss %s", r->dims.n_layers == 24 ? "20B" : "120B");
    else
        snprintf(text, size, "%s %.1f%c", name, n >= 1e9 ? n / 1e9 : n / 1e6, n >= 1e9 ? 'B' : 'M');
}

void bench_test_name(const struct measurement *m, char *text, size_t size)
{
    int n = m->n_prompt > 0 ? snprintf(text, size, "pp%lld", (long long)m->n_prompt)
                            : snprintf(text, size, "tg%lld", (long long)m->n_gen);
    if (m->parallel > 1 && m->n_gen > 0)
        n += snprintf(text + n, size - (size_t)n, " x%d", m->parallel);
    if (m->sampled)
        n += snprintf(text + n, size - (size_t)n, " sampled");
    if (m->depth > 0)
        snprintf(text + n, size - (size_t)n, " @ d%lld%s", (long long)m->depth, m->filled ? " (made up)" : "");
}

/* ---- the table ------------------------------------------------------------------------------------------ */

static void row_md(const struct bench_setting *b, const struct measurement *m)
{
    struct summary s = summarize(m);
    char type[64], test[64], speed[64], size[32], gbps[32] = "", read[32] = "", cache[32] = "", dot[32] = "";
    if (b->first)
        printf(
            "| model | size | params | backend | threads | test | t/s | GB/s | %% of read | %% in cache | %% of int8 dot |\n"
            "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    model_type(b->runner, type, sizeof type);
    bench_test_name(m, test, sizeof test);
    snprintf(speed, sizeof speed, "%.2f ± %.2f", s.avg_ts, s.stddev_ts);
    if (s.gbps > 0) {
        snprintf(gbps, sizeof gbps, "%.1f", s.gbps);
        share(read, s.gbps, m->read_ceiling);
        share(cache, s.gbps, m->resident);
    }
    if (m->n_prompt > 0)
        share(dot, s.tera, m->dot_ceiling);
    printf("| %s | %s | %.2f %c | %s%s%s | %d | %s | %s | %s | %s | %s | %s |\n", type,
           human_bytes(size, b->runner->dims.file_bytes),
           (double)b->runner->dims.parameters / (b->runner->dims.parameters >= 1000000000 ? 1e9 : 1e6),
           b->runner->dims.parameters >= 1000000000 ? 'B' : 'M', b->engine_options->backend ? "" : "CPU ",
           osso_engine_isa(b->runner->engine), b->engine_options->exact ? " exact" : "",
           osso_engine_threads(b->runner->engine), test, speed, gbps, read, cache, dot);
}

/* ---- JSON and CSV --------------------------------------------------------------------------------------- */

static void text_field(struct field *f, int *n, const char *name, const char *text)
{
    f[*n].name = name;
    f[*n].quoted = true;
    snprintf(f[(*n)++].text, sizeof f->text, "%s", text);
}

static void number_field(struct field *f, int *n, const char *name, double value, int decimals)
{
    f[*n].name = name;
    f[*n].quoted = false;
    snprintf(f[(*n)++].text, sizeof f->text, "%.*f", decimals, value);
}

static void device_fields(const struct osso_engine *engine, struct field *f, int *n)
{
    struct osso_gpu gpu = {.size = sizeof gpu};
    bool there = osso_engine_gpu(engine, &gpu);
    text_field(f, n, "gpu_info", there ? osso_engine_isa(engine) : "");
    text_field(f, n, "gpu_driver", gpu.driver);
    text_field(f, n, "gpu_bits", gpu.bits);
    text_field(f, n, "gpu_features", gpu.features);
    text_field(f, n, "backends", there ? "Vulkan" : "CPU");
}

static int fields(const struct bench_setting *b, const struct measurement *m, struct field *f)
{
    struct summary s = summarize(m);
    char type[64], cpu[256], commit[64];
    int n = 0;
    const char *kv = b->engine_options->kv_type ? b->engine_options->kv_type : b->engine_options->exact ? "f32" : "f16";
    model_type(b->runner, type, sizeof type);
    cpu_name(cpu, sizeof cpu);
    snprintf(commit, sizeof commit, "%s-%s", osso_version(), osso_commit());
    text_field(f, &n, "build_commit", commit);
    number_field(f, &n, "build_number", 0, 0);
    text_field(f, &n, "cpu_info", cpu);
    device_fields(b->runner->engine, f, &n);
    text_field(f, &n, "isa", osso_engine_isa(b->runner->engine));
    text_field(f, &n, "model_filename", b->filename);
    text_field(f, &n, "model_type", type);
    number_field(f, &n, "model_size", (double)b->runner->dims.file_bytes, 0);
    number_field(f, &n, "model_n_params", (double)b->runner->dims.parameters, 0);
    number_field(f, &n, "n_batch", 512, 0); /* rows of a step: the engine's own default */
    number_field(f, &n, "n_ubatch", 512, 0);
    number_field(f, &n, "n_threads", osso_engine_threads(b->runner->engine), 0);
    text_field(f, &n, "type_k", kv);
    text_field(f, &n, "type_v", kv);
    number_field(f, &n, "n_gpu_layers", 0, 0);
    text_field(f, &n, "exact", b->engine_options->exact ? "true" : "false");
    f[n - 1].quoted = false;
    number_field(f, &n, "n_prompt", (double)m->n_prompt, 0);
    number_field(f, &n, "n_gen", (double)m->n_gen, 0);
    number_field(f, &n, "n_depth", (double)m->depth, 0);
    number_field(f, &n, "n_parallel", m->parallel, 0);
    text_field(f, &n, "depth_made_up", m->filled ? "true" : "false");
    f[n - 1].quoted = false;
    text_field(f, &n, "sampled", m->sampled ? "true" : "false");
    f[n - 1].quoted = false;
    text_field(f, &n, "test_time", m->time);
    number_field(f, &n, "avg_ns", s.avg_ns, 0);
    number_field(f, &n, "stddev_ns", s.stddev_ns, 0);
    number_field(f, &n, "avg_ts", s.avg_ts, 6);
    number_field(f, &n, "stddev_ts", s.stddev_ts, 6);
    number_field(f, &n, "read_gbps", s.gbps, 3);
    number_field(f, &n, "read_ceiling_gbps", m->read_ceiling, 3);
    number_field(f, &n, "read_percent", percent(s.gbps, m->read_ceiling), 2);
    number_field(f, &n, "int8_tops", s.tera, 6);
    number_field(f, &n, "int8_ceiling_tops", m->dot_ceiling, 6);
    number_field(f, &n, "int8_percent", percent(s.tera, m->dot_ceiling), 2);
    number_field(f, &n, "resident_gbps", m->resident, 3);
    number_field(f, &n, "resident_percent", percent(s.gbps, m->resident), 2);
    number_field(f, &n, "copy_ceiling_gbps", b->device.copy_gbps, 3);
    number_field(f, &n, "command_us", b->device.command_us, 3);
    number_field(f, &n, "alone_us", b->device.alone_us, 3);
    number_field(f, &n, "bytes_per_token", m->bytes_per_token, 0);
    number_field(f, &n, "operations_per_token", m->operations_per_token, 0);
    number_field(f, &n, "experts_per_layer", m->experts, 2);
    return n;
}

void bench_quoted(const char *text, bool json)
{
    struct buf b = {0};
    if (json)
        jwrite_string(&b, text, strlen(text));
    else {
        buf_putc(&b, '"');
        for (; *text; text++)
            buf_puts(&b, *text == '"' ? "\"\"" : (char[]){*text, 0});
        buf_putc(&b, '"');
    }
    if (!b.failed)
        fputs(b.data, stdout);
    buf_free(&b);
}

static void samples(const char *name, const struct measurement *m, bool per_second)
{
    printf(",\n    \"%s\": [", name);
    for (int i = 0; i < m->repetitions; i++)
        printf(per_second ? "%s%.6f" : "%s%.0f", i ? ", " : "", per_second ? 1e9 * tokens_of(m) / m->ns[i] : m->ns[i]);
    printf("]");
}

static void row_json(const struct bench_setting *b, const struct measurement *m)
{
    static struct field f[FIELDS];
    int n = fields(b, m, f);
    printf(b->first ? "[\n  {\n" : ",\n  {\n");
    for (int i = 0; i < n; i++) {
        printf("%s    \"%s\": ", i ? ",\n" : "", f[i].name);
        if (f[i].quoted)
            bench_quoted(f[i].text, true);
        else
            fputs(f[i].text, stdout);
    }
    samples("samples_ns", m, false);
    samples("samples_ts", m, true);
    printf("\n  }");
}

static void row_csv(const struct bench_setting *b, const struct measurement *m)
{
    static struct field f[FIELDS];
    int n = fields(b, m, f);
    for (int i = 0; i < n && b->first; i++)
        printf("%s%s", f[i].name, i + 1 < n ? "," : "\n");
    for (int i = 0; i < n; i++) {
        bench_quoted(f[i].text, false);
        putchar(i + 1 < n ? ',' : '\n');
    }
}

void bench_report(struct bench_setting *b, const struct measurement *m)
{
    if (strcmp(b->form, "json") == 0)
        row_json(b, m);
    else if (strcmp(b->form, "csv") == 0)
        row_csv(b, m);
    else
        row_md(b, m);
    b->first = false;
    out_flush();
}

void bench_report_end(const struct bench_setting *b)
{
    char cpu[256];
    cpu_name(cpu, sizeof cpu);
    bool gpu = b->device.copy_gbps > 0, table = strcmp(b->form, "md") == 0;
    if (strcmp(b->form, "json") == 0)
        printf(b->first ? "[]\n" : "\n]\n");
    if (table)
        printf("\n%s, osso %s-%s\n%% of read: of what memory gives, in GB/s; ", cpu, osso_version(), osso_commit());
    if (table && !gpu)
        printf("%% in cache: of what the same kernels take when the weights are in\nthe cache, in GB/s; ");
    if (table)
        printf("%% of int8 dot: of the integer dot rate, in 10^12 operations a second. docs/performance.md\n");
    if (table && gpu)
        printf(
            "All of the device itself, which copies %.1f GB/s (each byte read and written), takes %.1f us for a command that waits\n"
            "for another, and %.0f us for one alone, from the host and back. docs/gpu.md\n",
            b->device.copy_gbps, b->device.command_us, b->device.alone_us);
}
