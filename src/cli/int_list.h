/* int_list.h: "512,1024" on the command line. */
#ifndef OSSO_CLI_INT_LIST_H
#define OSSO_CLI_INT_LIST_H

#include "cli/options.h"

enum { INT_LIST_MOST = 32 };

struct int_list {
    int64_t n[INT_LIST_MOST];
    int len;
};

/* The option's text, or `standard` where it is not set; `flag` names it in errors. */
enum osso_status int_list_parse(const struct option_value *value, const char *standard, const char *flag,
                                struct int_list *list, struct osso_error *err);
int64_t int_list_largest(const struct int_list *list); /* 0: it is empty */

#endif
