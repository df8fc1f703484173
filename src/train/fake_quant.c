/* fake_quant.c: a table of weights whose experts are MXFP4 views of blocks that lie one matrix after the other: codes,
 * then scales. */
#include "train/fake_quant.h"

#include "base/error.h"
#include "base/mem.h"

enum { BLOCK = 32, CODES = 16, MATRICES = 3 /* of an expert */ };

static void matrices_of(struct layer_weights *l, struct expert_matrix *out[MATRICES])
{
    out[0] = &l->gate;
    out[1] = &l->up;
    out[2] = &l->down;
}

enum osso_status fake_quant_check(const struct config *c, const char *who, struct osso_error *err)
{
    if (c->hidden % BLOCK == 0 && c->intermediate % BLOCK == 0)
        return OSSO_OK;
    return error_set(err, OSSO_UNSUPPORTED,
                     "%s: MXFP4 packs %d values, and this model's experts have %lld and %lld inputs; take multiples of "
                     "%d, or leave it out",
                     who, (int)BLOCK, (long long)c->hidden, (long long)c->intermediate, (int)BLOCK);
}

uint64_t fake_quant_bytes(const struct config *c)
{
    uint64_t values = MATRICES * (uint64_t)c->hidden * (uint64_t)c->intermediate; /* bounded by config_check */
    return values / BLOCK * (CODES + 1) * (uint64_t)c->n_experts * (uint64_t)c->n_layers;
}

/* The blocks of one matrix, all experts', at `at`; returns where the next begin. */
static uint8_t *place(struct expert_matrix *m, int64_t n_experts, uint8_t *at)
{
    int64_t rows = m->first.rows, columns = m->first.cols, blocks = rows * columns / BLOCK;
    uint8_t *scales = at + n_experts * blocks * CODES;
    *m = (struct expert_matrix){.first = {.dtype = DT_MXFP4_HF,
                                          .data = at,
                                          .side[0] = {.data = scales, .dtype = DT_U8, .stride = columns / BLOCK},
                                          .rows = rows,
                                          .cols = columns,
                                          .row_stride = columns / BLOCK * CODES},
                                .stride = blocks * CODES,
                                .side_stride[0] = blocks};
    return scales + n_experts * blocks;
}

enum osso_status fake_quant_create(const struct config *c, const struct weights *own, struct fake_quant *q,
                                   struct osso_error *err)
{
    *q = (struct fake_quant){.bytes = fake_quant_bytes(c), .stale = true};
    q->blocks = mem_pages(q->bytes);
    if (!q->blocks)
        return error_nomem(err, q->bytes, "the experts as MXFP4; leave qat_from_step out");
    enum osso_status status = weights_share(own, c->n_layers, &q->weights, err);
    uint8_t *at = q->blocks;
    for (int l = 0; l < c->n_layers && !status; l++) {
        struct expert_matrix *matrix[MATRICES];
        matrices_of(&q->weights.layers[l], matrix);
        for (int i = 0; i < MATRICES; i++)
            at = place(matrix[i], c->n_experts, at);
    }
    if (status)
        fake_quant_free(q);
    return status;
}

void fake_quant_free(struct fake_quant *q)
{
    weights_free(&q->weights);
    if (q->blocks)
        mem_pages_free(q->blocks, q->bytes);
    *q = (struct fake_quant){0};
}

/* One expert's matrix. The blocks are this file's own, whatever the views promise their readers. */
static void pack(const struct expert_matrix *from, const struct expert_matrix *to, int expert)
{
    struct view values = weights_expert_view(from, expert), blocks = weights_expert_view(to, expert);
    uint8_t *codes = (uint8_t *)(uintptr_t)blocks.data, *scales = (uint8_t *)(uintptr_t)blocks.side[0].data;
    quant_pack_row(&(struct quant_row){.dtype = DT_MXFP4_HF}, (const float *)(const void *)values.data,
                   values.rows * values.cols, codes, &(struct sides_out){.data = {scales}, .dtype = {DT_U8}});
}

void fake_quant_pack(const struct member *member, struct fake_quant *q, const struct config *c,
                     const struct weights *own)
{
    struct deal deal = member_deal(member);
    int64_t count = (int64_t)c->n_layers * MATRICES * c->n_experts;
    for (int64_t i; (i = member_claim(member, &deal, count)) >= 0;) {
        struct expert_matrix *from[MATRICES], *to[MATRICES];
        int64_t layer = i / (MATRICES * c->n_experts), which = i / c->n_experts % MATRICES;
        matrices_of(&own->layers[layer], from);
        matrices_of(&q->weights.layers[layer], to);
        pack(from[which], to[which], (int)(i % c->n_experts));
    }
    member_sync(member);
}
