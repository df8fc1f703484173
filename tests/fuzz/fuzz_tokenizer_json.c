/* libFuzzer: bytes as a tokenizer.json. What is accepted must encode and decode. A good small file to start from is
 * what tests/token/test_vocab.c makes. */
#include "token/vocab_json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char sample[] = "hello [user]<|end|> w\xc3\xb6rld\n\n  12345 \xe4\xb8\xad";
    struct osso_tokenizer *t;
    struct osso_error err = {""};
    struct osso_ids ids = {0};
    struct osso_decoder decoder = {0};
    char space[OSSO_DECODE_SPACE], text[4 * sizeof sample] = "";
    enum osso_status status = tokenizer_from_json((const char *)data, size, "fuzz", &t, &err);
    if ((status == OSSO_OK) != (t != NULL) || (status == OSSO_OK) != (err.text[0] == 0))
        abort();
    if (status != OSSO_OK)
        return 0;
    if (osso_tokenizer_encode(t, sample, sizeof sample - 1, OSSO_ENCODE_SPECIAL, &ids, NULL) != OSSO_OK)
        abort();
    size_t len = 0;
    for (size_t i = 0; i < ids.len; i++) {
        size_t n = osso_decoder_push(&decoder, t, ids.data[i], space);
        if (len + n > sizeof sample - 1)
            abort();
        memcpy(text + len, space, n);
        len += n;
    }
    if (len != sizeof sample - 1 || memcmp(text, sample, len) != 0)
        abort();
    osso_ids_free(&ids);
    osso_tokenizer_free(t);
    return 0;
}
