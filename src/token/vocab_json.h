/* vocab_json.h: a tokenizer from a tokenizer.json. */
#ifndef OSSO_TOKEN_VOCAB_JSON_H
#define OSSO_TOKEN_VOCAB_JSON_H

#include "token/tokenizer.h"

/* From the text of a tokenizer.json; `where` names it in errors. */
enum osso_status tokenizer_from_json(const char *json, size_t len, const char *where,
                                     struct osso_tokenizer **tokenizer_out, struct osso_error *err);

#endif
