/* stop_text.h: texts that end an answer, looked for in text that is still coming in. */
#ifndef OSSO_ENGINE_STOP_TEXT_H
#define OSSO_ENGINE_STOP_TEXT_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>

struct stop_text {
    char *text;
    size_t len;
};
struct stop_texts {
    struct stop_text *list;
    size_t n, longest;
};
/* Copies; empty texts are left out. A failure leaves what stop_texts_free can take apart. */
enum osso_status stop_texts_copy(const char *const *texts, size_t n, struct stop_texts *out, struct osso_error *err);
void stop_texts_free(struct stop_texts *stops);
/* Where the first stop text begins (*whole), or else where something begins that may become one; else len. */
size_t stop_texts_find(const struct stop_texts *stops, const char *text, size_t len, bool *whole);

#endif
