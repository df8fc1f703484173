/* table__avx512vnni.c: the kernels of AVX-512 with VNNI: scalar's, overlaid by what the files *__avx512vnni.c give. */
#include "backend/cpu/avx512/overlay__avx512vnni.h"

#pragma GCC diagnostic ignored "-Woverride-init"
extern const struct kernels kernels__avx512vnni;
const struct kernels kernels__avx512vnni = {
#define KERNEL(name, type) .name = name##__scalar,
#include "backend/cpu/kernels.def"
#undef KERNEL
#define OVERLAY(name, type) .name = name##__avx512vnni,
    OVERLAYS_X86(OVERLAY)
#undef OVERLAY
};
