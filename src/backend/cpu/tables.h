/* tables.h: the table of kernels of each ISA, and the kernels that they are made of. */
#ifndef OSSO_BACKEND_TABLES_H
#define OSSO_BACKEND_TABLES_H

#include "backend/cpu/kernels.h"

/* OVERLAY(isa, name, type) in kernels__<isa>.def: this ISA has the kernel itself. */
extern const struct kernels REAL(kernels__scalar);
#ifndef OSSO_DOUBLE
#define OVERLAY(isa, name, type) type name##__##isa;
#if defined(__x86_64__)
#include "backend/cpu/avx2/kernels__avx2.def"
#include "backend/cpu/avx512/kernels__avx512vnni.def"
#include "backend/cpu/avx512/kernels__avx512bf16.def"
#include "backend/cpu/amx/kernels__amx.def"
extern const struct kernels kernels__avx2, kernels__avx512vnni, kernels__avx512bf16, kernels__amx;
#elif defined(__aarch64__)
#include "backend/cpu/arm/kernels__neon.def"
#include "backend/cpu/arm/kernels__dotprod.def"
#include "backend/cpu/arm/kernels__i8mm.def"
extern const struct kernels kernels__neon, kernels__dotprod, kernels__i8mm;
#endif
#undef OVERLAY
#endif

#endif
