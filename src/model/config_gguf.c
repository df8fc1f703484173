/* config_gguf.c: the keys of a GGUF file (lands with the GGUF reader). */
#include "model/config_family.h"

#include "base/error.h"

enum osso_status config_from_gguf(const struct gguf *gguf, const char *where, struct config *config_out, struct osso_error *err)
{
    (void)gguf, (void)config_out;
    return error_set(err, OSSO_UNSUPPORTED, "%s: GGUF files cannot be read yet", where);
}
