/* overlay__avx512vnni.h: OVERLAY(name, type): the kernels that AVX-512 with VNNI gives itself; scalar's serve the rest. */
#ifndef OSSO_BACKEND_OVERLAY_AVX512VNNI_H
#define OSSO_BACKEND_OVERLAY_AVX512VNNI_H

#include "backend/cpu/kernels.h"

#define OVERLAYS_AVX512VNNI(OVERLAY)                                                                                   \
    OVERLAY(linear_i8_q8_0, linear_fn)                                                                                 \
    OVERLAY(linear_i8_mxfp4, linear_fn)                                                                                \
    OVERLAY(linear_i8_mxfp4_hf, linear_fn)

#define OVERLAY(name, type) type name##__avx512vnni;
OVERLAYS_AVX512VNNI(OVERLAY)
#undef OVERLAY

#endif
