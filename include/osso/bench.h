/* bench.h: what this machine could do at best. A chapter for `osso bench`. */
#ifndef OSSO_BENCH_H
#define OSSO_BENCH_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Measures for a fraction of a second, with so many threads (0: all), how fast memory can be read (GB/s, 10^9 bytes)
 * and how many operations the widest integer dot instruction does (10^12 a second; a multiply and an add are two). 0
 * where this CPU has none that osso uses. */
OSSO_API enum osso_status osso_bench_ceiling(int threads, double *read_gbps_out, double *int8_tops_out,
                                             struct osso_error *err);

/* What one token at position `depth` needs, from the model's shapes and formats: bytes and multiply-adds of the weights
 * that take part (the chosen experts, not all), the same of the head apart (a prompt's tokens but the last do without
 * it), and bytes of the K and V that attention looks at. */
struct osso_token_cost {
    size_t size;
    uint64_t weight_bytes, multiply_adds, head_bytes, head_multiply_adds, kv_bytes;
};
OSSO_API enum osso_status osso_bench_token_cost(const struct osso_model *model, const struct osso_engine_options *options,
                                                int64_t depth, struct osso_token_cost *cost_out, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
