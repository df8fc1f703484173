/* decode.c: token ids to text, never half a character. */
#include "osso/text.h"

#include "base/utf8.h"

#include <string.h>

static size_t put_replacement(char *space)
{
    memcpy(space, UTF8_REPLACEMENT, UTF8_REPLACEMENT_LEN);
    return UTF8_REPLACEMENT_LEN;
}

size_t osso_decoder_finish(struct osso_decoder *d, char *space)
{
    size_t len = d->n_held ? put_replacement(space) : 0;
    d->n_held = 0;
    return len;
}

/* Takes one byte more. What is held is always a beginning that may go on, so a new byte either continues it, or
 * completes it, or shows that it was ill-formed and begins anew. */
static size_t push_byte(struct osso_decoder *d, uint8_t byte, char *space)
{
    size_t len = 0;
    for (;;) {
        d->held[d->n_held++] = byte;
        int k = utf8_step(d->held, d->n_held);
        if (k == 0)
            return len;
        unsigned n = d->n_held;
        d->n_held = 0;
        if (k > 0) {
            memcpy(space + len, d->held, n);
            return len + n;
        }
        len += put_replacement(space + len);
        if ((unsigned)-k == n) /* the ill-formed part ends with this byte; otherwise the byte is looked at again */
            return len;
    }
}

size_t osso_decoder_push(struct osso_decoder *d, const struct osso_tokenizer *tokenizer, int32_t id, char *space)
{
    const char *bytes;
    size_t n, len = 0;
    if (!osso_tokenizer_piece(tokenizer, id, &bytes, &n)) {
        len = osso_decoder_finish(d, space);
        return len + put_replacement(space + len);
    }
    for (size_t i = 0; i < n; i++)
        len += push_byte(d, (uint8_t)bytes[i], space + len);
    return len;
}
