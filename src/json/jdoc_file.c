/* jdoc_file.c: a JSON file as a tree. */
#include "json/jdoc.h"

#include "base/file.h"
#include "base/mem.h"

enum osso_status jdoc_read_file(const char *path, uint64_t limit, struct jdoc **doc_out, struct osso_error *err)
{
    char *text;
    size_t len;
    *doc_out = NULL;
    enum osso_status status = file_read_text(path, limit, &text, &len, err);
    if (status)
        return status;
    status = jdoc_read(text, len, path, doc_out, err);
    mem_free(text);
    return status;
}
