#include "token/vocab_build.h"

#include "base/error.h"
#include "base/mem.h"
#include "token/bpe.h"
#include "token/o200k.h"
#include "base/utf8.h"

#include <stdio.h>

/* The byte that a character of the alphabet stands for, or -1. */
static int alphabet_byte(uint32_t c)
{
    if (c < 0x100)
        return (c > 0x20 && c < 0x7f) || (c > 0xa0 && c != 0xad) ? (int)c : -1;
    c -= 0x100;
    if (c <= 0x20)
        return (int)c;
    c += 0x7f - 0x21;
    if (c <= 0xa0)
        return (int)c;
    return c == 0xa1 ? 0xad : -1;
}

/* Turns text in GPT-2's byte alphabet into the bytes that it spells. The printable bytes 21-7E, A1-AC and AE-FF stand
 * for themselves, the other 68 are U+0100..U+0143 in ascending order. False if a character is not one of the 256, or
 * more than `cap` bytes come out. */
static bool alphabet_decode(const char *text, size_t len, uint8_t *out, size_t cap, size_t *len_out)
{
    const uint8_t *s = (const uint8_t *)text;
    size_t n = 0;
    *len_out = 0;
    for (size_t i = 0; i < len;) {
        unsigned k;
        if (utf8_step(s + i, len - i) <= 0 || n == cap)
            return false;
        int byte = alphabet_byte(utf8_get(s + i, &k));
        if (byte < 0)
            return false;
        out[n++] = (uint8_t)byte;
        i += k;
    }
    *len_out = n;
    return true;
}

/* ---- is it o200k? --------------------------------------------------------------------------------------- */

enum osso_status o200k_match_begin(struct o200k_match *m, struct osso_error *err)
{
    *m = (struct o200k_match){0};
    enum osso_status status = osso_tokenizer_builtin(&m->builtin, err);
    if (status != OSSO_OK)
        return status;
    m->seen = mem_alloc(O200K_ORDINARY);
    if (!m->seen) {
        o200k_match_end(m);
        return error_nomem(err, O200K_ORDINARY, "the comparison of two vocabularies");
    }
    return OSSO_OK;
}

bool o200k_match_token(struct o200k_match *m, uint32_t id, const char *text, size_t len)
{
    const struct vocab *v = &m->builtin->vocab;
    uint8_t bytes[128]; /* no o200k token is longer */
    size_t n;
    if (id >= O200K_ORDINARY)
        return id < VOCAB_MAX_IDS;
    if (m->seen[id] || !alphabet_decode(text, len, bytes, sizeof bytes, &n) || n != v->tokens[id].len ||
        memcmp(bytes, v->bytes + v->tokens[id].start, n) != 0)
        return false;
    m->seen[id] = 1;
    m->n_seen++;
    return true;
}

bool o200k_match_all(const struct o200k_match *m)
{
    return m->n_seen == O200K_ORDINARY;
}

void o200k_match_end(struct o200k_match *m)
{
    osso_tokenizer_free(m->builtin);
    mem_free(m->seen);
    *m = (struct o200k_match){0};
}

/* ---- rows that cannot be used ----------------------------------------------------------------------------- */

bool build_usable(struct unusable *u, uint32_t id, const char *text, size_t len)
{
    uint8_t bytes[VOCAB_MAX_TOKEN];
    size_t n = 0;
    bool spelled = len <= 2 * VOCAB_MAX_TOKEN && alphabet_decode(text, len, bytes, sizeof bytes, &n);
    if (spelled && n > 0)
        return true;
    if (u->n++ == 0) {
        u->first = id;
        u->why = len == 0                ? "is empty"
                 : len > VOCAB_MAX_TOKEN ? "is too long"
                                         : "is not written in the byte alphabet of GPT-2";
    }
    u->n_foreign += len != 0;
    return false;
}

enum osso_status build_judge(const struct unusable *u, uint32_t n_ids, struct osso_error *err)
{
    if (u->n_foreign <= n_ids / 8)
        return OSSO_OK;
    return error_set(err, OSSO_FORMAT, "%u of %u tokens (token %u first) %s: this is no byte-level vocabulary", u->n,
                     n_ids, u->first, u->n == 1 ? u->why : "are not written in the byte alphabet of GPT-2");
}

void build_note(const struct unusable *u, struct osso_tokenizer *t)
{
    if (u->n == 1)
        snprintf(t->note, sizeof t->note, "row %u of the vocabulary %s and is left out", u->first, u->why);
    else if (u->n > 1)
        snprintf(t->note, sizeof t->note,
                 "%u rows of the vocabulary cannot be used and are left out: row %u, the first, %s", u->n, u->first,
                 u->why);
}

/* ---- by hand -------------------------------------------------------------------------------------------- */

enum osso_status build_text(struct vocab *v, uint32_t id, const char *text, size_t len, struct osso_error *err)
{
    uint8_t bytes[VOCAB_MAX_TOKEN];
    size_t n;
    if (len > 2 * VOCAB_MAX_TOKEN)
        return error_set(err, OSSO_LIMIT, "token %u is longer than %d bytes", id, VOCAB_MAX_TOKEN);
    if (!alphabet_decode(text, len, bytes, sizeof bytes, &n))
        return error_set(err, OSSO_FORMAT,
                         "token %u is not written in the byte alphabet of GPT-2: this is no byte-level vocabulary", id);
    return vocab_set(v, id, bytes, n, VOCAB_TEXT, err);
}

enum osso_status build_index(struct vocab *v, size_t n_merges, struct osso_error *err)
{
    enum osso_status status = vocab_index_words(v, err);
    if (status == OSSO_OK)
        status = vocab_init_pairs(v, n_merges, err);
    if (status == OSSO_OK && !(v->merged = mem_array(n_merges + 1, sizeof *v->merged)))
        status = error_nomem(err, (n_merges + 1) * sizeof *v->merged, "the merges");
    return status;
}

enum osso_status build_merge(struct vocab *v, uint32_t rank, const char *left, size_t left_len, const char *right,
                             size_t right_len, struct osso_error *err)
{
    uint8_t bytes[VOCAB_MAX_TOKEN];
    size_t n, m;
    if (!alphabet_decode(left, left_len, bytes, sizeof bytes, &n) ||
        !alphabet_decode(right, right_len, bytes + n, sizeof bytes - n, &m))
        return error_set(err, OSSO_FORMAT, "merge %u is too long or not written in the byte alphabet of GPT-2", rank);
    uint32_t a = vocab_find(v, bytes, n), b = vocab_find(v, bytes + n, m), both = vocab_find(v, bytes, n + m);
    if (a == VOCAB_NONE || b == VOCAB_NONE || both == VOCAB_NONE)
        return error_set(err, OSSO_FORMAT, "merge %u needs the %s, which is not in the vocabulary", rank,
                         a == VOCAB_NONE   ? "left part"
                         : b == VOCAB_NONE ? "right part"
                                           : "token that it makes");
    v->merged[rank] = both;
    return vocab_add_pair(v, a, b, rank, err);
}

enum osso_status build_merge_string(struct vocab *v, uint32_t rank, const char *text, size_t len,
                                    struct osso_error *err)
{
    const char *space = len ? memchr(text, ' ', len) : NULL;
    if (!space)
        return error_set(err, OSSO_FORMAT, "merge %u has no space between its parts", rank);
    size_t left = (size_t)(space - text);
    return build_merge(v, rank, text, left, space + 1, len - left - 1, err);
}

enum osso_status build_finish(struct vocab *v, bool ignore_merges, struct osso_error *err)
{
    if (ignore_merges)
        return OSSO_OK;
    struct bpe_space space = {0};
    struct osso_ids ids = {0};
    enum osso_status status = OSSO_OK;
    uint8_t *keep = mem_alloc(v->n_ids);
    if (!keep)
        return error_nomem(err, v->n_ids, "the vocabulary");
    for (uint32_t id = 0; id < v->n_ids && status == OSSO_OK; id++) {
        const struct vocab_token *t = &v->tokens[id];
        if (t->kind != VOCAB_TEXT)
            continue;
        ids.len = 0;
        status = bpe_encode(v, v->bytes + t->start, t->len, &space, &ids, err);
        keep[id] = ids.len == 1;
    }
    if (status == OSSO_OK)
        status = vocab_keep_words(v, keep, err);
    mem_free(keep);
    osso_ids_free(&ids);
    bpe_space_free(&space);
    return status;
}
