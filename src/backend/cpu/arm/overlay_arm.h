/* overlay_arm.h: the kernels of AArch64's ISAs. NEON gives every kernel of kernels.def; dot product and int8 matrix give
 * the integer linear ones and take NEON's for the rest. */
#ifndef OSSO_BACKEND_OVERLAY_ARM_H
#define OSSO_BACKEND_OVERLAY_ARM_H

#include "backend/cpu/kernels.h"

#define KERNEL(name, type) type name##__neon;
#include "backend/cpu/kernels.def"
#undef KERNEL

#define KERNEL(name, type)
#define LINEAR(name, dtype)
#define LINEAR_T(name, dtype)
#define LINEAR_I8(name, dtype) linear_fn name##__dotprod, name##__i8mm;
#include "backend/cpu/kernels.def"
#undef KERNEL

#endif
