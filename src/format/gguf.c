/* gguf.c: GGUF v2/v3 (the reader lands with the next commit; until then GGUF files are refused). */
#include "format/tensors_build.h"

#include "base/error.h"

enum osso_status gguf_open(const char *path, struct tensors *set_out, struct gguf **gguf_out, struct osso_error *err)
{
    *set_out = (struct tensors){0};
    *gguf_out = NULL;
    return error_set(err, OSSO_UNSUPPORTED, "%s: GGUF files cannot be read yet", path);
}

void gguf_free(struct gguf *gguf)
{
    (void)gguf;
}
