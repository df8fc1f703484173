/* verb_pull.c: fetches a model from the hub. */
#include "cli/pulling.h"
#include "cli/numbers.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void add_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, "\"%s\":", key);
    jwrite_string(b, text, strlen(text));
}

static void print_json(const struct osso_hub_plan *plan)
{
    struct buf b = {0};
    struct osso_hub_file file = {.size = sizeof file};
    uint64_t there, bytes = pulling_bytes(plan, &there);
    buf_puts(&b, "{");
    add_text(&b, "repository", osso_hub_plan_repository(plan));
    buf_puts(&b, ",");
    add_text(&b, "commit", osso_hub_plan_commit(plan));
    buf_puts(&b, ",");
    add_text(&b, "path", osso_hub_plan_path(plan));
    buf_printf(&b, ",\"bytes\":%llu,\"there\":%llu,\"files\":[", (unsigned long long)bytes, (unsigned long long)there);
    for (int i = 0; osso_hub_plan_file(plan, i, &file); i++) {
        buf_puts(&b, i ? ",{" : "{");
        add_text(&b, "path", file.path);
        buf_printf(&b, ",\"bytes\":%llu,\"there\":%llu}", (unsigned long long)file.bytes,
                   (unsigned long long)file.there);
    }
    buf_puts(&b, "]}\n");
    if (!b.failed)
        out_write(b.data, b.len);
    buf_free(&b);
}

static void print_files(const struct osso_hub_plan *plan)
{
    struct osso_hub_file file = {.size = sizeof file};
    char bytes[32], there[32];
    uint64_t have, all = pulling_bytes(plan, &have);
    for (int i = 0; osso_hub_plan_file(plan, i, &file); i++) {
        printf("%10s  %s", human_bytes(bytes, file.bytes), file.path);
        if (file.there == file.bytes && file.bytes)
            printf("  (there)");
        else if (file.there)
            printf("  (%s there)", human_bytes(there, file.there));
        printf("\n");
    }
    printf("%10s  in all, %s to fetch\n", human_bytes(bytes, all), human_bytes(there, all - have));
}

/* The number format in a file's name: its last word that reads as one ("m-UD-Q4_K_XL.gguf"); "-": none does. */
static void type_in(const char *path, char text[24])
{
    static const char *const begins[] = {"MXFP", "BF", "IQ", "TQ", "F", "Q"};
    const char *slash = strrchr(path, '/'), *at = slash ? slash + 1 : path;
    snprintf(text, 24, "-");
    for (size_t n; *at; at += n + (at[n] != 0)) {
        n = strcspn(at, "-.");
        for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
            size_t m = strlen(begins[i]);
            if (strncasecmp(at, begins[i], m) == 0 && at[m] >= '0' && at[m] <= '9')
                snprintf(text, 24, "%.*s", (int)n, at);
        }
    }
}

/* Several GGUF files: which there are, on standard error; what was asked is not clear. */
static int list_choice(const struct osso_hub_plan *plan, const struct osso_error *err)
{
    struct osso_hub_file file = {.size = sizeof file};
    char bytes[32], type[24];
    int code = exit_code(OSSO_USAGE, err);
    for (int i = 0; osso_hub_plan_file(plan, i, &file); i++) {
        type_in(file.path, type);
        fprintf(stderr, "%10s  %-10s  %s\n", human_bytes(bytes, file.bytes), type, file.path);
    }
    return code;
}

/* What there is of every name, before anything of the first is fetched: a slip in the last one costs nothing then. */
static enum osso_status ask(const struct options *o, struct osso_hub_plan **plans, int *code_out,
                            struct osso_error *err)
{
    struct osso_hub_options with = pulling_options(o);
    enum osso_status status = OSSO_OK;
    if (with.local_dir && o->n_operands > 1)
        return error_set(err, OSSO_USAGE, "--local-dir: files of several models would meet there; fetch one at a time");
    interrupt_catch(INTERRUPT_WORK);
    for (int i = 0; i < o->n_operands && !status; i++) {
        status = osso_hub_plan_create(o->operand[i], &with, &plans[i], err);
        if (status && plans[i])
            *code_out = list_choice(plans[i], err);
    }
    interrupt_release();
    return status;
}

/* One after the other; what comes of each is said when it is there. */
static enum osso_status fetch(const struct options *o, struct osso_hub_plan **plans, struct osso_error *err)
{
    bool dry = o->v[OPT_pull_dry_run].set;
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < o->n_operands && !status; i++) {
        if (!dry)
            status = pulling_run(plans[i], err);
        if (status)
            break;
        if (o->v[OPT_json].set)
            print_json(plans[i]);
        else if (dry) {
            if (o->n_operands > 1)
                printf("%s%s\n", i ? "\n" : "", o->operand[i]);
            print_files(plans[i]);
        } else
            printf("%s\n", osso_hub_plan_path(plans[i]));
        out_flush();
    }
    return status;
}

int verb_pull(const struct options *o)
{
    struct osso_error err = {0};
    int code = -1; /* of what has been said already */
    struct osso_hub_plan **plans = mem_array((size_t)o->n_operands, sizeof *plans);
    enum osso_status status = plans ? ask(o, plans, &code, &err) : error_nomem(&err, sizeof *plans, "plans");
    if (!status)
        status = fetch(o, plans, &err);
    if (code < 0)
        code = status == OSSO_CANCELLED ? 130 : exit_code(status, &err);
    if (status == OSSO_CANCELLED)
        say("stopped; what has come is kept, the same command goes on with it");
    for (int i = 0; plans && i < o->n_operands; i++)
        osso_hub_plan_free(plans[i]);
    mem_free(plans);
    return code;
}
