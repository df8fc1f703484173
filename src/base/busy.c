/* busy.c: the time of other programs, from what the cores have done and what this process has. */
#define _GNU_SOURCE
#include "base/busy.h"

#include "base/clock.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

enum { MOMENT_MS = 100 };

static double own_seconds(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return 0;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/* "cpu3 user nice system idle iowait irq softirq steal ...", in ticks: all but idle and iowait. Of the cores that are
 * allowed. */
static void look(const char *root, struct busy *b)
{
#ifdef __linux__
    cpu_set_t set;
    char path[512], line[512];
    long ticks = sysconf(_SC_CLK_TCK);
    snprintf(path, sizeof path, "%s/proc/stat", root);
    FILE *f = sched_getaffinity(0, sizeof set, &set) == 0 && ticks > 0 ? fopen(path, "re") : NULL;
    while (f && fgets(line, sizeof line, f)) {
        unsigned cpu;
        unsigned long long t[8] = {0};
        if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &t[0], &t[1], &t[2], &t[3], &t[4],
                   &t[5], &t[6], &t[7]) < 5 ||
            cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &set))
            continue;
        b->cores++;
        b->cores_s += (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / (double)ticks;
    }
    if (f)
        fclose(f);
#else
    (void)root, (void)b;
#endif
}

struct busy busy_begin(const char *root)
{
    struct busy b = {.at_ms = clock_ms(), .own_s = own_seconds()};
    look(root, &b);
    return b;
}

double busy_others(const char *root, const struct busy *since)
{
    struct busy now = busy_begin(root);
    double s = (double)(now.at_ms - since->at_ms) / 1000;
    if (!since->cores || now.cores != since->cores || s * 1000 < MOMENT_MS)
        return 0;
    double share = (now.cores_s - since->cores_s - (now.own_s - since->own_s)) / (s * now.cores);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}
