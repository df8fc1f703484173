/* emu_values.h: the second half of immintrin.h: what vectors become, computed, moved, converted. */
#ifndef OSSO_EMULATE_VALUES_H
#define OSSO_EMULATE_VALUES_H

/* ---- arithmetic ----------------------------------------------------------------------------------------- */

EMU_PS_2(_mm512_add_ps, _mm256_add_ps)
EMU_PS_2(_mm512_sub_ps, _mm256_sub_ps)
EMU_PS_2(_mm512_mul_ps, _mm256_mul_ps)
EMU_PS_2(_mm512_div_ps, _mm256_div_ps)
EMU_PS_2(_mm512_min_ps, _mm256_min_ps)
EMU_PS_2(_mm512_max_ps, _mm256_max_ps)
EMU_PS_2(_mm512_xor_ps, _mm256_xor_ps)
EMU_PS_3(_mm512_fmadd_ps, _mm256_fmadd_ps)
EMU_SI_2(_mm512_add_epi8, _mm256_add_epi8)
EMU_SI_2(_mm512_sub_epi8, _mm256_sub_epi8)
EMU_SI_2(_mm512_add_epi32, _mm256_add_epi32)
EMU_SI_2(_mm512_min_epu32, _mm256_min_epu32)
EMU_SI_2(_mm512_max_epu32, _mm256_max_epu32)
EMU_SI_2(_mm512_and_si512, _mm256_and_si256)
EMU_SI_2(_mm512_or_si512, _mm256_or_si256)
EMU_SI_2(_mm512_xor_si512, _mm256_xor_si256)
EMU_SI_SHIFT(_mm512_slli_epi32, _mm256_slli_epi32)
EMU_SI_SHIFT(_mm512_slli_epi64, _mm256_slli_epi64)
EMU_SI_SHIFT(_mm512_srli_epi16, _mm256_srli_epi16)
EMU_SI_SHIFT(_mm512_srli_epi32, _mm256_srli_epi32)

EMU __m512 _mm512_mask_add_ps(__m512 from, __mmask16 mask, __m512 a, __m512 b)
{
    return _mm512_mask_mov_ps(from, mask, _mm512_add_ps(a, b));
}

EMU __m512 _mm512_mask_max_ps(__m512 from, __mmask16 mask, __m512 a, __m512 b)
{
    return _mm512_mask_mov_ps(from, mask, _mm512_max_ps(a, b));
}

EMU __m512 _mm512_mask3_fmadd_ps(__m512 a, __m512 b, __m512 c, __mmask16 mask)
{
    return _mm512_mask_mov_ps(c, mask, _mm512_fmadd_ps(a, b, c));
}

/* To a whole number. A scale in the upper half of `how`, which nobody uses, would not compile. */
#define _mm512_roundscale_ps(a, how)                                                                                   \
    ((__m512){{_mm256_round_ps((a).h[0], (how) / ((how) < 16)), _mm256_round_ps((a).h[1], (how) / ((how) < 16))}})

/* a 2^floor(b), rounded once: as a double it is exact for every exponent that a float can feel. */
EMU float emu_scalef(float a, float b)
{
    union {
        float f;
        uint32_t u;
    } bits = {a};
    union {
        uint64_t u;
        double d;
    } power;
    if (isnan(a)) /* a quiet one gives way to an infinity */
        return isinf(b) && bits.u & 0x400000 ? (b > 0 ? INFINITY : 0.0f) : a + b;
    if (isnan(b))
        return b + b;
    if (isinf(b) && (b > 0 ? a == 0 : isinf(a)))
        return -(float)NAN; /* the sign of x86's own */
    if (isinf(b))
        return copysignf(b > 0 ? INFINITY : 0.0f, a);
    double n = floor((double)b);
    power.u = (uint64_t)(1023 + (int64_t)(n < -400 ? -400 : n > 400 ? 400 : n)) << 52;
    return (float)((double)a * power.d);
}

EMU_CALL __m512 _mm512_scalef_ps(__m512 a, __m512 b)
{
    union emu_lanes r, x = {a}, y = {b};
    for (int i = 0; i < 16; i++)
        r.f[i] = emu_scalef(x.f[i], y.f[i]);
    return r.ps;
}

/* What kind of number b is picks a nibble of c, which picks the result: a, b or a constant. No flags, so `flags` is 0.
 */
EMU uint32_t emu_fixup(uint32_t a, uint32_t b, uint32_t c)
{
    static const uint32_t constants[] = {0xffc00000u, 0xff800000u, 0x7f800000u, 0,           0x80000000u,
                                         0,           0xbf800000u, 0x3f800000u, 0x3f000000u, 0x42b40000u,
                                         0x3fc90fdbu, 0x7f7fffffu, 0xff7fffffu};
    uint32_t magnitude = b & 0x7fffffffu;
    int kind = magnitude > 0x7f800000u ? (b & 0x400000u ? 0 : 1) /* quiet NaN, signalling NaN */
               : magnitude == 0        ? 2
               : b == 0x3f800000u      ? 3
               : b == 0xff800000u      ? 4
               : b == 0x7f800000u      ? 5
               : b >> 31               ? 6
                                       : 7;
    uint32_t pick = c >> (4 * kind) & 15;
    switch (pick) {
    case 0: return a;
    case 1: return b;
    case 2: return b | 0x7fc00000u;
    case 6: return (b & 0x80000000u) | 0x7f800000u;
    default: return constants[pick - 3];
    }
}

EMU_CALL __m512 _mm512_fixupimm_ps(__m512 a, __m512 b, __m512i c, int flags)
{
    union emu_lanes r, x = {a}, y = {b}, z = {.si = c};
    (void)flags;
    for (int i = 0; i < 16; i++)
        r.u32[i] = emu_fixup(x.u32[i], y.u32[i], z.u32[i]);
    return r.ps;
}

/* Unsigned bytes of a times signed ones of b. Even and odd bytes by themselves: two products fit 32 bits, and no sum of
 * 16 bits can saturate, as it would in VPMADDUBSW. */
EMU __m256i emu_dpbusd(__m256i sum, __m256i a, __m256i b)
{
    __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(0xff)),
                                     _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

EMU_CALL __m512i _mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b)
{
    return (__m512i){{emu_dpbusd(sum.h[0], a.h[0], b.h[0]), emu_dpbusd(sum.h[1], a.h[1], b.h[1])}};
}

/* ---- sums and extremes over all lanes: halves, as gcc and clang fold them ---------------------------------- */

EMU float _mm512_reduce_max_ps(__m512 a)
{
    __m256 b = _mm256_max_ps(a.h[1], a.h[0]);
    __m128 c = _mm_max_ps(_mm256_extractf128_ps(b, 1), _mm256_castps256_ps128(b));
    c = _mm_max_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

EMU_CALL uint32_t _mm512_reduce_max_epu32(__m512i a)
{
    union emu_lanes x = {.si = a};
    uint32_t r = 0;
    for (int i = 0; i < 16; i++)
        r = x.u32[i] > r ? x.u32[i] : r;
    return r;
}

EMU_CALL uint32_t _mm512_reduce_min_epu32(__m512i a)
{
    union emu_lanes x = {.si = a};
    uint32_t r = UINT32_MAX;
    for (int i = 0; i < 16; i++)
        r = x.u32[i] < r ? x.u32[i] : r;
    return r;
}

EMU_CALL int _mm512_reduce_add_epi32(__m512i a)
{
    union emu_lanes x = {.si = a};
    uint32_t r = 0;
    for (int i = 0; i < 16; i++)
        r += x.u32[i];
    return (int)r;
}

/* ---- conversions ---------------------------------------------------------------------------------------- */

EMU __m512 _mm512_cvtepi32_ps(__m512i a)
{
    return (__m512){{_mm256_cvtepi32_ps(a.h[0]), _mm256_cvtepi32_ps(a.h[1])}};
}

EMU __m512i _mm512_cvtps_epi32(__m512 a)
{
    return (__m512i){{_mm256_cvtps_epi32(a.h[0]), _mm256_cvtps_epi32(a.h[1])}};
}

EMU __m512 _mm512_cvtph_ps(__m256i a)
{
    return (__m512){{_mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1))}};
}

#define _mm512_cvtps_ph(a, how) _mm256_setr_m128i(_mm256_cvtps_ph((a).h[0], how), _mm256_cvtps_ph((a).h[1], how))

EMU __m512i _mm512_cvtepi8_epi32(__m128i a)
{
    return (__m512i){{_mm256_cvtepi8_epi32(a), _mm256_cvtepi8_epi32(_mm_srli_si128(a, 8))}};
}

EMU __m512i _mm512_cvtepu8_epi32(__m128i a)
{
    return (__m512i){{_mm256_cvtepu8_epi32(a), _mm256_cvtepu8_epi32(_mm_srli_si128(a, 8))}};
}

EMU __m512i _mm512_cvtepu8_epi64(__m128i a)
{
    return (__m512i){{_mm256_cvtepu8_epi64(a), _mm256_cvtepu8_epi64(_mm_srli_si128(a, 4))}};
}

EMU __m512i _mm512_cvtepu16_epi32(__m256i a)
{
    return (__m512i){
        {_mm256_cvtepu16_epi32(_mm256_castsi256_si128(a)), _mm256_cvtepu16_epi32(_mm256_extracti128_si256(a, 1))}};
}

/* The lower bits of each lane. */
EMU_CALL __m128i _mm512_cvtepi32_epi8(__m512i a)
{
    union emu_lanes x = {.si = a}, r;
    for (int i = 0; i < 16; i++)
        r.u8[i] = (uint8_t)x.u32[i];
    return _mm256_castsi256_si128(r.si.h[0]);
}

EMU_CALL __m256i _mm512_cvtepi32_epi16(__m512i a)
{
    union emu_lanes x = {.si = a}, r;
    for (int i = 0; i < 16; i++)
        r.u16[i] = (uint16_t)x.u32[i];
    return r.si.h[0];
}

/* ---- lanes that move ------------------------------------------------------------------------------------ */

EMU_SI_2(_mm512_unpacklo_epi8, _mm256_unpacklo_epi8)
EMU_SI_2(_mm512_unpackhi_epi8, _mm256_unpackhi_epi8)
EMU_SI_2(_mm512_unpacklo_epi32, _mm256_unpacklo_epi32)
EMU_SI_2(_mm512_unpackhi_epi32, _mm256_unpackhi_epi32)
EMU_SI_2(_mm512_unpacklo_epi64, _mm256_unpacklo_epi64)
EMU_SI_2(_mm512_unpackhi_epi64, _mm256_unpackhi_epi64)

#define _mm512_permute_ps(a, how) ((__m512){{_mm256_permute_ps((a).h[0], how), _mm256_permute_ps((a).h[1], how)}})

EMU_CALL __m512 _mm512_permutexvar_ps(__m512i where, __m512 a)
{
    union emu_lanes r, x = {a}, at = {.si = where};
    for (int i = 0; i < 16; i++)
        r.f[i] = x.f[at.u32[i] & 15];
    return r.ps;
}

EMU_CALL __m512i _mm512_permutexvar_epi16(__m512i where, __m512i a)
{
    union emu_lanes r, x = {.si = a}, at = {.si = where};
    for (int i = 0; i < 32; i++)
        r.u16[i] = x.u16[at.u16[i] & 31];
    return r.si;
}

EMU_CALL __m512i _mm512_shuffle_i32x4(__m512i a, __m512i b, int how)
{
    union emu_lanes r, x[2] = {{.si = a}, {.si = b}};
    for (int i = 0; i < 16; i++)
        r.u32[i] = x[i / 8].u32[(how >> i / 4 * 2 & 3) * 4 + i % 4];
    return r.si;
}

EMU_CALL __m512 _mm512_permutex2var_ps(__m512 a, __m512i where, __m512 b)
{
    union emu_lanes r, x = {a}, y = {b}, at = {.si = where};
    for (int i = 0; i < 16; i++)
        r.f[i] = at.u32[i] & 16 ? y.f[at.u32[i] & 15] : x.f[at.u32[i] & 15];
    return r.ps;
}

/* r with those bytes from quarter number `quarter` whose indices point there. */
EMU __m256i emu_pick(__m256i r, __m256i where, __m128i from, int quarter)
{
    __m256i here = _mm256_cmpeq_epi8(_mm256_and_si256(where, _mm256_set1_epi8(0x30)),
                                     _mm256_set1_epi8((char)(quarter << 4)));
    __m256i at = _mm256_and_si256(where, _mm256_set1_epi8(15));
    return _mm256_blendv_epi8(r, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(from), at), here);
}

EMU __m256i emu_permute_bytes(__m256i where, __m512i a)
{
    __m256i r = emu_pick(_mm256_setzero_si256(), where, _mm256_castsi256_si128(a.h[0]), 0);
    r = emu_pick(r, where, _mm256_extracti128_si256(a.h[0], 1), 1);
    r = emu_pick(r, where, _mm256_castsi256_si128(a.h[1]), 2);
    return emu_pick(r, where, _mm256_extracti128_si256(a.h[1], 1), 3);
}

EMU_CALL __m512i _mm512_permutexvar_epi8(__m512i where, __m512i a)
{
    return (__m512i){{emu_permute_bytes(where.h[0], a), emu_permute_bytes(where.h[1], a)}};
}

/* Five bits of an index count: the upper half is the lower one again. */
EMU __m256i _mm256_permutexvar_epi8(__m256i where, __m256i a)
{
    return emu_permute_bytes(where, (__m512i){{a, a}});
}

EMU_CALL __m512i _mm512_mask_permutexvar_epi8(__m512i from, __mmask64 mask, __m512i where, __m512i a)
{
    union emu_lanes r = {.si = from}, x = {.si = _mm512_permutexvar_epi8(where, a)};
    for (int i = 0; i < 64; i++)
        r.u8[i] = mask >> i & 1 ? x.u8[i] : r.u8[i];
    return r.si;
}

/* ---- BF16: small numbers are 0, results are rounded to nearest even, whatever the CPU has been told ---------- */

typedef __m512i __m512bh;
typedef __m128i __m128bh;

static inline float emu_flushed(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

static inline uint16_t emu_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    if (x != x)
        return (uint16_t)(u >> 16 | 0x40);
    if ((u & 0x7f800000) == 0)
        return (uint16_t)(u >> 16 & 0x8000);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float emu_widened(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float x;
    memcpy(&x, &u, 4);
    return emu_flushed(x);
}

EMU_CALL __m128bh _mm256_cvtneps_pbh(__m256 a)
{
    float f[8];
    uint16_t h[8];
    __m128i out;
    memcpy(f, &a, sizeof f);
    for (int i = 0; i < 8; i++)
        h[i] = emu_bf16(f[i]);
    memcpy(&out, h, sizeof out);
    return out;
}

EMU __m128bh _mm_cvtne2ps_pbh(__m128 a, __m128 b)
{
    return _mm256_cvtneps_pbh(_mm256_insertf128_ps(_mm256_castps128_ps256(b), a, 1));
}

EMU __m512bh _mm512_cvtne2ps_pbh(__m512 a, __m512 b)
{
    __m256i low = _mm256_set_m128i(_mm256_cvtneps_pbh(b.h[1]), _mm256_cvtneps_pbh(b.h[0]));
    return (__m512bh){{low, _mm256_set_m128i(_mm256_cvtneps_pbh(a.h[1]), _mm256_cvtneps_pbh(a.h[0]))}};
}

/* A result below 2^-126 is 0 when 24 bits of it are. */
static inline float emu_fma_flushed(float a, float b, float sum)
{
    float r = fmaf(a, b, sum);
    int small = fabsf(r) <= 0x1p-126f && fabsf(fmaf(a * 0x1p24f, b, sum * 0x1p24f)) < 0x1p-102f;
    return small ? copysignf(0, r) : r;
}

EMU_CALL __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b)
{
    union emu_lanes s = {.ps = sum}, x = {.si = a}, y = {.si = b};
    for (int i = 0; i < 16; i++) {
        float t = emu_fma_flushed(emu_widened(x.u16[2 * i + 1]), emu_widened(y.u16[2 * i + 1]), emu_flushed(s.f[i]));
        s.f[i] = emu_fma_flushed(emu_widened(x.u16[2 * i]), emu_widened(y.u16[2 * i]), t);
    }
    return s.ps;
}

#endif
