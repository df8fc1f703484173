/* harmony_fields.c: words of a tolerant header, and what single ones say. */
#include "harmony/harmony_fields.h"

#include "base/error.h"

/* ---- characters and words ------------------------------------------------------------------------------- */

bool fields_mark_at(struct jtext t, int mark)
{
    return t.len > 0 && (uint8_t)t.s[0] == mark;
}

bool fields_any_mark_at(struct jtext t)
{
    return t.len > 0 && (uint8_t)t.s[0] >= MARK_FIRST;
}

/* Unicode's blanks and the zero-width one, which models write too. */
size_t fields_blank_at(struct jtext t)
{
    if (t.len == 0 || fields_any_mark_at(t))
        return 0;
    return starts_with(t, "\xe2\x80\x8b") ? 3 : space_at(t);
}

struct jtext fields_skip_blanks(struct jtext t)
{
    for (size_t n; (n = fields_blank_at(t)) > 0;)
        t = after(t, n);
    return t;
}

struct jtext fields_trim_end(struct jtext t)
{
    while (t.len > 0) {
        size_t last = 1; /* the length of the last character */
        while (last < t.len && ((uint8_t)t.s[t.len - last] & 0xc0) == 0x80)
            last++;
        if (fields_blank_at(after(t, t.len - last)) == 0)
            break;
        t.len -= last;
    }
    return t;
}

/* Bytes up to the next blank or mark. */
struct jtext fields_word_at(struct jtext t)
{
    size_t n = 0;
    while (n < t.len && !fields_any_mark_at(after(t, n)) && fields_blank_at(after(t, n)) == 0) {
        do
            n++;
        while (n < t.len && ((uint8_t)t.s[n] & 0xc0) == 0x80);
    }
    return (struct jtext){t.s, n};
}

char fields_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* The length of `literal` if t begins with it in capital or small letters. */
size_t fields_letters_at(struct jtext t, const char *literal)
{
    size_t n = strlen(literal);
    for (size_t i = 0; i < n; i++)
        if (i >= t.len || fields_lower(t.s[i]) != literal[i])
            return 0;
    return n;
}

bool fields_find(struct jtext t, const char *literal, size_t *at_out)
{
    for (size_t i = 0; i < t.len; i++) {
        if (starts_with(after(t, i), literal)) {
            *at_out = i;
            return true;
        }
    }
    return false;
}

/* The length of the known channel name that t begins with, or 0. */
size_t fields_channel_at(struct jtext t)
{
    static const char *const known[] = {"analysis", "commentary", "final"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (starts_with(t, known[i]))
            return strlen(known[i]);
    return 0;
}

/* ---- the channel ---------------------------------------------------------------------------------------- */

/* Takes known channel names off the front of a word, with an "assistant" that was swapped before them; of glued names
 * the last counts. */
bool fields_take_channels(struct jtext *t, struct fields *f)
{
    struct jtext ahead = *t;
    bool any = false;
    if (starts_with(ahead, FIELDS_ASSISTANT) && fields_channel_at(after(ahead, ASSISTANT_LEN)))
        ahead = after(ahead, ASSISTANT_LEN);
    for (size_t n; (n = fields_channel_at(ahead)) > 0; ahead = after(ahead, n)) {
        f->channel = (struct jtext){ahead.s, n};
        f->channel_known = any = true;
    }
    if (any)
        *t = ahead;
    return any;
}

/* ---- authors, recipients ----------------------------------------------------------------------------------- */

bool fields_name_byte(char c)
{
    return (fields_lower(c) >= 'a' && fields_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* "user:bob": what the renderer writes for an author with a name. */
bool fields_named_role(struct jtext word, enum osso_role *role, struct jtext *name)
{
    const char *colon = word.len ? memchr(word.s, ':', word.len) : NULL;
    if (!colon || !role_find((struct jtext){word.s, (size_t)(colon - word.s)}, role) || *role == OSSO_ROLE_TOOL)
        return false;
    *name = after(word, (size_t)(colon - word.s) + 1);
    return true;
}

bool fields_role_word(struct jtext word, enum osso_role *role)
{
    for (int i = OSSO_ROLE_SYSTEM; i <= OSSO_ROLE_TOOL; i++) {
        if (fields_letters_at(word, role_name((enum osso_role)i)) == word.len && word.len > 0) {
            *role = (enum osso_role)i;
            return true;
        }
    }
    return false;
}

/* "assistantfinal", "Assistant.", "assistantto=functions.f": what is glued to the role's word is looked through for
 * a recipient, a channel, a content type. Returns how much of the word was the author's. */
size_t fields_damaged_assistant(struct jtext word, struct fields *f)
{
    size_t n = fields_letters_at(word, FIELDS_ASSISTANT), to;
    if (n == 0)
        return 0;
    struct jtext tail = after(word, n);
    size_t names = fields_find(tail, "to=", &to) ? to : tail.len;
    for (size_t i = 0; i < names; i++) {
        struct jtext t = {tail.s + i, names - i};
        if (fields_channel_at(t) && fields_take_channels(&t, f))
            i = (size_t)(t.s - tail.s) - 1;
    }
    if (jtext_is(tail, "json") || jtext_is(tail, "code"))
        f->type = tail;
    return n + names;
}

void fields_recipient(struct fields *f, const struct message *m, struct jtext name)
{
    size_t brace;
    if (fields_find(name, "{", &brace) && brace > 0)
        name.len = brace; /* glued arguments */
    while (name.len > 0 && name.s[0] == '=')
        name = after(name, 1);
    if (name.len > 0 && !(m->role == OSSO_ROLE_ASSISTANT && f->recipient.s && jtext_is(name, FIELDS_ASSISTANT)))
        f->recipient = name;
}

enum osso_status fields_copy(struct message *m, const struct fields *f, struct osso_error *err)
{
    struct buf type = {0};
    if (f->type.s) {
        buf_puts(&type, f->type_marked ? "<|constrain|>" : "");
        buf_add(&type, f->type.s, f->type.len);
    }
    bool ok = !type.failed && jtext_copy(&m->name, f->name) && jtext_copy(&m->recipient, f->recipient) &&
              jtext_copy(&m->channel, f->channel) &&
              (!type.data || jtext_copy(&m->content_type, (struct jtext){type.data, type.len}));
    buf_free(&type);
    return ok ? OSSO_OK : error_nomem(err, f->name.len + f->recipient.len + f->type.len, "a message header");
}

/* A header that began again counts from its last <|start|> before a role; a <|start|> before anything else is a slip
 * inside one header. */
struct jtext fields_last_start(const struct buf *header)
{
    struct jtext all = {header->len ? header->data : "", header->len};
    for (size_t i = all.len; i-- > 0;) {
        enum osso_role role;
        if (!fields_mark_at(after(all, i), MARK_START))
            continue;
        struct jtext word = fields_word_at(fields_skip_blanks(after(all, i + 1)));
        if (fields_role_word(word, &role) || fields_letters_at(word, FIELDS_ASSISTANT))
            return after(all, i + 1);
    }
    return all;
}
