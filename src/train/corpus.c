/* corpus.c: the door to the documents. */
#include "osso/corpus.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sized.h"
#include "train/source.h"

struct osso_corpus {
    struct source source;
};

enum osso_status osso_corpus_open(const struct osso_corpus_options *options, const struct osso_tokenizer *tokenizer,
                                  struct osso_corpus **corpus_out, struct osso_error *err)
{
    struct osso_corpus_options o = {.size = sizeof o};
    *corpus_out = NULL;
    enum osso_status status = sized_check(options, "osso_corpus_options", err);
    if (status)
        return status;
    sized_in(&o, sizeof o, options);
    if (o.n_sources < 0)
        return error_set(err, OSSO_USAGE, "%d sources", o.n_sources);
    struct osso_corpus *corpus = mem_alloc(sizeof *corpus);
    struct train_source *sources = mem_array((size_t)o.n_sources + 1, sizeof *sources);
    if (!corpus || !sources)
        status = error_nomem(err, sizeof *corpus, "the data");
    for (int i = 0; i < o.n_sources && !status; i++)
        sources[i] = (struct train_source){o.sources[i].path, o.sources[i].weight, o.sources[i].split};
    struct train_docs_options t = {.sources = sources,
                                   .n_sources = o.n_sources,
                                   .val_path = o.val_path,
                                   .val_split = o.val_split,
                                   .seq_len = o.seq_len ? o.seq_len : 1024,
                                   .seed = o.seed,
                                   .validation = o.validation};
    if (!status)
        status = train_docs_open(&t, tokenizer, &corpus->source.docs, err);
    mem_free(sources);
    if (status)
        mem_free(corpus);
    else
        *corpus_out = corpus;
    return status;
}

/* Whose tokenizer a run takes: its own, or that of the folder it begins from. NULL: none. */
static enum osso_status open_tokenizer(const struct osso_train_config *c, struct osso_tokenizer **tokenizer_out,
                                       struct osso_error *err)
{
    const char *path = settings_text(c, TRAIN_tokenizer), *init = settings_text(c, TRAIN_init);
    *tokenizer_out = NULL;
    if (!path && !settings_is(c, TRAIN_init, "random") && file_is_dir(init))
        path = init;
    return path && settings_has(c, TRAIN_data) ? osso_tokenizer_open(path, tokenizer_out, err) : OSSO_OK;
}

enum osso_status osso_corpus_open_run(const struct osso_train_config *c, bool validation,
                                      struct osso_corpus **corpus_out, struct osso_error *err)
{
    struct osso_tokenizer *tokenizer = NULL;
    *corpus_out = NULL;
    if (!source_wanted(c, validation))
        return error_set(err, OSSO_USAGE, "the settings have no %s",
                         validation ? "validation data; say val_data or val_ids" : "data; say data or data_ids");
    struct osso_corpus *corpus = mem_alloc(sizeof *corpus);
    enum osso_status status = corpus ? open_tokenizer(c, &tokenizer, err)
                                     : error_nomem(err, sizeof *corpus, "the data");
    if (!status)
        status = source_open(c, tokenizer, validation, &corpus->source, err);
    osso_tokenizer_free(tokenizer);
    if (status)
        mem_free(corpus);
    else
        *corpus_out = corpus;
    return status;
}

void osso_corpus_free(struct osso_corpus *corpus)
{
    if (corpus)
        source_close(&corpus->source);
    mem_free(corpus);
}

enum osso_status osso_corpus_next(struct osso_corpus *corpus, const int32_t **ids_out, const float **weights_out,
                                  int64_t *n_out, struct osso_error *err)
{
    struct doc doc;
    enum osso_status status = source_next(&corpus->source, &doc, err);
    *ids_out = status ? NULL : doc.ids;
    *weights_out = status ? NULL : doc.weights;
    *n_out = status ? 0 : doc.n;
    return status;
}

void osso_corpus_info(const struct osso_corpus *corpus, struct osso_corpus_info *info_out)
{
    const struct source *s = &corpus->source;
    struct osso_corpus_info info = {.documents = source_docs(s),
                                    .tokens = source_tokens(s),
                                    .targets = source_targets(s),
                                    .bytes = s->docs ? train_docs_bytes(s->docs) : 0,
                                    .left_out = s->docs ? train_docs_left_out(s->docs) : 0};
    sized_out(info_out, &info, sizeof info);
}
