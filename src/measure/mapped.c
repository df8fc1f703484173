/* mapped.c: see mapped.h. */
#define _DEFAULT_SOURCE /* mincore */
#include "measure/mapped.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/sorted.h"
#include "measure/ceiling.h"

#include <sys/mman.h>
#include <unistd.h>

enum { LEAST_PAGE = 4096, STEP = 1 << 20 /* is read at a time */ };

/* Bytes of [from, from + bytes) that are in memory; from is a multiple of STEP. */
static uint64_t there(const struct file_map *map, uint64_t from, uint64_t bytes)
{
    unsigned char seen[STEP / LEAST_PAGE];
    uint64_t sum = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (uint64_t at = from, end = from + bytes; at < end; at += STEP) {
        uint64_t n = end - at < STEP ? end - at : STEP;
        if (mincore((void *)(map->data + at), n, seen) != 0)
            continue;
        for (uint64_t i = 0; i * page < n; i++) {
            uint64_t rest = n - i * page;
            sum += !(seen[i] & 1) ? 0 : rest < page ? rest : page;
        }
    }
    return sum;
}

/* What is missing of the first `part` bytes is read until the time is over; false: it was not enough. */
static bool bring(const struct file_map *map, uint64_t part, double limit, double *disk_gbps)
{
    double seconds = 0;
    uint64_t came = 0, at = 0;
    char *data = mem_alloc(STEP);
    for (ssize_t got = 1; data && at < part && got > 0; at += STEP) {
        uint64_t n = part - at < STEP ? part - at : STEP;
        if (there(map, at, n) == n)
            continue;
        if (seconds >= limit)
            break;
        double start = clock_seconds();
        got = pread(map->fd, data, n, (off_t)at);
        seconds += clock_seconds() - start;
        came += got > 0 ? (uint64_t)got : 0;
    }
    mem_free(data);
    *disk_gbps = came ? (double)came / seconds * 1e-9 : 0;
    return data && at >= part;
}

void mapped_measure(const struct file_map *maps, int n, int threads, uint64_t part, double seconds, struct mapped *out)
{
    enum { PASSES = 3 };
    const struct file_map *map = NULL;
    struct team *team = NULL;
    struct osso_error ignored;
    double rates[PASSES];
    *out = (struct mapped){0};
    for (int i = 0; i < n; i++) {
        out->bytes += maps[i].size;
        out->there += there(&maps[i], 0, maps[i].size);
        if (maps[i].size >= part && (!map || maps[i].size > map->size))
            map = &maps[i];
    }
    if (!map || !bring(map, part, seconds, &out->disk_gbps) || team_create(threads, &team, &ignored))
        return;
    ceiling_read(team, map->data, part); /* maps the pages */
    for (int i = 0; i < PASSES; i++)
        rates[i] = ceiling_read(team, map->data, part) * 1e-9;
    team_free(team);
    out->gbps = median_of(rates, PASSES);
}
