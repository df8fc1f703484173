// quantize.comp: the int8 form of n blocks of 32 values: d = amax / 127, codes to nearest even, and their sum. A block
// whose 127 / amax overflows is zero; one with a NaN or an infinity has d = NaN. A thread a block. Groups: (blocks / 64).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
layout(local_size_x = 64) in;

layout(push_constant, scalar) uniform Push {
    uint64_t x, q, d, sum;
    uint n;
} p;

void main()
{
    uint b = gl_GlobalInvocationID.x;
    if (b >= p.n)
        return;
    F32 x = F32(row_of(p.x, b, 32u));
    U32 q = U32(row_of(p.q, b, 8u));
    uint bits = 0u;
    for (uint i = 0u; i < 32u; i++)
        bits = max(bits, floatBitsToUint(x.v[i]) & 0x7fffffffu); // as integers NaN > infinity > numbers
    float amax = uintBitsToFloat(bits), inverse = div1(127.0, amax);
    bool finite = bits < INFINITY_BITS, zero = !finite || floatBitsToUint(inverse) >= INFINITY_BITS;
    int sum = 0;
    for (uint j = 0u; j < 8u; j++) {
        uint word = 0u;
        for (uint i = 0u; i < 4u && !zero; i++) {
            int code = int((x.v[4u * j + i] * inverse + 12582912.0) - 12582912.0);
            sum += code;
            word |= (uint(code) & 255u) << (8u * i);
        }
        q.v[j] = word;
    }
    F32(p.d).v[b] = !finite ? uintBitsToFloat(NAN_BITS) : zero ? 0.0 : div1(amax, 127.0);
    I32(p.sum).v[b] = sum;
}
