/* overlay_x86.h: OVERLAY(name, type): the kernels that each x86 ISA gives itself; scalar's serve the rest. */
#ifndef OSSO_BACKEND_OVERLAY_X86_H
#define OSSO_BACKEND_OVERLAY_X86_H

#include "backend/cpu/kernels.h"

#define OVERLAYS_X86(OVERLAY)                                                                                          \
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

#endif
