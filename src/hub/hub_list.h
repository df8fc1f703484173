/* hub_list.h: the files of a repository, as the hub lists them, and those of them that a model needs. */
#ifndef OSSO_HUB_HUB_LIST_H
#define OSSO_HUB_HUB_LIST_H

#include "hub/hub_name.h"
#include "osso/hub.h"

struct hub_entry {
    char *path;
    uint64_t size;
    char hash[65]; /* SHA-256 of a large file, git's SHA-1 of a small one */
};
struct hub_list {
    struct hub_entry *e;
    size_t n, cap;
};
void hub_list_free(struct hub_list *list);

/* One page of the hub's answer, in JSON. FORMAT: a path, a size or a hash that cannot be. */
enum osso_status hub_list_read(struct hub_list *list, const char *json, size_t len, struct osso_error *err);
/* Keeps what is needed: by globs where there are any, else by form and label, in the order in which it is fetched. No
 * file may stand where another one has its folder. *many_out: several GGUF files would do; they are what is left. */
enum osso_status hub_list_pick(struct hub_list *list, const struct hub_name *name,
                               const struct osso_hub_options *options, bool *many_out, struct osso_error *err);
/* The file that -m names: a GGUF file's first part; NULL: the folder. */
const char *hub_list_model(const struct hub_list *list);

#endif
