/* hub_plan.h: what is to be fetched, and where it goes. */
#ifndef OSSO_HUB_HUB_PLAN_H
#define OSSO_HUB_HUB_PLAN_H

#include "hub/hub_list.h"
#include "hub/hub_store.h"
#include "hub/watch.h"

struct osso_hub_plan {
    struct osso_hub_options o;
    struct hub_name name;
    char endpoint[512], token[512], revision[200], commit[64];
    struct hub_list list;
    uint64_t *there;        /* bytes of each file that are on the disk */
    bool many;              /* several models: not to be pulled */
    struct hub_store store; /* of a cached one */
    char *folder;           /* of local_dir or the snapshot */
    char *path;             /* for -m */
    char etag[160];         /* of an address */
    struct net *net;
    struct watch watch;
    int jobs, timeout_ms;
};

/* Else its files lie in a folder of one's own. */
static inline bool hub_plan_is_cached(const struct osso_hub_plan *plan)
{
    return !plan->name.address[0] && !plan->o.local_dir;
}
/* Where a file of the plan grows and where it will be (mem_free them). NULL: the path is too long. */
char *hub_plan_part(const struct osso_hub_plan *plan, const struct hub_entry *entry);
char *hub_plan_final(const struct osso_hub_plan *plan, const struct hub_entry *entry);
/* What the bytes of a part are of. */
void hub_plan_key(const struct osso_hub_plan *plan, const struct hub_entry *entry, char key[160]);
/* Its address at the hub, of the plan's commit. */
void hub_plan_url(const struct osso_hub_plan *plan, const struct hub_entry *entry, char url[NET_ADDRESS]);

#endif
