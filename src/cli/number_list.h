/* number_list.h: whole numbers and ranges from the command line. */
#ifndef OSSO_CLI_NUMBER_LIST_H
#define OSSO_CLI_NUMBER_LIST_H

#include "osso/model.h"
#include "osso/tap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "4-7,9": whole numbers and ranges, at most 2^20 of them (mem_free it, whatever comes of it). With `negative`, -1 is a
 * number too. */
struct number_list {
    int64_t *n;
    size_t len;
};
enum osso_status number_list_parse(const char *text, const char *flag, bool negative, struct number_list *list,
                                   struct osso_error *err);
/* The same as a set of a model's layers. */
enum osso_status layers_parse(const char *text, const char *flag, const struct osso_model_dims *dims,
                              struct osso_layers *layers_out, struct osso_error *err);

#endif
