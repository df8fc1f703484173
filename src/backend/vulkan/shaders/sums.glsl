// sums.glsl: sums of one row of activations, in integers per 32 values: a group of 128 threads makes 4 * EACH of them, each team of 32
// threads EACH. A team's threads take blocks that lie side by side, so that memory is read in its order and much of it at once; what each
// block gives goes into shared memory, and from there, in ascending order, into the sum's four chains, a thread each. Included behind
// `const uint EACH` (2 or 8), matrix.glsl and unpack.glsl. No thread knows of subgroups.
const uint THREADS = 128u, TEAM = 32u, SUMS = THREADS / TEAM * EACH;
const uint ROOM = 256u / EACH, WIDE = SUMS + 1u; // steps of a chunk; a stride that hits every bank
shared float dots[ROOM * WIDE], by[ROOM * WIDE], part[THREADS], made[SUMS];

// Steps of the n-th 32 values of output o, as those of block b of the chunk of sum i.
void put_steps(Matrix m, bool there, uint o, uint n, uint x[8], float d, uint b, uint i)
{
    Codes c;
    bool inside = there && o < p.rows;
    if (inside)
        unpack(row_at(m, o), n, c);
    for (uint s = 0u; s < steps(); s++) {
        float dot = 0.0, with = 0.0;
        if (inside)
            step_of(c, x, d, s, dot, with);
        dots[(b * steps() + s) * WIDE + i] = dot;
        by[(b * steps() + s) * WIDE + i] = with;
    }
}

// made[i] is sum i: that of output o + i % EACH of its team's matrix m (where it is there; else zero), o the team's, with its team's
// activations q and their scales d. All threads call it.
void make_sums(Matrix m, bool there, uint o, uint64_t q, uint64_t d, uint cols)
{
    uint t = gl_LocalInvocationIndex, team = t / TEAM, blocks = cols / 32u, chunk = ROOM / steps();
    float sum = 0.0;
    for (uint from = 0u; from < blocks; from += chunk) {
        uint n = min(chunk, blocks - from);
        for (uint b = t % TEAM; b < n; b += TEAM) {
            uint x[8];
            activations(q + uint64_t((from + b) * 32u), x);
            float scale = F32(d).v[from + b];
            for (uint e = 0u; e < EACH; e++)
                put_steps(m, there, o + e, from + b, x, scale, b, team * EACH + e);
        }
        barrier();
        for (uint b = t & 3u; b < n && t < 4u * SUMS; b += 4u)
            for (uint s = b * steps(); s < (b + 1u) * steps(); s++)
                sum = fma1(dots[s * WIDE + t / 4u], by[s * WIDE + t / 4u], sum);
        barrier(); // before the next chunk
    }
    part[t] = sum;
    barrier();
    if (t < 4u * SUMS && (t & 3u) == 0u)
        made[t / 4u] = (part[t] + part[t + 1u]) + (part[t + 2u] + part[t + 3u]);
    barrier();
}
