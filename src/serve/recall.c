/* recall.c: turns of the assistant by what a client sees of them. */
#include "serve/recall.h"

#include "base/error.h"
#include "json/jwrite.h"
#include "osso/answer.h"

#include <stdio.h>
#include <string.h>

/* ---- what a client sees --------------------------------------------------------------------------------- */

struct view {
    struct buf thoughts, text, calls;
};

static void view_free(struct view *v)
{
    buf_free(&v->thoughts);
    buf_free(&v->text);
    buf_free(&v->calls);
}

/* JSON without its white space; anything else as it is. */
static void put_arguments(struct buf *out, const char *text, size_t len)
{
    struct jdoc *doc = NULL;
    struct osso_error ignored;
    if (len && !jdoc_read_harmony(text, len, "arguments", &doc, &ignored))
        jwrite_value(out, jdoc_root(doc), JWRITE_SPELT);
    else
        buf_add(out, text ? text : "", len);
    jdoc_release(doc);
}

static void view_add(struct view *v, const struct osso_message *m)
{
    const char *recipient = m->recipient;
    switch (osso_voice_of(NULL, m->channel, recipient)) {
    case OSSO_VOICE_THOUGHT:
        buf_puts(&v->thoughts, v->thoughts.len && m->text_len ? "\n" : "");
        buf_add(&v->thoughts, m->text ? m->text : "", m->text_len);
        break;
    case OSSO_VOICE_CALL:
        buf_puts(&v->calls, strncmp(recipient, "functions.", 10) == 0 ? recipient + 10 : recipient);
        buf_putc(&v->calls, '\n');
        put_arguments(&v->calls, m->text, m->text_len);
        buf_putc(&v->calls, '\n');
        break;
    default: buf_add(&v->text, m->text ? m->text : "", m->text_len);
    }
}

/* Two hashes of 64 bits: nobody finds another's turn by chance. */
static void view_name(const struct view *v, bool thoughts, char name[40])
{
    uint64_t a = 0xcbf29ce484222325U, b = 0x9e3779b97f4a7c15U;
    const struct buf *const parts[] = {&v->thoughts, &v->text, &v->calls};
    for (size_t p = thoughts ? 0 : 1; p < 3; p++) {
        for (size_t i = 0; i < parts[p]->len; i++) {
            unsigned char c = (unsigned char)parts[p]->data[i];
            a = (a ^ c) * 0x100000001b3U;
            b = (b + c) * 0xbf58476d1ce4e5b9U;
            b ^= b >> 27;
        }
        a = (a ^ (0x100 + p)) * 0x100000001b3U;
        b = (b + 0x100 + p) * 0x94d049bb133111ebU;
    }
    snprintf(name, 40, "%c%016llx%016llx", thoughts ? 't' : 'p', (unsigned long long)a, (unsigned long long)b);
}

/* ---- keeping -------------------------------------------------------------------------------------------- */

/* Each message: its number of ids, then these. */
static void put_ids(struct buf *out, const struct osso_message *m)
{
    int32_t n = (int32_t)m->n_ids;
    buf_add(out, &n, sizeof n);
    buf_add(out, m->ids, m->n_ids * sizeof *m->ids);
}

void recall_keep(struct shelf *shelf, uint64_t owner, const struct osso_conversation *said)
{
    struct view view = {0};
    struct buf all = {0}, plain = {0};
    char name[40];
    bool whole = osso_conversation_size(said) > 0;
    for (size_t i = 0; i < osso_conversation_size(said) && whole; i++) {
        struct osso_message m = {.size = sizeof m};
        whole = osso_conversation_get(said, i, &m, NULL) == OSSO_OK && m.role == OSSO_ROLE_ASSISTANT && m.n_ids > 0;
        if (!whole)
            break;
        view_add(&view, &m);
        put_ids(&all, &m);
        if (osso_voice_of(NULL, m.channel, m.recipient) != OSSO_VOICE_THOUGHT)
            put_ids(&plain, &m);
    }
    bool failed = all.failed || plain.failed || view.thoughts.failed || view.text.failed || view.calls.failed;
    if (whole && !failed) {
        view_name(&view, true, name);
        shelf_put(shelf, owner, name, all.data, all.len);
        if (plain.len && view.thoughts.len) {
            view_name(&view, false, name);
            shelf_put(shelf, owner, name, plain.data, plain.len);
        }
    }
    view_free(&view);
    buf_free(&all);
    buf_free(&plain);
}

/* ---- finding -------------------------------------------------------------------------------------------- */

static bool find_turn(struct shelf *shelf, uint64_t owner, const struct view *view, struct buf *ids)
{
    char name[40];
    view_name(view, true, name);
    if (shelf_get(shelf, owner, name, ids))
        return true;
    view_name(view, false, name);
    return view->thoughts.len == 0 && shelf_get(shelf, owner, name, ids);
}

static enum osso_status add_known(struct osso_conversation *to, const struct osso_tokenizer *tokenizer,
                                  const struct buf *ids, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (size_t at = 0; at < ids->len && !status;) {
        int32_t n;
        memcpy(&n, ids->data + at, sizeof n);
        at += sizeof n;
        status = osso_conversation_add_ids(to, tokenizer, (const int32_t *)(const void *)(ids->data + at), (size_t)n,
                                           err);
        at += (size_t)n * sizeof(int32_t);
    }
    return status;
}

static enum osso_status add_as_it_is(struct osso_conversation *to, const struct osso_conversation *from, size_t first,
                                     size_t end, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (size_t i = first; i < end && !status; i++) {
        struct osso_message m = {.size = sizeof m};
        status = osso_conversation_get(from, i, &m, err);
        if (!status)
            status = osso_conversation_add(to, &m, err);
    }
    return status;
}

/* The assistant's messages from `first` on, at most to the last of the turn. */
static enum osso_status add_turn(struct shelf *shelf, uint64_t owner, const struct osso_tokenizer *tokenizer,
                                 const struct osso_conversation *from, size_t first, size_t *end_out,
                                 struct osso_conversation *to, struct osso_error *err)
{
    struct view view = {0};
    struct buf ids = {0};
    size_t i = first, n = osso_conversation_size(from);
    enum osso_status status = OSSO_OK;
    for (; i < n; i++) {
        struct osso_message m = {.size = sizeof m};
        status = osso_conversation_get(from, i, &m, err);
        if (status || m.role != OSSO_ROLE_ASSISTANT)
            break;
        view_add(&view, &m);
    }
    *end_out = i;
    size_t before = osso_conversation_size(to);
    bool known = !status && find_turn(shelf, owner, &view, &ids);
    if (known && add_known(to, tokenizer, &ids, err)) { /* of another tokenizer, or damaged: as if it were not known */
        osso_conversation_truncate(to, before);
        known = false;
    }
    if (!status && !known)
        status = add_as_it_is(to, from, first, i, err);
    view_free(&view);
    buf_free(&ids);
    return status;
}

enum osso_status recall_turns(struct shelf *shelf, uint64_t owner, const struct osso_tokenizer *tokenizer,
                              struct osso_conversation **conversation, struct osso_error *err)
{
    struct osso_conversation *from = *conversation, *to;
    size_t n = osso_conversation_size(from);
    enum osso_status status = osso_conversation_create(&to, err);
    for (size_t i = 0; i < n && !status;) {
        struct osso_message m = {.size = sizeof m};
        status = osso_conversation_get(from, i, &m, err);
        if (!status && m.role == OSSO_ROLE_ASSISTANT)
            status = add_turn(shelf, owner, tokenizer, from, i, &i, to, err);
        else if (!status)
            status = add_as_it_is(to, from, i, i + 1, err), i++;
    }
    if (status) {
        osso_conversation_free(to);
        return status;
    }
    osso_conversation_free(from);
    *conversation = to;
    return OSSO_OK;
}
