/* rein.c: where in a message a session is, and the ids that may come there. */
#include "serve/rein.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MOST_KEPT = 256 };

struct kept {
    char *key;
    size_t key_len;
    uint32_t *bits;
};

struct rein_table {
    const struct osso_tokenizer *tokenizer;
    int64_t vocab;
    int32_t start, end, message, channel, constrain, ret, call;
    int32_t role;      /* "assistant" as one id */
    size_t longest;    /* bytes of an id */
    uint32_t *content; /* everything but special ids; and those that end a message */
    uint32_t *thought; /* the same with <|end|> alone */
    pthread_mutex_t lock;
    struct kept kept[MOST_KEPT]; /* the next one takes the place of the oldest */
    size_t next;
};

static void allow(uint32_t *bits, int32_t id)
{
    bits[id / 32] |= (uint32_t)1 << (id % 32);
}

static size_t words_of(const struct rein_table *t)
{
    return ((size_t)t->vocab + 31) / 32;
}

static int32_t find_role(const struct osso_tokenizer *tokenizer)
{
    struct osso_ids ids = {0};
    int32_t id = -1;
    if (!osso_tokenizer_encode(tokenizer, "assistant", 9, 0, &ids, NULL) && ids.len == 1)
        id = ids.data[0];
    osso_ids_free(&ids);
    return id;
}

struct rein_table *rein_table_create(const struct osso_tokenizer *tokenizer, int64_t vocab)
{
    struct rein_table *t = mem_alloc(sizeof *t);
    if (!t)
        return NULL;
    t->tokenizer = tokenizer;
    t->vocab = vocab;
    pthread_mutex_init(&t->lock, NULL);
    t->start = osso_tokenizer_special(tokenizer, "<|start|>");
    t->end = osso_tokenizer_special(tokenizer, "<|end|>");
    t->message = osso_tokenizer_special(tokenizer, "<|message|>");
    t->channel = osso_tokenizer_special(tokenizer, "<|channel|>");
    t->constrain = osso_tokenizer_special(tokenizer, "<|constrain|>");
    t->ret = osso_tokenizer_special(tokenizer, "<|return|>");
    t->call = osso_tokenizer_special(tokenizer, "<|call|>");
    t->role = find_role(tokenizer);
    const int32_t needed[] = {t->start, t->end, t->message, t->channel, t->constrain, t->ret, t->call, t->role};
    bool ok = true;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        ok = ok && needed[i] >= 0 && needed[i] < vocab;
    t->content = mem_array(words_of(t), sizeof *t->content);
    t->thought = mem_array(words_of(t), sizeof *t->thought);
    if (!ok || !t->content || !t->thought) {
        rein_table_free(t);
        return NULL;
    }
    for (int32_t id = 0; id < vocab && id < osso_tokenizer_size(tokenizer); id++) {
        const char *bytes;
        size_t len;
        if (osso_tokenizer_is_special(tokenizer, id))
            continue;
        allow(t->content, id);
        if (osso_tokenizer_piece(tokenizer, id, &bytes, &len) && len > t->longest)
            t->longest = len;
    }
    memcpy(t->thought, t->content, words_of(t) * sizeof *t->content);
    allow(t->thought, t->end);
    allow(t->content, t->end);
    allow(t->content, t->ret);
    allow(t->content, t->call);
    return t;
}

void rein_table_free(struct rein_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < MOST_KEPT; i++) {
        mem_free(t->kept[i].key);
        mem_free(t->kept[i].bits);
    }
    pthread_mutex_destroy(&t->lock);
    mem_free(t->content);
    mem_free(t->thought);
    mem_free(t);
}

/* ---- where a session is --------------------------------------------------------------------------------- */

static void begin_header(struct rein *r)
{
    r->state = REIN_HEADER;
    r->place = REIN_START;
    r->called = false;
    r->len = 0;
}

void rein_begin(struct rein *r, struct rein_table *table, const struct rein_rules *rules, size_t n_prompt)
{
    *r = (struct rein){.table = table, .rules = *rules, .seen = n_prompt};
    begin_header(r);
}

static void take_in_header(struct rein *r, int32_t id)
{
    const struct rein_table *t = r->table;
    struct rein_fit fit = rein_fit(&r->rules, r->place, r->called, r->text, r->len);
    const char *bytes;
    size_t len;
    if (id == t->channel || id == t->constrain || id == t->message) {
        r->called |= fit.recipient;
        r->place = id == t->channel ? REIN_CHANNEL : REIN_FORM;
        r->len = 0;
        if (id == t->message) {
            r->state = REIN_CONTENT;
            r->has_called |= r->called;
        }
    } else if (osso_tokenizer_piece(t->tokenizer, id, &bytes, &len) && r->len + len < REIN_TEXT) {
        memcpy(r->text + r->len, bytes, len);
        r->len += len;
    }
}

static void take(struct rein *r, int32_t id)
{
    const struct rein_table *t = r->table;
    if (r->state == REIN_HEADER)
        take_in_header(r, id);
    else if (r->state == REIN_CONTENT) {
        if (id == t->end)
            r->state = REIN_BETWEEN;
        else if (id == t->ret || id == t->call)
            r->state = REIN_OVER;
    } else if (r->state == REIN_BETWEEN)
        r->state = REIN_ROLE;
    else if (r->state == REIN_ROLE)
        begin_header(r);
}

/* ---- which ids fit -------------------------------------------------------------------------------------- */

/* What the ids of this place depend on, as bytes. */
static size_t key_of(const struct rein *r, char *key, size_t size)
{
    int n = snprintf(key, size, "%d%d%d%d%d\n%.*s\n", r->place, r->called, r->rules.no_calls, r->rules.must_call,
                     r->rules.names != NULL, (int)r->len, r->text);
    for (size_t i = 0; r->rules.names && i < r->rules.n_names && n >= 0 && (size_t)n < size; i++)
        n += snprintf(key + n, size - (size_t)n, "%s\n", r->rules.names[i]);
    return n >= 0 && (size_t)n < size ? (size_t)n : 0; /* 0: too long to be kept */
}

static void find_ids(const struct rein *r, uint32_t *bits)
{
    const struct rein_table *t = r->table;
    struct rein_fit here = rein_fit(&r->rules, r->place, r->called, r->text, r->len);
    char text[2 * REIN_TEXT];
    bool firsts[256];
    memset(bits, 0, words_of(t) * sizeof *bits);
    memcpy(text, r->text, r->len);
    for (int c = 0; c < 256; c++) {
        text[r->len] = (char)c;
        firsts[c] = rein_fit(&r->rules, r->place, r->called, text, r->len + 1).alive;
    }
    for (int32_t id = 0; id < osso_tokenizer_size(t->tokenizer) && id < t->vocab; id++) {
        const char *bytes;
        size_t len;
        if (!osso_tokenizer_piece(t->tokenizer, id, &bytes, &len) || !len || !firsts[(unsigned char)bytes[0]] ||
            r->len + len >= REIN_TEXT || osso_tokenizer_is_special(t->tokenizer, id))
            continue;
        memcpy(text + r->len, bytes, len);
        if (rein_fit(&r->rules, r->place, r->called, text, r->len + len).alive)
            allow(bits, id);
    }
    if (here.whole && r->place == REIN_START)
        allow(bits, t->channel);
    else if (here.whole)
        allow(bits, t->message);
    if (here.typed && r->place == REIN_CHANNEL)
        allow(bits, t->constrain);
}

static const struct kept *find_kept(const struct rein_table *t, const char *key, size_t len)
{
    for (const struct kept *k = t->kept; k < t->kept + MOST_KEPT; k++)
        if (k->key_len == len && k->key && memcmp(k->key, key, len) == 0)
            return k;
    return NULL;
}

static void keep(struct rein_table *t, const char *key, size_t len, const uint32_t *bits)
{
    struct kept *k = t->kept + t->next;
    mem_free(k->key);
    k->key = mem_strndup(key, len);
    k->key_len = len;
    k->bits = k->bits ? k->bits : mem_array(words_of(t), sizeof *bits);
    if (!k->key || !k->bits) {
        mem_free(k->key);
        k->key = NULL;
        return;
    }
    memcpy(k->bits, bits, words_of(t) * sizeof *bits);
    t->next = (t->next + 1) % MOST_KEPT;
}

/* The ids of this place into `bits`: kept ones, or else found and, unless the key is too long, kept. Names that the
 * model makes up as it goes are one place. */
static void header_ids(const struct rein *r, uint32_t *bits)
{
    struct rein_table *t = r->table;
    struct rein like = *r;
    char key[2048];
    like.len = rein_shorten(&r->rules, like.text, r->len, t->longest);
    size_t len = key_of(&like, key, sizeof key);
    pthread_mutex_lock(&t->lock);
    const struct kept *k = len ? find_kept(t, key, len) : NULL;
    if (k)
        memcpy(bits, k->bits, words_of(t) * sizeof *bits);
    else {
        find_ids(&like, bits);
        if (len)
            keep(t, key, len, bits);
    }
    pthread_mutex_unlock(&t->lock);
}

enum osso_mask_kind rein_mask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    struct rein *r = user;
    struct rein_table *t = r->table;
    size_t n;
    const int32_t *tokens = osso_session_tokens(session, &n);
    for (; r->seen < n; r->seen++)
        take(r, tokens[r->seen]);
    switch (r->state) {
    case REIN_HEADER:
        header_ids(r, mask->space);
        mask->bits = mask->space;
        return OSSO_MASK_BITS;
    case REIN_CONTENT:
        mask->bits = r->rules.must_call && !r->has_called ? t->thought : t->content;
        return OSSO_MASK_BITS;
    case REIN_BETWEEN:
        mask->ids = &t->start;
        mask->n_ids = 1;
        return OSSO_MASK_ALLOW;
    case REIN_ROLE:
        mask->ids = &t->role;
        mask->n_ids = 1;
        return OSSO_MASK_ALLOW;
    case REIN_OVER: break;
    }
    return OSSO_MASK_NONE;
}
