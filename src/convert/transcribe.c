/* transcribe.c: the bytes of a tensor of OUT, a few rows at a time. Rows are independent, so that a team shares them
 * and the bytes do not depend on how many do. What lies apart from the codes follows them in the file: it is made
 * beside them and kept (a sixteenth of their size) until it is its turn. */
#include "convert/conversion.h"
#include "convert/rows.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"

#include <string.h>

enum { CHUNK = 8 << 20, MOST_ROWS = 1 << 16, TILE = DTYPE_MAX_BLOCK, FORGET = 64 << 20 };

struct transcriber {
    struct conversion *c;
    const struct plan_tensor *t;      /* the values, or their codes */
    int64_t stack, rows, columns;     /* rows: of all members together, of one matrix of the stack */
    int64_t row_bytes;                /* of the first part */
    int64_t first, n;                 /* the chunk: rows of the file (inputs, where it is transposed) */
    int64_t side_row[2];              /* bytes of a row of what lies apart */
    uint8_t *side[2], *chunk, *other; /* other: the chunk before, which is written while this one is made */
    size_t chunk_bytes, pending;      /* bytes of other */
    struct save *save;
    enum osso_status saved;
    float *values; /* two rows for each thread */
    struct row_cost *costs;
    struct osso_tensor_fate fate;
    double squares, errors;
};

/* ---- which row is whose --------------------------------------------------------------------------------- */

/* Row r of all members together: the member, and its row. */
static int member_of(const struct transcriber *x, int64_t r, int64_t *row_out)
{
    const struct names_row *row = x->t->row;
    const struct config *c = &x->c->model->config;
    int slot = 0;
    if (row->join == JOIN_ALTERNATING) {
        *row_out = r / row->n_members;
        return (int)(r % row->n_members);
    }
    while (slot + 1 < row->n_members && r >= names_rows_before(c, row, slot + 1))
        slot++;
    *row_out = r - names_rows_before(c, row, slot);
    return slot;
}

static struct view row_view(const struct transcriber *x, int64_t e, int64_t r, int64_t *row_out)
{
    return fates_view(x->c, x->t->row, member_of(x, r, row_out), x->t->layer, e);
}

/* ---- a chunk of rows ------------------------------------------------------------------------------------ */

enum { FEW_ROWS = 64 }; /* are dealt at a time */

/* What the system takes for the bytes of a file is most of the time of a conversion. */
static void write_pending(struct transcriber *x)
{
    if (x->pending && !x->saved)
        x->saved = save_write(x->save, x->other, x->pending, x->c->err);
    x->pending = 0;
}

static void fill_rows(const struct member *m, struct transcriber *x, int64_t lo, int64_t hi)
{
    int64_t r;
    for (int64_t i = lo; i < hi; i++) {
        int64_t at = x->first + i;
        struct view v = row_view(x, x->t->expert + at / x->rows, at % x->rows, &r);
        uint8_t *out = x->chunk + i * x->row_bytes, *side[2] = {NULL, NULL};
        for (int k = 0; k < 2; k++)
            if (x->side[k])
                side[k] = x->side[k] + at * x->side_row[k];
        x->costs[i] = (struct row_cost){0};
        if (fates_moves(&v, &x->t->choice))
            row_move(&v, r, x->t->choice.dtype, x->row_bytes, x->side_row, out, side);
        else
            x->costs[i] = row_pack(&v, r, &x->t->choice, x->c->q.search, x->values + 2 * m->id * x->columns, out, side);
    }
}

/* Columns [first, first + n) of output r of a matrix, one value in each of the file's rows. */
static void scatter(const struct transcriber *x, const struct view *v, int64_t r, int64_t column, int64_t at,
                    float *values, struct row_cost *cost)
{
    const struct dtype_info *to = dtype_info(x->t->choice.dtype);
    uint8_t *out = x->chunk + at * to->block_bytes;
    if (fates_moves(v, &x->t->choice)) {
        int64_t step = v->col_stride ? v->col_stride : to->block_bytes;
        const uint8_t *in = v->data + r * v->row_stride + column * step;
        for (int64_t k = 0; k < x->n; k++)
            memcpy(out + k * x->row_bytes, in + k * step, (size_t)to->block_bytes);
        return;
    }
    view_values(v, r, column, x->n, values);
    for (int64_t k = 0; k < x->n; k++) {
        to->pack(values + k, out + k * x->row_bytes, NULL);
        to->unpack(out + k * x->row_bytes, NULL, values + TILE + k);
    }
    *cost = row_cost_of(values, values + TILE, x->n);
}

static void fill_transposed(const struct member *m, struct transcriber *x, int64_t lo, int64_t hi)
{
    int64_t row, e = x->first / x->columns, column = x->first % x->columns;
    for (int64_t r = lo; r < hi; r++) {
        struct view v = row_view(x, e, r, &row);
        x->costs[r] = (struct row_cost){0};
        scatter(x, &v, row, column, r, x->values + 2 * m->id * (x->columns > TILE ? x->columns : TILE), &x->costs[r]);
    }
}

static bool is_transposed(const struct transcriber *x)
{
    return x->t->row->store == STORE_TRANSPOSED;
}

static void fill(const struct member *m, void *arg)
{
    struct transcriber *x = arg;
    bool transposed = is_transposed(x);
    struct deal deal = member_deal(m);
    if (m->id == 0)
        write_pending(x);
    for (struct stint run; member_take(m, &deal, transposed ? x->rows : x->n, FEW_ROWS, &run);)
        (transposed ? fill_transposed : fill_rows)(m, x, run.lo, run.hi);
}

/* Sums in the order of the rows, whoever made them. first: the number of the first row. */
static void add_costs(struct transcriber *x, int64_t n, int64_t first, int64_t first_block)
{
    for (int64_t i = 0; i < n; i++) {
        const struct row_cost *c = &x->costs[i];
        x->squares += c->squares;
        x->errors += c->errors;
        if (c->largest > x->fate.largest_error)
            x->fate.largest_error = c->largest;
        if (c->worst_errors > x->fate.worst_mse) { /* an absolute sum until the tensor is done */
            x->fate.worst_mse = c->worst_errors;
            x->fate.worst_row = first + i;
            x->fate.worst_block = first_block + c->worst_block;
            x->fate.relative_mse = c->worst_squares;
        }
    }
}

/* ---- a tensor ------------------------------------------------------------------------------------------- */

static enum osso_status grow(struct transcriber *x, void **space, size_t *have, size_t need)
{
    if (need <= *have)
        return OSSO_OK;
    mem_free(*space);
    *have = 0;
    *space = mem_alloc(need);
    if (!*space)
        return error_nomem(x->c->err, need, "rows of a tensor");
    *have = need;
    return OSSO_OK;
}

static enum osso_status begin(struct transcriber *x, int i)
{
    struct conversion *c = x->c;
    const struct plan_tensor *t = x->t = &c->plan.list[i];
    const struct param *p = names_param(t->row);
    size_t none = 0;
    enum osso_status status = OSSO_OK;
    bool transposed = is_transposed(x);
    x->stack = params_stacked(p) && t->row->store != STORE_APART ? c->model->config.n_experts : 1;
    x->rows = names_rows(&c->model->config, t->row);
    x->columns = params_is_matrix(p) ? names_columns(&c->model->config, t->row) : 1;
    x->row_bytes = (int64_t)t->bytes / (x->stack * (transposed ? x->columns : x->rows));
    x->fate = fates_tell(c, i);
    x->fate.worst_mse = -1;
    x->squares = x->errors = 0;
    for (int k = 0; k < 2; k++) {
        const struct plan_tensor *s = i + 1 + k < c->plan.n ? &c->plan.list[i + 1 + k] : t;
        mem_free(x->side[k]);
        x->side[k] = NULL;
        if (s->part != k + 1)
            continue;
        x->side_row[k] = (int64_t)s->bytes / (x->stack * x->rows);
        none = 0;
        status = status ? status : grow(x, (void **)&x->side[k], &none, (size_t)s->bytes);
    }
    return status;
}

static int64_t chunk_rows(const struct transcriber *x)
{
    int64_t fit = (int64_t)x->chunk_bytes / x->row_bytes, most = is_transposed(x) ? TILE : MOST_ROWS;
    return fit < most ? fit : most;
}

/* How much has been written, and may it go on? */
static enum osso_status step(struct transcriber *x, uint64_t bytes)
{
    struct conversion *c = x->c;
    c->done += bytes;
    if (c->done - c->forgotten >= FORGET) { /* the source's pages are behind us */
        tensors_forget(&c->model->tensors);
        c->forgotten = c->done;
    }
    if (c->o.progress && c->o.progress(c->o.user, c->done, c->plan.bytes) != 0)
        return error_set(c->err, OSSO_CANCELLED, "%s: cancelled after %llu MiB; nothing was left", c->out,
                         (unsigned long long)(c->done >> 20));
    return tensors_check(&c->model->tensors, c->err);
}

static enum osso_status write_values(struct transcriber *x, struct save *save)
{
    bool transposed = is_transposed(x);
    int64_t all = x->stack * (transposed ? x->columns : x->rows), most = chunk_rows(x);
    enum osso_status status = tensors_check(&x->c->model->tensors, x->c->err);
    x->save = save;
    for (x->first = 0; x->first < all && !status; x->first += x->n) {
        int64_t end = transposed ? (x->first / x->columns + 1) * x->columns : all;
        size_t before = x->pending;
        x->n = end - x->first < most ? end - x->first : most;
        team_run(x->c->team, fill, x);
        if (transposed)
            add_costs(x, x->rows, x->first / x->columns * x->rows, x->first % x->columns / WORST_BLOCK);
        else
            add_costs(x, x->n, x->first, 0);
        x->pending = (size_t)(x->n * x->row_bytes);
        uint8_t *made = x->chunk;
        x->chunk = x->other;
        x->other = made;
        status = x->saved ? x->saved : step(x, before);
    }
    size_t last = x->pending;
    if (!status) {
        write_pending(x);
        status = x->saved ? x->saved : step(x, last);
    }
    return status;
}

/* The report of a tensor whose parts are all written. */
static void tell(struct transcriber *x)
{
    struct osso_tensor_fate *f = &x->fate;
    f->moved = f->moved || f->largest_error <= 0; /* another type, the same values */
    f->measured = !f->moved;
    f->worst_mse = f->measured && f->worst_mse > 0 ? f->worst_mse / f->relative_mse : 0;
    f->relative_mse = f->measured && x->errors > 0 ? x->errors / x->squares : 0;
    if (x->c->o.tensor)
        x->c->o.tensor(x->c->o.user, f);
}

enum osso_status transcriber_write(struct transcriber *x, struct save *save, int i)
{
    const struct plan *plan = &x->c->plan;
    const struct plan_tensor *t = &plan->list[i];
    enum osso_status status = OSSO_OK;
    if (t->part == 0) {
        status = begin(x, i);
        if (!status)
            status = write_values(x, save);
    } else {
        must(x->side[t->part - 1]);
        status = save_write(save, x->side[t->part - 1], (size_t)t->bytes, x->c->err);
        if (!status)
            status = step(x, t->bytes);
    }
    if (!status && (i + 1 == plan->n || plan->list[i + 1].part == 0))
        tell(x);
    return status;
}

/* The largest that any tensor asks for. */
static void sizes(const struct conversion *c, size_t *chunk, int64_t *columns, int64_t *rows)
{
    *chunk = CHUNK;
    *columns = TILE;
    *rows = 1;
    for (int i = 0; i < c->plan.n; i++) {
        const struct plan_tensor *t = &c->plan.list[i];
        int64_t inputs = names_columns(&c->model->config, t->row), outputs = names_rows(&c->model->config, t->row);
        bool transposed = t->row->store == STORE_TRANSPOSED;
        uint64_t row = t->part || !params_is_matrix(names_param(t->row))
                           ? 4
                           : (uint64_t)(transposed ? outputs * TILE : inputs) * 4;
        *chunk = row > *chunk ? (size_t)row : *chunk;
        *columns = inputs > *columns ? inputs : *columns;
        *rows = outputs > *rows ? outputs : *rows;
    }
}

enum osso_status transcriber_create(struct conversion *c, struct transcriber **transcriber_out)
{
    struct transcriber *x = *transcriber_out = mem_alloc(sizeof *x);
    int64_t columns, rows;
    if (!x)
        return error_nomem(c->err, sizeof *x, "a converter");
    x->c = c;
    sizes(c, &x->chunk_bytes, &columns, &rows);
    size_t costs = rows > MOST_ROWS ? (size_t)rows : MOST_ROWS;
    x->chunk = mem_alloc(x->chunk_bytes);
    x->other = mem_alloc(x->chunk_bytes);
    x->values = mem_array((size_t)(2 * columns) * (size_t)team_threads(c->team), sizeof *x->values);
    x->costs = mem_array(costs, sizeof *x->costs);
    if (!x->chunk || !x->other || !x->values || !x->costs)
        return error_nomem(c->err, x->chunk_bytes + costs * sizeof *x->costs, "rows of tensors");
    return OSSO_OK;
}

void transcriber_free(struct transcriber *x)
{
    if (!x)
        return;
    mem_free(x->side[0]);
    mem_free(x->side[1]);
    mem_free(x->chunk);
    mem_free(x->other);
    mem_free(x->values);
    mem_free(x->costs);
    mem_free(x);
}
