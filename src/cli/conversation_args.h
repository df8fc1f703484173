/* conversation_args.h: the beginning of a conversation, from the options. */
#ifndef OSSO_CLI_CONVERSATION_ARGS_H
#define OSSO_CLI_CONVERSATION_ARGS_H

#include "cli/options.h"

#include "osso/text.h"

/* What the messages before the first user's say. Strings are borrowed, except the date. */
struct opening {
    const char *instructions; /* NULL: none */
    const char *effort;
    const char *identity; /* NULL: the usual one */
    const char
        *tools; /* functions, as osso_conversation_add_developer takes them; NULL: none. Neither is of opening_args */
    char date[16]; /* "": no date line */
};
enum osso_status opening_args(const struct options *options, struct opening *opening_out, struct osso_error *err);
/* A new conversation with system and developer message. */
enum osso_status opening_start(const struct opening *opening, struct osso_conversation **conversation_out,
                               struct osso_error *err);
enum osso_status add_user(struct osso_conversation *conversation, const char *text, size_t len, struct osso_error *err);

#endif
