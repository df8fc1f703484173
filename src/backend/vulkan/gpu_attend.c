/* gpu_attend.c: K and V into their pages, and attention over them, as commands. */
#include "backend/vulkan/gpu.h"

#include "base/must.h"

#include <math.h>

/* q and k have just been rotated: all is done in one command. */
static bool append_rotated(struct gpu *g, const struct vk_kv_append *a, const struct kv_rows *kv)
{
    struct vk_call first, second;
    struct vk_constants constants = {{(uint32_t)kv->layout.type}};
    if (kv->layout.type == KV_Q8_0 || !vk_last(g->vk, 1, &vk_shader_rope, &first) ||
        !vk_last(g->vk, 0, &vk_shader_rope, &second))
        return false;
    const struct vk_rope *q = first.push, *k = second.push;
    struct vk_rope_append push = {q->x,    a->k,     a->v,          k->angles,  a->pos,        a->seq,     a->tables,
                                  a->keep, a->pages, a->page_bytes, q->n_heads, a->n_kv_heads, a->head_dim};
    if (k->x != a->k || k->n_heads != a->n_kv_heads || k->head_dim != a->head_dim || q->head_dim != a->head_dim ||
        q->angles != k->angles || first.groups[1] != (uint32_t)kv->n || second.groups[1] != (uint32_t)kv->n)
        return false;
    int64_t dim = push.head_dim, of_q = push.n_heads * dim, of_k = push.n_kv_heads * dim;
    vk_take_back(g->vk, 2);
    vk_run(g->vk, &vk_shader_rope_append, &constants, &push, gpu_groups((of_q + of_k) / 2, 64), (uint32_t)kv->n, 1);
    GPU_USES(g, gpu_writes(push.q, kv->n * of_q), gpu_writes(push.k, kv->n * of_k), gpu_reads(push.v, kv->n * of_k),
             gpu_whole(g, push.pages, true));
    return true;
}

void gpu_kv_append(const struct hand *h, const struct kv_rows *kv, const real *k, const real *v)
{
    struct gpu *g = gpu_of(h->backend);
    const struct kv_layout *layout = &kv->layout;
    struct vk_constants constants = {{(uint32_t)layout->type}};
    struct vk_kv_append push = {.k = gpu_address(k),
                                .v = gpu_address(v),
                                .pos = gpu_address(kv->pos),
                                .seq = gpu_address(kv->seq),
                                .tables = gpu_address(kv->tables),
                                .keep = gpu_address(kv->keep),
                                .pages = gpu_address(kv->pages) + kv->layer_off,
                                .page_bytes = kv->page_bytes,
                                .n_kv_heads = (uint32_t)layout->n_kv_heads,
                                .head_dim = (uint32_t)layout->head_dim};
    int64_t width = (int64_t)layout->n_kv_heads * layout->head_dim;
    must(layout->type != KV_F64);
    if (!gpu_records(h) || append_rotated(g, &push, kv))
        return;
    vk_run(g->vk, &vk_shader_kv_append, &constants, &push,
           gpu_groups(width, layout->type == KV_Q8_0 ? 64 * QUANT_BLOCK : 64), (uint32_t)kv->n, 1);
    GPU_USES(g, gpu_reads(push.k, kv->n * width), gpu_reads(push.v, kv->n * width), gpu_whole(g, push.pages, true));
}

/* ---- what taps keep -------------------------------------------------------------------------------------- */

/* Rows and heads whose scores or weights are kept, as the kernels want to know of them; most_keys of any. */
struct list {
    struct gpu_piece piece;
    uint32_t n, most_keys;
};

/* False: nothing of this row and head is kept. */
static bool kept(const struct attend *a, const int32_t *seq, int r, int head, bool redo, struct vk_kept *k)
{
    int64_t at = ((int64_t)r * a->n_heads + head) * a->n_keys, n_keys = a->n_keys;
    if (a->wants) {
        const struct attend_want *w = &a->wants[seq[r]];
        if (r < w->first || r >= w->end || w->slot[head] < 0 || (redo && !w->redo))
            return false;
        n_keys = w->n_keys;
        at = w->at + ((int64_t)(r - w->first) * w->n_slots + w->slot[head]) * n_keys;
    }
    *k = (struct vk_kept){.scores = a->scores ? gpu_address(a->scores + at) : 0,
                          .weights = a->pattern ? gpu_address(a->pattern + at) : 0,
                          .row = (uint32_t)r,
                          .head = (uint32_t)head,
                          .n_keys = (uint32_t)n_keys};
    return true;
}

/* redo: only what somebody may have changed. False: no memory, and that is remembered. */
static bool list_kept(struct gpu *g, const struct attend *a, bool redo, struct list *list)
{
    uint64_t bytes = (uint64_t)a->kv.n * (uint64_t)a->n_heads * sizeof(struct vk_kept);
    *list = (struct list){.n = 0};
    if (!gpu_take(g, &g->inputs, bytes, &list->piece)) {
        gpu_no_memory(g, bytes, "what is kept of attention, on the device");
        return false;
    }
    struct vk_kept *entries = (struct vk_kept *)(void *)list->piece.host;
    for (int r = 0; r < a->kv.n; r++)
        for (int head = 0; head < a->n_heads; head++)
            if (kept(a, g->batch.seq, r, head, redo, &entries[list->n])) {
                uint32_t keys = entries[list->n++].n_keys;
                list->most_keys = keys > list->most_keys ? keys : list->most_keys;
            }
    return true;
}

/* The logarithm is the host's: only taps ask for it. */
static void finish_lse(struct gpu *g, const struct attend *a, uint64_t sums)
{
    int64_t n = (int64_t)a->kv.n * a->n_heads;
    real *pairs = gpu_host(&g->backend, gpu_pointer(sums), (size_t)(2 * n) * sizeof *pairs);
    for (int64_t i = 0; pairs && i < n; i++) /* in place: behind what is read */
        pairs[i] = pairs[2 * i] + logf(pairs[2 * i + 1]);
    if (pairs)
        gpu_put(&g->backend, a->lse, pairs, (size_t)n * sizeof *pairs);
}

/* ---- attention -------------------------------------------------------------------------------------------- */

static uint64_t sums_of(struct gpu *g, const struct attend *a)
{
    return gpu_scratch(g, GPU_SUMS, 2 * (int64_t)a->kv.n * a->n_heads);
}

/* The int8 form of out is made with it, where heads are whole blocks, and scales and sums near enough to be told. */
static void add_form(const struct attend *a, struct vk_attend *push)
{
    struct gpu_form form = gpu_form(a->out);
    int64_t scales = (int64_t)(form.d - form.q) / 4, sums = (int64_t)(form.sum - form.q) / 4;
    bool near = scales == (int32_t)scales && sums == (int32_t)sums;
    if (!form.q || a->kv.layout.head_dim % QUANT_BLOCK || !near)
        return;
    push->codes = form.q;
    push->scales = (int32_t)scales;
    push->code_sums = (int32_t)sums;
}

static struct vk_attend arguments(struct gpu *g, const struct attend *a, uint64_t sums)
{
    const struct kv_rows *kv = &a->kv;
    return (struct vk_attend){.q = gpu_address(a->q),
                              .out = gpu_address(a->out->f),
                              .sinks = gpu_weight(g, a->sinks),
                              .sums = sums,
                              .pos = gpu_address(kv->pos),
                              .seq = gpu_address(kv->seq),
                              .tables = gpu_address(kv->tables),
                              .floor = gpu_address(kv->floor),
                              .pages = gpu_address(kv->pages) + kv->layer_off,
                              .page_bytes = kv->page_bytes,
                              .n_heads = (uint32_t)a->n_heads,
                              .group = (uint32_t)a->group,
                              .head_dim = (uint32_t)kv->layout.head_dim,
                              .window = (uint32_t)a->window,
                              .scale = a->scale};
}

enum { ALL_ROWS, BY_SCORES, BY_WEIGHTS, BY_PAGES };

static struct vk_constants constants_of(const struct attend *a, uint32_t mode)
{
    return (struct vk_constants){{(uint32_t)a->kv.layout.type, mode}};
}

/* Runs one of the kernels of attention. Lists of what is kept are inputs, but not what they name. */
static void run(struct gpu *g, const struct attend *a, const struct vk_shader *shader, uint32_t mode,
                const struct vk_attend *push, uint32_t x, uint32_t y, uint32_t z)
{
    struct vk_constants constants = constants_of(a, mode);
    int64_t heads = (int64_t)a->kv.n * a->n_heads, dim = a->kv.layout.head_dim;
    bool keeps = shader == &vk_shader_attend_keep, merges = shader == &vk_shader_attend_merge,
         makes = !keeps && mode != BY_PAGES;
    struct gpu_form form = makes && push->codes ? gpu_form(a->out) : (struct gpu_form){0};
    uint64_t sums_bytes = 4 * (uint64_t)(heads * push->n_pages * (2 + dim));
    vk_run(g->vk, shader, &constants, push, x, y, z);
    GPU_USES(g, gpu_reads(push->q, heads * dim), gpu_whole(g, push->pages, false),
             gpu_writes(makes ? push->out : 0, heads * dim), GPU_WRITES_FORM(form.q, form.d, form.sum, heads * dim),
             (struct vk_use){mode == BY_PAGES || merges ? push->list : 0, sums_bytes, !merges},
             (struct vk_use){push->sums, 8 * (uint64_t)heads, makes},
             gpu_whole(g, a->scores ? gpu_address(a->scores) : 0, keeps),
             gpu_whole(g, a->pattern ? gpu_address(a->pattern) : 0, keeps));
}

static void keep(struct gpu *g, const struct attend *a, struct vk_attend push, const struct list *list, uint32_t mode)
{
    push.list = list->piece.address;
    run(g, a, &vk_shader_attend_keep, mode, &push, gpu_groups(list->most_keys, 64), list->n, 1);
}

/* As many as any row may see, wherever its window begins in a page: the steps of an answer are alike. */
static int64_t most_pages(const struct gpu *g, const struct attend *a)
{
    int64_t most = 0, of_window = a->window > 1 ? (a->window - 2) / KV_PAGE + 2 : 1;
    for (int r = 0; r < a->kv.n; r++) {
        int64_t pages = g->batch.pos[r] / KV_PAGE + 1;
        most = pages > most ? pages : most;
    }
    return a->window > 0 && of_window < most ? of_window : most;
}

enum { FEW_GROUPS = 2048, MOST_VALUES = 1 << 24 };

int64_t gpu_page_values(const struct backend_room *room)
{
    int64_t pages = (room->context + KV_PAGE - 1) / KV_PAGE, most = 0;
    for (int64_t there = 2; pages > 1 && there < 2 * pages; there *= 2) {
        int64_t row = room->n_heads * there * (2 + room->head_dim), rows = (FEW_GROUPS - 1) / room->n_heads;
        rows = rows < room->max_rows ? rows : room->max_rows;
        rows = rows * row > MOST_VALUES ? MOST_VALUES / row : rows;
        most = rows * row > most ? rows * row : most;
    }
    return most;
}

/* Every page of few rows is a group's, and then they are merged; rows enough keep the device busy as they are, and so
 * do they where the pages' sums would take much memory. The same sums in the same order. There is room for twice as
 * many pages at a time, so that a context that grows seldom changes what is run; groups without a page do nothing. */
static void all_rows(struct gpu *g, const struct attend *a, struct vk_attend *push)
{
    uint32_t heads = (uint32_t)a->n_heads, n = (uint32_t)a->kv.n, room = 2;
    int64_t pages = most_pages(g, a);
    while (room < pages)
        room *= 2;
    int64_t groups = (int64_t)n * heads, values = groups * room * (2 + a->kv.layout.head_dim);
    if (pages < 2 || groups >= FEW_GROUPS || values > MOST_VALUES) {
        run(g, a, &vk_shader_attend, ALL_ROWS, push, heads, n, 1);
        return;
    }
    push->n_pages = room;
    push->list = gpu_scratch(g, GPU_PAGES, values);
    if (!push->list)
        return;
    run(g, a, &vk_shader_attend, BY_PAGES, push, heads, n, room);
    run(g, a, &vk_shader_attend_merge, ALL_ROWS, push, heads, n, 1);
}

void gpu_attend(const struct hand *h, const struct attend *a)
{
    struct gpu *g = gpu_of(h->backend);
    bool keeps = a->scores || a->pattern;
    struct list list;
    if (!gpu_records(h))
        return;
    if (a->kv.layout.head_dim > VK_MAX_HEAD_DIM) {
        gpu_refuse(g, OSSO_UNSUPPORTED, "%s takes heads of at most %d dims: use --device cpu", g->name,
                   VK_MAX_HEAD_DIM);
        return;
    }
    struct vk_attend push = arguments(g, a, a->lse || keeps ? sums_of(g, a) : 0);
    add_form(a, &push);
    all_rows(g, a, &push);
    if (!push.codes)
        gpu_codes(g, a->out, a->kv.n);
    if (keeps && list_kept(g, a, false, &list))
        keep(g, a, push, &list, ALL_ROWS);
    if (a->lse && push.sums)
        finish_lse(g, a, push.sums);
}

/* The sums of other rows are still where attend has left them. */
void gpu_attend_again(const struct hand *h, const struct attend *a, bool by_weights)
{
    struct gpu *g = gpu_of(h->backend);
    struct list list;
    if (!gpu_records(h) || !list_kept(g, a, true, &list))
        return;
    struct vk_attend push = arguments(g, a, sums_of(g, a));
    add_form(a, &push);
    push.list = list.piece.address;
    run(g, a, &vk_shader_attend, by_weights ? BY_WEIGHTS : BY_SCORES, &push, list.n, 1, 1);
    if (!push.codes)
        gpu_codes(g, a->out, a->kv.n);
    if (by_weights)
        return;
    keep(g, a, push, &list, BY_SCORES);
    if (a->lse && push.sums)
        finish_lse(g, a, push.sums);
}
