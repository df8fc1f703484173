/* chooser.c: a chooser's arrays. An engine has as many as it can use: one for each thread that finds a session. */
#include "engine/chooser.h"

#include "base/error.h"
#include "base/mem.h"

/* ARRAY(member of struct chooser, so many ids share an entry). */
#define ARRAYS(ARRAY)                                                                                                  \
    ARRAY(logits, 1)                                                                                                   \
    ARRAY(counts, 1)                                                                                                   \
    ARRAY(space, MASK_WORD)                                                                                            \
    ARRAY(mask, MASK_WORD)                                                                                             \
    ARRAY(rest, MASK_WORD)                                                                                             \
    ARRAY(allowed, CHUNK)                                                                                              \
    ARRAY(top, CHUNK)                                                                                                  \
    ARRAY(weight, 1)                                                                                                   \
    ARRAY(sum, CHUNK)                                                                                                  \
    ARRAY(band, 1)

static size_t entries(int64_t vocab, int share)
{
    return (size_t)((vocab + share - 1) / share);
}

enum osso_status chooser_create(int64_t vocab, struct chooser *c, struct osso_error *err)
{
    *c = (struct chooser){.vocab = vocab, .n_chunks = (int64_t)entries(vocab, CHUNK), .band_of = -1};
    bool all = true;
#define ARRAY(member, share)                                                                                           \
    c->member = mem_array(entries(vocab, share), sizeof *c->member);                                                   \
    all = all && c->member;
    ARRAYS(ARRAY)
#undef ARRAY
    return all ? OSSO_OK : error_nomem(err, chooser_bytes(vocab), "choosing tokens");
}

uint64_t chooser_bytes(int64_t vocab)
{
    const struct chooser *c;
    size_t bytes = sizeof *c;
#define ARRAY(member, share) bytes += entries(vocab, share) * sizeof *c->member;
    ARRAYS(ARRAY)
#undef ARRAY
    return bytes;
}

void chooser_free(struct chooser *c)
{
#define ARRAY(member, share) mem_free(c->member);
    ARRAYS(ARRAY)
#undef ARRAY
}
