/* stop_text.c: texts that end an answer, looked for in text that is still coming in. */
#include "engine/stop_text.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum osso_status stop_texts_copy(const char *const *texts, size_t n, struct stop_texts *out, struct osso_error *err)
{
    *out = (struct stop_texts){.list = mem_array(n, sizeof *out->list)};
    if (!out->list)
        return error_nomem(err, n * sizeof *out->list, "stop texts");
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(texts[i]);
        if (len == 0)
            continue;
        struct stop_text *copy = &out->list[out->n];
        *copy = (struct stop_text){mem_strdup(texts[i]), len};
        if (!copy->text)
            return error_nomem(err, len, "a stop text");
        out->n++;
        out->longest = len > out->longest ? len : out->longest;
    }
    return OSSO_OK;
}

void stop_texts_free(struct stop_texts *s)
{
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->list[i].text);
    mem_free(s->list);
}

size_t stop_texts_find(const struct stop_texts *s, const char *text, size_t len, bool *whole)
{
    size_t maybe = len;
    *whole = false;
    for (size_t at = 0; at < len; at++)
        for (size_t i = 0; i < s->n; i++) {
            size_t n = s->list[i].len, left = len - at;
            if (memcmp(text + at, s->list[i].text, n < left ? n : left) != 0)
                continue;
            if (n <= left) {
                *whole = true;
                return at;
            }
            maybe = at < maybe ? at : maybe;
        }
    return maybe;
}
