/* data_missing.c: stands for the documents of data.h until they are built. */
#include "train/data.h"

#include "base/error.h"

enum osso_status train_docs_open(const struct train_docs_options *options, const struct osso_tokenizer *tokenizer,
                                 struct train_docs **docs_out, struct osso_error *err)
{
    (void)options, (void)tokenizer;
    *docs_out = NULL;
    return error_set(err, OSSO_UNSUPPORTED, "data: text is not built yet; give ready ids with data_ids");
}

void train_docs_free(struct train_docs *docs)
{
    (void)docs;
}

enum osso_status train_docs_next(struct train_docs *docs, const int32_t **ids_out, const float **weights_out,
                                 int64_t *n_out, struct osso_error *err)
{
    (void)docs, (void)ids_out, (void)weights_out, (void)n_out;
    return error_set(err, OSSO_UNSUPPORTED, "data: text is not built yet");
}

enum osso_status train_docs_seek(struct train_docs *docs, uint64_t position, struct osso_error *err)
{
    (void)docs, (void)position;
    return error_set(err, OSSO_UNSUPPORTED, "data: text is not built yet");
}

int64_t train_docs_count(const struct train_docs *docs)
{
    (void)docs;
    return 0;
}

int64_t train_docs_tokens(const struct train_docs *docs)
{
    (void)docs;
    return 0;
}
