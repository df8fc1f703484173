/* corpus.c: the door to the documents. */
#include "osso/corpus.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "train/data.h"

struct osso_corpus {
    struct train_docs *docs;
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
        status = train_docs_open(&t, tokenizer, &corpus->docs, err);
    mem_free(sources);
    if (status)
        mem_free(corpus);
    else
        *corpus_out = corpus;
    return status;
}

void osso_corpus_free(struct osso_corpus *corpus)
{
    if (corpus)
        train_docs_free(corpus->docs);
    mem_free(corpus);
}

enum osso_status osso_corpus_next(struct osso_corpus *corpus, const int32_t **ids_out, const float **weights_out,
                                  int64_t *n_out, struct osso_error *err)
{
    return train_docs_next(corpus->docs, ids_out, weights_out, n_out, err);
}

void osso_corpus_info(const struct osso_corpus *corpus, struct osso_corpus_info *info_out)
{
    struct osso_corpus_info info = {.documents = train_docs_count(corpus->docs),
                                    .tokens = train_docs_tokens(corpus->docs),
                                    .targets = train_docs_targets(corpus->docs),
                                    .bytes = train_docs_bytes(corpus->docs),
                                    .left_out = train_docs_left_out(corpus->docs)};
    sized_out(info_out, &info, sizeof info);
}
