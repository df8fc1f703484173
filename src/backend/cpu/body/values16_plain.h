/* values16_plain.h: 16 values of a row of weights, exactly, in the formats that need no code table. */
#include "backend/cpu/fetch.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

/* The 16 values from element k (a multiple of 16) of a row; only the first n of them exist (in formats of
 * blocks, all). */
typedef vec16 values16_fn(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n);

INLINE vec16 values16_f32(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)scales;
    return load16(row + 4 * k, n);
}

INLINE vec16 values16_f16(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)scales;
    return load16_f16(row + 2 * k, n);
}

INLINE vec16 values16_bf16(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)scales;
    return load16_bf16(row + 2 * k, n);
}

INLINE vec16 values16_q8_0(const uint8_t *row, const uint8_t *scales, int64_t k, int64_t n)
{
    (void)scales, (void)n;
    const uint8_t *block = row + k / 32 * 34;
    return mul16(load16_i8(block + 2 + k % 32), all16_f16(block));
}
