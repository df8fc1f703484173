/* gpu_lend.c: what stays with the host. Experts that the device has no room for, or no kernels: the host computes them
 * where their weights lie, by all members, with the CPU's own ops, so the bits are the same. What they read comes down
 * (a row's activations, ids and weights), what they make goes up (a row's sum over its experts); h stays here unless
 * somebody looks for it. */
#include "backend/vulkan/gpu.h"

#include "base/mem.h"
#include "base/must.h"

/* ---- what both see --------------------------------------------------------------------------------------- */

/* The next bytes of a block that begins at base; NULL: it is only measured. */
static void *piece(uint8_t *base, uint64_t *used, int64_t bytes)
{
    uint64_t at = *used;
    *used += ((uint64_t)bytes + 127) / 128 * 128;
    return base ? base + at : NULL;
}

static struct act act_like(const struct act *a, int64_t rows, uint8_t *base, uint64_t *used)
{
    int64_t values = rows * a->width;
    struct act mine = {.width = a->width, .f = piece(base, used, values * (int64_t)sizeof *a->f)};
    if (gpu_form(a).q) {
        mine.q = piece(base, used, values);
        mine.d = piece(base, used, values / QUANT_BLOCK * (int64_t)sizeof *a->d);
        mine.sum = piece(base, used, values / QUANT_BLOCK * (int64_t)sizeof *a->sum);
    }
    return mine;
}

/* The op as one of the CPU takes it, over memory that begins at base; the bytes that it needs. */
static uint64_t lay_out(struct gpu_lent *l, const struct moe *moe, uint8_t *base)
{
    const struct routing *from = moe->routing;
    int64_t rows = from->n, slots = rows * from->k, real_bytes = sizeof(real), id_bytes = sizeof *from->ids;
    uint64_t used = 0;
    l->moe = *moe;
    l->routing = *from;
    l->routing.ids = piece(base, &used, slots * id_bytes);
    l->routing.weights = piece(base, &used, slots * real_bytes);
    l->routing.start = piece(base, &used, (from->n_experts + 1) * id_bytes);
    l->routing.slots = piece(base, &used, slots * id_bytes);
    l->in = act_like(moe->in, rows, base, &used);
    l->h = act_like(moe->h, slots, base, &used);
    l->moe.delta = piece(base, &used, rows * moe->hidden * real_bytes);
    l->moe.gate = moe->gate ? piece(base, &used, slots * moe->intermediate * real_bytes) : NULL;
    l->moe.up = moe->up ? piece(base, &used, slots * moe->intermediate * real_bytes) : NULL;
    l->moe.out = moe->out ? piece(base, &used, slots * moe->hidden * real_bytes) : NULL;
    l->moe.routing = &l->routing;
    l->moe.in = &l->in;
    l->moe.h = &l->h;
    l->moe.after = NULL; /* the device multiplies with it */
    return used;
}

/* A member's workspace of the CPU's, for each of them. */
static bool work_room(struct gpu *g, const struct moe *moe, int n_members)
{
    struct gpu_lent *l = &g->lent;
    size_t bytes = g->cpu->workspace_bytes(moe->routing->n, moe->hidden, moe->intermediate, 1, QUANT_BLOCK);
    if (bytes <= l->workspace_bytes && n_members <= l->n_workspaces)
        return true;
    mem_pages_free(l->workspaces, l->workspace_bytes * (size_t)l->n_workspaces);
    l->workspace_bytes = bytes;
    l->n_workspaces = n_members;
    l->workspaces = mem_pages(bytes * (size_t)n_members);
    if (l->workspaces)
        return true;
    l->workspace_bytes = 0;
    gpu_no_memory(g, bytes * (size_t)n_members, "the experts that the CPU computes");
    return false;
}

static bool room(struct gpu *g, const struct moe *moe, int n_members)
{
    struct gpu_lent *l = &g->lent;
    uint64_t bytes = lay_out(l, moe, NULL);
    if (bytes > l->block.bytes) {
        gpu_settle(g);
        gpu_flush(g);
        vk_free(g->vk, &l->block);
        if (!vk_alloc(g->vk, bytes, VK_OUTPUT, &l->block)) {
            gpu_no_memory(g, bytes, "what goes between the device and the experts that the CPU computes");
            return false;
        }
    }
    must(l->block.host);
    lay_out(l, moe, l->block.host);
    return work_room(g, moe, n_members);
}

void gpu_lent_free(struct gpu *g)
{
    vk_free(g->vk, &g->lent.block);
    mem_pages_free(g->lent.workspaces, g->lent.workspace_bytes * (size_t)g->lent.n_workspaces);
}

/* ---- down and up ----------------------------------------------------------------------------------------- */

static int64_t slots_of(const struct moe *moe)
{
    return (int64_t)moe->routing->n * moe->routing->k;
}

/* Rows by expert, as route makes them. False: an id that is none. */
static bool make_lists(struct routing *r)
{
    int64_t slots = (int64_t)r->n * r->k;
    for (int e = 0; e <= r->n_experts; e++)
        r->start[e] = 0;
    for (int64_t s = 0; s < slots; s++) {
        if (r->ids[s] < 0 || r->ids[s] >= r->n_experts)
            return false;
        r->start[r->ids[s] + 1]++;
    }
    for (int e = 0; e < r->n_experts; e++)
        r->start[e + 1] += r->start[e];
    for (int64_t s = 0; s < slots; s++) /* each start moves on to the next one's */
        r->slots[r->start[r->ids[s]]++] = (int32_t)s;
    for (int e = r->n_experts; e > 0; e--)
        r->start[e] = r->start[e - 1];
    r->start[0] = 0;
    return true;
}

/* Routing and one of the op's inputs, here when this returns. */
static bool fetch(struct gpu *g, const struct moe *moe, const struct act *there, const struct act *here, int64_t rows)
{
    struct gpu_lent *l = &g->lent;
    size_t slots = (size_t)slots_of(moe);
    gpu_carry(g, moe->routing->ids, &l->block, l->routing.ids, slots * sizeof *l->routing.ids, false);
    gpu_carry(g, moe->routing->weights, &l->block, l->routing.weights, slots * sizeof *l->routing.weights, false);
    gpu_carry_act(g, there, here, rows, false);
    if (!gpu_flush(g) || g->status)
        return false;
    if (make_lists(&l->routing))
        return true;
    gpu_refuse(g, OSSO_DEVICE, "%s gave an expert that layer %d does not have", g->name, moe->layer);
    return false;
}

/* ---- ops ------------------------------------------------------------------------------------------------- */

static struct hand on_cpu(const struct hand *h)
{
    const struct gpu *g = gpu_of(h->backend);
    return (struct hand){g->cpu, h->member, g->lent.workspaces + (size_t)h->member->id * g->lent.workspace_bytes};
}

/* All members run one op of the CPU, when what it reads has come. */
static bool together(const struct hand *h, void (*op)(const struct hand *h, const struct moe *moe))
{
    struct gpu_lent *l = &gpu_of(h->backend)->lent;
    member_sync(h->member);
    bool ready = l->ready;
    if (ready) {
        struct hand mine = on_cpu(h);
        op(&mine, &l->moe);
    }
    member_sync(h->member);
    return ready && gpu_records(h);
}

void gpu_lent_in(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    struct gpu_lent *l = &g->lent;
    size_t bytes = (size_t)(slots_of(moe) * moe->intermediate) * sizeof(real);
    if (gpu_records(h))
        l->ready = room(g, moe, h->member->n) && fetch(g, moe, moe->in, &l->in, moe->routing->n);
    if (!together(h, g->cpu->experts_in))
        return;
    if (moe->gate)
        gpu_carry(g, moe->gate, &l->block, l->moe.gate, bytes, true);
    if (moe->up)
        gpu_carry(g, moe->up, &l->block, l->moe.up, bytes, true);
    l->to_h = *moe->h;
    l->holds_h = true;
}

void gpu_lent_out(const struct hand *h, const struct moe *moe)
{
    struct gpu *g = gpu_of(h->backend);
    struct gpu_lent *l = &g->lent;
    size_t row = (size_t)moe->hidden * sizeof(real);
    if (gpu_records(h)) {
        l->ready = room(g, moe, h->member->n);
        if (l->ready && !(l->holds_h && l->to_h.f == moe->h->f)) /* somebody has looked, and may have changed it */
            l->ready = fetch(g, moe, moe->h, &l->h, slots_of(moe));
        l->holds_h = false;
    }
    if (!together(h, g->cpu->experts_out))
        return;
    gpu_carry(g, moe->delta, &l->block, l->moe.delta, (size_t)moe->routing->n * row, true);
    if (moe->out)
        gpu_carry(g, moe->out, &l->block, l->moe.out, (size_t)slots_of(moe) * row, true);
}

/* ids are some of the step's tokens, which the host knows. */
void gpu_lent_embed(struct gpu *g, const struct view *table, const int32_t *ids, int n, real *x)
{
    struct member alone = {.n = 1};
    struct hand h = {g->cpu, &alone, NULL};
    size_t bytes = (size_t)(n * table->cols) * sizeof *x;
    struct gpu_piece in;
    int64_t first = g->status ? 0 : ids - g->token;
    must(first >= 0 && first + n <= g->batch.n);
    if (g->status)
        return;
    if (!gpu_take(g, &g->inputs, bytes, &in)) {
        gpu_no_memory(g, bytes, "the embeddings of a step's tokens");
        return;
    }
    g->cpu->embed(&h, table, g->batch.token + first, n, (real *)(void *)in.host);
    gpu_carry(g, x, &in.block, in.host, bytes, true);
}
