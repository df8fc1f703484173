// rope.glsl: half-split rotation of pair `at` of a row of heads, in place; the row's angles are head_dim / 2 cosines, then as many sines.
void rotate(uint64_t row, uint64_t row_angles, uint at, uint head_dim)
{
    F32 x = F32(row), angles = F32(row_angles);
    uint steps = head_dim / 2u, i = at % steps, first = at / steps * head_dim + i;
    float a = x.v[first], b = x.v[first + steps], c = angles.v[i], s = angles.v[i + steps];
    x.v[first] = a * c - b * s;
    x.v[first + steps] = b * c + a * s;
}
