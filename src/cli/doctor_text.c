/* doctor_text.c: what osso doctor has found, for people. */
#include "cli/doctor.h"

#include "cli/numbers.h"
#include "cli/out.h"
#include "cli/parts.h"

#include <stdio.h>
#include <string.h>

static void put_key(struct buf *b, const char *key)
{
    buf_printf(b, "%-13s", key);
}

/* ", 12.1 GB left by ..." where there is such a limit. */
static void put_limit(struct buf *b, uint64_t bytes, const char *whose)
{
    char text[32];
    if (bytes == UINT64_MAX)
        buf_printf(b, ", no limit by %s", whose);
    else
        buf_printf(b, ", %s left by %s", human_bytes(text, bytes), whose);
}

static void put_machine(struct buf *b, const struct doctor *d)
{
    const struct osso_machine *m = &d->machine;
    char text[32];
    put_key(b, "CPU");
    buf_printf(b, "%s\n", m->cpu);
    put_key(b, "cores");
    buf_printf(b, "%d used; %d there, %d by affinity, ", d->rates.threads, m->cpus_online, m->cpus_allowed);
    buf_printf(b, m->cpus_quota ? "%d by the control group's quota\n" : "no quota\n", m->cpus_quota);
    put_key(b, "kernels");
    buf_printf(b, "%s", d->rates.isa);
    if (m->better)
        buf_printf(b, "; %s would be faster and needs %s", m->better, m->needs ? m->needs : "another CPU");
    else if (strcmp(d->rates.isa, m->isa) == 0)
        buf_puts(b, ", the best that osso has for this kind of CPU");
    buf_putc(b, '\n');
    put_key(b, "measured");
    if (d->rates.read_gbps > 0)
        buf_printf(b, "memory reads %.1f GB/s, integer dots %.2f TOP/s, kernels in the cache %.1f GB/s\n",
                   d->rates.read_gbps, d->rates.int8_tops, d->rates.kernel_gbps);
    else
        buf_puts(b, "nothing\n");
    put_key(b, "memory");
    buf_printf(b, "%s", m->memory_bytes == UINT64_MAX ? "unknown" : human_bytes(text, m->memory_bytes));
    if (m->available_bytes != UINT64_MAX)
        buf_printf(b, ", %s free", human_bytes(text, m->available_bytes));
    if (m->swap_bytes && m->swap_bytes != UINT64_MAX)
        buf_printf(b, ", %s of swap", human_bytes(text, m->swap_bytes));
    put_limit(b, m->group_bytes, "control groups");
    put_limit(b, m->address_bytes, "ulimit -v");
    buf_putc(b, '\n');
    put_key(b, "huge pages");
    buf_printf(b, "%s\n", m->huge_pages[0] ? m->huge_pages : "unknown");
}

static void put_gpus(struct buf *b, const struct doctor *d)
{
    char text[32];
    for (int i = 0; i < d->n_gpus; i++) {
        const struct osso_gpu *g = &d->gpu[i];
        put_key(b, i ? "" : "GPU");
        buf_printf(b, "%d: %s, %s, %s", g->number, g->name, g->driver, human_bytes(text, g->memory_bytes));
        buf_printf(b,
                   g->lacks[0] ? "; it lacks %s\n"
                   : g->on_cpu ? "; it computes on the CPU, for tests\n"
                               : "\n",
                   g->lacks);
    }
    if (d->n_gpus)
        return;
    put_key(b, "GPU");
    buf_printf(b, "none: %s\n", d->no_gpu.text[0] ? d->no_gpu.text : "Vulkan finds no device");
}

static void put_places(struct buf *b, const struct doctor *d)
{
    const struct osso_volume *v = &d->volume;
    char text[32];
    int counts[SHELF_DAMAGED + 1] = {0};
    put_key(b, "cache");
    if (!d->cache)
        buf_puts(b, "nobody says where\n");
    else {
        buf_printf(b, "%s%s: %s, %s", d->cache, v->there ? "" : " (not there yet)",
                   v->type[0] ? v->type : "unknown file system",
                   v->maps > 0    ? "maps"
                   : v->maps == 0 ? "does not map"
                                  : "not writable");
        if (v->free_bytes != UINT64_MAX)
            buf_printf(b, ", %s free", human_bytes(text, v->free_bytes));
        buf_putc(b, '\n');
    }
    put_key(b, "parts");
    for (int i = 0; i < PART_COUNT; i++) {
        struct part part = parts_at(i);
        buf_printf(b, "%s%s: %s%s", i ? ", " : "", part.what, part.missing ? "left out, needs " : part.library,
                   part.missing ? part.packages : "");
    }
    buf_putc(b, '\n');
    put_key(b, "models");
    for (int i = 0; i < d->shelf.n; i++)
        counts[d->shelf.models[i].state]++;
    buf_printf(b, "%d on this disk, %s; %d damaged, %d begun, %d for other programs (osso list)\n", counts[SHELF_WHOLE],
               human_bytes(text, d->shelf.bytes), counts[SHELF_DAMAGED], counts[SHELF_BEGUN], counts[SHELF_OTHER]);
}

/* What the first pass over the weights waits for. */
static void put_cold(struct buf *b, const struct osso_forecast *c)
{
    char text[32];
    uint64_t missing = c->weight_bytes > c->there_bytes ? c->weight_bytes - c->there_bytes : 0;
    if (!missing)
        return;
    buf_printf(b, "  %s of them are not in memory now", human_bytes(text, missing));
    if (c->disk_gbps > 0)
        buf_printf(b, "; the disk brings %.2f GB/s, all of it in %.0f s", c->disk_gbps,
                   (double)missing * 1e-9 / c->disk_gbps);
    buf_putc(b, '\n');
}

static void put_forecast(struct buf *b, const struct doctor_forecast *f)
{
    const struct osso_forecast *c = &f->forecast;
    char text[32], count[32];
    if (!f->known) {
        buf_printf(b, "\n%s: %s\n", f->name, f->why.text);
        return;
    }
    buf_printf(b, "\n%s: weights of %s", f->name, human_bytes(text, c->weight_bytes));
    buf_printf(b, ", %s beside K and V\n", human_bytes(text, c->activation_bytes));
    if (!f->preset)
        put_cold(b, c);
    for (int i = 0; i < c->n_contexts; i++)
        buf_printf(b, "  %7s tokens  + %8s  %s\n", human_count(count, (uint64_t)c->context[i].tokens),
                   human_bytes(text, c->context[i].kv_bytes), doctor_fit_word(c->context[i].fit));
    const double speeds[] = {c->prefill_ts, c->decode_ts};
    for (int i = 0; i < 2; i++) {
        buf_printf(b, "  %s  ", i == 0 ? "prefill" : "decode ");
        if (speeds[i] > 0)
            buf_printf(b, speeds[i] >= 100 ? "%.0f tokens/s = " : "%.1f tokens/s = ", speeds[i]);
        buf_printf(b, "%s\n", i == 0 ? c->prefill_why : c->decode_why);
    }
    if (c->n_contexts && c->context[0].fit != OSSO_FITS)
        buf_puts(b, "  (if there were memory for it)\n");
}

void doctor_put_text(struct buf *b, const struct doctor *d)
{
    put_machine(b, d);
    put_gpus(b, d);
    put_places(b, d);
    for (int i = 0; i < d->n_forecasts; i++)
        put_forecast(b, &d->forecast[i]);
    for (size_t i = 0; i < d->n_findings; i++)
        buf_printf(b, "%s%s: %s: %s\n", i ? "" : "\n", d->finding[i].broken ? "broken" : "warning", d->finding[i].text,
                   d->finding[i].remedy);
}
