/* Any bytes as a conversation's JSON. What is accepted must survive writing and reading again, and render to the same
 * ids. */
#include "base/must.h"
#include "osso/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct osso_tokenizer *tokenizer;

/* The status of rendering for training, and the ids. */
static enum osso_status render(const struct osso_conversation *c, struct osso_ids *ids)
{
    struct osso_render_options o = {.size = sizeof o, .purpose = OSSO_RENDER_TRAINING, .drop = OSSO_DROP_TURNS};
    struct osso_error err;
    return osso_conversation_render(c, tokenizer, &o, ids, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct osso_conversation *c, *again;
    struct osso_error err = {0};
    struct osso_ids a = {0}, b = {0};
    char *json, *json2;
    if (!tokenizer)
        must(osso_tokenizer_builtin(&tokenizer, NULL) == OSSO_OK);
    enum osso_status status = osso_conversation_from_json((const char *)data, size, "fuzz", &c, &err);
    if (status) {
        must(status == OSSO_FORMAT && err.text[0]);
        return 0;
    }
    must(osso_conversation_to_json(c, &json, &err) == OSSO_OK);
    if (osso_conversation_from_json(json, strlen(json), "again", &again, &err) == OSSO_OK) {
        must(osso_conversation_to_json(again, &json2, &err) == OSSO_OK);
        must(strcmp(json, json2) == 0);
        must(render(c, &a) == render(again, &b));
        must(a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len * sizeof *a.data) == 0));
        osso_free(json2);
        osso_conversation_free(again);
    } else {
        abort();
    }
    for (size_t i = 0; i < osso_conversation_size(c); i++) {
        struct osso_message m = {.size = sizeof m};
        must(osso_conversation_get(c, i, &m, &err) == OSSO_OK && m.text);
    }
    osso_ids_free(&a);
    osso_ids_free(&b);
    osso_free(json);
    osso_conversation_free(c);
    return 0;
}
