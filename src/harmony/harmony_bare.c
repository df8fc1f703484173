/* harmony_bare.c: text whose <|message|> is missing, or stands at the wrong place: how much of it is header? */
#include "base/error.h"
#include "harmony/harmony_fields.h"
#include "harmony/harmony_tolerant.h"

/* The format's name where text may be glued to it: "json{}", "json {}". */
static bool take_format(struct jtext *rest, struct fields *f)
{
    struct jtext next;
    if (!starts_with(*rest, "json") && !starts_with(*rest, "code"))
        return false;
    next = after(*rest, 4);
    if (next.len > 0 && !fields_blank_at(next) && !fields_any_mark_at(next) && next.s[0] != '{' && next.s[0] != '[')
        return false;
    f->type = (struct jtext){rest->s, 4};
    *rest = next;
    return true;
}

/* Takes one word of header off bare text: false where the text begins. */
static bool take_bare(struct jtext *rest, const struct message *m, struct fields *f)
{
    *rest = fields_skip_blanks(*rest);
    bool mine = m->role == OSSO_ROLE_ASSISTANT;
    if (fields_any_mark_at(*rest)) {
        bool channel = fields_mark_at(*rest, MARK_CHANNEL), constrain = fields_mark_at(*rest, MARK_CONSTRAIN);
        *rest = after(*rest, 1);
        if (channel)
            fields_take_channels(rest, f);
        else if (constrain)
            take_format(rest, f);
        return true;
    }
    struct jtext word = fields_word_at(*rest);
    if (mine && starts_with(word, "to=")) {
        size_t brace;
        struct jtext name = after(word, 3), gap = name.len ? name : fields_skip_blanks(after(*rest, word.len));
        name = fields_word_at(gap);
        if (fields_find(name, "{", &brace) && brace > 0)
            name.len = brace;
        fields_recipient(f, m, name);
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
        if (fields_any_mark_at(rest)) {
            bool channel = fields_mark_at(rest, MARK_CHANNEL);
            rest = after(rest, 1);
            if (channel)
                fields_take_channels(&rest, f);
            continue;
        }
        while (n < rest.len && !fields_any_mark_at(after(rest, n)))
            n++;
        buf_add(text, rest.s, n);
        rest = after(rest, n);
    }
}

enum osso_status harmony_tolerant_bare(const struct buf *header, enum header_author author, struct message *m,
                                       struct buf *text, struct osso_error *err)
{
    struct fields f = {0};
    struct jtext rest = fields_last_start(header), word;
    enum osso_role role;
    if (rest.len < header->len)
        author = AUTHOR_NAMED;
    rest = fields_skip_blanks(rest);
    word = fields_word_at(rest);
    if (author != AUTHOR_KNOWN)
        m->role = OSSO_ROLE_ASSISTANT;
    if (author == AUTHOR_NAMED && fields_role_word(word, &role)) {
        m->role = role;
        if (role == OSSO_ROLE_TOOL)
            f.name = word;
        rest = after(rest, word.len);
    } else if (author == AUTHOR_NAMED && fields_named_role(word, &role, &f.name)) {
        m->role = role;
        rest = after(rest, word.len);
    } else if (author == AUTHOR_NAMED || jtext_is(word, FIELDS_ASSISTANT)) {
        rest = after(rest, fields_damaged_assistant(word, &f));
    } else if (jtext_is(word, role_name(m->role))) {
        rest = after(rest, word.len);
    }
    while (take_bare(&rest, m, &f))
        ;
    add_text(text, fields_trim_end(rest), &f);
    if (m->role == OSSO_ROLE_ASSISTANT && jtext_is(f.recipient, FIELDS_ASSISTANT))
        f.recipient = (struct jtext){0};
    return text->failed ? error_nomem(err, text->len, "a message without <|message|>") : fields_copy(m, &f, err);
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
        if (fields_any_mark_at(rest) || rest.s[0] == ' ') {
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
        while (recipient && rest.len > 0 && (fields_name_byte(rest.s[0]) || rest.s[0] == '.'))
            rest = after(rest, 1);
    }
    return true;
}
