/* harmony_header.c: the header of a message, from text to fields.
 *
 *     [ROLE | TOOL-NAME] [to=RECIPIENT] <|channel|>CHANNEL [to=RECIPIENT] [[<|constrain|>]CONTENT-TYPE]
 *
 * Models write more than this. Strict reading is openai-harmony's; the tolerant one agrees with it wherever it gives a
 * sensible result, and differs where it would lose a tool call or an answer (docs/harmony.md lists how). */
#include "harmony/harmony_header.h"

#include "base/error.h"
#include "token/unicode.h"
#include "base/utf8.h"

#include <string.h>

static const char channel_marker[] = "<|channel|>", constrain_marker[] = "<|constrain|>";
enum { CHANNEL_LEN = sizeof channel_marker - 1, CONSTRAIN_LEN = sizeof constrain_marker - 1 };

static bool starts_with(struct jtext t, const char *prefix)
{
    size_t n = strlen(prefix);
    return t.len >= n && memcmp(t.s, prefix, n) == 0;
}

static struct jtext after(struct jtext t, size_t n)
{
    return (struct jtext){t.s + n, t.len - n};
}

static bool is_channel(struct jtext t)
{
    return jtext_is(t, "analysis") || jtext_is(t, "commentary") || jtext_is(t, "final");
}

/* ---- white space ---------------------------------------------------------------------------------------- */

/* Channels end at, and headers are trimmed of, Unicode white space; words are split at ASCII's (without VT). */
static bool is_ascii_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* The length of the white space character at t, 0 if it is none. */
static size_t space_at(struct jtext t)
{
    unsigned len;
    return t.len > 0 && unicode_class(utf8_get((const uint8_t *)t.s, &len)) & UNICODE_SPACE ? len : 0;
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

/* Cuts "<|channel|>NAME" out of the header and glues the rest together. Strict: the first one only, and its name must
 * not be empty. Otherwise all of them, and the last one counts. *channel is a copy. */
static enum osso_status cut_channel(struct buf *header, bool strict, struct jtext *channel, struct osso_error *err)
{
    struct jtext rest = {header->data, header->len}, name = {0};
    char *w = header->data;
    bool done = false;
    if (header->len == 0)
        return OSSO_OK;
    while (rest.len > 0) {
        if (done || rest.s[0] != '<' || !starts_with(rest, channel_marker)) {
            *w++ = rest.s[0];
            rest = after(rest, 1);
            continue;
        }
        rest = after(rest, CHANNEL_LEN);
        size_t n = 0;
        while (n < rest.len && rest.s[n] != '<' && space_at(after(rest, n)) == 0) {
            do
                n++;
            while (n < rest.len && ((uint8_t)rest.s[n] & 0xc0) == 0x80);
        }
        if (n == 0 && strict)
            return error_set(err, OSSO_FORMAT, "a message header has a channel marker and no channel after it");
        if (n > 0) {
            jtext_free(channel);
            name = (struct jtext){rest.s, n};
            if (!jtext_copy(channel, name))
                return error_nomem(err, n, "a channel name");
        }
        rest = after(rest, n);
        done = strict;
    }
    header->len = (size_t)(w - header->data);
    return OSSO_OK;
}

/* ---- the role ------------------------------------------------------------------------------------------- */

/* A name the words of a header gave: points into the header until it is copied. */
struct fields {
    struct jtext name, recipient, channel, content_type;
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

/* "user:bob": what the renderer writes for an author with a name. */
static bool named_role(struct jtext word, enum osso_role *role, struct jtext *name)
{
    const char *colon = memchr(word.s, ':', word.len);
    if (!colon || !role_find((struct jtext){word.s, (size_t)(colon - word.s)}, role) || *role == OSSO_ROLE_TOOL)
        return false;
    *name = after(word, (size_t)(colon - word.s) + 1);
    return true;
}

/* "assistantfinal", "assistantassistant": a role with a word glued to it. */
static bool glued_role(struct jtext word, struct message *m, struct fields *f)
{
    static const char assistant[] = "assistant";
    if (!starts_with(word, assistant))
        return false;
    struct jtext tail = after(word, sizeof assistant - 1);
    if (!is_channel(tail) && !jtext_is(tail, assistant))
        return false;
    m->role = OSSO_ROLE_ASSISTANT;
    if (!m->channel.s && is_channel(tail))
        f->channel = tail;
    return true;
}

static bool tolerant_role(struct jtext rest, struct message *m, struct fields *f)
{
    struct jtext word;
    m->role = OSSO_ROLE_ASSISTANT;
    if (!next_word(&rest, &word) || starts_with(word, "to=") || starts_with(word, constrain_marker))
        return false; /* no role at all: only an assistant's header begins so */
    if (role_find(word, &m->role)) {
        if (m->role == OSSO_ROLE_TOOL)
            f->name = word;
        return false;
    }
    if (named_role(word, &m->role, &f->name) || glued_role(word, m, f))
        return true;
    m->role = OSSO_ROLE_TOOL;
    f->name = word;
    return true;
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

static void tolerant_words(struct jtext rest, const struct message *m, struct fields *f)
{
    struct jtext word, first = {0}, last = {0};
    size_t n_plain = 0;
    bool type_next = false, last_is_plain = false,
         final = jtext_is(m->channel, "final") || jtext_is(f->channel, "final");
    while (next_word(&rest, &word)) {
        last_is_plain = false;
        if (starts_with(word, "to=")) {
            f->recipient = after(word, 3);
        } else if (starts_with(word, constrain_marker)) {
            if (word.len == CONSTRAIN_LEN)
                type_next = true; /* the name comes as a word of its own */
            else
                f->content_type = word;
        } else if (type_next) {
            f->content_type = word;
            type_next = false;
        } else {
            if (n_plain++ == 0)
                first = word;
            last = word;
            last_is_plain = true;
        }
    }
    if (!f->content_type.s && last_is_plain) {
        bool lone = n_plain == 1 && !f->recipient.s;
        /* A lone word is a recipient, as in the reference, but a final answer is never addressed to its format. */
        if (!lone || (final && (jtext_is(last, "json") || jtext_is(last, "code")))) {
            f->content_type = last;
            n_plain--;
        }
    }
    if (!f->recipient.s && n_plain == 1)
        f->recipient = first;
    if (m->role == OSSO_ROLE_ASSISTANT && jtext_is(f->recipient, "assistant"))
        f->recipient = (struct jtext){0};
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
        jtext_copy(&m->content_type, f->content_type) && (!f->channel.s || jtext_copy(&m->channel, f->channel)))
        return OSSO_OK;
    return error_nomem(err, f->name.len + f->recipient.len + f->content_type.len, "a message header");
}

enum osso_status harmony_header_read(struct buf *header, const enum osso_role *hint, bool strict, struct message *m,
                                     struct osso_error *err)
{
    struct fields f = {0};
    struct jtext word;
    bool used = false;
    enum osso_status status = cut_channel(header, strict, &m->channel, err);
    if (status)
        return status;
    struct jtext rest = trim(whole(header));
    if (hint)
        m->role = *hint;
    else if (!strict)
        used = tolerant_role(rest, m, &f);
    else if ((status = strict_role(rest, m, &f, &used, err)))
        return status;
    if (used)
        next_word(&rest, &word);
    drop_word(&rest, role_name(m->role));
    if (!strict && m->role == OSSO_ROLE_ASSISTANT && !m->channel.s && !f.channel.s) {
        struct jtext ahead = rest;
        if (next_word(&ahead, &word) && is_channel(word)) { /* the marker was forgotten */
            f.channel = word;
            rest = ahead;
        }
    }
    if (!strict)
        tolerant_words(rest, m, &f);
    else if ((status = strict_words(rest, &f, err)))
        return status;
    return copy_fields(m, &f, err);
}

/* " to=NAME" and "<|constrain|>json" at the start of bare text are still header. */
static void bare_call(struct jtext *rest, struct fields *f)
{
    struct jtext ahead = *rest, word;
    if (next_word(&ahead, &word) && starts_with(word, "to=")) {
        f->recipient = after(word, 3);
        *rest = trim(ahead);
    }
    if (!starts_with(*rest, constrain_marker))
        return;
    struct jtext type = after(*rest, CONSTRAIN_LEN);
    *rest = type;
    if (starts_with(type, "json") || starts_with(type, "code")) {
        f->content_type = (struct jtext){type.s, 4};
        *rest = trim(after(type, 4));
    }
}

enum osso_status harmony_header_bare(struct buf *header, const enum osso_role *hint, struct message *m,
                                     struct jtext *text_out, struct osso_error *err)
{
    struct fields f = {0};
    struct jtext word;
    *text_out = (struct jtext){"", 0};
    enum osso_status status = cut_channel(header, false, &m->channel, err);
    if (status)
        return status;
    struct jtext rest = trim(whole(header)), ahead = rest;
    m->role = hint ? *hint : OSSO_ROLE_ASSISTANT;
    if (next_word(&ahead, &word)) {
        bool named = !hint && (role_find(word, &m->role) || named_role(word, &m->role, &f.name));
        if (named || jtext_is(word, role_name(m->role)))
            rest = trim(ahead);
        if (named && m->role == OSSO_ROLE_TOOL)
            f.name = word;
    }
    if (m->role == OSSO_ROLE_ASSISTANT)
        bare_call(&rest, &f);
    if (rest.len > 0)
        *text_out = rest;
    return copy_fields(m, &f, err);
}
