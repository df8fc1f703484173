/* tensors_build.h: how the readers of this folder fill a struct tensors. */
#ifndef OSSO_FORMAT_TENSORS_BUILD_H
#define OSSO_FORMAT_TENSORS_BUILD_H

#include "format/tensors.h"

enum { TENSORS_MAX = 1 << 20, TENSORS_MAX_FILES = 1024 };

/* Maps one more file; *map_out is its index in set->maps. */
enum osso_status tensors_add_map(struct tensors *set, const char *path, int *map_out, struct osso_error *err);
/* Appends a copy of *t with a copy of its name. */
enum osso_status tensors_add(struct tensors *set, const struct tensor *t, struct osso_error *err);
/* Checks that tensors [first, n) of one file lie inside [data, data + bytes) without overlapping; with no_holes they
 * must also fill it. Leaves them ordered by position. */
enum osso_status tensors_check_layout(struct tensors *set, int64_t first, const uint8_t *data, uint64_t bytes,
                                      bool no_holes, struct osso_error *err);
/* The error of a file of `have` bytes whose tensors begin at `before` and reach `need` bytes further. */
enum osso_status tensors_cut_short(const char *path, uint64_t have, uint64_t before, uint64_t need,
                                   struct osso_error *err);
/* Orders by name; names may still come twice. */
void tensors_order(struct tensors *set);
/* The first tensor of an ordered set whose name is not below this one. */
int64_t tensors_lower(const struct tensors *set, const char *name);
/* The last step of every reader: order by name, refuse a name that comes twice. */
enum osso_status tensors_sort(struct tensors *set, struct osso_error *err);

#endif
