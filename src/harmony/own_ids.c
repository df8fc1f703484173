/* own_ids.c: a message as the ids in which its model wrote it. Written again from its fields it would be the same text
 * in other ids: a header in another order, words split anew, and everything behind it would have to be computed again.
 */
#include "harmony/own_ids.h"

bool own_ids_end(const struct osso_tokenizer *t, int32_t id)
{
    static const char *const ends[] = {"<|end|>", "<|return|>", "<|call|>"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (id >= 0 && id == osso_tokenizer_special(t, ends[i]))
            return true;
    return false;
}

/* Ids are a caller's, or a model's that has lost its way: what is written into a prompt is one message and no more. */
const char *own_ids_wrong(const struct osso_tokenizer *t, const int32_t *ids, size_t n)
{
    int32_t message = osso_tokenizer_special(t, "<|message|>"), channel = osso_tokenizer_special(t, "<|channel|>");
    int32_t constrain = osso_tokenizer_special(t, "<|constrain|>");
    const char *piece;
    size_t len, i = 0;
    for (; i < n && ids[i] != message; i++) {
        bool marker = i > 0 && (ids[i] == channel || ids[i] == constrain);
        if (!marker && osso_tokenizer_is_special(t, ids[i]))
            return i > 0 ? "a special id in the header" : "no author before the first special id";
        if (!osso_tokenizer_piece(t, ids[i], &piece, &len))
            return "an id without a meaning";
    }
    if (i == 0 || i == n)
        return i ? "no <|message|>" : "no header";
    for (i++; i < n; i++) {
        bool end = i + 1 == n && own_ids_end(t, ids[i]);
        if (!end && osso_tokenizer_is_special(t, ids[i]))
            return "a special id in the content";
        if (!osso_tokenizer_piece(t, ids[i], &piece, &len))
            return "an id without a meaning";
    }
    return NULL;
}
