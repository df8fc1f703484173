/* harmony_header.c: the header of a message as openai-harmony 0.0.8 reads it in its strict mode, errors included.
 *
 *     [ROLE | TOOL-NAME] [to=RECIPIENT] <|channel|>CHANNEL [to=RECIPIENT] [[<|constrain|>]CONTENT-TYPE]
 *
 * Models write more than this: harmony_tolerant.c. */
#include "harmony/harmony_header.h"

#include "base/error.h"
#include "harmony/harmony_words.h"

static const char channel_marker[] = "<|channel|>", constrain_marker[] = "<|constrain|>";
enum { CHANNEL_LEN = sizeof channel_marker - 1 };

/* ---- white space ---------------------------------------------------------------------------------------- */

/* Channels end at, and headers are trimmed of, Unicode white space; words are split at ASCII's (without VT). */
static bool is_ascii_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static struct jtext trim(struct jtext t)
{
    for (size_t n; (n = space_at(t)) > 0;)
        t = after(t, n);
    while (t.len > 0) {
        size_t last = 1; /* the length of the last character */
        while (last < t.len && ((uint8_t)t.s[t.len - last] & 0xc0) == 0x80)
            last++;
        if (space_at(after(t, t.len - last)) == 0)
            break;
        t.len -= last;
    }
    return t;
}

/* The header's text; an empty buffer may have no memory yet. */
static struct jtext whole(const struct buf *header)
{
    return (struct jtext){header->len ? header->data : "", header->len};
}

/* Takes the next word off *rest. A <|constrain|> begins a word even without white space before it. */
static bool next_word(struct jtext *rest, struct jtext *word)
{
    while (rest->len > 0 && is_ascii_space(rest->s[0]))
        *rest = after(*rest, 1);
    size_t n = 0;
    while (n < rest->len && !is_ascii_space(rest->s[n]) && (n == 0 || !starts_with(after(*rest, n), constrain_marker)))
        n++;
    *word = (struct jtext){rest->s, n};
    *rest = after(*rest, n);
    return n > 0;
}

/* ---- the channel ---------------------------------------------------------------------------------------- */

/* Cuts the first "<|channel|>NAME" out of the header and glues the rest together. *channel is a copy. */
static enum osso_status cut_channel(struct buf *header, struct jtext *channel, struct osso_error *err)
{
    struct jtext rest = whole(header);
    while (rest.len > 0 && !(rest.s[0] == '<' && starts_with(rest, channel_marker)))
        rest = after(rest, 1);
    if (rest.len == 0)
        return OSSO_OK;
    size_t at = (size_t)(rest.s - header->data), n = 0;
    rest = after(rest, CHANNEL_LEN);
    while (n < rest.len && rest.s[n] != '<' && space_at(after(rest, n)) == 0) {
        do
            n++;
        while (n < rest.len && ((uint8_t)rest.s[n] & 0xc0) == 0x80);
    }
    if (n == 0)
        return error_set(err, OSSO_FORMAT, "a message header has a channel marker and no channel after it");
    if (!jtext_copy(channel, (struct jtext){rest.s, n}))
        return error_nomem(err, n, "a channel name");
    rest = after(rest, n);
    memmove(header->data + at, rest.s, rest.len);
    header->len = at + rest.len;
    return OSSO_OK;
}

/* ---- the role ------------------------------------------------------------------------------------------- */

/* A name the words of a header gave: points into the header until it is copied. */
struct fields {
    struct jtext name, recipient, content_type;
};

/* Looks at the first word and says in *used whether it was the author. Only for headers without a hint. */
static enum osso_status strict_role(struct jtext rest, struct message *m, struct fields *f, bool *used,
                                    struct osso_error *err)
{
    struct jtext word, second;
    if (!next_word(&rest, &word))
        return error_set(err, OSSO_FORMAT, "a message header has no role");
    *used = false;
    if (role_find(word, &m->role)) {
        if (m->role == OSSO_ROLE_TOOL) /* the reference calls such a tool by its role */
            f->name = word;
        return OSSO_OK; /* the caller drops the role's own word */
    }
    if (!next_word(&rest, &second) && !starts_with(word, "to="))
        return error_set(err, OSSO_FORMAT, "a message header has the unknown role \"%.*s\"",
                         (int)(word.len < 100 ? word.len : 100), word.s);
    m->role = OSSO_ROLE_TOOL;
    f->name = word;
    *used = true;
    return OSSO_OK;
}

/* ---- recipient and content type ------------------------------------------------------------------------- */

static enum osso_status strict_words(struct jtext rest, struct fields *f, struct osso_error *err)
{
    struct jtext word, last = {0}, before = {0};
    size_t n = 0, left = 0;
    for (; next_word(&rest, &word); n++) {
        before = last;
        last = word;
    }
    if (n == 0)
        return OSSO_OK;
    if (starts_with(last, "to=")) {
        f->recipient = after(last, 3);
        left = n - 1;
    } else if (n == 1) {
        f->recipient = last;
    } else {
        f->content_type = last;
        f->recipient = starts_with(before, "to=") ? after(before, 3) : before;
        left = n - 2;
    }
    if (left > 0)
        return error_set(err, OSSO_FORMAT,
                         "a message header has %zu words that are neither role, recipient nor content type", left);
    return OSSO_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

/* Drops the first word if it is this one. */
static void drop_word(struct jtext *rest, const char *literal)
{
    struct jtext ahead = *rest, word;
    if (next_word(&ahead, &word) && jtext_is(word, literal))
        *rest = ahead;
}

static enum osso_status copy_fields(struct message *m, const struct fields *f, struct osso_error *err)
{
    if (jtext_copy(&m->name, f->name) && jtext_copy(&m->recipient, f->recipient) &&
        jtext_copy(&m->content_type, f->content_type))
        return OSSO_OK;
    return error_nomem(err, f->name.len + f->recipient.len + f->content_type.len, "a message header");
}

enum osso_status harmony_header_read(struct buf *header, const enum osso_role *hint, struct message *m,
                                     struct osso_error *err)
{
    struct fields f = {0};
    struct jtext word;
    bool used = false;
    enum osso_status status = cut_channel(header, &m->channel, err);
    if (status)
        return status;
    struct jtext rest = trim(whole(header));
    if (hint)
        m->role = *hint;
    else if ((status = strict_role(rest, m, &f, &used, err)))
        return status;
    if (used)
        next_word(&rest, &word);
    drop_word(&rest, role_name(m->role));
    status = strict_words(rest, &f, err);
    return status ? status : copy_fields(m, &f, err);
}
