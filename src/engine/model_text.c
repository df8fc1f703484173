/* model_text.c: the one place where a model meets its tokenizer: neither level knows the other. */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "checkpoint/model_open.h"
#include "token/o200k.h"
#include "token/tokenizer_files.h"

#include <string.h>

static enum osso_status open_folder(struct osso_model *m, struct osso_error *err)
{
    char *path = file_join(m->path, "tokenizer.json");
    if (!path)
        return error_nomem(err, strlen(m->path), "a path");
    enum osso_status status;
    if (file_exists(path))
        status = osso_tokenizer_open(path, &m->tokenizer, err);
    else if (m->config.vocab == O200K_IDS)
        status = osso_tokenizer_builtin(&m->tokenizer, err);
    else
        status = error_set(err, OSSO_NOTFOUND, "%s holds no tokenizer.json", m->path);
    mem_free(path);
    return status;
}

enum osso_status osso_model_tokenizer(struct osso_model *model, const struct osso_tokenizer **tokenizer_out,
                                      struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    *tokenizer_out = NULL;
    pthread_mutex_lock(&model->lock);
    if (model->tokenizer)
        ;
    else if (model->gguf)
        status = tokenizer_from_gguf(model->gguf, model->path, &model->tokenizer, err);
    else
        status = open_folder(model, err);
    if (!status)
        *tokenizer_out = model->tokenizer;
    pthread_mutex_unlock(&model->lock);
    return status;
}
