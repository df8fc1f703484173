/* forecast.h: what to expect of this machine, and of a model on it, before anything heavy is done. A chapter for
 * `osso doctor`.
 *
 *   osso_rates_measure(0, NULL, &rates, &err);              // some seconds: the ceilings of bench.h
 *   osso_forecast_preset("20b", &rates, NULL, &forecast, &err);
 */
#ifndef OSSO_FORECAST_H
#define OSSO_FORECAST_H

#include "osso/bench.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes: UINT64_MAX where there is no limit, or nobody says. */
struct osso_machine {
    size_t size;
    char cpu[192];
    const char *isa;    /* of the kernels that are chosen, if nobody says otherwise */
    const char *better; /* a set that osso has faster kernels for and this CPU lacks; NULL: none */
    const char *needs;  /* what a CPU must have for that */
    int cpus;           /* that osso uses */
    int cpus_online, cpus_allowed, cpus_quota; /* there are; by affinity; by control groups, 0: no quota */
    uint64_t memory_bytes, swap_bytes;         /* of the machine; free swap */
    uint64_t available_bytes, reachable_bytes; /* to be had without, and with swap and other caches */
    uint64_t group_bytes, address_bytes;       /* left by control groups, by the address-space limit (ulimit -v) */
    char huge_pages[16];                       /* Linux's transparent ones: "always", "madvise", "never", "" */
};
OSSO_API void osso_machine_read(struct osso_machine *machine_out);

/* The file system of a folder, or of the nearest folder above it that is there. */
struct osso_volume {
    size_t size;
    char type[32]; /* "ext4"; "": nobody says */
    bool there, writable, remote, in_memory;
    int maps; /* can files there be mapped? -1: not tried, since none can be written */
    uint64_t free_bytes;
};
OSSO_API void osso_volume_read(const char *folder, struct osso_volume *volume_out);

/* Ceilings of this machine, measured now: medians over some seconds. 0: it could not be measured. */
struct osso_rates {
    size_t size;
    int threads;
    const char *isa;
    double read_gbps, int8_tops; /* bench.h */
    double kernel_gbps; /* the kernels of gpt-oss's widths and GGUF's types, when their weights lie in the cache */
    double prompt_tops; /* of int8_tops, what a prompt gets through layers of these; 0: there are no integer dots */
    double token_gbps;  /* what tokens one by one get through two layers; 0: no room for 3 GB to measure it in */
    double head_gbps;   /* what one gets through the matrix behind them; 0: as token_gbps */
};
/* threads 0: all; isa NULL: the best. NOMEM: a limit does not even let it measure. */
OSSO_API enum osso_status osso_rates_measure(int threads, const char *isa, struct osso_rates *rates_out,
                                             struct osso_error *err);

enum osso_fit {
    OSSO_FITS,
    OSSO_FITS_PAGING, /* the weights are read from the disk again and again, K and V have their place */
    OSSO_FITS_NOT,
};
struct osso_forecast {
    size_t size;
    uint64_t weight_bytes, activation_bytes;
    uint64_t there_bytes; /* of a model's files, what is in memory already */
    double disk_gbps;     /* what of them was not there came so fast; 0: nobody had to fetch it */
    struct {
        int64_t tokens;
        uint64_t kv_bytes;
        enum osso_fit fit;
    } context[3]; /* 4k, 32k and 128k tokens, those that the model has; else its own */
    int n_contexts;
    const char *limit; /* what keeps it from fitting, in words; NULL: it fits */
    /* Tokens a second, 0: not known; each with its reason, a line. */
    double prefill_ts, decode_ts;
    char prefill_why[192], decode_why[224];
};
/* kv_type as in engine.h. A preset is taken as the GGUF file of it: MXFP4 experts, Q8_0 matrices. */
OSSO_API enum osso_status osso_forecast_preset(const char *preset, const struct osso_rates *rates, const char *kv_type,
                                               struct osso_forecast *forecast_out, struct osso_error *err);
/* Of an open model: a few slices of its weights are read, and 256 MiB of its largest file; for what of these is not in
 * memory the disk has 1.5 s. Where nearly all of it is in memory, prompts and tokens go through its first layers.
 */
OSSO_API enum osso_status osso_forecast_model(struct osso_model *model, const struct osso_rates *rates,
                                              const char *kv_type, struct osso_forecast *forecast_out,
                                              struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
