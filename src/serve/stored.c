/* stored.c: kept responses: one blob each, the lengths of its three texts in front. */
#include "serve/stored.h"

#include <string.h>

struct lengths {
    size_t object, input, output;
};

void stored_keep(struct shelf *shelf, uint64_t owner, const char *id, const char *object, const struct buf *input,
                 const char *output)
{
    struct lengths n = {strlen(object), input->len, strlen(output)};
    struct buf all = {0};
    buf_add(&all, &n, sizeof n);
    buf_add(&all, object, n.object);
    buf_add(&all, input->data ? input->data : "", n.input);
    buf_add(&all, output, n.output);
    if (!all.failed)
        shelf_put(shelf, owner, id, all.data,
                  all.len); /* too large: it cannot be continued, which its client is told then */
    buf_free(&all);
}

bool stored_get(struct shelf *shelf, uint64_t owner, const char *id, enum stored_part part, struct buf *out)
{
    struct buf all = {0};
    struct lengths n;
    bool found = shelf_get(shelf, owner, id, &all) && all.len >= sizeof n;
    if (found) {
        memcpy(&n, all.data, sizeof n);
        const char *object = all.data + sizeof n, *input = object + n.object, *output = input + n.input;
        if (part == STORED_OBJECT)
            buf_add(out, object, n.object);
        else {
            buf_puts(out, "[");
            if (part != STORED_OUTPUT)
                buf_add(out, input, n.input);
            if (part == STORED_ALL && n.output && n.input)
                buf_puts(out, ",");
            if (part != STORED_INPUT)
                buf_add(out, output, n.output);
            buf_puts(out, "]");
        }
    }
    buf_free(&all);
    return found && !out->failed;
}
