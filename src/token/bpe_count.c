/* bpe_count.c: texts are cut into chunks at places where every way of splitting cuts, chunks are counted by whoever has
 * time, and the counts are added up. */
#include "token/bpe_count.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "token/unicode.h"
#include "token/vocab.h"

enum { CHUNK = 1 << 20 };

struct chunks {
    struct bpe_text *list;
    size_t n;
    enum split_kind split;
    int digits;
    struct bpe_words *own; /* of each member */
};

void bpe_words_free(struct bpe_words *w)
{
    mem_free(w->list);
    mem_free(w->slots);
    *w = (struct bpe_words){0};
}

static uint32_t *find_slot(const struct bpe_words *w, const uint8_t *s, size_t len, uint64_t hash)
{
    for (size_t i = hash & (w->n_slots - 1);; i = (i + 1) & (w->n_slots - 1)) {
        const struct bpe_word *word = w->slots[i] ? &w->list[w->slots[i] - 1] : NULL;
        if (!word || (word->hash == hash && word->len == len && memcmp(word->s, s, len) == 0))
            return &w->slots[i];
    }
}

/* Room for one more word, with the slots at most half full. */
static bool grow(struct bpe_words *w)
{
    struct bpe_word *list = mem_room(w->list, w->n, &w->cap, sizeof *list);
    if (!list)
        return false;
    w->list = list;
    if (w->n * 2 < w->n_slots)
        return true;
    size_t n_slots = w->n_slots ? w->n_slots * 2 : 16384;
    uint32_t *slots = mem_array(n_slots, sizeof *slots);
    if (!slots)
        return false;
    mem_free(w->slots);
    w->slots = slots;
    w->n_slots = n_slots;
    for (size_t i = 0; i < w->n; i++)
        *find_slot(w, w->list[i].s, w->list[i].len, w->list[i].hash) = (uint32_t)i + 1;
    return true;
}

static void add_word(struct bpe_words *w, const uint8_t *s, size_t len, uint64_t count)
{
    uint64_t hash = vocab_hash(vocab_key(s, len), s, len);
    if (w->failed || !grow(w) || w->n == UINT32_MAX - 1) {
        w->failed = true;
        return;
    }
    uint32_t *slot = find_slot(w, s, len, hash);
    if (!*slot) {
        w->list[w->n++] = (struct bpe_word){s, hash, 0, (uint32_t)len};
        *slot = (uint32_t)w->n;
    }
    w->list[*slot - 1].count += count;
}

static void add_piece(struct bpe_words *w, const uint8_t *s, size_t len)
{
    for (; len > BPE_LONGEST_WORD; s += BPE_LONGEST_WORD, len -= BPE_LONGEST_WORD)
        add_word(w, s, BPE_LONGEST_WORD, 1);
    add_word(w, s, len, 1);
}

/* A piece that may be a number, or a blank and a number: nothing else holds numbers. */
static void add_number(struct bpe_words *w, const uint8_t *s, size_t len, int digits)
{
    size_t start = len > 1 && *s == ' ';
    unsigned k;
    if (!(unicode_class(utf8_get(s + start, &k)) & UNICODE_NUMBER)) {
        add_piece(w, s, len);
        return;
    }
    if (start)
        add_word(w, s, 1, 1);
    for (size_t i = start, end; i < len; i = end) {
        end = i;
        for (int n = 0; n < digits && end < len; n++, end += k)
            utf8_get(s + end, &k);
        add_word(w, s + i, end - i, 1);
    }
}

static void count_chunks(const struct member *member, void *arg)
{
    struct chunks *c = arg;
    struct bpe_words *w = &c->own[member->id];
    struct deal deal = member_deal(member);
    for (int64_t i; (i = member_claim(member, &deal, (int64_t)c->n)) >= 0;) {
        const struct bpe_text *t = &c->list[i];
        for (size_t at = 0, len; at < t->len; at += len) {
            len = split_next(c->split, t->s + at, t->len - at);
            if (c->digits)
                add_number(w, t->s + at, len, c->digits);
            else
                add_piece(w, t->s + at, len);
        }
    }
}

static bool is_letter(uint8_t c)
{
    return (uint8_t)((c | 0x20) - 'a') < 26;
}

/* The first place from `at` on where a word ends and a blank begins the next, or the end. */
static size_t chunk_end(const struct bpe_text *t, size_t at)
{
    for (; at + 1 < t->len; at++)
        if (t->s[at] == ' ' && is_letter(t->s[at - 1]) && is_letter(t->s[at + 1]))
            return at;
    return t->len;
}

/* Called with list NULL it only counts. */
static size_t cut_chunks(const struct bpe_text *texts, size_t n_texts, struct bpe_text *list)
{
    size_t n = 0;
    for (size_t i = 0; i < n_texts; i++)
        for (size_t at = 0, end; at < texts[i].len; at = end, n++) {
            end = texts[i].len - at > CHUNK ? chunk_end(&texts[i], at + CHUNK) : texts[i].len;
            if (list)
                list[n] = (struct bpe_text){texts[i].s + at, end - at};
        }
    return n;
}

enum osso_status bpe_count(const struct bpe_text *texts, size_t n_texts, enum split_kind split, int digits,
                           struct team *team, struct bpe_words *words_out, struct osso_error *err)
{
    struct chunks c = {.n = cut_chunks(texts, n_texts, NULL), .split = split, .digits = digits};
    struct bpe_words *all = words_out;
    *all = (struct bpe_words){0};
    c.list = mem_array(c.n + 1, sizeof *c.list);
    c.own = mem_array((size_t)team_threads(team), sizeof *c.own);
    if (!c.list || !c.own) {
        mem_free(c.list);
        mem_free(c.own);
        return error_nomem(err, c.n * sizeof *c.list, "the text's chunks");
    }
    cut_chunks(texts, n_texts, c.list);
    team_run(team, count_chunks, &c);
    *all = c.own[0];
    for (int i = 1; i < team_threads(team); i++) {
        for (size_t k = 0; k < c.own[i].n; k++)
            add_word(all, c.own[i].list[k].s, c.own[i].list[k].len, c.own[i].list[k].count);
        all->failed = all->failed || c.own[i].failed;
        bpe_words_free(&c.own[i]);
    }
    mem_free(c.list);
    mem_free(c.own);
    if (all->failed) {
        size_t n = all->n;
        bpe_words_free(all);
        return error_nomem(err, n * sizeof *all->list, "the words");
    }
    return OSSO_OK;
}
