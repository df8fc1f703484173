/* doctor.c: from facts to findings. Each says what to do. */
#include "cli/doctor.h"

#include "cli/numbers.h"
#include "cli/parts.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double MUCH = 0.2; /* of the cores: a forecast would be off by more than it promises */

void doctor_add(struct doctor *d, bool broken, const char *remedy, const char *format, ...)
{
    struct doctor_finding *all = mem_room(d->finding, d->n_findings, &d->cap_findings, sizeof *all), *f;
    va_list args;
    d->broken |= broken;
    if (!all)
        return;
    d->finding = all;
    f = &all[d->n_findings++];
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    f->broken = broken;
    snprintf(f->remedy, sizeof f->remedy, "%s", remedy);
}

const char *doctor_fit_word(enum osso_fit fit)
{
    static const char *const words[] = {"fits", "fits with paging", "does not fit"};
    return words[fit];
}

static void judge_cpu(struct doctor *d)
{
    const struct osso_machine *m = &d->machine;
    if (d->wanted_isa && strcmp(d->wanted_isa, m->isa) != 0)
        doctor_add(d, false, "leave --isa and OSSO_ISA out", "the kernels are those of %s, this CPU can run %s",
                   d->wanted_isa, m->isa);
    if (m->cpus_allowed < m->cpus_online)
        doctor_add(d, false, "start osso without taskset, or widen what pins it",
                   "%d of %d CPUs may be used, by this process's affinity", m->cpus_allowed, m->cpus_online);
    if (m->cpus_quota && m->cpus_quota < m->cpus_allowed)
        doctor_add(d, false, "give the container more CPUs (--cpus, cpu.max)",
                   "the control group grants the time of %d CPUs, %d may be used", m->cpus_quota, m->cpus_allowed);
    if (d->others >= MUCH)
        doctor_add(d, false, "end them and ask again",
                   "other programs took %.0f %% of the cores while this was measured: speeds and forecasts are of what "
                   "they left",
                   100 * d->others);
}

static void judge_memory(struct doctor *d)
{
    const struct osso_machine *m = &d->machine;
    char text[32];
    if (m->address_bytes != UINT64_MAX)
        doctor_add(d, false, "ulimit -v unlimited",
                   "this process may have %s more of addresses, which mapped model files count towards",
                   human_bytes(text, m->address_bytes));
    if (strcmp(m->huge_pages, "never") == 0)
        doctor_add(d, false, "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
                   "huge pages are switched off, which makes generation slower");
    if (d->rates.read_gbps <= 0 || d->rates.kernel_gbps <= 0)
        doctor_add(d, false, "make room, or raise the limit, and ask again",
                   "speeds could not be measured: there is no memory for it");
}

static void judge_cache(struct doctor *d)
{
    const struct osso_volume *v = &d->volume;
    if (!d->cache) {
        doctor_add(d, true, "set HOME, or OSSO_CACHE to a folder", "nobody says where models lie");
        return;
    }
    if (!v->writable)
        doctor_add(d, true, "make it yours, or set OSSO_CACHE to a folder that is",
                   "nothing can be written to %.300s%s", d->cache,
                   v->there ? "" : " (it is not there, and cannot be made)");
    if (v->maps == 0)
        doctor_add(d, false, "set OSSO_CACHE to a folder of another file system",
                   "files in %.300s cannot be mapped (its file system is %s): models are read into memory whole",
                   d->cache, v->type);
    if (v->remote)
        doctor_add(d, false, "set OSSO_CACHE to a folder of a local disk",
                   "%.300s is on another machine (%s): weights come over the network", d->cache, v->type);
    if (v->in_memory)
        doctor_add(d, false, "set OSSO_CACHE to a folder of a disk",
                   "%.300s is kept in memory (%s): a model there takes its memory twice as long as it lies there",
                   d->cache, v->type);
}

static void judge_parts(struct doctor *d)
{
    for (int i = 0; i < PART_COUNT; i++) {
        struct part part = parts_at(i);
        char remedy[200];
        snprintf(remedy, sizeof remedy, "install %s (so Debian calls it) and build again", part.packages);
        if (part.missing)
            doctor_add(d, false, remedy, "%s: left out (%.200s)", part.what, part.missing);
    }
}

static void judge_models(struct doctor *d)
{
    for (int i = 0; i < d->shelf.n; i++) {
        const struct model_shelf_row *m = &d->shelf.models[i];
        char remedy[300];
        snprintf(remedy, sizeof remedy, "osso verify %.200s says which file; fetch it again", m->name);
        if (m->state == SHELF_DAMAGED)
            doctor_add(d, true, remedy, "%.150s cannot be opened: %.250s", m->name, m->why);
        snprintf(remedy, sizeof remedy, "osso pull %.200s goes on", m->name);
        if (m->state == SHELF_BEGUN)
            doctor_add(d, false, remedy, "%.150s has not come whole yet", m->name);
    }
}

/* The first context is the least that is of use: what a model cannot hold then, it cannot do. */
static void judge_forecasts(struct doctor *d)
{
    for (int i = 0; i < d->n_forecasts; i++) {
        const struct doctor_forecast *f = &d->forecast[i];
        char weights[32], kv[32];
        if (!f->known) {
            bool limited = f->preset || d->machine.address_bytes != UINT64_MAX;
            doctor_add(d, true, limited ? "ulimit -v unlimited, or more memory" : "osso list shows what can be opened",
                       "%.100s: %.380s", f->name, f->why.text);
            continue;
        }
        enum osso_fit fit = f->forecast.context[0].fit;
        if (fit == OSSO_FITS)
            continue;
        doctor_add(d, fit == OSSO_FITS_NOT && !f->preset,
                   fit == OSSO_FITS_NOT ? "end other programs, raise the limit, or take a smaller model"
                                        : "end other programs, raise the limit, or expect the disk's speed",
                   "%.100s %s: weights of %s and %s for %lld tokens are more than %s", f->name, doctor_fit_word(fit),
                   human_bytes(weights, f->forecast.weight_bytes), human_bytes(kv, f->forecast.context[0].kv_bytes),
                   (long long)f->forecast.context[0].tokens, f->forecast.limit ? f->forecast.limit : "there is");
    }
}

void doctor_judge(struct doctor *d)
{
    judge_cpu(d);
    judge_memory(d);
    judge_cache(d);
    judge_parts(d);
    judge_models(d);
    judge_forecasts(d);
}
