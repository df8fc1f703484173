/* verb_pull.c: fetches a model from the hub. */
#include "cli/pulling.h"
#include "cli/numbers.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/error.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

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

/* Several GGUF files: which there are, on standard error; what was asked is not clear. */
static int list_choice(const struct osso_hub_plan *plan, const struct osso_error *err)
{
    struct osso_hub_file file = {.size = sizeof file};
    char bytes[32];
    int code = exit_code(OSSO_USAGE, err);
    for (int i = 0; osso_hub_plan_file(plan, i, &file); i++)
        fprintf(stderr, "%10s  %s\n", human_bytes(bytes, file.bytes), file.path);
    return code;
}

int verb_pull(const struct options *o)
{
    struct osso_error err = {0};
    struct osso_hub_plan *plan = NULL;
    struct osso_hub_options with = pulling_options(o);
    interrupt_catch(INTERRUPT_WORK);
    enum osso_status status = osso_hub_plan_create(o->operand[0], &with, &plan, &err);
    interrupt_release();
    int code;
    if (status && plan)
        code = list_choice(plan, &err);
    else {
        if (!status && !o->v[OPT_pull_dry_run].set)
            status = pulling_run(plan, &err);
        if (!status && o->v[OPT_json].set)
            print_json(plan);
        else if (!status && o->v[OPT_pull_dry_run].set)
            print_files(plan);
        else if (!status)
            printf("%s\n", osso_hub_plan_path(plan));
        code = status == OSSO_CANCELLED ? 130 : exit_code(status, &err);
        if (status == OSSO_CANCELLED)
            say("stopped; what has come is kept, the same command goes on with it");
    }
    osso_hub_plan_free(plan);
    return code;
}
