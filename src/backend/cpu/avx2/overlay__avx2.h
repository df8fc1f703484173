/* overlay__avx2.h: declares the kernels of AVX2 with FMA and F16C. */
#ifndef OSSO_BACKEND_OVERLAY_AVX2_H
#define OSSO_BACKEND_OVERLAY_AVX2_H

#include "backend/cpu/overlay_x86.h"

#define OVERLAY(name, type) type name##__avx2;
OVERLAYS_X86(OVERLAY)
#undef OVERLAY

#endif
