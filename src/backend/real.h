/* real.h: forward.c, the CPU ops and the scalar kernels are written over `real` and compiled twice: as float, and
 * (OSSO_DOUBLE, every name ending in _f64) as double, the yardstick for tests and gradient checks. */
#ifndef OSSO_BACKEND_REAL_H
#define OSSO_BACKEND_REAL_H

#ifdef OSSO_DOUBLE
typedef double real;
#define REAL(name) name##_f64
#else
typedef float real;
#define REAL(name) name
#endif

#endif
