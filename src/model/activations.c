/* activations.c: the activation memory of a step, laid out in one piece. Nothing is allocated while a step runs. */
#include "model/activations.h"

#include "base/error.h"
#include "base/mem.h"

/* Everything a step needs, as sizes. */
struct sizes {
    size_t rows, logits, slots, hidden, inner, heads, q, kv, experts, vocab, page_sums;
};

/* Pages whose sums attention may keep, for rows as long as the model's context. */
static int64_t page_sums(const struct config *c, const struct backend *backend, int n_members)
{
    return backend->page_sums((c->context + KV_PAGE - 1) / KV_PAGE, c->n_kv_heads, n_members);
}

static struct sizes sizes_of(const struct config *c, const struct backend *backend, const struct activation_options *o)
{
    struct sizes z = {.rows = (size_t)o->max_rows,
                      .logits = (size_t)o->max_logits,
                      .hidden = (size_t)c->hidden,
                      .inner = (size_t)c->intermediate,
                      .heads = (size_t)c->n_heads,
                      .q = (size_t)c->n_heads * (size_t)c->head_dim,
                      .kv = (size_t)c->n_kv_heads * (size_t)c->head_dim,
                      .experts = (size_t)c->n_experts,
                      .vocab = (size_t)c->vocab};
    z.slots = z.rows * (size_t)o->top_k;
    z.page_sums = (size_t)page_sums(c, backend, o->n_members) * (size_t)(c->n_heads / c->n_kv_heads) *
                  (size_t)(2 + c->head_dim);
    return z;
}

static size_t aligned(size_t bytes)
{
    return (bytes + 127) / 128 * 128;
}

/* Hands out memory from `base` on; with base NULL it only counts. */
struct layout {
    uint8_t *base;
    size_t off;
    bool exact, bf16;
};

static void *place(struct layout *l, size_t count, size_t size)
{
    void *at = l->base && count > 0 ? l->base + l->off : NULL;
    l->off += aligned(count * size);
    return at;
}

/* A width has an int8 form when it is whole blocks. */
static struct act place_act(struct layout *l, size_t rows, size_t width)
{
    size_t i8 = l->exact || width % QUANT_BLOCK != 0 ? 0 : rows * width;
    struct act a = {.width = (int64_t)width, .bf16 = l->bf16};
    a.f = place(l, rows * width, sizeof *a.f);
    a.q = place(l, i8, sizeof *a.q);
    a.d = place(l, i8 / QUANT_BLOCK, sizeof *a.d);
    a.sum = place(l, i8 / QUANT_BLOCK, sizeof *a.sum);
    return a;
}

static struct kept place_kept(struct layout *l, const struct sizes *z)
{
    struct kept k = {.attn_in = place_act(l, z->rows, z->hidden)};
    k.q = place(l, z->rows * z->q, sizeof *k.q);
    k.k = place(l, z->rows * z->kv, sizeof *k.k);
    k.v = place(l, z->rows * z->kv, sizeof *k.v);
    k.z = place_act(l, z->rows, z->q);
    k.router = place(l, z->rows * z->experts, sizeof *k.router);
    k.routing.ids = place(l, z->slots, sizeof *k.routing.ids);
    k.routing.weights = place(l, z->slots, sizeof *k.routing.weights);
    k.routing.start = place(l, z->experts + 1, sizeof *k.routing.start);
    k.routing.slots = place(l, z->slots, sizeof *k.routing.slots);
    k.h = place_act(l, z->slots, z->inner);
    return k;
}

/* What only a backward pass needs apart. */
static void place_apart(struct layout *l, const struct sizes *z, struct kept *k)
{
    k->mid = place(l, z->rows * z->hidden, sizeof *k->mid);
    k->mlp_in = place_act(l, z->rows, z->hidden);
    k->lse = place(l, z->rows * z->heads, sizeof *k->lse);
    k->gate = place(l, z->slots * z->inner, sizeof *k->gate);
    k->up = place(l, z->slots * z->inner, sizeof *k->up);
}

/* One set for all layers: what is not needed at the same time is one buffer. */
static void lay_out_shared(struct activations *a, struct layout *l, const struct sizes *z, int n_layers)
{
    real *x = place(l, z->rows * z->hidden, sizeof *x);
    struct kept k = place_kept(l, z);
    k.mid = x;
    k.mlp_in = a->final = k.attn_in;
    if (!l->base)
        return;
    a->kept[0] = k;
    for (int i = 0; i <= n_layers; i++)
        a->x[i] = x;
}

static void lay_out_apart(struct activations *a, struct layout *l, const struct sizes *z, int n_layers)
{
    for (int i = 0; i <= n_layers; i++) {
        real *x = place(l, z->rows * z->hidden, sizeof *x);
        if (l->base)
            a->x[i] = x;
    }
    for (int i = 0; i < a->n_kept; i++) {
        struct kept k = place_kept(l, z);
        place_apart(l, z, &k);
        if (l->base)
            a->kept[i] = k;
    }
    a->final = place_act(l, z->logits, z->hidden);
}

/* Lays everything but the workspaces out from `base`; with base NULL only counts. Returns the bytes. */
static size_t lay_out(struct activations *a, const struct sizes *z, int n_layers, uint8_t *base)
{
    struct layout l = {base, 0, a->options.exact, a->options.bf16};
    (a->n_kept ? lay_out_apart : lay_out_shared)(a, &l, z, n_layers);
    a->delta = place(&l, z->rows * z->hidden, sizeof *a->delta);
    a->logits = place(&l, z->logits * z->vocab, sizeof *a->logits);
    a->page_sums = place(&l, z->page_sums, sizeof *a->page_sums);
    return l.off;
}

static size_t workspace_of(const struct config *c, const struct backend *backend, int max_rows)
{
    return aligned(backend->workspace_bytes(max_rows, c->hidden, c->intermediate, c->n_heads, c->head_dim));
}

uint64_t REAL(activations_bytes)(const struct config *c, const struct backend *backend,
                                 const struct activation_options *o)
{
    struct activations a = {.options = *o, .n_kept = o->n_kept};
    struct sizes z = sizes_of(c, backend, o);
    size_t tables = ((size_t)c->n_layers + 1) * sizeof *a.x + (size_t)(o->n_kept ? o->n_kept : 1) * sizeof *a.kept;
    return lay_out(&a, &z, c->n_layers, NULL) + workspace_of(c, backend, o->max_rows) * (size_t)o->n_members + tables;
}

enum osso_status REAL(activations_create)(const struct config *c, const struct backend *backend,
                                          const struct activation_options *o, struct activations *a,
                                          struct osso_error *err)
{
    struct sizes z = sizes_of(c, backend, o);
    *a = (struct activations){
        .backend = backend, .options = *o, .n_kept = o->n_kept, .always = o->n_kept ? KEEP_BACKWARD : KEEP_NOTHING};
    a->workspace_bytes = workspace_of(c, backend, o->max_rows);
    a->n_page_sums = page_sums(c, backend, o->n_members);
    a->bytes = lay_out(a, &z, c->n_layers, NULL) + a->workspace_bytes * (size_t)o->n_members;
    a->x = mem_array((size_t)c->n_layers + 1, sizeof *a->x);
    a->kept = mem_array((size_t)(o->n_kept ? o->n_kept : 1), sizeof *a->kept);
    a->memory = backend->alloc(backend, a->bytes);
    if (!a->x || !a->kept || !a->memory) {
        REAL(activations_free)(a);
        return error_nomem(err, REAL(activations_bytes)(c, backend, o),
                           "the activations of a step; ask for fewer rows per step");
    }
    a->workspaces = (uint8_t *)a->memory + lay_out(a, &z, c->n_layers, a->memory);
    return OSSO_OK;
}

/* What taps asked for: with a backward pass lse, gate and up are part of the layout. With a->tapped NULL only counts.
 */
static void lay_out_tapped(struct activations *a, const struct sizes *z, const struct keep_room *room)
{
    struct layout l = {.base = a->tapped};
    unsigned keep = room->keep;
    if (!a->always) {
        struct kept *k = &a->kept[0];
        k->lse = place(&l, keep & KEEP_LSE ? z->rows * z->heads : 0, sizeof *k->lse);
        k->gate = place(&l, keep & KEEP_GATE_UP ? z->slots * z->inner : 0, sizeof *k->gate);
        k->up = place(&l, keep & KEEP_GATE_UP ? z->slots * z->inner : 0, sizeof *k->up);
    }
    a->out = place(&l, keep & KEEP_OUT ? z->slots * z->hidden : 0, sizeof *a->out);
    a->pattern = place(&l, keep & KEEP_PATTERN ? room->attention : 0, sizeof *a->pattern);
    a->scores = place(&l, keep & KEEP_SCORES ? room->attention : 0, sizeof *a->scores);
    a->tapped_bytes = l.off;
}

static void free_tapped(struct activations *a)
{
    a->backend->free(a->backend, a->tapped, a->tapped_bytes);
    mem_free(a->wanted);
    a->tapped = a->wanted = NULL;
}

void REAL(activations_free)(struct activations *a)
{
    if (!a->backend)
        return; /* never created */
    free_tapped(a);
    a->backend->free(a->backend, a->memory, a->bytes);
    mem_free(a->x);
    mem_free(a->kept);
    *a = (struct activations){0};
}

uint64_t REAL(activations_keep_bytes)(const struct activations *a, const struct config *c, const struct keep_room *room)
{
    struct sizes z = sizes_of(c, a->backend, &a->options);
    struct kept unused = {0};
    struct activations count = {.always = a->always, .kept = &unused};
    lay_out_tapped(&count, &z, room);
    return count.tapped_bytes + (room->wanted ? z.logits * z.hidden * sizeof *a->wanted : 0);
}

enum osso_status REAL(activations_keep)(struct activations *a, const struct config *c, const struct keep_room *room,
                                        struct osso_error *err)
{
    struct sizes z = sizes_of(c, a->backend, &a->options);
    struct kept unused = {0};
    struct activations count = {.always = a->always, .kept = &unused};
    lay_out_tapped(&count, &z, room);
    void *tapped = count.tapped_bytes ? a->backend->alloc(a->backend, count.tapped_bytes) : NULL;
    real *wanted = room->wanted ? mem_array(z.logits * z.hidden, sizeof *wanted) : NULL;
    if ((count.tapped_bytes && !tapped) || (room->wanted && !wanted)) {
        a->backend->free(a->backend, tapped, count.tapped_bytes);
        mem_free(wanted);
        return error_nomem(err, count.tapped_bytes,
                           "values kept for a tap; ask for fewer rows per step, layers or heads, or a smaller context");
    }
    free_tapped(a);
    a->tapped = tapped;
    a->wanted = wanted;
    lay_out_tapped(a, &z, room);
    return OSSO_OK;
}
