/* mask.c: masks. Few ids are set or cleared in bits of the chooser's own: writing 25 KB for a vocabulary of 200,000
 * costs a hundredth of a pass over its logits, and all that follows knows one form only. */
#include "engine/mask.h"

#include "base/error.h"

#include <string.h>

static size_t bytes(const struct chooser *c)
{
    return (size_t)(c->vocab + MASK_WORD - 1) / MASK_WORD * sizeof *c->mask;
}

static uint32_t *fill(const struct chooser *c, uint32_t *bits, int byte)
{
    return memset(bits, byte, bytes(c));
}

static const uint32_t *put(const struct chooser *c, uint32_t *bits, const int32_t *ids, size_t n, bool on)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= c->vocab)
            continue;
        uint32_t *word = &bits[ids[i] / MASK_WORD], bit = (uint32_t)1 << ids[i] % MASK_WORD;
        *word = on ? *word | bit : *word & ~bit;
    }
    return bits;
}

enum osso_status mask_ask(struct chooser *c, osso_mask_fn *fn, void *user, const struct osso_session *session,
                          const uint32_t **bits_out, struct osso_error *err)
{
    struct osso_mask m = {.size = sizeof m, .vocab = c->vocab, .space = c->space, .bits = c->space};
    enum osso_mask_kind kind = fn(user, session, &m);
    *bits_out = NULL;
    bool few = kind == OSSO_MASK_FORBID || kind == OSSO_MASK_ALLOW;
    if (few && m.n_ids > 0 && !m.ids)
        return error_set(err, OSSO_USAGE, "a mask names %zu ids and has none", m.n_ids);
    switch (kind) {
    case OSSO_MASK_NONE: return OSSO_OK;
    case OSSO_MASK_FORBID:
        if (m.n_ids > 0)
            *bits_out = put(c, fill(c, c->mask, 0xff), m.ids, m.n_ids, false);
        return OSSO_OK;
    case OSSO_MASK_ALLOW: *bits_out = put(c, fill(c, c->mask, 0), m.ids, m.n_ids, true); return OSSO_OK;
    case OSSO_MASK_BITS:
        *bits_out = m.bits;
        return m.bits ? OSSO_OK : error_set(err, OSSO_USAGE, "a mask of bits has none");
    }
    return error_set(err, OSSO_USAGE, "a mask answers %d: it has to be one of enum osso_mask_kind", (int)kind);
}

const uint32_t *mask_without(struct chooser *c, const uint32_t *bits, const int32_t *ids, size_t n)
{
    return put(c, bits ? memcpy(c->rest, bits, bytes(c)) : fill(c, c->rest, 0xff), ids, n, false);
}
