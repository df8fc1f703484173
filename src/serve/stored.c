/* stored.c: kept responses: one blob each, the object and the input behind what says where these and the output are. */
#include "serve/stored.h"

#include <string.h>

struct places {
    size_t object, output_at, output, input; /* lengths; the output is a part of the object */
};

void stored_keep(struct shelf *shelf, uint64_t owner, const char *id, struct jtext object, struct jtext output,
                 const struct buf *input)
{
    struct places n = {object.len, (size_t)(output.s - object.s), output.len, input->len};
    struct buf all = {0};
    buf_add(&all, &n, sizeof n);
    buf_add(&all, object.s, object.len);
    buf_add(&all, input->data, input->len);
    if (!all.failed)
        shelf_put(shelf, owner, id, all.data,
                  all.len); /* too large: it cannot be continued, which its client is told then */
    buf_free(&all);
}

bool stored_get(struct shelf *shelf, uint64_t owner, const char *id, enum stored_part part, struct buf *out)
{
    struct buf all = {0};
    struct places n;
    bool found = shelf_get(shelf, owner, id, &all) && all.len >= sizeof n;
    if (found) {
        memcpy(&n, all.data, sizeof n);
        const char *object = all.data + sizeof n, *input = object + n.object, *output = object + n.output_at;
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
