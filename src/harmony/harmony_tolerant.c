/* harmony_tolerant.c: the header of a message as models write it, from text and marks to fields.
 *
 *     [ROLE | TOOL-NAME] [to=RECIPIENT] <|channel|>CHANNEL [to=RECIPIENT] [[<|constrain|>]CONTENT-TYPE]
 *
 * Words may be glued, doubled, misspelt, in another order, and <|message|> may be missing. Where the reference's
 * non-strict mode gives a sensible result this one is the same; it differs where a tool call or an answer would be lost
 * (docs/harmony.md lists how). */
#include "harmony/harmony_tolerant.h"

#include "base/error.h"
#include "harmony/harmony_words.h"

enum { MARK_FIRST = MARK_START };

static const char assistant[] = "assistant";
enum { ASSISTANT_LEN = sizeof assistant - 1 };

/* What the words of a header gave: points into the header until it is copied. */
struct fields {
    struct jtext name, recipient, channel, type;
    bool type_marked;    /* <|constrain|> stood right before the type */
    bool channel_known;  /* it is one of the three: no unknown name replaces it */
    bool channel_marked; /* <|channel|> stood somewhere */
};

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

/* ---- characters and words ------------------------------------------------------------------------------- */

static bool mark_at(struct jtext t, int mark)
{
    return t.len > 0 && (uint8_t)t.s[0] == mark;
}

static bool any_mark_at(struct jtext t)
{
    return t.len > 0 && (uint8_t)t.s[0] >= MARK_FIRST;
}

/* Unicode's blanks and the zero-width one, which models write too. */
static size_t blank_at(struct jtext t)
{
    if (t.len == 0 || any_mark_at(t))
        return 0;
    return starts_with(t, "\xe2\x80\x8b") ? 3 : space_at(t);
}

static struct jtext skip_blanks(struct jtext t)
{
    for (size_t n; (n = blank_at(t)) > 0;)
        t = after(t, n);
    return t;
}

static struct jtext trim_end(struct jtext t)
{
    while (t.len > 0) {
        size_t last = 1; /* the length of the last character */
        while (last < t.len && ((uint8_t)t.s[t.len - last] & 0xc0) == 0x80)
            last++;
        if (blank_at(after(t, t.len - last)) == 0)
            break;
        t.len -= last;
    }
    return t;
}

/* Bytes up to the next blank or mark. */
static struct jtext word_at(struct jtext t)
{
    size_t n = 0;
    while (n < t.len && !any_mark_at(after(t, n)) && blank_at(after(t, n)) == 0) {
        do
            n++;
        while (n < t.len && ((uint8_t)t.s[n] & 0xc0) == 0x80);
    }
    return (struct jtext){t.s, n};
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* The length of `literal` if t begins with it in capital or small letters. */
static size_t letters_at(struct jtext t, const char *literal)
{
    size_t n = strlen(literal);
    for (size_t i = 0; i < n; i++)
        if (i >= t.len || lower(t.s[i]) != literal[i])
            return 0;
    return n;
}

static bool find(struct jtext t, const char *literal, size_t *at_out)
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
static size_t channel_at(struct jtext t)
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
static bool take_channels(struct jtext *t, struct fields *f)
{
    struct jtext ahead = *t;
    bool any = false;
    if (starts_with(ahead, assistant) && channel_at(after(ahead, ASSISTANT_LEN)))
        ahead = after(ahead, ASSISTANT_LEN);
    for (size_t n; (n = channel_at(ahead)) > 0; ahead = after(ahead, n)) {
        f->channel = (struct jtext){ahead.s, n};
        f->channel_known = any = true;
    }
    if (any)
        *t = ahead;
    return any;
}

/* ---- the author ----------------------------------------------------------------------------------------- */

static bool name_byte(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* "functions.f", "python": dotted, and nothing in it that no name has. */
static bool looks_like_tool(struct jtext word)
{
    bool dotted = false;
    if (jtext_is(word, "python"))
        return true;
    for (size_t i = 0; i < word.len; i++) {
        if (word.s[i] == '.' && i > 0 && i + 1 < word.len && word.s[i - 1] != '.')
            dotted = true;
        else if (!name_byte(word.s[i]))
            return false;
    }
    return dotted;
}

/* "to=assistant" among the words to come: only tools write so. */
static bool to_assistant_follows(struct jtext rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        struct jtext t = after(rest, i);
        if (t.s[0] == 't' && starts_with(t, "to=") && jtext_is(word_at(after(t, 3)), assistant))
            return true;
    }
    return false;
}

/* "user:bob": what the renderer writes for an author with a name. */
static bool named_role(struct jtext word, enum osso_role *role, struct jtext *name)
{
    const char *colon = word.len ? memchr(word.s, ':', word.len) : NULL;
    if (!colon || !role_find((struct jtext){word.s, (size_t)(colon - word.s)}, role) || *role == OSSO_ROLE_TOOL)
        return false;
    *name = after(word, (size_t)(colon - word.s) + 1);
    return true;
}

static bool role_word(struct jtext word, enum osso_role *role)
{
    for (int i = OSSO_ROLE_SYSTEM; i <= OSSO_ROLE_TOOL; i++) {
        if (letters_at(word, role_name((enum osso_role)i)) == word.len && word.len > 0) {
            *role = (enum osso_role)i;
            return true;
        }
    }
    return false;
}

/* "assistantfinal", "Assistant.", "assistantto=functions.f": what is glued to the role's word is looked through for
 * a recipient, a channel, a content type. Returns how much of the word was the author's. */
static size_t damaged_assistant(struct jtext word, struct fields *f)
{
    size_t n = letters_at(word, assistant), to;
    if (n == 0)
        return 0;
    struct jtext tail = after(word, n);
    size_t names = find(tail, "to=", &to) ? to : tail.len;
    for (size_t i = 0; i < names; i++) {
        struct jtext t = {tail.s + i, names - i};
        if (channel_at(t) && take_channels(&t, f))
            i = (size_t)(t.s - tail.s) - 1;
    }
    if (jtext_is(tail, "json") || jtext_is(tail, "code"))
        f->type = tail;
    return n + names;
}

/* Reads the first word of a header as its author and takes it off. */
static void take_author(struct jtext *rest, enum header_author author, struct message *m, struct fields *f)
{
    struct jtext at = skip_blanks(*rest);
    while (mark_at(at, MARK_CONSTRAIN) && letters_at(after(at, 1), assistant))
        at = after(at, 1); /* a stray one before the role */
    struct jtext word = word_at(at);
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
    if (author != AUTHOR_KNOWN && role_word(word, &role)) {
        m->role = role;
        used = word.len;
        if (role == OSSO_ROLE_TOOL) /* the reference calls such a tool by its role */
            f->name = word;
    } else if (author != AUTHOR_KNOWN && named_role(word, &role, &f->name)) {
        m->role = role;
        used = word.len;
    } else if ((used = damaged_assistant(word, f)) > 0) {
        ; /* what is glued to it has been read */
    } else if (channel_at(word)) {
        if (author == AUTHOR_NAMED) {
            take_channels(&word, f);
            used = (size_t)(word.s - at.s);
        }
    } else if (author != AUTHOR_KNOWN &&
               (to_assistant_follows(after(at, word.len)) || (author == AUTHOR_NAMED && looks_like_tool(word)))) {
        m->role = OSSO_ROLE_TOOL;
        f->name = word;
        used = word.len;
        struct jtext next = skip_blanks(after(at, used));
        if (jtext_is(word_at(next), "tool"))
            used = (size_t)(next.s - at.s) + 4;
    } else if (author == AUTHOR_NAMED) {
        used = word.len; /* some other word in the role's place */
    }
    if (used)
        *rest = after(at, used);
}

/* ---- recipient and content type ------------------------------------------------------------------------- */

static void set_recipient(struct fields *f, const struct message *m, struct jtext name)
{
    size_t brace;
    if (find(name, "{", &brace) && brace > 0)
        name.len = brace; /* glued arguments */
    while (name.len > 0 && name.s[0] == '=')
        name = after(name, 1);
    if (name.len > 0 && !(m->role == OSSO_ROLE_ASSISTANT && f->recipient.s && jtext_is(name, assistant)))
        f->recipient = name;
}

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
        set_recipient(f, m, after(word, 3));
    } else if (was_to && !constrained) {
        w->to_next = jtext_is(word, "=");
        set_recipient(f, m, word);
    } else if (constrained && word.len == 0) {
        w->type_next = true; /* the name comes as a word of its own */
        w->last_is_plain = plain_before;
    } else if (constrained && !f->channel_known && take_channels(&word, f)) {
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
    struct jtext next = skip_blanks(rest);
    return jtext_is(word, "to") && next.len > 0 && next.s[0] == '=';
}

static void take_words(struct words *w, struct jtext rest, struct message *m, struct fields *f)
{
    bool constrained = false, in_channel = false, marked = rest.len && memchr(rest.s, MARK_CHANNEL, rest.len);
    while (rest.len > 0) {
        if (mark_at(rest, MARK_CHANNEL) || mark_at(rest, MARK_START)) {
            in_channel = mark_at(rest, MARK_CHANNEL);
            f->channel_marked |= in_channel;
            rest = after(rest, 1);
        } else if (mark_at(rest, MARK_CONSTRAIN)) {
            rest = after(rest, 1);
            constrained = true;
            if (rest.len == 0 || blank_at(rest) || any_mark_at(rest)) {
                take_word(w, (struct jtext){rest.s, 0}, true, m, f);
                constrained = false;
            }
            in_channel = false;
        } else if (blank_at(rest)) {
            rest = after(rest, blank_at(rest));
            in_channel = false;
        } else {
            struct jtext word = word_at(rest), whole = word;
            rest = after(rest, word.len);
            bool lone_channel = w->n_plain == 0 && m->role == OSSO_ROLE_ASSISTANT && !f->channel.s && !marked &&
                                !constrained && !w->to_next && channel_at(word);
            w->glued = false;
            if (in_channel || lone_channel) {
                bool known = take_channels(&word, f);
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
        if (w->n_plain > 0 && channel_at(w->first) == w->first.len)
            f->channel = w->first;
        for (size_t i = 0; i < f->recipient.len && !f->channel.s; i++)
            if (channel_at(after(f->recipient, i)) == f->recipient.len - i)
                f->channel = after(f->recipient, i);
        if (f->channel.s && f->recipient.s && f->channel.s >= f->recipient.s &&
            f->channel.s < f->recipient.s + f->recipient.len)
            f->recipient.len = (size_t)(f->channel.s - f->recipient.s);
        if (f->recipient.len == 0)
            f->recipient = (struct jtext){0};
    }
    if (m->role == OSSO_ROLE_ASSISTANT && jtext_is(f->recipient, assistant))
        f->recipient = (struct jtext){0};
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static enum osso_status copy_fields(struct message *m, const struct fields *f, struct osso_error *err)
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
static struct jtext last_start(const struct buf *header)
{
    struct jtext all = {header->len ? header->data : "", header->len};
    for (size_t i = all.len; i-- > 0;) {
        enum osso_role role;
        if (!mark_at(after(all, i), MARK_START))
            continue;
        struct jtext word = word_at(skip_blanks(after(all, i + 1)));
        if (role_word(word, &role) || letters_at(word, assistant))
            return after(all, i + 1);
    }
    return all;
}

enum osso_status harmony_tolerant_read(const struct buf *header, enum header_author author, struct message *m,
                                       struct osso_error *err)
{
    struct fields f = {0};
    struct words w = {0};
    struct jtext all = {header->len ? header->data : "", header->len}, rest = last_start(header);
    take_author(&rest, rest.len < all.len ? AUTHOR_NAMED : author, m, &f);
    struct jtext again = skip_blanks(rest); /* "assistant assistant" */
    if (jtext_is(word_at(again), role_name(m->role)))
        rest = after(again, strlen(role_name(m->role)));
    take_words(&w, rest, m, &f);
    settle_words(&w, m, &f);
    return copy_fields(m, &f, err);
}

/* The format's name where text may be glued to it: "json{}", "json {}". */
static bool take_format(struct jtext *rest, struct fields *f)
{
    struct jtext next;
    if (!starts_with(*rest, "json") && !starts_with(*rest, "code"))
        return false;
    next = after(*rest, 4);
    if (next.len > 0 && !blank_at(next) && !any_mark_at(next) && next.s[0] != '{' && next.s[0] != '[')
        return false;
    f->type = (struct jtext){rest->s, 4};
    *rest = next;
    return true;
}

/* Takes one word of header off bare text: false where the text begins. */
static bool take_bare(struct jtext *rest, const struct message *m, struct fields *f)
{
    *rest = skip_blanks(*rest);
    bool mine = m->role == OSSO_ROLE_ASSISTANT;
    if (any_mark_at(*rest)) {
        bool channel = mark_at(*rest, MARK_CHANNEL), constrain = mark_at(*rest, MARK_CONSTRAIN);
        *rest = after(*rest, 1);
        if (channel)
            take_channels(rest, f);
        else if (constrain)
            take_format(rest, f);
        return true;
    }
    struct jtext word = word_at(*rest);
    if (mine && starts_with(word, "to=")) {
        size_t brace;
        struct jtext name = after(word, 3), gap = name.len ? name : skip_blanks(after(*rest, word.len));
        name = word_at(gap);
        if (find(name, "{", &brace) && brace > 0)
            name.len = brace;
        set_recipient(f, m, name);
        *rest = after(*rest, (size_t)(name.s - rest->s) + name.len);
        return true;
    }
    return mine && f->recipient.s && !f->type.s && take_format(rest, f);
}

/* The text without its marks; a channel's name behind a marker is the channel. */
static void add_text(struct buf *text, struct jtext rest, struct fields *f)
{
    while (rest.len > 0) {
        size_t n = 0;
        if (any_mark_at(rest)) {
            bool channel = mark_at(rest, MARK_CHANNEL);
            rest = after(rest, 1);
            if (channel)
                take_channels(&rest, f);
            continue;
        }
        while (n < rest.len && !any_mark_at(after(rest, n)))
            n++;
        buf_add(text, rest.s, n);
        rest = after(rest, n);
    }
}

enum osso_status harmony_tolerant_bare(const struct buf *header, enum header_author author, struct message *m,
                                       struct buf *text, struct osso_error *err)
{
    struct fields f = {0};
    struct jtext rest = last_start(header), word;
    enum osso_role role;
    if (rest.len < header->len)
        author = AUTHOR_NAMED;
    rest = skip_blanks(rest);
    word = word_at(rest);
    if (author != AUTHOR_KNOWN)
        m->role = OSSO_ROLE_ASSISTANT;
    if (author == AUTHOR_NAMED && role_word(word, &role)) {
        m->role = role;
        if (role == OSSO_ROLE_TOOL)
            f.name = word;
        rest = after(rest, word.len);
    } else if (author == AUTHOR_NAMED && named_role(word, &role, &f.name)) {
        m->role = role;
        rest = after(rest, word.len);
    } else if (author == AUTHOR_NAMED || jtext_is(word, assistant)) {
        rest = after(rest, damaged_assistant(word, &f));
    } else if (jtext_is(word, role_name(m->role))) {
        rest = after(rest, word.len);
    }
    while (take_bare(&rest, m, &f))
        ;
    add_text(text, trim_end(rest), &f);
    if (m->role == OSSO_ROLE_ASSISTANT && jtext_is(f.recipient, assistant))
        f.recipient = (struct jtext){0};
    return text->failed ? error_nomem(err, text->len, "a message without <|message|>") : copy_fields(m, &f, err);
}

/* Does t begin with this word, or is it the beginning of the word? */
static size_t word_or_part(struct jtext t, const char *literal)
{
    size_t n = strlen(literal), k = 0;
    while (k < n && k < t.len && t.s[k] == literal[k])
        k++;
    return k == n || k == t.len ? k : 0;
}

bool harmony_tolerant_is_rest(const struct buf *text)
{
    static const char *const words[] = {"assistant", "analysis", "commentary", "final", "json", "code", "to="};
    struct jtext rest = {text->data, text->len};
    while (rest.len > 0) {
        if (any_mark_at(rest) || rest.s[0] == ' ') {
            rest = after(rest, 1);
            continue;
        }
        size_t n = 0;
        for (size_t i = 0; i < sizeof words / sizeof *words && n == 0; i++)
            n = word_or_part(rest, words[i]);
        if (n == 0)
            return false;
        bool recipient = n == 3 && starts_with(rest, "to=");
        rest = after(rest, n);
        while (recipient && rest.len > 0 && (name_byte(rest.s[0]) || rest.s[0] == '.'))
            rest = after(rest, 1);
    }
    return true;
}
