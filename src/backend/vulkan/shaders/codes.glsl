// codes.glsl: the int8 form of values that the threads of a group hold, as quantize.comp has it: eight threads a block of 32, four
// values each, which are one word of codes. Included behind `const uint THREADS`, the group's size.
shared uint code_top[THREADS];
shared int code_sum[THREADS];

// Word `word` of the codes at q, of block word / 8 of d and sum. All threads call it; `there`: this one has values (all eight, or none).
void put_codes(uint64_t q, uint64_t d, uint64_t sum, uint word, vec4 v, bool there)
{
    uint t = gl_LocalInvocationIndex, first = t & ~7u, bits = 0u, codes = 0u;
    for (uint i = 0u; i < 4u; i++)
        bits = max(bits, floatBitsToUint(v[i]) & 0x7fffffffu); // as integers NaN > infinity > numbers
    code_top[t] = bits;
    barrier();
    for (uint i = 0u; i < 8u; i++)
        bits = max(bits, code_top[first + i]);
    float amax = uintBitsToFloat(bits), inverse = div1(127.0, amax);
    bool finite = bits < INFINITY_BITS, zero = !finite || floatBitsToUint(inverse) >= INFINITY_BITS;
    int total = 0;
    for (uint i = 0u; i < 4u && !zero; i++) {
        int code = int((v[i] * inverse + 12582912.0) - 12582912.0);
        total += code;
        codes |= (uint(code) & 255u) << (8u * i);
    }
    code_sum[t] = total;
    barrier();
    if (there)
        U32(q).v[word] = codes;
    if (there && t == first) {
        for (uint i = 1u; i < 8u; i++)
            total += code_sum[t + i];
        F32(d).v[word / 8u] = !finite ? uintBitsToFloat(NAN_BITS) : zero ? 0.0 : div1(amax, 127.0);
        I32(sum).v[word / 8u] = total;
    }
    barrier(); // before the next words
}
