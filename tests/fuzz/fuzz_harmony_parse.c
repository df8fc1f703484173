/* Any ids through the parser: without strictness never an error, and the deltas add up to the texts of the messages.
 * The first byte chooses role and mode; then small bytes are the format's tokens and words, others begin a three-byte
 * id. */
#include "base/must.h"
#include "osso/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct osso_tokenizer *tokenizer;

static int32_t next_id(const uint8_t *data, size_t size, size_t *at)
{
    static const int32_t usual[] = {200002, 200003, 200005, 200006, 200007, 200008, 200012, 199999,
                                    173781, 35644,  17196,  12606,  815,    316,    28,     44580,
                                    220,    198,    4108,   3056,   9552,   25,     221,    -1};
    uint8_t c = data[(*at)++];
    if (c < sizeof usual / sizeof *usual)
        return usual[c];
    if (c < 200 || size - *at < 2)
        return c;
    uint32_t id = (uint32_t)(c - 200) << 16 | (uint32_t)data[*at] << 8 | data[*at + 1];
    *at += 2;
    return (int32_t)id;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const roles[] = {NULL, "assistant", "tool", "user"};
    struct osso_parser *p;
    struct osso_parser_state s = {.size = sizeof s};
    struct osso_error err;
    enum osso_status status = OSSO_OK;
    size_t at = 1, n_deltas = 0, n_text = 0;
    if (!tokenizer)
        must(osso_tokenizer_builtin(&tokenizer, NULL) == OSSO_OK);
    if (size == 0)
        return 0;
    unsigned flags = data[0] & 4 ? OSSO_PARSE_STRICT : 0;
    must(osso_parser_create(tokenizer, roles[data[0] & 3], flags, &p, &err) == OSSO_OK);
    while (at < size) {
        enum osso_status one = osso_parser_push(p, next_id(data, size, &at), &s, &err);
        must(!one || flags);
        status = status ? status : one;
        n_deltas += s.delta_len;
        must(!s.delta_len ||
             memchr(s.delta, 0xff, s.delta_len) == NULL); /* touch it: it must be there, and it is UTF-8 */
    }
    enum osso_status end = osso_parser_finish(p, &s, &err);
    must(!end || flags);
    n_deltas += s.delta_len;
    const struct osso_conversation *c = osso_parser_messages(p);
    struct osso_conversation *own;
    must(osso_conversation_create(&own, &err) == OSSO_OK);
    for (size_t i = 0; i < osso_conversation_size(c); i++) {
        struct osso_message m = {.size = sizeof m};
        must(osso_conversation_get(c, i, &m, &err) == OSSO_OK);
        n_text += m.text_len;
        if (m.n_ids > 0) /* what is kept is one message, as good as any */
            must(osso_conversation_add_ids(own, tokenizer, m.ids, m.n_ids, &err) == OSSO_OK &&
                 osso_conversation_add(own, &m, &err) == OSSO_OK);
    }
    struct osso_ids ids = {0};
    must(osso_conversation_render(own, tokenizer, NULL, &ids, &err) == OSSO_OK);
    osso_ids_free(&ids);
    osso_conversation_free(own);
    must(n_text == n_deltas);
    osso_parser_free(p);
    return 0;
}
