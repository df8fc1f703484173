// linear_rows.glsl: the matrix products of many rows: a group reads its outputs' weights once for as many rows as it takes. With `ids`,
// `data` is the list of slots by expert, and a tile may hold slots of several experts: one after the other. has_factor is
// 2 n (+ 1), n the number of rows or slots.
uint n_rows()
{
    return p.has_factor >> 1;
}

// The i-th row of results.
uint row_number(uint i)
{
    return is_listed() ? uint(I32(p.data).v[i]) : i;
}

// Rows from `at` on, below `last`, that one matrix serves.
uint run_from(uint at, uint last, out Matrix m, out bool found)
{
    found = true;
    m = Matrix(p.data, p.side, p.bias, p.offsets, p.factor, p.has_factor);
    if (!is_listed())
        return last - at;
    int e = I32(p.ids).v[row_number(at)];
    uint n = 1u;
    while (at + n < last && I32(p.ids).v[row_number(at + n)] == e)
        n++;
    found = expert_matrix(p.matrices, e, m);
    return n;
}
