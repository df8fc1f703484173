/* scratch.c: the activation memory of a step, as one table. Nothing is allocated while a step runs. */
#include "model/forward.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>

/* Everything a step needs, as sizes. */
struct sizes {
    size_t rows, logits, slots, hidden, inner, q, kv, experts, vocab, k, kept;
};

/* BUFFER(member of struct scratch, element type, count). Those with `i8` exist only when the int8 form does. */
#define SCRATCH_TABLE(BUFFER)                                                                                          \
    BUFFER(x, real, z.rows * z.hidden)                                                                                  \
    BUFFER(delta, real, z.rows * z.hidden)                                                                              \
    BUFFER(q, real, z.rows * z.q)                                                                                       \
    BUFFER(k, real, z.rows * z.kv)                                                                                      \
    BUFFER(v, real, z.rows * z.kv)                                                                                      \
    BUFFER(router, real, z.rows * z.experts)                                                                            \
    BUFFER(logits, real, z.logits * z.vocab)                                                                            \
    BUFFER(a.f, real, z.rows * z.hidden)                                                                                \
    BUFFER(z.f, real, z.rows * z.q)                                                                                     \
    BUFFER(h.f, real, z.slots * z.inner)                                                                                \
    BUFFER(kept, real, z.kept)                                                                                         \
    BUFFER(routing.ids, int32_t, z.slots)                                                                              \
    BUFFER(routing.weights, real, z.slots)                                                                             \
    BUFFER(routing.start, int32_t, z.experts + 1)                                                                      \
    BUFFER(routing.slots, int32_t, z.slots)
#define SCRATCH_TABLE_I8(BUFFER)                                                                                       \
    BUFFER(a.q, int8_t, i8(z.hidden) * z.rows)                                                                         \
    BUFFER(a.d, float, i8(z.hidden) / QUANT_BLOCK * z.rows)                                                            \
    BUFFER(a.sum, int32_t, i8(z.hidden) / QUANT_BLOCK * z.rows)                                                        \
    BUFFER(z.q, int8_t, i8(z.q) * z.rows)                                                                              \
    BUFFER(z.d, float, i8(z.q) / QUANT_BLOCK * z.rows)                                                                 \
    BUFFER(z.sum, int32_t, i8(z.q) / QUANT_BLOCK * z.rows)                                                             \
    BUFFER(h.q, int8_t, i8(z.inner) * z.slots)                                                                         \
    BUFFER(h.d, float, i8(z.inner) / QUANT_BLOCK * z.slots)                                                            \
    BUFFER(h.sum, int32_t, i8(z.inner) / QUANT_BLOCK * z.slots)

/* A width has an int8 form when it is whole blocks. */
static size_t i8(size_t width)
{
    return width % QUANT_BLOCK == 0 ? width : 0;
}

/* Pages whose sums attention may keep: one row's at full length, if the members cannot share its kv heads evenly. */
static size_t kept_pages(const struct config *c, int n_members)
{
    size_t pages = ((size_t)c->context + KV_PAGE - 1) / KV_PAGE;
    return c->n_kv_heads % n_members ? pages * (size_t)c->n_kv_heads : 0;
}

static struct sizes sizes_of(const struct config *c, int top_k, int max_rows, int max_logits, int n_members)
{
    struct sizes z = {.rows = (size_t)max_rows, .logits = (size_t)max_logits, .hidden = (size_t)c->hidden,
                      .inner = (size_t)c->intermediate, .q = (size_t)c->n_heads * (size_t)c->head_dim,
                      .kv = (size_t)c->n_kv_heads * (size_t)c->head_dim, .experts = (size_t)c->n_experts,
                      .vocab = (size_t)c->vocab, .k = (size_t)top_k};
    z.slots = z.rows * z.k;
    z.kept = kept_pages(c, n_members) * (size_t)(c->n_heads / c->n_kv_heads) * (size_t)(2 + c->head_dim);
    return z;
}

static size_t aligned(size_t bytes)
{
    return (bytes + 127) / 128 * 128;
}

/* Lays the table out from `base`; with base NULL only counts. Returns the bytes. */
static size_t lay_out(struct scratch *s, const struct sizes *sizes, bool exact, uint8_t *base)
{
    struct sizes z = *sizes;
    size_t off = 0;
#define PLACE(member, type, count)                                                                                     \
    s->member = base && (count) > 0 ? (type *)(void *)(base + off) : NULL;                                                 \
    off += aligned((count) * sizeof(type));
    SCRATCH_TABLE(PLACE)
    if (!exact) {
        SCRATCH_TABLE_I8(PLACE)
    }
#undef PLACE
    s->a.width = (int64_t)z.hidden;
    s->z.width = (int64_t)z.q;
    s->h.width = (int64_t)z.inner;
    return off;
}

uint64_t REAL(forward_bytes)(const struct config *c, const struct backend *backend, bool exact, int top_k, int max_rows,
                             int max_logits, int n_members)
{
    struct scratch s;
    struct sizes z = sizes_of(c, top_k, max_rows, max_logits, n_members);
    size_t member = aligned(backend->workspace_bytes(max_rows, c->hidden, c->intermediate, c->n_heads, c->head_dim));
    return lay_out(&s, &z, exact, NULL) + member * (size_t)n_members;
}

enum osso_status REAL(forward_create)(const struct config *config, const struct weights *weights,
                                      const struct backend *backend, const struct kv_pool *kv, bool exact, int top_k,
                                      int max_rows, int max_logits, int n_members, struct forward *f,
                                      struct osso_error *err)
{
    *f = (struct forward){.config = config, .weights = weights, .backend = backend, .kv = kv, .top_k = top_k};
    f->score_scale = (float)(1 / sqrt(config->head_dim));
    f->shard = (struct shard){.end_kv_head = config->n_kv_heads, .end_expert = config->n_experts};
    struct scratch *s = &f->s;
    struct sizes z = sizes_of(config, top_k, max_rows, max_logits, n_members);
    s->workspace_bytes = aligned(backend->workspace_bytes(max_rows, config->hidden, config->intermediate, config->n_heads,
                                                config->head_dim));
    s->bytes = REAL(forward_bytes)(config, backend, exact, top_k, max_rows, max_logits, n_members);
    s->memory = mem_pages(s->bytes);
    if (!s->memory)
        return error_nomem(err, s->bytes, "the activations of a step; ask for fewer rows per step");
    s->workspaces = (uint8_t *)s->memory + lay_out(s, &z, exact, s->memory);
    s->max_rows = max_rows;
    s->kept_pages = (int64_t)kept_pages(config, n_members);
    s->max_logits = max_logits;
    return OSSO_OK;
}

static void free_kept(struct scratch *s)
{
    mem_free(s->lse);
    mem_free(s->gate);
    mem_free(s->up);
    mem_free(s->out);
    s->lse = s->gate = s->up = s->out = NULL;
}

void REAL(forward_free)(struct forward *f)
{
    free_kept(&f->s);
    mem_pages_free(f->s.memory, f->s.bytes);
    f->s = (struct scratch){0};
}

enum osso_status REAL(forward_set_taps)(struct forward *f, const struct taps *taps, struct osso_error *err)
{
    struct scratch *s = &f->s;
    const struct config *c = f->config;
    size_t rows = (size_t)s->max_rows, slots = rows * (size_t)f->top_k;
    bool lse = (taps->set >> OSSO_TAP_ATTN_LSE) & 1, out = (taps->set >> OSSO_TAP_EXPERT_OUT) & 1;
    bool gate = (taps->set >> OSSO_TAP_EXPERT_GATE | taps->set >> OSSO_TAP_EXPERT_UP) & 1;
    free_kept(s);
    f->taps = (struct taps){0};
    s->lse = lse ? mem_array(rows * (size_t)c->n_heads, sizeof(real)) : NULL;
    s->gate = gate ? mem_array(slots * (size_t)c->intermediate, sizeof(real)) : NULL;
    s->up = gate ? mem_array(slots * (size_t)c->intermediate, sizeof(real)) : NULL;
    s->out = out ? mem_array(slots * (size_t)c->hidden, sizeof(real)) : NULL;
    if ((lse && !s->lse) || (gate && (!s->gate || !s->up)) || (out && !s->out)) {
        free_kept(s);
        return error_nomem(err, slots * (size_t)c->hidden * sizeof(real), "values kept for a tap");
    }
    f->taps = *taps;
    return OSSO_OK;
}
