/* chooser.c: a chooser's arrays. An engine has as many as it can use: one for each thread that finds a session. */
#include "engine/chooser.h"

#include "base/error.h"
#include "base/mem.h"

enum osso_status chooser_create(int64_t vocab, struct chooser *c, struct osso_error *err)
{
    size_t n = (size_t)vocab, words = (n + MASK_WORD - 1) / MASK_WORD, chunks = (n + CHUNK - 1) / CHUNK;
    *c = (struct chooser){.vocab = vocab, .n_chunks = (int64_t)chunks, .band_of = -1};
    c->logits = mem_array(n, sizeof *c->logits);
    c->counts = mem_array(n, sizeof *c->counts);
    c->space = mem_array(words, sizeof *c->space);
    c->mask = mem_array(words, sizeof *c->mask);
    c->rest = mem_array(words, sizeof *c->rest);
    c->allowed = mem_array(chunks, sizeof *c->allowed);
    c->top = mem_array(chunks, sizeof *c->top);
    c->weight = mem_array(n, sizeof *c->weight);
    c->sum = mem_array(chunks, sizeof *c->sum);
    c->band = mem_array(n, sizeof *c->band);
    bool whole = c->logits && c->counts && c->space && c->mask && c->rest && c->allowed && c->top && c->weight &&
                 c->sum && c->band;
    return whole ? OSSO_OK : error_nomem(err, chooser_bytes(vocab), "choosing tokens");
}

uint64_t chooser_bytes(int64_t vocab)
{
    const struct chooser *c = NULL;
    uint64_t n = (uint64_t)vocab, each = sizeof *c->logits + sizeof *c->counts + sizeof *c->weight + sizeof *c->band;
    return sizeof *c + n * each +
           (n + MASK_WORD - 1) / MASK_WORD * (sizeof *c->space + sizeof *c->mask + sizeof *c->rest) +
           (n + CHUNK - 1) / CHUNK * (sizeof *c->allowed + sizeof *c->top + sizeof *c->sum);
}

void chooser_free(struct chooser *c)
{
    mem_free(c->logits);
    mem_free(c->counts);
    mem_free(c->space);
    mem_free(c->mask);
    mem_free(c->rest);
    mem_free(c->allowed);
    mem_free(c->top);
    mem_free(c->weight);
    mem_free(c->sum);
    mem_free(c->band);
}
