/* fates.c: what each tensor of OUT is made from. The rows of the form's table ask for members; the types that these
 * have in IN, or shall have, decide which row is written and how. What cannot be written is collected, so that one
 * sentence names more than the first. */
#include "convert/conversion.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum { NAMED = 3 }; /* tensors that a refusal names */

struct fates {
    struct conversion *c;
    enum osso_status status;
    int n_refused, n_named;
    char names[400], why[400]; /* of the first refusal, and of those that have the same reason */
    bool again;                /* these members were asked for, for another row of theirs: all is said */
};

bool fates_is_mxfp4(enum dtype t)
{
    return t == DT_MXFP4 || t == DT_MXFP4_HF || t == DT_MXFP4_PAIRS;
}

/* ---- the source ----------------------------------------------------------------------------------------- */

static struct view view_MATRIX(const struct config *c, const struct param *p, const weights_MATRIX *m, int64_t expert)
{
    (void)c, (void)p, (void)expert;
    return *m;
}

static struct view view_EXPERTS(const struct config *c, const struct param *p, const weights_EXPERTS *m, int64_t expert)
{
    (void)c, (void)p;
    return weights_expert_view(m, (int)expert);
}

static struct view view_NORM(const struct config *c, const struct param *p, const float *const *v, int64_t expert)
{
    (void)expert;
    return (struct view){.dtype = DT_F32,
                         .data = (const uint8_t *)*v,
                         .rows = params_size(c, p->rows),
                         .cols = 1,
                         .row_stride = sizeof(float)};
}

static struct view view_EXPERT_BIAS(const struct config *c, const struct param *p, const weights_EXPERT_BIAS *b,
                                    int64_t expert)
{
    struct vec v = weights_expert_vec(b, (int)expert);
    (void)c, (void)p;
    return (struct view){.dtype = v.dtype, .data = v.data, .rows = v.n, .cols = 1, .row_stride = v.stride};
}

#define view_BIAS view_NORM
#define view_SINKS view_NORM

struct view fates_view(const struct conversion *c, const struct names_row *row, int slot, int layer, int64_t expert)
{
    const struct weights *w = &c->model->weights;
    const struct config *config = &c->model->config;
    enum param_id id = row->members[slot];
    switch (id) {
#define ONCE(member, kind, rows, columns)                                                                              \
    case PARAM_##member:                                                                                               \
        return view_##kind(config, params_of(id), &w->member, expert);
#define EACH(member, kind, rows, columns)                                                                              \
    case PARAM_##member:                                                                                               \
        return view_##kind(config, params_of(id), &w->layers[layer].member, expert);
#include "model/params.def"
    default: return (struct view){0};
    }
}

bool fates_moves(const struct view *from, const struct plan_choice *to)
{
    if (from->factor) /* which no form is written with */
        return false;
    if (fates_is_mxfp4(from->dtype) && fates_is_mxfp4(to->dtype))
        return true;
    return from->dtype == to->dtype &&
           (!dtype_apart(dtype_info(from->dtype)) || (from->group == to->group && from->side[0].dtype == to->side));
}

/* ---- what a form can hold ------------------------------------------------------------------------------- */

static bool is_plain(enum dtype t)
{
    return t < DT_U8 && dtype_info(t)->block == 1;
}

static bool row_holds(const struct names *to, const struct names_row *row, const struct plan_choice *choice)
{
    const struct dtype_info *info = dtype_info(choice->dtype);
    switch (row->store) {
    case STORE_BLOCKS: return choice->dtype == DT_MXFP4_HF;
    case STORE_TRANSPOSED: return is_plain(choice->dtype);
    case STORE_PACKED: return is_plain(choice->dtype) || dtype_apart(info);
    default: break;
    }
    if (to == &names_original)
        return choice->dtype == DT_BF16;
    return to->one_value ? is_plain(choice->dtype) : info->gguf_type >= 0 && choice->dtype != DT_MXFP4_PAIRS;
}

static bool same_members(const struct names_row *a, const struct names_row *b)
{
    return a->n_members == b->n_members &&
           memcmp(a->members, b->members, sizeof *a->members * (size_t)a->n_members) == 0;
}

/* The first row for these members that can hold it. */
static const struct names_row *holder(const struct names *to, const struct names_row *row,
                                      const struct plan_choice *choice)
{
    for (int i = 0; i < to->n_rows; i++)
        if (to->rows[i].type != DT_COUNT && same_members(&to->rows[i], row) && row_holds(to, &to->rows[i], choice))
            return &to->rows[i];
    return NULL;
}

/* Is a row before this one for the same members? */
static bool comes_again(const struct names *to, const struct names_row *row)
{
    for (const struct names_row *r = to->rows; r < row; r++)
        if (r->type != DT_COUNT && same_members(r, row))
            return true;
    return false;
}

/* ---- refusals ------------------------------------------------------------------------------------------- */

/* Is it among the names of a refusal? One may end with another. */
static bool is_named(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = names; (at = strstr(at, name)); at++)
        if ((at == names || at[-1] == ' ') && (at[n] == ',' || !at[n]))
            return true;
    return false;
}

static void refuse(struct fates *f, enum osso_status status, const char *name, const char *why)
{
    if (f->again || is_named(f->names, name))
        return;
    if (f->n_refused++ == 0) {
        f->status = status;
        snprintf(f->why, sizeof f->why, "%s", why);
    }
    if (f->n_named < NAMED && strcmp(f->why, why) == 0)
        snprintf(f->names + strlen(f->names), sizeof f->names - strlen(f->names), "%s%s", f->n_named++ ? ", " : "",
                 name);
}

static enum osso_status tell_refusals(const struct fates *f)
{
    char more[48] = "";
    if (f->n_refused > f->n_named)
        snprintf(more, sizeof more, " and %d more", f->n_refused - f->n_named);
    return f->status ? error_set(f->c->err, f->status, "%s: %s%s: %s", f->c->in, f->names, more, f->why) : OSSO_OK;
}

/* The name that a member has in IN. */
static void source_name(const struct fates *f, enum param_id id, int layer, char text[NAMES_TEXT])
{
    const struct names *names = f->c->model->names;
    snprintf(text, NAMES_TEXT, "%s", params_of(id)->name);
    for (int i = 0; i < names->n_rows; i++)
        for (int k = 0; k < names->rows[i].n_members; k++)
            if (names->rows[i].members[k] == id) {
                names_text(names, &names->rows[i], layer, 0, text);
                if (tensors_find(&f->c->model->tensors, text))
                    return;
            }
}

/* ---- types ---------------------------------------------------------------------------------------------- */

static enum dtype expansion(const struct conversion *c)
{
    const char *e = c->o.expand;
    return !e ? DT_COUNT : strcmp(e, "bf16") == 0 ? DT_BF16 : strcmp(e, "f16") == 0 ? DT_F16 : DT_F32;
}

/* The same values in the way the form has them. */
static struct plan_choice kept(const struct conversion *c, const struct view *v)
{
    struct plan_choice choice = {.dtype = v->dtype, .group = v->group, .side = v->side[0].dtype};
    if (fates_is_mxfp4(v->dtype)) {
        bool apart = c->to->one_value;
        choice = (struct plan_choice){apart ? DT_MXFP4_HF : DT_MXFP4, QUANT_BLOCK, DT_U8};
    }
    return choice;
}

/* Is every value of a row's members one of this plain type? Vectors and the router only: they are small. */
static bool exact_in(const struct conversion *c, const struct names_row *row, int layer, enum dtype t)
{
    const struct param *p = names_param(row);
    int64_t stack = params_stacked(p) ? c->model->config.n_experts : 1;
    float wide[DTYPE_MAX_BLOCK], back;
    uint8_t packed[4];
    for (int64_t e = 0; e < stack; e++)
        for (int slot = 0; slot < row->n_members; slot++) {
            struct view v = fates_view(c, row, slot, layer, e);
            int block = dtype_info(v.dtype)->block;
            for (int64_t r = 0; r < v.rows; r++)
                for (int64_t k = 0; k < v.cols; k += block) {
                    view_values(&v, r, k, block, wide);
                    for (int i = 0; i < block; i++) {
                        dtype_info(t)->pack(&wide[i], packed, NULL);
                        dtype_info(t)->unpack(packed, NULL, &back);
                        if (memcmp(&back, &wide[i], sizeof back) != 0)
                            return false;
                    }
                }
        }
    return true;
}

/* Vectors and the router: F32 in GGUF; elsewhere the model's plain type where that is exact. */
static bool narrow_type(struct fates *f, const struct names_row *row, int layer, const char *name,
                        struct plan_choice *out)
{
    struct conversion *c = f->c;
    struct view v = fates_view(c, row, 0, layer, 0);
    enum dtype first = c->to == &names_original ? DT_BF16 : v.dtype != DT_F32 && is_plain(v.dtype) ? v.dtype : c->plain;
    *out = kept(c, &v);
    if (!is_plain(v.dtype) && c->to == &names_mlx && row_holds(c->to, row, out))
        return true;
    *out = (struct plan_choice){.dtype = c->to->one_value ? first : DT_F32};
    if (is_plain(v.dtype) && exact_in(c, row, layer, out->dtype))
        return true;
    if (is_plain(v.dtype) && c->to != &names_original) {
        out->dtype = DT_F32;
        return true;
    }
    if (c->o.expand && (c->to != &names_original || expansion(c) == DT_BF16)) {
        out->dtype = c->to->one_value ? expansion(c) : DT_F32;
        return true;
    }
    refuse(f, OSSO_UNSUPPORTED, name,
           is_plain(v.dtype)
               ? "values that BF16 does not hold, the only type of OpenAI's own form; --expand bf16 rounds them"
               : "the form has no type for a packed router; --expand f32 writes it as plain numbers");
    return false;
}

/* The type of a matrix that a rule asks for, if it fits. */
static bool asked_type(struct fates *f, const struct names_row *row, int layer, const char *name,
                       struct plan_choice *choice)
{
    struct conversion *c = f->c;
    char why[400];
    int64_t columns = names_columns(&c->model->config, row);
    int64_t unit = choice->group ? choice->group : dtype_info(choice->dtype)->block;
    enum dtype next = columns % unit ? rules_fallback(choice->dtype, columns) : DT_COUNT;
    if (fates_is_mxfp4(choice->dtype) && c->to->one_value)
        *choice = (struct plan_choice){DT_MXFP4_HF, QUANT_BLOCK, DT_U8};
    for (int slot = 0; slot < row->n_members; slot++) {
        struct view v = fates_view(c, row, slot, layer, 0);
        if (fates_is_mxfp4(v.dtype) && !fates_is_mxfp4(choice->dtype) && !c->q.requantize) {
            snprintf(why, sizeof why,
                     "is MXFP4 already, of 4.25 bits a value; as %s it would be re-encoded, mostly larger, and never "
                     "better. keep leaves it, --requantize insists",
                     dtype_info(choice->dtype)->name);
            refuse(f, OSSO_USAGE, name, why);
            return false;
        }
    }
    if (columns % unit == 0)
        return true;
    if (next != DT_COUNT && c->q.fallback) {
        snprintf(why, sizeof why, "%s: %s has blocks of %lld, a row %lld values; %s instead", name,
                 dtype_info(choice->dtype)->name, (long long)unit, (long long)columns, dtype_info(next)->name);
        *choice = (struct plan_choice){.dtype = next};
        if (c->o.note && !f->again)
            c->o.note(c->o.user, why);
        return true;
    }
    snprintf(why, sizeof why, "%s has blocks of %lld, which do not fill rows of %lld values; what fits: %s%s",
             dtype_info(choice->dtype)->name, (long long)unit, (long long)columns,
             next != DT_COUNT    ? dtype_info(next)->name
             : columns % 32 == 0 ? "a group of 32"
                                 : "F16, BF16, F32",
             next != DT_COUNT ? " (--fallback takes it)" : "");
    refuse(f, OSSO_USAGE, name, why);
    return false;
}

/* The type that all members of a row keep. */
static bool kept_type(struct fates *f, const struct names_row *row, int layer, struct plan_choice *out)
{
    struct conversion *c = f->c;
    char name[NAMES_TEXT], why[400];
    struct view first = fates_view(c, row, 0, layer, 0), v = first;
    bool same = true, factor = first.factor != NULL;
    *out = kept(c, &first);
    for (int slot = 1; slot < row->n_members && same; slot++) {
        v = fates_view(c, row, slot, layer, 0);
        factor |= v.factor != NULL;
        struct plan_choice other = kept(c, &v);
        same = other.dtype == out->dtype && other.group == out->group && other.side == out->side;
    }
    if (same && !factor && holder(c->to, row, out))
        return true;
    *out = (struct plan_choice){.dtype = expansion(c)};
    if (c->o.expand && holder(c->to, row, out))
        return true;
    source_name(f, row->members[0], layer, name);
    if (!same)
        snprintf(
            why, sizeof why,
            "is %s and another part of the same tensor in the form %s is %s; --expand bf16, f16 or f32 writes both "
            "as plain numbers",
            dtype_info(first.dtype)->name, c->to->form, dtype_info(v.dtype)->name);
    else if (factor)
        snprintf(
            why, sizeof why,
            "is %s with a factor of its own, which osso reads and does not write; --expand bf16, f16 or f32 writes "
            "the products as plain numbers",
            dtype_info(first.dtype)->name);
    else if (c->to == &names_original)
        snprintf(why, sizeof why, "is %s; OpenAI's own form has MXFP4 experts and all else BF16%s",
                 dtype_info(first.dtype)->name, row->store == STORE_BLOCKS ? "" : " (--expand bf16 rounds to it)");
    else
        snprintf(why, sizeof why,
                 "is %s, which the form %s has no type for; --expand bf16, f16 or f32 writes plain numbers",
                 dtype_info(first.dtype)->name, c->to->form);
    refuse(f, OSSO_UNSUPPORTED, name, why);
    return false;
}

static bool choose(void *user, const struct names_row *row, int layer, struct plan_choice *choice_out)
{
    struct fates *f = user;
    struct conversion *c = f->c;
    const struct param *p = names_param(row);
    char name[NAMES_TEXT], why[200];
    if (p->id == PARAM_head && c->model->config.tied)
        return false;
    f->again = comes_again(c->to, row);
    names_text(c->to, row, layer, 0, name);
    if (!params_is_matrix(p) || p->id == PARAM_router)
        return narrow_type(f, row, layer, name, choice_out);
    if (!rules_find(c, row, name, choice_out))
        return kept_type(f, row, layer, choice_out) && holder(c->to, row, choice_out) == row;
    if (!asked_type(f, row, layer, name, choice_out))
        return false;
    const struct names_row *written = holder(c->to, row, choice_out);
    if (!written) {
        snprintf(why, sizeof why, "the form %s has no type %s; --to, or OUT's name, says the form, --type what it has",
                 c->to->form, dtype_info(choice_out->dtype)->name);
        refuse(f, OSSO_USAGE, name, why);
    }
    return written == row;
}

enum osso_status fates_create(struct conversion *c)
{
    struct fates f = {.c = c};
    enum osso_status status = plan_create_with(&c->model->config, c->to, choose, &f, &c->plan, c->err);
    if (!status)
        status = tell_refusals(&f);
    if (!status)
        status = rules_check(c);
    return status ? status : plan_tensors(&c->plan, &c->tensors, c->err);
}

struct osso_tensor_fate fates_tell(const struct conversion *c, int i)
{
    const struct plan_tensor *t = &c->plan.list[i];
    const struct names_row *row = t->row;
    struct view first = fates_view(c, row, 0, t->layer, 0);
    struct osso_tensor_fate fate = {.size = sizeof fate,
                                    .name = t->name,
                                    .from = dtype_info(first.dtype)->name,
                                    .to = dtype_info(t->choice.dtype)->name,
                                    .rank = t->rank,
                                    .shape = t->shape,
                                    .moved = true};
    for (int k = i; k < c->plan.n && (k == i || c->plan.list[k].part > 0); k++)
        fate.bytes += c->plan.list[k].bytes;
    int64_t stack = params_stacked(names_param(row)) ? c->model->config.n_experts : 1;
    for (int slot = 0; slot < row->n_members; slot++) {
        struct view v = fates_view(c, row, slot, t->layer, 0);
        fate.bytes_before += (uint64_t)(stack * view_bytes(&v));
        fate.moved = fate.moved && fates_moves(&v, &t->choice);
    }
    return fate;
}
