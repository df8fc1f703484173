/* harmony_tolerant.c: the header of a message as models write it, from text and marks to fields.
 *
 *     [ROLE | TOOL-NAME] [to=RECIPIENT] <|channel|>CHANNEL [to=RECIPIENT] [[<|constrain|>]CONTENT-TYPE]
 *
 * Words may be glued, doubled, misspelt, in another order, and <|message|> may be missing. Where the reference's
 * non-strict mode gives a sensible result this one is the same; it differs where a tool call or an answer would be lost
 * (docs/harmony.md lists how). */
#include "harmony/harmony_tolerant.h"

#include "harmony/harmony_fields.h"

void harmony_tolerant_add(struct buf *header, const char *piece, size_t len)
{
    size_t run = 0;
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)piece[i] < MARK_FIRST)
            continue;
        buf_add(header, piece + run, i - run);
        buf_puts(header, UTF8_REPLACEMENT);
        run = i + 1;
    }
    buf_add(header, piece + run, len - run);
}

/* ---- the author ----------------------------------------------------------------------------------------- */

/* "functions.f", "python": dotted, and nothing in it that no name has. */
static bool looks_like_tool(struct jtext word)
{
    bool dotted = false;
    if (jtext_is(word, "python"))
        return true;
    for (size_t i = 0; i < word.len; i++) {
        if (word.s[i] == '.' && i > 0 && i + 1 < word.len && word.s[i - 1] != '.')
            dotted = true;
        else if (!fields_name_byte(word.s[i]))
            return false;
    }
    return dotted;
}

/* "to=assistant" among the words to come: only tools write so. */
static bool to_assistant_follows(struct jtext rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        struct jtext t = after(rest, i);
        if (t.s[0] == 't' && starts_with(t, "to=") && jtext_is(fields_word_at(after(t, 3)), FIELDS_ASSISTANT))
            return true;
    }
    return false;
}

/* Reads the first word of a header as its author and takes it off. */
static void take_author(struct jtext *rest, enum header_author author, struct message *m, struct fields *f)
{
    struct jtext at = fields_skip_blanks(*rest);
    while (fields_mark_at(at, MARK_CONSTRAIN) && fields_letters_at(after(at, 1), FIELDS_ASSISTANT))
        at = after(at, 1); /* a stray one before the role */
    struct jtext word = fields_word_at(at);
    if (author == AUTHOR_KNOWN && m->role != OSSO_ROLE_ASSISTANT) {
        if (jtext_is(word, role_name(m->role)))
            *rest = after(at, word.len);
        return;
    }
    enum osso_role role = OSSO_ROLE_ASSISTANT;
    size_t used = 0;
    m->role = OSSO_ROLE_ASSISTANT;
    if (word.len == 0 || starts_with(word, "to="))
        return; /* no role at all: only an assistant's header begins so */
    if (author != AUTHOR_KNOWN && fields_role_word(word, &role)) {
        m->role = role;
        used = word.len;
        if (role == OSSO_ROLE_TOOL) /* the reference calls such a tool by its role */
            f->name = word;
    } else if (author != AUTHOR_KNOWN && fields_named_role(word, &role, &f->name)) {
        m->role = role;
        used = word.len;
    } else if ((used = fields_damaged_assistant(word, f)) > 0) {
        ; /* what is glued to it has been read */
    } else if (fields_channel_at(word)) {
        if (author == AUTHOR_NAMED) {
            fields_take_channels(&word, f);
            used = (size_t)(word.s - at.s);
        }
    } else if (author != AUTHOR_KNOWN &&
               (to_assistant_follows(after(at, word.len)) || (author == AUTHOR_NAMED && looks_like_tool(word)))) {
        m->role = OSSO_ROLE_TOOL;
        f->name = word;
        used = word.len;
        struct jtext next = fields_skip_blanks(after(at, used));
        if (jtext_is(fields_word_at(next), "tool"))
            used = (size_t)(next.s - at.s) + 4;
    } else if (author == AUTHOR_NAMED) {
        used = word.len; /* some other word in the role's place */
    }
    if (used)
        *rest = after(at, used);
}

/* ---- recipient and content type ------------------------------------------------------------------------- */

/* The words between the author and <|message|>, in any order. */
struct words {
    struct jtext first, last;
    size_t n_plain;
    bool last_is_plain, type_next, to_next, glued;
};

static void take_word(struct words *w, struct jtext word, bool constrained, struct message *m, struct fields *f)
{
    bool was_to = w->to_next, plain_before = w->last_is_plain;
    w->to_next = w->last_is_plain = false;
    if (starts_with(word, "to=") && !constrained) {
        w->to_next = word.len == 3;
        fields_recipient(f, m, after(word, 3));
    } else if (was_to && !constrained) {
        w->to_next = jtext_is(word, "=");
        fields_recipient(f, m, word);
    } else if (constrained && word.len == 0) {
        w->type_next = true; /* the name comes as a word of its own */
        w->last_is_plain = plain_before;
    } else if (constrained && !f->channel_known && fields_take_channels(&word, f)) {
        w->type_next = false; /* a stray <|constrain|> before the channel */
    } else if (constrained || w->type_next) {
        f->type = word;
        f->type_marked = constrained;
        w->type_next = false;
    } else if (w->glued && !jtext_is(word, "json") && !jtext_is(word, "code")) {
        return; /* glued to the channel's name, and no header */
    } else {
        if (w->n_plain++ == 0)
            w->first = word;
        w->last = word;
        w->last_is_plain = true;
    }
}

/* "to =NAME": the blank is on the wrong side. */
static bool to_before_equals(struct jtext word, struct jtext rest)
{
    struct jtext next = fields_skip_blanks(rest);
    return jtext_is(word, "to") && next.len > 0 && next.s[0] == '=';
}

static void take_words(struct words *w, struct jtext rest, struct message *m, struct fields *f)
{
    bool constrained = false, in_channel = false, marked = rest.len && memchr(rest.s, MARK_CHANNEL, rest.len);
    while (rest.len > 0) {
        if (fields_mark_at(rest, MARK_CHANNEL) || fields_mark_at(rest, MARK_START)) {
            in_channel = fields_mark_at(rest, MARK_CHANNEL);
            f->channel_marked |= in_channel;
            rest = after(rest, 1);
        } else if (fields_mark_at(rest, MARK_CONSTRAIN)) {
            rest = after(rest, 1);
            constrained = true;
            if (rest.len == 0 || fields_blank_at(rest) || fields_any_mark_at(rest)) {
                take_word(w, (struct jtext){rest.s, 0}, true, m, f);
                constrained = false;
            }
            in_channel = false;
        } else if (fields_blank_at(rest)) {
            rest = after(rest, fields_blank_at(rest));
            in_channel = false;
        } else {
            struct jtext word = fields_word_at(rest), whole = word;
            rest = after(rest, word.len);
            bool lone_channel = w->n_plain == 0 && m->role == OSSO_ROLE_ASSISTANT && !f->channel.s && !marked &&
                                !constrained && !w->to_next && fields_channel_at(word);
            w->glued = false;
            if (in_channel || lone_channel) {
                bool known = fields_take_channels(&word, f);
                w->glued = known && word.len > 0;
                if (!known && in_channel && !starts_with(word, "to=")) {
                    if (!f->channel_known)
                        f->channel = word;
                    word = after(word, word.len);
                }
            }
            if (to_before_equals(word, rest))
                w->to_next = true;
            else if (word.len > 0 || (constrained && whole.len == 0))
                take_word(w, word, constrained, m, f);
            constrained = in_channel = false;
        }
    }
}

static void settle_words(struct words *w, struct message *m, struct fields *f)
{
    if (!f->type.s && w->last_is_plain) {
        bool lone = w->n_plain == 1 && !f->recipient.s, final = jtext_is(f->channel, "final");
        /* A lone word is a recipient, as in the reference, but a final answer is never addressed to its format. */
        if (!lone || ((final || w->glued) && (jtext_is(w->last, "json") || jtext_is(w->last, "code")))) {
            f->type = w->last;
            w->n_plain--;
        }
    }
    if (!f->recipient.s && w->n_plain == 1)
        f->recipient = w->first;
    if (!f->channel.s && f->channel_marked) { /* the marker and its name changed places */
        if (w->n_plain > 0 && fields_channel_at(w->first) == w->first.len)
            f->channel = w->first;
        for (size_t i = 0; i < f->recipient.len && !f->channel.s; i++)
            if (fields_channel_at(after(f->recipient, i)) == f->recipient.len - i)
                f->channel = after(f->recipient, i);
        if (f->channel.s && f->recipient.s && f->channel.s >= f->recipient.s &&
            f->channel.s < f->recipient.s + f->recipient.len)
            f->recipient.len = (size_t)(f->channel.s - f->recipient.s);
        if (f->recipient.len == 0)
            f->recipient = (struct jtext){0};
    }
    if (m->role == OSSO_ROLE_ASSISTANT && jtext_is(f->recipient, FIELDS_ASSISTANT))
        f->recipient = (struct jtext){0};
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

enum osso_status harmony_tolerant_read(const struct buf *header, enum header_author author, struct message *m,
                                       struct osso_error *err)
{
    struct fields f = {0};
    struct words w = {0};
    struct jtext all = {header->len ? header->data : "", header->len}, rest = fields_last_start(header);
    take_author(&rest, rest.len < all.len ? AUTHOR_NAMED : author, m, &f);
    struct jtext again = fields_skip_blanks(rest); /* "assistant assistant" */
    if (jtext_is(fields_word_at(again), role_name(m->role)))
        rest = after(again, strlen(role_name(m->role)));
    take_words(&w, rest, m, &f);
    settle_words(&w, m, &f);
    return fields_copy(m, &f, err);
}
