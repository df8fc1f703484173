/* verb_train.c: osso train: settings from a file and from flags, then a run (osso/train.h). */
#include "cli/options.h"
#include "cli/out.h"
#include "cli/train_show.h"
#include "cli/train_yaml.h"

#include "base/error.h"

#include <stdlib.h>

static const struct {
    enum option_id option;
    const char *key, *flag;
    bool is_switch;
} keys[] = {
#define TRAIN_KEY(key, flag, ...) {OPT_train_##key, #key, "--" flag, false},
#define TRAIN_SWITCH(key, flag, ...) {OPT_train_##key, #key, "--" flag, true},
#define TRAIN_LIST(key, flag, ...) {OPT_train_##key, #key, "--" flag, false},
#include "osso/train_keys.def"
};
enum { N_KEYS = sizeof keys / sizeof *keys };

static enum osso_status set_flags(const struct options *o, struct osso_train_config *config, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < N_KEYS && !status; i++) {
        const struct option_value *v = &o->v[keys[i].option];
        if (keys[i].is_switch && v->typed)
            status = osso_train_config_set(config, keys[i].key, v->i ? "true" : "false", keys[i].flag, err);
        else if (!keys[i].is_switch && v->typed && v->list)
            for (size_t k = 0; k < v->n && !status; k++)
                status = osso_train_config_set(config, keys[i].key, v->list[k], keys[i].flag, err);
        else if (!keys[i].is_switch && v->typed)
            status = osso_train_config_set(config, keys[i].key, v->s, keys[i].flag, err);
    }
    return status;
}

static enum osso_status read_settings(const struct options *o, struct osso_train_config **config_out,
                                      struct osso_error *err)
{
    enum osso_status status = osso_train_config_create(config_out, err);
    if (!status && o->v[OPT_train_config].set)
        status = train_yaml_read(o->v[OPT_train_config].s, *config_out, err);
    if (status)
        return status;
    osso_train_config_seal(*config_out);
    status = set_flags(o, *config_out, err);
    for (int i = 0; !status && osso_train_config_note(*config_out, i); i++)
        say("%s", osso_train_config_note(*config_out, i));
    return status;
}

static int threads_of(const struct options *o)
{
    return o->v[OPT_threads].i > 0 ? (int)o->v[OPT_threads].i : 0;
}

static enum osso_status print_settings(const struct osso_train_config *config, struct osso_error *err)
{
    char *text = NULL;
    enum osso_status status = osso_train_config_print(config, &text, err);
    if (!status)
        out_puts(text);
    osso_free(text);
    return status;
}

static enum osso_status dry_run(const struct options *o, const struct osso_train_config *config, struct osso_error *err)
{
    struct osso_train_budget b = {.size = sizeof b};
    enum osso_status status = osso_train_budget(config, threads_of(o), 2, &b, err);
    if (!status)
        train_show_budget(&b);
    return status;
}

static void say_end(const struct osso_train *train, enum osso_train_end end)
{
    static const char *const why[] = {"done", "the time is over", "no better validation for so long (patience)",
                                      "stopped", "stop_at is reached"};
    say("step %lld: %s; a checkpoint is saved%s", (long long)osso_train_done(train), why[end],
        end == OSSO_TRAIN_DONE ? "" : ", --resume goes on");
}

static enum osso_status run(const struct options *o, struct osso_train *train, enum osso_train_end *end,
                            struct osso_error *err)
{
    const char *grads = o->v[OPT_dump_grads].set ? o->v[OPT_dump_grads].s : NULL;
    struct train_show show = {.first = osso_train_done(train), .threads = threads_of(o), .isa = o->v[OPT_isa].s};
    for (int i = 0; osso_train_note(train, i); i++)
        say("%s", osso_train_note(train, i));
    if (grads)
        return osso_train_dump_gradients(train, grads, err);
    struct osso_train_hooks hooks = train_show_hooks(&show);
    enum osso_status status = osso_train_run(train, &hooks, end, err);
    train_show_end();
    if (!status)
        say_end(train, *end);
    return status;
}

int verb_train(const struct options *o)
{
    struct osso_error err = {0};
    struct osso_train_config *config = NULL;
    struct osso_train *train = NULL;
    struct osso_train_options options = {.size = sizeof options,
                                         .threads = threads_of(o),
                                         .isa = o->v[OPT_isa].s,
                                         .resume = o->v[OPT_train_resume].set,
                                         .fault = getenv("OSSO_FAULT")};
    enum osso_train_end end = OSSO_TRAIN_DONE;
    enum osso_status status = read_settings(o, &config, &err);
    bool only = o->v[OPT_print_config].set || o->v[OPT_train_dry_run].set;
    if (!status && o->v[OPT_print_config].set)
        status = print_settings(config, &err);
    else if (!status && o->v[OPT_train_dry_run].set)
        status = dry_run(o, config, &err);
    if (!status && !only && !o->v[OPT_dump_grads].set && !osso_train_config_has(config, "out"))
        status = error_set(&err, OSSO_USAGE, "where to? Say out, the folder of the run");
    interrupt_catch(INTERRUPT_TIDY);
    if (!status && !only)
        status = osso_train_open(config, &options, &train, &err);
    if (!status && !only)
        status = run(o, train, &end, &err);
    interrupt_release();
    osso_train_free(train);
    osso_train_config_free(config);
    if (status)
        return exit_code(status, &err);
    return out_end(end == OSSO_TRAIN_ASKED ? 130 : 0);
}
