/* o200k.c: unpacks the vocabulary that tools/tables/gen_o200k.py packed. The blob is part of the program and is
 * trusted; a test rebuilds the official rank file from it and compares the SHA-256. */
#include "token/o200k.h"

#include <stdio.h>

enum { PAIR_BYTES = 6 }; /* left id, right id: 24 bits each, little-endian */

/* The assembler reads the file, so a megabyte of numbers never passes through the compiler. The path is seen from
 * the root of the repository, where make runs. */
extern const uint8_t o200k_blob[256 + (O200K_ORDINARY - 256) * PAIR_BYTES] __attribute__((visibility("hidden")));
__asm__(".pushsection .rodata, \"a\"\n"
        ".hidden o200k_blob\n"
        ".global o200k_blob\n"
        "o200k_blob:\n"
        ".incbin \"src/token/o200k.bin\"\n"
        ".popsection\n");

static const struct {
    uint32_t id;
    const char *name;
} specials[] = {
    {199998, "<|startoftext|>"}, {199999, "<|endoftext|>"}, {200002, "<|return|>"},
    {200003, "<|constrain|>"},   {200005, "<|channel|>"},   {200006, "<|start|>"},
    {200007, "<|end|>"},         {200008, "<|message|>"},   {200012, "<|call|>"},
};

bool o200k_special_name(const char *name, size_t len)
{
    static const char before[] = "<|reserved_", after[] = "|>";
    const size_t n_before = sizeof before - 1, n_after = sizeof after - 1;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (strlen(specials[i].name) == len && memcmp(specials[i].name, name, len) == 0)
            return true;
    if (len == sizeof O200K_ALIAS - 1 && memcmp(name, O200K_ALIAS, len) == 0)
        return true;
    if (len <= n_before + n_after || memcmp(name, before, n_before) != 0 ||
        memcmp(name + len - n_after, after, n_after) != 0)
        return false;
    for (size_t i = n_before; i < len - n_after; i++)
        if (name[i] < '0' || name[i] > '9')
            return false;
    return true;
}

static uint32_t load24(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

void o200k_name(uint32_t id, char name[O200K_NAME])
{
    snprintf(name, O200K_NAME, "<|reserved_%u|>", (unsigned)id);
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (specials[i].id == id)
            snprintf(name, O200K_NAME, "%s", specials[i].name);
}

static enum osso_status fill_specials(struct vocab *v, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (uint32_t id = O200K_ORDINARY; id < O200K_IDS && status == OSSO_OK; id++) {
        char name[O200K_NAME];
        o200k_name(id, name);
        status = vocab_set(v, id, name, strlen(name), VOCAB_SPECIAL, err);
    }
    return status;
}

/* Every token after the bytes is its left part followed by its right part, and both came before it. */
static void fill_ordinary(struct vocab *v)
{
    for (uint32_t id = 0; id < O200K_ORDINARY; id++) {
        struct vocab_token *t = &v->tokens[id];
        *t = (struct vocab_token){(uint32_t)v->n_bytes, 1, VOCAB_TEXT};
        if (id < 256) {
            v->bytes[v->n_bytes++] = o200k_blob[id];
            continue;
        }
        const uint8_t *pair = o200k_blob + 256 + (size_t)(id - 256) * PAIR_BYTES;
        const struct vocab_token *left = &v->tokens[load24(pair)], *right = &v->tokens[load24(pair + 3)];
        t->len = left->len + right->len;
        memcpy(v->bytes + v->n_bytes, v->bytes + left->start, left->len);
        memcpy(v->bytes + v->n_bytes + left->len, v->bytes + right->start, right->len);
        v->n_bytes += t->len;
    }
}

enum osso_status o200k_fill(struct vocab *v, struct osso_error *err)
{
    const size_t name_bytes = (size_t)(O200K_IDS - O200K_ORDINARY) * sizeof "<|reserved_200000|>";
    enum osso_status status = vocab_init(v, O200K_IDS, O200K_ORDINARY_BYTES + name_bytes, err);
    if (status != OSSO_OK)
        return status;
    fill_ordinary(v);
    status = fill_specials(v, err);
    if (status == OSSO_OK)
        status = vocab_index_words(v, err);
    if (status == OSSO_OK)
        status = vocab_init_pairs(v, O200K_ORDINARY - 256, err);
    for (uint32_t id = 256; id < O200K_ORDINARY && status == OSSO_OK; id++) {
        const uint8_t *pair = o200k_blob + 256 + (size_t)(id - 256) * PAIR_BYTES;
        status = vocab_add_pair(v, load24(pair), load24(pair + 3), id, err);
    }
    if (status != OSSO_OK)
        vocab_free(v);
    return status;
}
