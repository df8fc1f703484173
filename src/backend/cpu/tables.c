/* tables.c: each ISA's table of kernels: scalar's, overlaid by what the weaker ISAs of its kind have, then by its own.
 */
#include "backend/cpu/tables.h"

const struct kernels REAL(kernels__scalar) = {
#include "backend/cpu/scalar/kernels__scalar.def"
};

#ifndef OSSO_DOUBLE
#pragma GCC diagnostic ignored "-Woverride-init"
#define OVERLAY(isa, name, type) .name = name##__##isa,

#if defined(__x86_64__)
const struct kernels kernels__avx2 = {
#include "backend/cpu/scalar/kernels__scalar.def"
#include "backend/cpu/avx2/kernels__avx2.def"
};
const struct kernels kernels__avx512vnni = {
#include "backend/cpu/scalar/kernels__scalar.def"
#include "backend/cpu/avx2/kernels__avx2.def"
#include "backend/cpu/avx512/kernels__avx512vnni.def"
};
const struct kernels kernels__avx512bf16 = {
#include "backend/cpu/scalar/kernels__scalar.def"
#include "backend/cpu/avx2/kernels__avx2.def"
#include "backend/cpu/avx512/kernels__avx512vnni.def"
#include "backend/cpu/avx512/kernels__avx512bf16.def"
};
const struct kernels kernels__amx = {
#include "backend/cpu/scalar/kernels__scalar.def"
#include "backend/cpu/avx2/kernels__avx2.def"
#include "backend/cpu/avx512/kernels__avx512vnni.def"
#include "backend/cpu/avx512/kernels__avx512bf16.def"
#include "backend/cpu/amx/kernels__amx.def"
};

#elif defined(__aarch64__)
const struct kernels kernels__neon = {
#include "backend/cpu/scalar/kernels__scalar.def"
#include "backend/cpu/arm/generic__neon.def"
#include "backend/cpu/arm/kernels__neon.def"
};
const struct kernels kernels__dotprod = {
#include "backend/cpu/scalar/kernels__scalar.def"
#include "backend/cpu/arm/generic__neon.def"
#include "backend/cpu/arm/kernels__neon.def"
#include "backend/cpu/arm/kernels__dotprod.def"
};
const struct kernels kernels__i8mm = {
#include "backend/cpu/scalar/kernels__scalar.def"
#include "backend/cpu/arm/generic__neon.def"
#include "backend/cpu/arm/kernels__neon.def"
#include "backend/cpu/arm/kernels__dotprod.def"
#include "backend/cpu/arm/kernels__i8mm.def"
};
#endif
#endif
