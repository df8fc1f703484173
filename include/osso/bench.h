/* bench.h: what this machine could do at best. A chapter for `osso bench`. */
#ifndef OSSO_BENCH_H
#define OSSO_BENCH_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The ceilings of this machine with so many threads (0: all). Holds 512 MB to read and the threads, and measures as
 * often as it is asked: a machine that others use too is not the same from one second to the next. */
struct osso_ceiling;
OSSO_API enum osso_status osso_ceiling_create(int threads, struct osso_ceiling **out, struct osso_error *err);
/* The same of what this engine computes with: a device's own (some 10 ms each), or the CPU's with its threads. Freed
 * before the engine; not during a step. */
OSSO_API enum osso_status osso_ceiling_of_engine(struct osso_engine *engine, struct osso_ceiling **out,
                                                 struct osso_error *err);
OSSO_API void osso_ceiling_free(struct osso_ceiling *ceiling);
/* How fast memory can be read: all of it once, some 10 ms; GB/s, 10^9 bytes. */
OSSO_API double osso_ceiling_read(struct osso_ceiling *ceiling);
/* How many operations the integer dot instructions of `isa` (osso_engine_isa) do, some 50 ms; 10^12 a second, a
 * multiply and an add are two. 0 where it has none that osso uses. */
OSSO_API double osso_ceiling_int8(struct osso_ceiling *ceiling, const char *isa);

/* Of a device alone; of the CPU all 0: GB/s of copying, each byte read and written; microseconds of a command that
 * waits for the one before it and does nearly nothing, and of one such from the host and back. */
struct osso_device_ceiling {
    size_t size;
    double copy_gbps, command_us, alone_us;
};
OSSO_API enum osso_status osso_ceiling_device(struct osso_ceiling *ceiling, struct osso_device_ceiling *device_out,
                                              struct osso_error *err);

/* Where a device's time goes: from now on (or no longer) its commands run one by one and their time is taken, by its
 * own clock. Line i of what was seen since that began: all commands of one kernel, weight format and number of groups,
 * n of them; false: there are not so many lines. Not during a step. */
struct osso_kernel_time {
    size_t size;
    const char *kernel, *format; /* "": of no format */
    uint32_t groups[3];
    uint64_t n;
    double ns;
};
OSSO_API enum osso_status osso_bench_watch(struct osso_engine *engine, bool on, struct osso_error *err);
OSSO_API bool osso_bench_kernel_time(const struct osso_engine *engine, size_t i, struct osso_kernel_time *time_out);

/* What one token at position `depth` needs, from the model's shapes and formats: bytes and multiply-adds of the weights
 * that take part (the chosen experts, not all), the same of the head apart (a prompt's tokens but the last do without
 * it), and bytes of the K and V that attention looks at. */
struct osso_token_cost {
    size_t size;
    uint64_t weight_bytes, multiply_adds, head_bytes, head_multiply_adds, kv_bytes;
    uint64_t expert_bytes; /* of weight_bytes: what belongs to the chosen experts, of all layers */
};
OSSO_API enum osso_status osso_bench_token_cost(const struct osso_model *model,
                                                const struct osso_engine_options *options, int64_t depth,
                                                struct osso_token_cost *cost_out, struct osso_error *err);

/* Touches every page of the weights with all threads, so that what follows measures neither disk nor page faults: what
 * an engine that has run for a while has behind it. */
OSSO_API enum osso_status osso_bench_touch(struct osso_engine *engine, struct osso_error *err);

/* GB/s at which this engine's own kernels take weights for one row when these lie in the cache: the kernels of the
 * attention's matrices, of the experts and of the head run over slices of the engine's model that fit, and the rates
 * are weighed by the bytes that a token needs of each. Decoding cannot be faster than the lower of this and the read
 * ceiling. Uses the engine's activation memory: not during a step, and the last step's logits are gone. */
OSSO_API enum osso_status osso_bench_resident(struct osso_engine *engine, double *gbps_out, struct osso_error *err);

/* The session holds `ids` afterwards and all their K and V "exist": every page that decoding at this depth looks at is
 * there, is the session's own, and holds seeded random numbers of the engine's KV type instead of what the model would
 * have computed. What follows reads and computes exactly as much as after a real prompt; what it says is noise. The
 * pages never reach the tree of shared prefixes. Only for measuring. */
OSSO_API enum osso_status osso_bench_fill(struct osso_session *session, const int32_t *ids, size_t n,
                                          struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
