/* verb_data_show.c: the documents that a run would learn from. */
#include "cli/data_args.h"
#include "cli/model_args.h"
#include "cli/out.h"
#include "cli/train_yaml.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>

static void put_document(struct buf *text, const int32_t *ids, const float *weights, int64_t n)
{
    buf_clear(text);
    buf_puts(text, "{\"ids\":[");
    buf_ids(text, ids, (size_t)n, ",");
    buf_puts(text, "],\"mask\":[");
    for (int64_t i = 0; i < n; i++)
        buf_printf(text, "%s%.9g", i ? "," : "", (double)weights[i]);
    buf_puts(text, "]}\n");
}

static enum osso_status show(const struct options *o, struct osso_corpus *corpus, struct osso_error *err)
{
    struct buf text = {0};
    enum osso_status status = OSSO_OK;
    int64_t n, count = o->v[OPT_data_count].set ? o->v[OPT_data_count].i : 1;
    for (int64_t i = 0; i < count && !status && !out_failed(); i++) {
        const int32_t *ids;
        const float *weights;
        status = osso_corpus_next(corpus, &ids, &weights, &n, err);
        if (!status) {
            put_document(&text, ids, weights, n);
            status = text.failed ? error_nomem(err, text.len, "a document") : OSSO_OK;
        }
        if (!status)
            out_write(text.data, text.len);
    }
    buf_free(&text);
    return status;
}

/* What there is, for whoever looks at it. */
static void say_info(const struct osso_corpus *corpus, bool validation)
{
    char a[32], b[32], c[32];
    struct osso_corpus_info info = {.size = sizeof info};
    osso_corpus_info(corpus, &info);
    say("%s%s documents, %s tokens, %s of them learned", validation ? "validation: " : "",
        human_count(a, (uint64_t)info.documents), human_count(b, (uint64_t)info.tokens),
        human_count(c, (uint64_t)info.targets));
    if (info.left_out)
        say("%s conversations are longer than --seq-len and left out", human_count(a, (uint64_t)info.left_out));
}

static enum osso_status open_corpus(const struct options *o, const struct osso_tokenizer *tokenizer,
                                    struct osso_corpus **corpus_out, struct osso_error *err)
{
    const struct option_value *data = &o->v[OPT_data], *val = &o->v[OPT_val_data];
    struct osso_corpus_source *sources = mem_array(data->n + 1, sizeof *sources), own = {0};
    char **spaces = mem_array(data->n + 1, sizeof *spaces);
    enum osso_status status = sources && spaces ? OSSO_OK : error_nomem(err, data->n * sizeof *sources, "the data");
    for (size_t i = 0; i < data->n && !status; i++)
        status = data_arg(data->list[i], &sources[i], &spaces[i], err);
    if (!status && val->set)
        status = data_arg(val->s, &own, &spaces[data->n], err);
    struct osso_corpus_options c = {.size = sizeof c,
                                    .sources = sources,
                                    .n_sources = (int)data->n,
                                    .val_path = own.path,
                                    .val_split = own.split,
                                    .seq_len = o->v[OPT_seq_len].i,
                                    .seed = o->v[OPT_data_seed].u,
                                    .validation = o->v[OPT_validation].set};
    if (!status)
        status = osso_corpus_open(&c, tokenizer, corpus_out, err);
    for (size_t i = 0; spaces && i <= data->n; i++)
        mem_free(spaces[i]);
    mem_free(spaces);
    mem_free(sources);
    return status;
}

/* What flags say wins over the file, as in a run. */
static enum osso_status set_flags(const struct options *o, struct osso_train_config *config, struct osso_error *err)
{
    const struct option_value *data = &o->v[OPT_data], *val = &o->v[OPT_val_data], *tok = &o->v[OPT_data_tokenizer];
    char number[32];
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < data->n && !status; i++)
        status = osso_train_config_set(config, "data", data->list[i], "--data", err);
    if (!status && val->typed)
        status = osso_train_config_set(config, "val_data", val->s, "--val-data", err);
    if (!status && tok->typed)
        status = osso_train_config_set(config, "tokenizer", tok->s, "--tokenizer", err);
    snprintf(number, sizeof number, "%lld", (long long)o->v[OPT_seq_len].i);
    if (!status && o->v[OPT_seq_len].typed)
        status = osso_train_config_set(config, "seq_len", number, "--seq-len", err);
    snprintf(number, sizeof number, "%llu", (unsigned long long)o->v[OPT_data_seed].u);
    if (!status && o->v[OPT_data_seed].typed)
        status = osso_train_config_set(config, "seed", number, "--seed", err);
    return status;
}

static enum osso_status open_run(const struct options *o, struct osso_corpus **corpus_out, struct osso_error *err)
{
    struct osso_train_config *config = NULL;
    enum osso_status status = osso_train_config_create(&config, err);
    if (!status)
        status = train_yaml_read(o->v[OPT_train_config].s, config, err);
    if (!status) {
        osso_train_config_seal(config);
        status = set_flags(o, config, err);
    }
    if (!status)
        status = osso_corpus_open_run(config, o->v[OPT_validation].set, corpus_out, err);
    osso_train_config_free(config);
    return status;
}

int verb_data_show(const struct options *o)
{
    struct osso_error err = {0};
    struct osso_tokenizer *tokenizer = NULL;
    struct osso_corpus *corpus = NULL;
    const char *path = o->v[OPT_data_tokenizer].set ? o->v[OPT_data_tokenizer].s : NULL;
    bool run = o->v[OPT_train_config].set;
    if (o->v[OPT_data].n == 0 && !run) {
        say("data show needs --data PATH or --config FILE; see osso data show --help");
        return 2;
    }
    if (o->v[OPT_data_seed].random) {
        say("--seed of data show is a number: a run's order can be had again");
        return 2;
    }
    enum osso_status status = run    ? open_run(o, &corpus, &err)
                              : path ? osso_tokenizer_open(path, &tokenizer, &err)
                                     : osso_tokenizer_builtin(&tokenizer, &err);
    if (!status && !run)
        status = open_corpus(o, tokenizer, &corpus, &err);
    if (!status) {
        say_info(corpus, o->v[OPT_validation].set);
        status = show(o, corpus, &err);
    }
    osso_corpus_free(corpus);
    osso_tokenizer_free(tokenizer);
    return exit_code(status, &err);
}
