/* machine.c: this machine in facts that cost nothing to ask for. */
#include "osso/forecast.h"

#include "backend/backend.h"
#include "base/host.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/thread.h"
#include "measure/shares.h"

#include <string.h>

/* The strongest set of this architecture, where this CPU cannot run it. */
static const char *better_isa(void)
{
    const char *last = NULL;
    for (int i = 0; backend_cpu_isa(i); i++)
        last = backend_cpu_isa(i);
    return last && !backend_cpu_available(last) ? last : NULL;
}

void osso_machine_read(struct osso_machine *out)
{
    struct osso_machine m = {.isa = osso_isa_name(0), .better = better_isa(), .cpus = cpu_count()};
    struct host host;
    host_look("", &host);
    cpu_name(m.cpu, sizeof m.cpu);
    const struct share *share = m.better ? share_of(m.better) : NULL;
    m.needs = share ? share->needs : NULL;
    m.cpus_online = host.cpus_online;
    m.cpus_allowed = host.cpus_allowed;
    m.cpus_quota = host.cpus_quota;
    m.memory_bytes = host.memory;
    m.swap_bytes = host.swap_free;
    m.available_bytes = mem_available();
    m.reachable_bytes = mem_reachable("");
    m.group_bytes = host.group;
    m.address_bytes = host.address_space;
    memcpy(m.huge_pages, host.huge_pages, sizeof m.huge_pages);
    sized_out(out, &m, sizeof m);
}

void osso_volume_read(const char *folder, struct osso_volume *out)
{
    struct volume v;
    volume_look("", folder, &v);
    struct osso_volume o = {.there = v.there,
                            .writable = v.writable,
                            .remote = v.remote,
                            .in_memory = v.in_memory,
                            .maps = v.maps,
                            .free_bytes = v.left};
    memcpy(o.type, v.type, sizeof o.type);
    sized_out(out, &o, sizeof o);
}
