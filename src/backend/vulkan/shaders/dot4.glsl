// dot4.glsl: the dot of two words of four int8 each: by the device's own instruction (VK_KHR_shader_integer_dot_product)
// behind `#define DOT4`, else byte by byte. Integers: the same bits.
#ifdef DOT4
#extension GL_EXT_spirv_intrinsics : require
// OpSDot; capabilities DotProductInput4x8BitPacked and DotProduct; form 0: four bytes in a word.
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int packed_dot(uint a, uint b, spirv_literal int form);

int dot4(uint a, uint b)
{
    return packed_dot(a, b, 0);
}
#else
int dot4(uint a, uint b)
{
    int sum = 0;
    for (int i = 0; i < 32; i += 8)
        sum += bitfieldExtract(int(a), i, 8) * bitfieldExtract(int(b), i, 8);
    return sum;
}
#endif
