/* rein_header.h: the text of a message's header, piece by piece between its special ids: what may it become?
 *
 *     header := [" to=" NAME] <|channel|> CHANNEL [" to=" NAME] [" "] [<|constrain|>] ["json" | "code"] <|message|>
 *
 * (the end of part C of harmony's format; the role stands before it). What is behind the channel says how a call's
 * arguments are written, or a final's text: without a recipient a bare word there would itself be read as one, so
 * "final" alone has it, and behind <|constrain|> only. */
#ifndef OSSO_SERVE_REIN_HEADER_H
#define OSSO_SERVE_REIN_HEADER_H

#include <stdbool.h>
#include <stddef.h>

enum { REIN_NAME = 320, REIN_TEXT = 512 }; /* no recipient, and no piece of a header, is as long as that */

/* What tool_choice leaves of the grammar. */
struct rein_rules {
    const char *const *names; /* recipients that may be called, "functions.get"; NULL: any name */
    size_t n_names;
    bool no_calls;  /* no recipient at all */
    bool must_call; /* without a recipient only analysis */
};

enum rein_place { REIN_START, REIN_CHANNEL, REIN_FORM }; /* before <|channel|>, behind it, behind <|constrain|> */

/* What a text at a place is. */
struct rein_fit {
    bool alive;     /* it may go on, or is whole */
    bool whole;     /* the place may end here: with <|channel|> at the start, else with <|message|> */
    bool typed;     /* <|constrain|> may come */
    bool recipient; /* it names one */
};
/* called: the start named a recipient already. */
struct rein_fit rein_fit(const struct rein_rules *rules, enum rein_place place, bool called, const char *text,
                         size_t len);
/* Where any name may be called, a name that has begun and is far from its longest stands for every other one: cut to
 * its first byte in the text (in place), it has the same future for up to `more` bytes. Returns the length. */
size_t rein_shorten(const struct rein_rules *rules, char *text, size_t len, size_t more);

#endif
