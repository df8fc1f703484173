/* overlay__avx512vnni.h: declares the kernels of AVX-512 with VNNI. */
#ifndef OSSO_BACKEND_OVERLAY_AVX512VNNI_H
#define OSSO_BACKEND_OVERLAY_AVX512VNNI_H

#include "backend/cpu/overlay_x86.h"

#define OVERLAY(name, type) type name##__avx512vnni;
OVERLAYS_X86(OVERLAY)
#undef OVERLAY

#endif
