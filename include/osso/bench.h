/* bench.h: what this machine could do at best. A chapter for `osso bench`. */
#ifndef OSSO_BENCH_H
#define OSSO_BENCH_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Measures for a fraction of a second, with so many threads (0: all), how fast memory can be read (GB/s, 10^9 bytes)
 * and how fast bytes can be multiplied and added (10^12 multiply-adds per second, the widest instruction there is). */
OSSO_API enum osso_status osso_bench_ceiling(int threads, double *read_gbps_out, double *int8_tops_out,
                                             struct osso_error *err);

/* What one token at position `depth` needs from memory and arithmetic, from the model's shapes and formats: bytes of
 * the weights that take part (the chosen experts, not all) and of the K and V that attention looks at, and
 * multiply-adds. kv_type as in osso_engine_options. */
struct osso_token_cost {
    size_t size;
    uint64_t weight_bytes, kv_bytes, multiply_adds;
};
OSSO_API enum osso_status osso_bench_token_cost(const struct osso_model *model, const struct osso_engine_options *options,
                                                int64_t depth, struct osso_token_cost *cost_out, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
