/* table__avx2.c: the kernels of AVX2 with FMA and F16C: scalar's, overlaid by what the files *__avx2.c give. */
#include "backend/cpu/avx2/overlay__avx2.h"

#pragma GCC diagnostic ignored "-Woverride-init"
extern const struct kernels kernels__avx2;
const struct kernels kernels__avx2 = {
#define KERNEL(name, type) .name = name##__scalar,
#include "backend/cpu/kernels.def"
#undef KERNEL
#define OVERLAY(name, type) .name = name##__avx2,
    OVERLAYS_X86(OVERLAY)
#undef OVERLAY
};
