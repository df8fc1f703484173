// common.glsl: what kernels share: memory by address, and f32 arithmetic to the bit, whatever the device rounds otherwise.
// tools/tables/shaders.py decorates every float operation NoContraction: nothing becomes an FMA that is not written so.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_16bit_storage : require

layout(constant_id = 0) const bool soft_fma = false; // the device's own fma() rounds twice

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer F32 { float v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer I32 { int v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer U32 { uint v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer U64 { uint64_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 2) buffer U16 { uint16_t v[]; };
layout(buffer_reference, scalar, buffer_reference_align = 1) buffer U8 { uint8_t v[]; };

const uint NAN_BITS = 0x7fc00000u, INFINITY_BITS = 0x7f800000u;

// Where value `at` of a row of f32 (or of int32) lies: rows are found in 64 bits, values within them in 32.
uint64_t row_of(uint64_t base, uint row, uint width)
{
    return base + 4ul * uint64_t(row) * uint64_t(width);
}

// Bytes from any address on, four at a time: aligned words are read, so up to 3 bytes before and behind.
struct Words {
    U32 at;
    uint shift, last;
};

Words words_at(uint64_t at)
{
    U32 first = U32(at & ~3ul);
    return Words(first, uint(at & 3ul) * 8u, first.v[0]);
}

// Word i, in turn from 0 on.
uint next_word(inout Words w, uint i)
{
    uint low = w.last;
    if (w.shift == 0u) {
        low = w.at.v[i];
    } else {
        w.last = w.at.v[i + 1u];
        low = low >> w.shift | w.last << (32u - w.shift);
    }
    return low;
}

bool is_nan(float x)
{
    return (floatBitsToUint(x) & 0x7fffffffu) > INFINITY_BITS;
}

// The exact product in f64, the sum of both rounded to odd there, then once to f32: a fused multiply-add where f64 is.
float fma_by_f64(float a, float b, float c)
{
    double product = double(a) * double(b);
    double addend = double(c);
    double sum = product + addend;
    double back = sum - product;
    double rest = (product - (sum - back)) + (addend - back);
    uvec2 u = unpackDouble2x32(sum);
    if ((u.y & 0x7ff00000u) == 0x7ff00000u || rest == 0.0lf || (u.x & 1u) == 1u)
        return float(sum);
    if ((rest > 0.0lf) == (sum > 0.0lf)) {
        u.x |= 1u; // away from zero: it was even
    } else {
        u.y -= u.x == 0u ? 1u : 0u;
        u.x -= 1u;
    }
    return float(packDouble2x32(u));
}

float fma1(float a, float b, float c)
{
    return soft_fma ? fma_by_f64(a, b, c) : fma(a, b, c);
}

// A number that is not zero, infinite or NaN as mantissa * 2^exponent, 2^23 <= mantissa < 2^24.
uint mantissa_of(float x, out int exponent)
{
    uint u = floatBitsToUint(x) & 0x7fffffffu, m = u & 0x7fffffu;
    int e = int(u >> 23);
    if (e == 0) {
        int up = 23 - findMSB(m);
        exponent = -149 - up;
        return m << uint(up);
    }
    exponent = e - 150;
    return m | 0x800000u;
}

// (q + something below 1 when `more`) * 2^exponent with 2^24 <= q < 2^25, rounded to nearest even.
float round_25(uint q, bool more, int exponent, uint sign)
{
    int drop = 1, e = exponent + 1 + 150; // of the mantissa with 24 bits: the exponent's field
    if (e < 1) {
        drop += 1 - e;
        e = 0;
        if (drop > 26)
            return uintBitsToFloat(sign);
    }
    uint kept = drop > 25 ? 0u : q >> uint(drop), half_way = 1u << uint(drop - 1);
    uint cut = q & ((half_way << 1u) - 1u);
    if (cut > half_way || (cut == half_way && (more || (kept & 1u) == 1u)))
        kept++;
    uint bits = e == 0 ? kept : (uint(e) << 23) + kept - 0x800000u; // a carry goes up into the exponent
    return uintBitsToFloat(sign | (e >= 255 || bits > INFINITY_BITS ? INFINITY_BITS : bits));
}

// a / b, rounded once: the device's own quotient of the mantissas, put right in integers.
float div1(float a, float b)
{
    uint ua = floatBitsToUint(a) & 0x7fffffffu, ub = floatBitsToUint(b) & 0x7fffffffu;
    uint sign = (floatBitsToUint(a) ^ floatBitsToUint(b)) & 0x80000000u;
    if (ua > INFINITY_BITS || ub > INFINITY_BITS || ua == ub && (ua == 0u || ua == INFINITY_BITS))
        return uintBitsToFloat(NAN_BITS);
    if (ua == INFINITY_BITS || ub == 0u)
        return uintBitsToFloat(sign | INFINITY_BITS);
    if (ua == 0u || ub == INFINITY_BITS)
        return uintBitsToFloat(sign);
    int ea, eb;
    uint ma = mantissa_of(a, ea), mb = mantissa_of(b, eb), up = ma >= mb ? 24u : 25u;
    int64_t top = int64_t(ma) << up;
    int q = int(float(ma) / float(mb) * float(1u << up));
    int64_t rest = top - int64_t(q) * int64_t(mb);
    q += int(floor(float(int(rest >> 8)) / float(mb) * 256.0)); // what is left is a few times mb
    rest = top - int64_t(q) * int64_t(mb);
    while (rest < 0l) {
        rest += int64_t(mb);
        q--;
    }
    while (rest >= int64_t(mb)) {
        rest -= int64_t(mb);
        q++;
    }
    return round_25(uint(q), rest != 0l, ea - eb - int(up), sign);
}

// The square root of x, rounded once, likewise.
float sqrt1(float x)
{
    uint u = floatBitsToUint(x);
    if ((u & 0x7fffffffu) == 0u || u == INFINITY_BITS)
        return x;
    if (u > INFINITY_BITS)
        return uintBitsToFloat(NAN_BITS);
    int e;
    uint m = mantissa_of(x, e);
    uint up = (e & 1) == 0 ? 26u : 25u; // so that the exponent is even, and the root has 25 bits
    int64_t top = int64_t(m) << up;
    int64_t q = int64_t(sqrt(float(m)) * (up == 26u ? 8192.0 : 5792.61875));
    int64_t rest = top - q * q;
    while (rest < 0l) {
        q--;
        rest += 2l * q + 1l;
    }
    while (rest > 2l * q) {
        rest -= 2l * q + 1l;
        q++;
    }
    return round_25(uint(q), rest != 0l, (e - int(up)) / 2, 0u);
}

// The engine's own exponential, step by step as scalar.c has it.
float exp1(float x)
{
    if (is_nan(x))
        return x;
    if (x < uintBitsToFloat(0xc2aeac4fu))
        return 0.0;
    if (x > uintBitsToFloat(0x42b17217u))
        return uintBitsToFloat(INFINITY_BITS);
    float n = (x * uintBitsToFloat(0x3fb8aa3bu) + 12582912.0) - 12582912.0;
    float r = fma1(n, uintBitsToFloat(0xbf317200u), x);
    r = fma1(n, uintBitsToFloat(0xb5bfbe8eu), r);
    float p = uintBitsToFloat(0x3ab6889eu);
    p = fma1(p, r, uintBitsToFloat(0x3c0905d1u));
    p = fma1(p, r, uintBitsToFloat(0x3d2aaa8du));
    p = fma1(p, r, uintBitsToFloat(0x3e2aaa6eu));
    p = fma1(p, r, 0.5);
    p = fma1(p, r, 1.0);
    p = fma1(p, r, 1.0);
    int whole = int(n), lower = whole >> 1;
    return p * uintBitsToFloat(uint(lower + 127) << 23) * uintBitsToFloat(uint(whole - lower + 127) << 23);
}

float f16_value(uint h)
{
    uint sign = (h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31u)
        return uintBitsToFloat(sign | INFINITY_BITS | mantissa << 13);
    if (exponent == 0u) // mantissa * 2^-24
        return uintBitsToFloat(sign | floatBitsToUint(float(mantissa) * uintBitsToFloat(0x33800000u)));
    return uintBitsToFloat(sign | (exponent + 112u) << 23 | mantissa << 13);
}

uint f16_of(float f)
{
    uint u = floatBitsToUint(f), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude > INFINITY_BITS)
        return sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu);
    if (magnitude >= 0x477ff000u)
        return sign | 0x7c00u;
    if (magnitude < 0x38800000u) { // in units of 2^-24, rounded in integers
        uint m = (magnitude & 0x7fffffu) | (magnitude >= 0x800000u ? 0x800000u : 0u), drop = 126u - (magnitude >> 23);
        if (drop > 25u)
            return sign;
        uint kept = m >> drop, cut = m & ((1u << drop) - 1u), half_way = 1u << (drop - 1u);
        return sign | (kept + (cut > half_way || cut == half_way && (kept & 1u) == 1u ? 1u : 0u));
    }
    return sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13);
}

float bf16_value(uint h)
{
    return uintBitsToFloat(h << 16);
}

uint bf16_of(float f)
{
    uint u = floatBitsToUint(f);
    return is_nan(f) ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
}

// 2^(s-128), the scale that goes with MXFP4's doubled codes.
float e8m0_half(uint s)
{
    return uintBitsToFloat(s == 255u ? NAN_BITS : s >= 2u ? (s - 1u) << 23 : 0x00200000u << s);
}

// The fixed tree over 16 lanes.
float lanes_sum(float l[16])
{
    for (uint half_way = 8u; half_way > 0u; half_way /= 2u)
        for (uint i = 0u; i < half_way; i++)
            l[i] = l[i] + l[i + half_way];
    return l[0];
}
