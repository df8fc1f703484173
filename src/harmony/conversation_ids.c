/* conversation_ids.c: messages that are given as ids alone: fields and text are read from them. */
#include "base/error.h"
#include "base/must.h"
#include "harmony/harmony_parser.h"
#include "harmony/own_ids.h"

enum osso_status osso_conversation_add_ids(struct osso_conversation *conversation,
                                           const struct osso_tokenizer *tokenizer, const int32_t *ids, size_t n,
                                           struct osso_error *err)
{
    struct osso_parser *p;
    const char *wrong = own_ids_wrong(tokenizer, ids, n);
    if (wrong)
        return error_set(err, OSSO_USAGE, "these %zu ids are no message: %s", n, wrong);
    enum osso_status status = osso_parser_create(tokenizer, NULL, 0, &p, err);
    if (status)
        return status;
    status = osso_parser_push(p, osso_tokenizer_special(tokenizer, "<|start|>"), NULL, err);
    for (size_t i = 0; i < n && !status; i++)
        status = osso_parser_push(p, ids[i], NULL, err);
    if (!status)
        status = osso_parser_finish(p, NULL, err);
    must(status || p->done->n_messages == 1);
    if (!status)
        status = conversation_append(conversation, &p->done->messages[0], err);
    osso_parser_free(p);
    return status;
}
