/* pick.c: a switch over the formats that kernels.def names, as float dots, transposed ones and integer dots. */
#include "backend/cpu/pick.h"

#include "base/must.h"

#define CASE(name, dtype)                                                                                              \
    case dtype:                                                                                                        \
        return k->name;
#define KERNEL(name, type)

#ifndef OSSO_DOUBLE
static linear_fn *pick_i8(const struct kernels *k, enum dtype t)
{
    switch (t) {
#define LINEAR(name, dtype)
#define LINEAR_T(name, dtype)
#define LINEAR_I8(name, dtype) CASE(name, dtype)
#include "backend/cpu/kernels.def"
    default: return k->linear_i8_any;
    }
}
#endif

static linear_fn *pick_f32(const struct kernels *k, enum dtype t)
{
    switch (t) {
#define LINEAR(name, dtype) CASE(name, dtype)
#define LINEAR_T(name, dtype)
#define LINEAR_I8(name, dtype)
#include "backend/cpu/kernels.def"
    default: return k->linear_f32_any;
    }
}

static linear_fn *pick_transposed(const struct kernels *k, enum dtype t)
{
    switch (t) {
#define LINEAR(name, dtype)
#define LINEAR_T(name, dtype) CASE(name, dtype)
#define LINEAR_I8(name, dtype)
#include "backend/cpu/kernels.def"
    default: return k->linear_f32_any;
    }
}

linear_fn *REAL(pick_linear)(const struct kernels *k, const struct view *w, bool has_i8)
{
    must((w->group & (w->group - 1)) == 0); /* kernels find a scale by a shift */
#ifndef OSSO_DOUBLE
    if (has_i8 && dtype_has_i8(dtype_info(w->dtype)))
        return pick_i8(k, w->dtype);
#endif
    (void)has_i8;
    return w->col_stride ? pick_transposed(k, w->dtype) : pick_f32(k, w->dtype);
}
