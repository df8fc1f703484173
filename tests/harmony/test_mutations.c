/* Sound streams, changed one token at a time (dropped, doubled, swapped with the next, another one inserted), or with
 * all that parts two messages cut out (<|end|><|start|>assistant), through the tolerant parser. What the change left
 * whole must still be there:
 *
 *   names    no special token's name stands in a text or a field
 *   text     every ordinary token of a content stands in some message's text
 *   answers  what was said in the final channel is still for the person
 *   calls    a call whose recipient and <|message|> are whole still has its recipient and its first argument token
 *   authors  where only the assistant spoke, nobody else does
 *   ids      what a message keeps of its own ids is the same message, read again, and renders
 *
 * The exceptions are what a change destroys by itself; the functions called ..._excused have their rules. */
#include "builtin_test.h"

#include "base/rng.h"
#include "base/utf8.h"
#include "osso/answer.h"

enum { MAX_IDS = 160, MAX_TEXT = 4096 };
enum { RETURN = 200002, CONSTRAIN, CHANNEL = 200005, START, END, MESSAGE, CALL = 200012 };

/* '|' parts tokens: each piece is encoded alone, as models that write slips see them. */
static const char *const sound[] = {
    "<|channel|>|final|<|message|>|Bread| and| salt|.|<|return|>",
    "<|channel|>|analysis|<|message|>|Greet| them|.|<|end|>|<|start|>|assistant|<|channel|>|final|<|message|>|Good| day|!|<|return|>",
    "<|channel|>|commentary| to|=functions.lamp| |<|constrain|>|json|<|message|>|{\"on\"|:true|}|<|call|>",
    "<|channel|>|analysis|<|message|>|Need| light|.|<|end|>|<|start|>|assistant|<|channel|>|commentary| to|=functions.lamp|<|constrain|>|json|<|message|>|{\"on\"|:false|}|<|call|>",
    "<|channel|>|analysis|<|message|>|Ask|.|<|end|>|<|start|>|assistant| to|=functions.ring|<|channel|>|commentary| |<|constrain|>|json|<|message|>|{\"n\"|:2|}|<|call|>",
    "<|channel|>|commentary|<|message|>|Looking| now|.|<|end|>|<|start|>|assistant|<|channel|>|commentary| to|=functions.find| |<|constrain|>|json|<|message|>|{\"q\"|:\"tea\"|}|<|call|>",
    "<|start|>|assistant|<|channel|>|final|<|message|>|Zwölf| Äpfel| liegen| dort|.|<|return|>",
    "<|start|>|assistant|<|channel|>|analysis| to|=python| code|<|message|>|print|(7|)|<|call|>",
    "<|channel|>|analysis| to|=browser.open| code|<|message|>|{\"id\"|:9|}|<|call|>",
    "<|channel|>|analysis|<|message|>|One|.|<|end|>|<|start|>|assistant|<|channel|>|analysis|<|message|>|Two|.|<|end|>|<|start|>|assistant|<|channel|>|final|<|message|>|Three|.|<|return|>",
    "<|channel|>|final| |<|constrain|>|json|<|message|>|{\"sum\"|:4|}|<|return|>",
    "<|channel|>|final|<|message|>|```c|\n|int| x|;\n|```|<|return|>",
    "<|channel|>|final|<|message|>|日本| は| 晴れ|。|<|return|>",
    "<|channel|>|analysis|<|message|>|Short|.|<|end|>|<|start|>|assistant|<|channel|>|final|<|message|>|**Bold**| text|,| then| list|:\n|-| a|\n|-| b|<|return|>",
    "<|channel|>|commentary| to|=functions.mail|<|constrain|>|json|<|message|>|{\"to\"|:\"ann\"|,\"cc\"|:[]|}|<|call|>",
    "<|start|>|assistant| to|=functions.sum|<|channel|>|commentary| json|<|message|>|{\"a\"|:[1|,2]|}|<|call|>",
    "<|channel|>|commentary| to|=functions.a_b-c| |<|constrain|>|json|<|message|>|{}|<|call|>",
    "<|channel|>|analysis|<|message|>|Hmm| 😀| well|.|<|end|>|<|start|>|assistant|<|channel|>|final|<|message|>|Fine| 😀|.|<|return|>",
    "<|channel|>|final|<|message|>|First| part|.|<|end|>|<|start|>|assistant|<|channel|>|final|<|message|>|Second| part|.|<|return|>",
    "<|channel|>|analysis|<|message|>|Check| the| door|.|<|end|>|<|start|>|assistant|<|channel|>|commentary|<|message|>|Opening| it|.|<|end|>|<|start|>|assistant|<|channel|>|commentary| to|=functions.open| |<|constrain|>|json|<|message|>|{\"door\"|:3|}|<|call|>",
    "<|channel|>|final|<|message|>|2| <| 3| and| a| |||| b|<|return|>",
    "<|start|>|assistant|<|channel|>|commentary| to|=functions.wait|<|message|>|{\"s\"|:30|}|<|call|>",
};
enum { N_SOUND = sizeof sound / sizeof *sound };

struct piece {
    int32_t id;
    bool content;            /* an ordinary token of some content */
    bool answer;             /* ... of the final channel */
    size_t channel, message; /* ... whose header goes from <|channel|> here to <|message|> here */
    bool recipient;          /* one of the tokens that spell a recipient */
};

struct stream {
    struct piece p[MAX_IDS];
    size_t n;
    char recipient[64]; /* of the one call, or "" */
    size_t argument;    /* its first content token */
};

static const char *find_bytes(const char *s, size_t len, const char *what, size_t n)
{
    for (size_t i = 0; i + n <= len; i++)
        if (memcmp(s + i, what, n) == 0)
            return s + i;
    return NULL;
}

static void add_piece(struct stream *s, const char *text, size_t len)
{
    struct osso_ids ids = {0};
    struct osso_error err;
    check_ok(osso_tokenizer_encode(builtin, text, len, OSSO_ENCODE_SPECIAL, &ids, &err), err);
    for (size_t i = 0; i < ids.len; i++) {
        assert_true(s->n < MAX_IDS);
        s->p[s->n++] = (struct piece){.id = ids.data[i]};
    }
    osso_ids_free(&ids);
}

/* Where in the stream its content, its recipient and its arguments are. */
static void mark_pieces(struct stream *s, const char *text)
{
    bool content = false, recipient = false, final = false;
    size_t channel = 0, message = 0;
    const char *to = strstr(text, "| to|=");
    if (to)
        snprintf(s->recipient, sizeof s->recipient, "%.*s", (int)strcspn(to + 6, "|"), to + 6);
    for (size_t i = 0; i < s->n; i++) {
        const char *piece;
        size_t len;
        int32_t id = s->p[i].id;
        if (id == CHANNEL)
            channel = i;
        if (id == MESSAGE) {
            message = i;
            if (recipient && !s->argument)
                s->argument = i + 1;
            content = true;
        } else if (id == END || id == RETURN || id == CALL) {
            content = recipient = false;
        }
        if (osso_tokenizer_is_special(builtin, id))
            continue;
        assert_true(osso_tokenizer_piece(builtin, id, &piece, &len));
        final = i > 0 && s->p[i - 1].id == CHANNEL ? len == 5 && memcmp(piece, "final", 5) == 0 : final;
        s->p[i].content = content;
        s->p[i].answer = content && final;
        s->p[i].channel = channel;
        s->p[i].message = message;
        if (!content && len >= 3 && memcmp(piece, " to", 3) == 0)
            recipient = true;
        bool whole = len == 1 && *piece == '='; /* of " to=NAME", which the recipient's tokens are all between */
        bool in_name = len > 0 && find_bytes(s->recipient, strlen(s->recipient), piece, len);
        s->p[i].recipient = !content && recipient && (whole || in_name || (len == 3 && memcmp(piece, " to", 3) == 0));
    }
}

static void read_stream(struct stream *s, const char *text)
{
    memset(s, 0, sizeof *s);
    for (const char *at = text; *at;) {
        size_t n = *at == '|' ? 1 : strcspn(at, "|");
        if (at[0] == '<' && at[1] == '|')
            n = (size_t)(strstr(at, "|>") - at) + 2;
        add_piece(s, at, n);
        at += n;
        at += *at == '|';
    }
    mark_pieces(s, text);
}

/* ---- the changes ---------------------------------------------------------------------------------------- */

enum change { DROP, DOUBLE, SWAP, INSERT, CUT };
enum { CUT_IDS = 3 }; /* <|end|><|start|>assistant */

struct mutant {
    enum change change;
    size_t at;
    int32_t id; /* inserted */
    int32_t ids[MAX_IDS + 1];
    size_t n;
};

static void mutate(struct mutant *m, const struct stream *s)
{
    m->n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (i == m->at && m->change == INSERT)
            m->ids[m->n++] = m->id;
        if (!(i == m->at && m->change == DROP) && !(m->change == CUT && i >= m->at && i < m->at + CUT_IDS))
            m->ids[m->n++] = s->p[i].id;
        if (i == m->at && m->change == DOUBLE)
            m->ids[m->n++] = s->p[i].id;
    }
    if (m->change == SWAP) {
        int32_t t = m->ids[m->at];
        m->ids[m->at] = m->ids[m->at + 1];
        m->ids[m->at + 1] = t;
    }
}

/* Did the change touch this token? */
static bool touched(const struct mutant *m, size_t i)
{
    size_t n = m->change == INSERT ? 0 : m->change == SWAP ? 2 : m->change == CUT ? CUT_IDS : 1;
    return i >= m->at && i < m->at + n;
}

/* ---- what must hold ------------------------------------------------------------------------------------- */

struct result {
    char text[MAX_TEXT], said[MAX_TEXT]; /* every message's, one after the other; what of it is for the person */
    size_t len, said_len;
    bool name_seen, foreign, call_kept, other_ids;
    size_t own; /* messages that kept their ids */
};

static void no_name(struct result *r, const char *s, size_t len)
{
    static const char *const names[] = {"<|start|>", "<|message|>",   "<|channel|>",   "<|end|>",   "<|return|>",
                                        "<|call|>",  "<|constrain|>", "<|endoftext|>", "<|reserved"};
    for (size_t i = 0; s && i < sizeof names / sizeof *names; i++)
        r->name_seen |= find_bytes(s, len, names[i], strlen(names[i])) != NULL;
}

static void look_at(struct result *r, const struct osso_message *m, const struct stream *s)
{
    const char *type = m->content_type;
    if (type && strncmp(type, "<|constrain|>", 13) == 0)
        type += 13;
    no_name(r, m->text, m->text_len);
    no_name(r, m->name, m->name ? strlen(m->name) : 0);
    no_name(r, m->channel, m->channel ? strlen(m->channel) : 0);
    no_name(r, m->recipient, m->recipient ? strlen(m->recipient) : 0);
    no_name(r, type, type ? strlen(type) : 0);
    r->foreign |= m->role != OSSO_ROLE_ASSISTANT;
    assert_true(r->len + m->text_len < MAX_TEXT);
    memcpy(r->text + r->len, m->text, m->text_len);
    r->len += m->text_len;
    r->text[r->len] = 0;
    if (osso_voice_of(NULL, m->channel, m->recipient) == OSSO_VOICE_ANSWER) {
        memcpy(r->said + r->said_len, m->text, m->text_len);
        r->said_len += m->text_len;
    }
    const char *piece;
    size_t len;
    if (m->recipient && s->argument && strcmp(m->recipient, s->recipient) == 0) {
        assert_true(osso_tokenizer_piece(builtin, s->p[s->argument].id, &piece, &len));
        r->call_kept |= find_bytes(m->text, m->text_len, piece, len) != NULL;
    }
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The ids of the message, read and rendered alone. */
static bool ids_agree(const struct osso_message *m)
{
    struct osso_error err = {""};
    struct osso_conversation *c;
    struct osso_message again = {.size = sizeof again};
    struct osso_ids ids = {0};
    if (m->n_ids == 0)
        return true;
    check_ok(osso_conversation_create(&c, &err), err);
    check_ok(osso_conversation_add_ids(c, builtin, m->ids, m->n_ids, &err), err);
    check_ok(osso_conversation_get(c, 0, &again, &err), err);
    check_ok(osso_conversation_render(c, builtin, NULL, &ids, &err), err);
    bool agree = again.role == m->role && same(again.name, m->name) && same(again.channel, m->channel) &&
                 same(again.recipient, m->recipient) && same(again.content_type, m->content_type) &&
                 again.text_len == m->text_len && memcmp(again.text, m->text, m->text_len) == 0 &&
                 memcmp(ids.data + 1, m->ids, (m->n_ids - 1) * sizeof *m->ids) == 0;
    osso_ids_free(&ids);
    osso_conversation_free(c);
    return agree;
}

static void run(struct result *r, const struct mutant *m, const struct stream *s)
{
    struct osso_parser *p;
    struct osso_error err;
    memset(r, 0, sizeof *r);
    check_ok(osso_parser_create(builtin, s->p[0].id == START ? NULL : "assistant", 0, &p, &err), err);
    for (size_t i = 0; i < m->n; i++)
        check_ok(osso_parser_push(p, m->ids[i], NULL, &err), err);
    check_ok(osso_parser_finish(p, NULL, &err), err);
    const struct osso_conversation *c = osso_parser_messages(p);
    for (size_t i = 0; i < osso_conversation_size(c); i++) {
        struct osso_message one = {.size = sizeof one};
        check_ok(osso_conversation_get(c, i, &one, &err), err);
        look_at(r, &one, s);
        r->own += one.n_ids > 0;
        r->other_ids = r->other_ids || !ids_agree(&one);
    }
    osso_parser_free(p);
}

/* Text that the change itself spoilt: its own token, or part of a character whose other part it moved away. */
static bool lost_text_excused(const struct mutant *m, const struct stream *s, size_t i)
{
    const char *piece;
    size_t len;
    osso_tokenizer_piece(builtin, s->p[i].id, &piece, &len);
    return touched(m, i) || utf8_valid_prefix((const uint8_t *)piece, len) < len;
}

/* An answer whose own header was changed by another token in it: it may say another channel now. */
static bool hidden_excused(const struct mutant *m, const struct piece *p)
{
    return m->change != DROP && m->change != CUT && m->at + (m->change == SWAP) >= p->channel && m->at <= p->message;
}

/* A call that the change itself took apart: a token of its recipient is changed or parted from the others, or something
 * that ends a message stands inside its header. */
static bool lost_call_excused(const struct mutant *m, const struct stream *s)
{
    for (size_t i = 0; i < s->n; i++)
        if ((s->p[i].recipient || i == s->argument) && (touched(m, i) || i == m->at))
            return true;
    if (m->change == CUT && s->p[m->at + CUT_IDS].recipient)
        return true; /* what stood before the channel is text of the message before now */
    if (m->at > 0 && s->p[m->at - 1].recipient)
        return true; /* what comes next is glued to its end */
    if (m->change == INSERT && (m->id == MESSAGE || m->id == START) && m->at > 1 && s->p[m->at - 2].id == CHANNEL)
        return true; /* into a channel's name of two tokens */
    return m->change == INSERT && m->at < s->argument && (m->id == END || m->id == RETURN || m->id == CALL);
}

static void describe(const struct mutant *m, const char *what, const struct result *r)
{
    static const char *const names[] = {"drop", "double", "swap", "insert", "cut"};
    char line[2048] = "";
    for (size_t i = 0, at = 0; i < m->n; i++) {
        const char *piece = "?";
        size_t len = 1;
        osso_tokenizer_piece(builtin, m->ids[i], &piece, &len);
        at += (size_t)snprintf(line + at, sizeof line - at, "%.*s|", (int)len, piece);
    }
    print_error("%s: %s at %zu: %s\n   texts: %s\n", what, names[m->change], m->at, line, r->text);
}

static size_t n_own; /* messages that kept their ids */

static void check_mutant(struct mutant *m, const struct stream *s, size_t *n_bad)
{
    struct result r;
    const char *what = NULL;
    mutate(m, s);
    run(&r, m, s);
    if (r.name_seen)
        what = "a control name";
    if (r.foreign)
        what = "another speaks";
    if (r.other_ids)
        what = "own ids that are another message";
    n_own += r.own;
    if (s->argument && !r.call_kept && !lost_call_excused(m, s))
        what = "a lost call";
    const char *at = r.text;
    for (size_t i = 0; i < s->n && !what; i++) {
        const char *piece, *found;
        size_t len;
        if (!s->p[i].content || lost_text_excused(m, s, i))
            continue;
        osso_tokenizer_piece(builtin, s->p[i].id, &piece, &len);
        while (len > 0 && *piece == ' ') /* the blanks around a text without <|message|> go */
            piece++, len--;
        while (len > 0 && (piece[len - 1] == ' ' || piece[len - 1] == '\n'))
            len--;
        if (s->p[i].answer && !hidden_excused(m, &s->p[i]) && !find_bytes(r.said, r.said_len, piece, len))
            what = "a hidden answer";
        found = find_bytes(at, r.len - (size_t)(at - r.text), piece, len);
        if (!found)
            what = "a lost text";
        else if (m->change != SWAP)
            at = found + len;
    }
    if (what && (*n_bad)++ < 20)
        describe(m, what, &r);
}

static void mutations(void **state)
{
    (void)state;
    static const int32_t inserted[] = {200002, 200003, 200005, 200006, 200007, 200008, 200012, 199999,
                                       200013, 12606,  17196,  173781, 220,    198,    1428,   13225};
    struct rng rng;
    size_t count = 0, n_bad = 0;
    rng_seed(&rng, 7);
    for (int k = 0; k < N_SOUND; k++) {
        struct stream s;
        struct mutant m = {0};
        read_stream(&s, sound[k]);
        for (m.at = 0; m.at < s.n; m.at++) {
            for (m.change = DROP; m.change < INSERT; m.change++)
                if (m.change != SWAP || m.at + 1 < s.n)
                    check_mutant(&m, &s, &n_bad), count++;
            m.change = CUT;
            if (m.at + CUT_IDS < s.n && s.p[m.at].id == END && s.p[m.at + 1].id == START)
                check_mutant(&m, &s, &n_bad), count++;
            m.change = INSERT;
            for (size_t i = 0; i < sizeof inserted / sizeof *inserted + 44; i++) {
                m.id = i < sizeof inserted / sizeof *inserted ? inserted[i] : (int32_t)rng_below(&rng, 201088);
                check_mutant(&m, &s, &n_bad), count++;
            }
        }
    }
    print_message("%zu mutants of %d streams, %zu bad, %zu messages with their own ids\n", count, N_SOUND, n_bad,
                  n_own);
    assert_int_equal(n_bad, 0);
    assert_true(count >= 20000);
    assert_true(n_own >= 15000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mutations)};
    return cmocka_run_group_tests(tests, builtin_setup, builtin_teardown);
}
