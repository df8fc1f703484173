#define _GNU_SOURCE /* memmem */
/* libFuzzer: text through the built-in tokenizer and back. Byte 0 of the input is the flags. */
#include "osso/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes into memory of the caller's (free it). */
static char *decode(const struct osso_tokenizer *t, const struct osso_ids *ids, size_t *len_out)
{
    struct osso_decoder decoder = {0};
    char space[OSSO_DECODE_SPACE], *text = NULL;
    size_t len = 0;
    for (size_t i = 0; i <= ids->len; i++) {
        size_t n = i < ids->len ? osso_decoder_push(&decoder, t, ids->data[i], space)
                                : osso_decoder_finish(&decoder, space);
        if (!(text = realloc(text, len + n + 1)))
            abort();
        memcpy(text + len, space, n);
        len += n;
    }
    *len_out = len;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct osso_tokenizer *t;
    struct osso_ids ids = {0}, again = {0};
    if (!t && osso_tokenizer_builtin(&t, NULL) != OSSO_OK)
        abort();
    if (size == 0)
        return 0;
    unsigned flags = data[0] & OSSO_ENCODE_SPECIAL;
    if (osso_tokenizer_encode(t, (const char *)data + 1, size - 1, flags, &ids, NULL) != OSSO_OK)
        abort();
    size_t len, len_again;
    char *text = decode(t, &ids, &len);
    /* Valid UTF-8 comes back as it was; anything else comes back repaired, and then stays what it is. */
    if (osso_tokenizer_encode(t, text, len, flags, &again, NULL) != OSSO_OK)
        abort();
    char *text_again = decode(t, &again, &len_again);
    if (len_again != len || memcmp(text, text_again, len) != 0)
        abort();
    int changed = len != size - 1 || memcmp(text, data + 1, len) != 0;
    if (changed && !(len >= 3 && memmem(text, len, "\xef\xbf\xbd", 3)) &&
        !(flags && memmem(text, len, "<|reserved_200018|>", 19))) /* the alias decodes to the id's own name */
        abort();
    free(text);
    free(text_again);
    osso_ids_free(&ids);
    osso_ids_free(&again);
    return 0;
}
