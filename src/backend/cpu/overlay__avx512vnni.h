/* overlay__avx512vnni.h: OVERLAY(name, type): the kernels that AVX-512 with VNNI gives itself; scalar's serve the rest. */
#ifndef OSSO_BACKEND_OVERLAY_AVX512VNNI_H
#define OSSO_BACKEND_OVERLAY_AVX512VNNI_H

#include "backend/cpu/kernels.h"

#define OVERLAYS_AVX512VNNI(OVERLAY)                                                                                   \
    OVERLAY(linear_i8_q8_0, linear_fn)                                                                                 \
    OVERLAY(linear_i8_mxfp4, linear_fn)                                                                                \
    OVERLAY(linear_i8_mxfp4_hf, linear_fn)                                                                             \
    OVERLAY(quantize_i8_f32, quantize_fn)                                                                              \
    OVERLAY(linear_f32_f32, linear_fn)                                                                                 \
    OVERLAY(linear_f32_f16, linear_fn)                                                                                 \
    OVERLAY(linear_f32_bf16, linear_fn)                                                                                \
    OVERLAY(linear_f32_q8_0, linear_fn)                                                                                \
    OVERLAY(linear_f32_mxfp4, linear_fn)                                                                               \
    OVERLAY(linear_f32_mxfp4_hf, linear_fn)                                                                            \
    OVERLAY(linear_t_f32_f32, linear_fn)                                                                               \
    OVERLAY(linear_t_f32_f16, linear_fn)                                                                               \
    OVERLAY(linear_t_f32_bf16, linear_fn)                                                                              \
    OVERLAY(norm_f32, norm_fn)                                                                                         \
    OVERLAY(exp_f32, exp_fn)                                                                                           \
    OVERLAY(swiglu_f32, swiglu_fn)                                                                                     \
    OVERLAY(axpy_f32, axpy_fn)                                                                                         \
    OVERLAY(attend_page, attend_page_fn)                                                                               \
    OVERLAY(attend_merge, attend_merge_fn)

#define OVERLAY(name, type) type name##__avx512vnni;
OVERLAYS_AVX512VNNI(OVERLAY)
#undef OVERLAY

#endif
