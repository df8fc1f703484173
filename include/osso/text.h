/* text.h: tokens and messages. A chapter of osso.h.
 *
 * Text is UTF-8 in and out; tokens are int32_t ids. Special tokens are ids, never text: user text that spells
 * "<|start|>" becomes ordinary tokens unless the caller says OSSO_ENCODE_SPECIAL. Sources: the o200k_harmony
 * vocabulary of tiktoken 0.14 and the message format of openai-harmony 0.0.8. */
#ifndef OSSO_TEXT_H
#define OSSO_TEXT_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a list of ids -------------------------------------------------------------------------------------- */

/* Grows as needed; start from {0}. The caller frees it with osso_ids_free. */
struct osso_ids {
    int32_t *data;
    size_t len, cap;
};
OSSO_API enum osso_status osso_ids_push(struct osso_ids *ids, int32_t id, struct osso_error *err);
OSSO_API enum osso_status osso_ids_append(struct osso_ids *ids, const int32_t *data, size_t len,
                                          struct osso_error *err);
OSSO_API void osso_ids_free(struct osso_ids *ids);

/* ---- tokenizer ------------------------------------------------------------------------------------------ */

struct osso_tokenizer; /* immutable after creation: any number of threads may use one */

/* The built-in o200k_harmony. No file is read. */
OSSO_API enum osso_status osso_tokenizer_builtin(struct osso_tokenizer **tokenizer_out, struct osso_error *err);
/* From a tokenizer.json, a folder that holds one, or a GGUF file. An o200k vocabulary is recognised and the
 * built-in one is used in its place. */
OSSO_API enum osso_status osso_tokenizer_open(const char *path, struct osso_tokenizer **tokenizer_out,
                                              struct osso_error *err);
OSSO_API void osso_tokenizer_free(struct osso_tokenizer *tokenizer); /* NULL is fine */

/* What a person should know about the file's vocabulary, or NULL: rows of it that cannot be used, for example. */
OSSO_API const char *osso_tokenizer_note(const struct osso_tokenizer *tokenizer);
/* Is this the o200k_harmony vocabulary? A file's own literals may stand on top of it. */
OSSO_API bool osso_tokenizer_is_o200k(const struct osso_tokenizer *tokenizer);
/* One past the highest id that has a meaning. */
OSSO_API int32_t osso_tokenizer_size(const struct osso_tokenizer *tokenizer);
/* The id of a special token by its literal name ("<|return|>"), or -1. */
OSSO_API int32_t osso_tokenizer_special(const struct osso_tokenizer *tokenizer, const char *name);
OSSO_API bool osso_tokenizer_is_special(const struct osso_tokenizer *tokenizer, int32_t id);
/* The bytes of one token (a special one's literal name). *bytes_out lives as long as the tokenizer; *len_out is 0
 * and the result false for an id without a meaning. The bytes of one token need not be whole characters. */
OSSO_API bool osso_tokenizer_piece(const struct osso_tokenizer *tokenizer, int32_t id, const char **bytes_out,
                                   size_t *len_out);

enum {
    OSSO_ENCODE_SPECIAL = 1 /* literal names of special tokens in the text become their ids */
};
/* Appends the ids of `len` bytes of text. Any bytes are accepted: invalid UTF-8 is encoded as the bytes of U+FFFD,
 * one for each maximal ill-formed part, as Python's errors="replace" does. Time is linear in len; the stack is bounded.
 */
OSSO_API enum osso_status osso_tokenizer_encode(const struct osso_tokenizer *tokenizer, const char *text, size_t len,
                                                unsigned flags, struct osso_ids *ids, struct osso_error *err);

/* Streaming decode: turns ids into text without ever handing out half a character. */
struct osso_decoder {
    unsigned char held[4]; /* an incomplete but so far valid character */
    unsigned n_held;
};
/* Writes the text that became complete with this id; an ill-formed part becomes U+FFFD, an id without a meaning
 * too. *text_out points into `space`, which must hold 3 * (len(piece) + 4) bytes: OSSO_DECODE_SPACE is enough for
 * every vocabulary osso accepts. Returns the number of bytes (space is not NUL-terminated). */
enum { OSSO_DECODE_SPACE = 3 * (4096 + 4) };
OSSO_API size_t osso_decoder_push(struct osso_decoder *decoder, const struct osso_tokenizer *tokenizer, int32_t id,
                                  char *space);
/* The end of the stream: what is held back becomes one U+FFFD. */
OSSO_API size_t osso_decoder_finish(struct osso_decoder *decoder, char *space);

/* ---- conversations -------------------------------------------------------------------------------------- */

enum osso_role { OSSO_ROLE_SYSTEM, OSSO_ROLE_DEVELOPER, OSSO_ROLE_USER, OSSO_ROLE_ASSISTANT, OSSO_ROLE_TOOL };

/* A list of harmony messages. Not for use by two threads at once. */
struct osso_conversation;

OSSO_API enum osso_status osso_conversation_create(struct osso_conversation **conversation_out, struct osso_error *err);
/* From openai-harmony's JSON form: {"messages":[{"role":..., "content":...}, ...]}. `where` names the text in errors.
 */
OSSO_API enum osso_status osso_conversation_from_json(const char *json, size_t len, const char *where,
                                                      struct osso_conversation **conversation_out,
                                                      struct osso_error *err);
struct osso_system;
/* From a chat request of OpenAI's API (or its list of messages): system and developer messages become developer
 * messages, the tools stand in the first, reasoning_content (reasoning, thinking) becomes analysis, tool_calls become
 * calls to functions.NAME, and a tool message gets the name of the call with its tool_call_id. In front stands the
 * system message of `system` (NULL: defaults), with the request's reasoning_effort. Images and other parts that are no
 * text are refused. *ignored_out lists fields that would change an answer and are not taken (response_format, ...), or
 * is NULL; the caller's (osso_free). */
OSSO_API enum osso_status osso_conversation_from_chat(const char *json, size_t len, const char *where,
                                                      const struct osso_system *system, char **ignored_out,
                                                      struct osso_conversation **conversation_out,
                                                      struct osso_error *err);
/* openai-harmony's reader, and osso_conversation_from_json with it, skips fields that it does not know: of a chat
 * request tools, calls and thoughts. FORMAT, with the place, if the text is a chat request or a bare list of messages;
 * OK for everything else, also for what is no JSON. */
OSSO_API enum osso_status osso_conversation_check_form(const char *json, size_t len, const char *where,
                                                       struct osso_error *err);
/* openai-harmony's form, as one line of JSON; *json_out is the caller's (free with osso_free). A lone text is a plain
 * string, absent fields of messages are left out, absent fields of structured content are null; numbers keep their
 * spelling. */
OSSO_API enum osso_status osso_conversation_to_json(const struct osso_conversation *conversation, char **json_out,
                                                    struct osso_error *err);
OSSO_API void osso_conversation_free(struct osso_conversation *conversation);
OSSO_API size_t osso_conversation_size(const struct osso_conversation *conversation);
/* Drops messages from the end until `size` are left. */
OSSO_API void osso_conversation_truncate(struct osso_conversation *conversation, size_t size);

/* What a message is, apart from its role: NULL means absent. Strings are copied by the calls below. A NUL inside a name
 * or header field (JSON can hold one) ends it here. */
struct osso_message {
    size_t size; /* sizeof(struct osso_message), set by the caller, also of the one that osso_conversation_get fills */
    enum osso_role role;
    const char *name, *recipient, *channel, *content_type;
    const char
        *text; /* text_len bytes; NULL or "": an empty message. A text beside text_len 0 is USAGE: it was forgotten */
    size_t text_len;
    /* The same message as its model wrote it: the ids from behind <|start|> (the role too) up to the one that ended it,
     * which may be missing. Rendering writes these instead of what the fields would give, with <|return|> become
     * <|end|> and a missing end set; everything else goes by the fields and the text. NULL: none. The messages of an
     * osso_parser have theirs, as far as they were well-formed: with them in a conversation the next prompt goes on
     * from the very ids that were computed. They are of the tokenizer that renders, which refuses what is no message.
     */
    const int32_t *ids;
    size_t n_ids;
};
OSSO_API enum osso_status osso_conversation_add(struct osso_conversation *conversation,
                                                const struct osso_message *message, struct osso_error *err);
/* The message that these ids are (as in struct osso_message): role, header fields and text are read from them. USAGE
 * for what is not one well-formed message. */
OSSO_API enum osso_status osso_conversation_add_ids(struct osso_conversation *conversation,
                                                    const struct osso_tokenizer *tokenizer, const int32_t *ids,
                                                    size_t n, struct osso_error *err);
/* Message i; strings live until the conversation changes. The text of a system or developer message that was made
 * from structured content is its rendered text. */
OSSO_API enum osso_status osso_conversation_get(const struct osso_conversation *conversation, size_t i,
                                                struct osso_message *message_out, struct osso_error *err);

/* The system message that gpt-oss expects. NULL (also for `system` itself): the default identity and cutoff; date NULL:
 * no date line. */
struct osso_system {
    size_t size;                  /* sizeof(struct osso_system) */
    const char *identity;         /* "You are ChatGPT, a large language model trained by OpenAI." */
    const char *knowledge_cutoff; /* "2024-06" */
    const char *date;             /* "2026-01-15" */
    const char *effort;           /* "low", "medium" (NULL), "high" */
    bool browser, python;         /* the built-in tools, in openai-harmony's words */
};
OSSO_API enum osso_status osso_conversation_add_system(struct osso_conversation *conversation,
                                                       const struct osso_system *system, struct osso_error *err);
/* A developer message with these instructions (and, if not NULL, function tools as a JSON list of
 * {"name", "description", "parameters"}). */
OSSO_API enum osso_status osso_conversation_add_developer(struct osso_conversation *conversation,
                                                          const char *instructions, const char *tools_json,
                                                          struct osso_error *err);

/* Single fields of how a conversation was opened: its first system message's content, its first developer message's. */
enum osso_field {
    OSSO_FIELD_IDENTITY,
    OSSO_FIELD_EFFORT, /* set: "low", "medium", "high"; read: as the message has it ("High") */
    OSSO_FIELD_DATE,
    OSSO_FIELD_INSTRUCTIONS
};
/* NULL: absent, or the message is plain text (which is instructions in a developer's). Lives until the conversation
 * changes. */
OSSO_API const char *osso_conversation_field(const struct osso_conversation *conversation, enum osso_field field);
/* Changes this field and nothing else: tools, channels and the other fields stay. value NULL takes it away. A message
 * that is not there is made; in a system message of plain text there is no field to change (USAGE). */
OSSO_API enum osso_status osso_conversation_set_field(struct osso_conversation *conversation, enum osso_field field,
                                                      const char *value, struct osso_error *err);

enum osso_render_for {
    OSSO_RENDER_COMPLETION, /* ends in <|start|>assistant: the model goes on */
    OSSO_RENDER_TRAINING,   /* a last final message ends in <|return|> */
    OSSO_RENDER_PLAIN
};
/* Which analysis of earlier turns the model reads again. The library's rule is the default, as the reference has it;
 * a conversation that goes on (osso chat, a server) wants OSSO_DROP_TURNS, which is what the models were trained with.
 */
enum osso_render_drop {
    OSSO_DROP_LIBRARY, /* what openai-harmony's auto_drop_analysis does: all analysis before the FIRST final message */
    OSSO_DROP_TURNS,   /* analysis of every completed turn: all before the LAST final message */
    OSSO_DROP_NONE
};
struct osso_render_options {
    size_t size; /* sizeof(struct osso_render_options) */
    enum osso_render_for purpose;
    enum osso_render_drop drop;
};
/* Appends the ids. options NULL: completion, library policy. */
OSSO_API enum osso_status osso_conversation_render(const struct osso_conversation *conversation,
                                                   const struct osso_tokenizer *tokenizer,
                                                   const struct osso_render_options *options, struct osso_ids *ids,
                                                   struct osso_error *err);

/* ---- the output parser ---------------------------------------------------------------------------------- */

/* Takes what the model samples, id by id, and gives messages. Total: no sequence of ids is an error (unless strict). */
struct osso_parser;

enum {
    OSSO_PARSE_STRICT = 1 /* refuse what openai-harmony 0.0.8 refuses in its strict mode */
};
/* `role` is the role whose header the prompt already opened ("assistant" after a completion prompt), or NULL when the
 * ids begin with <|start|>. The tokenizer must outlive the parser. */
OSSO_API enum osso_status osso_parser_create(const struct osso_tokenizer *tokenizer, const char *role, unsigned flags,
                                             struct osso_parser **parser_out, struct osso_error *err);
OSSO_API void osso_parser_free(struct osso_parser *parser);

/* What the parser knows now. Strings live until the next call on the parser. */
struct osso_parser_state {
    size_t size;     /* sizeof(struct osso_parser_state), set by the caller */
    bool in_content; /* a header is complete and content may come */
    /* Of the message in progress (with the id that ends a message: of that message), or NULL. */
    const char *role, *channel, *recipient, *content_type;
    const char *delta; /* text that became complete with the last id; not NUL-terminated. All deltas of a
                        * message, one after the other, are its text. */
    size_t delta_len;
    bool message_done; /* the last id ended a message */
    int32_t end_id;    /* which id ended the last message: a stop, the <|start|> or <|channel|> of the next message
                        * when its own stop was missing, or -1 for the end of the stream */
    size_t index;      /* which message of osso_parser_messages the fields and the delta belong to, or will */
    bool is_content; /* the last id is content of it: neither of a header nor the one that ended it. (What a model puts
                      * into a header's place counts as header, until it turns out to be text.) */
};
OSSO_API enum osso_status osso_parser_push(struct osso_parser *parser, int32_t id, struct osso_parser_state *state_out,
                                           struct osso_error *err);
/* The end of the stream: an open message is closed (state_out may be NULL). */
OSSO_API enum osso_status osso_parser_finish(struct osso_parser *parser, struct osso_parser_state *state_out,
                                             struct osso_error *err);
/* The messages so far; owned by the parser. */
OSSO_API const struct osso_conversation *osso_parser_messages(const struct osso_parser *parser);

/* Frees a string that osso handed over. */
OSSO_API void osso_free(void *p);

#ifdef __cplusplus
}
#endif
#endif
