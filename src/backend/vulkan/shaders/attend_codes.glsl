// attend_codes.glsl: the int8 form of a head's result, which the group's threads have put into `query` (attend's query, until then).
const uint MAX_HEAD_DIM = 1024u;
shared float query[MAX_HEAD_DIM];

void head_codes(uint number)
{
    uint t = gl_LocalInvocationIndex;
    barrier();
    for (uint first = 0u; first < p.head_dim; first += 4u * THREADS) {
        uint d = first + 4u * t;
        bool there = d < p.head_dim;
        vec4 v = vec4(0.0);
        if (there)
            v = vec4(query[d], query[d + 1u], query[d + 2u], query[d + 3u]);
        put_codes(p.codes, p.codes + uint64_t(4l * int64_t(p.scales)), p.codes + uint64_t(4l * int64_t(p.code_sums)),
                  (number * p.head_dim + d) / 4u, v, there);
    }
}
