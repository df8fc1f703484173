/* inspect_one.h: what the verbs of osso inspect that look into one text share: the text, and places in it. */
#ifndef OSSO_CLI_INSPECT_ONE_H
#define OSSO_CLI_INSPECT_ONE_H

#include "cli/inspect_args.h"
#include "cli/inspect_head.h"
#include "cli/inspect_page.h"

struct one {
    const struct options *o;
    struct runner r;
    struct texts texts;
    const int32_t *ids; /* the text: of -p, -f, --ids or --repeat */
    size_t n;
    struct number_list positions;
    struct osso_layers layers;
    bool some_layers;
    int32_t *heads;
    int n_heads;
    uint64_t max_bytes;
    void *result; /* what the verb found */
};

/* Opens the model, reads the text and the places, starts the engine, calls fn and closes all; the exit code. */
typedef enum osso_status one_fn(struct one *one, struct osso_error *err);
int one_run(const struct options *options, one_fn *fn);

#endif
