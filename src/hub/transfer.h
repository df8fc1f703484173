/* transfer.h: one file over several connections, until its hash is right or nobody can make it so.
 *
 * Every connection has a run of pieces (at most 64 MiB) and asks for that range. What comes is written in its place,
 * and recorded when a piece of a mebibyte is whole. A connection that ends goes on from the byte that it had, after a
 * growing pause, as long as bytes come at all; a follower hashes the beginning meanwhile. If the hash is wrong though
 * every piece came, the file is fetched once more and compared with what is there, piece by piece. */
#ifndef OSSO_HUB_TRANSFER_H
#define OSSO_HUB_TRANSFER_H

#include "hub/net.h"
#include "hub/watch.h"

struct transfer_file {
    const char *url;
    const char *token; /* for hosts of url's origin only; NULL: none */
    const char *hash;  /* what it must have; NULL: nobody knows */
    const char *etag;  /* without a hash: the tag that all answers must have; NULL: none */
    const char *key;   /* what the bytes are of, for part.h */
    const char *part;  /* where it grows: this and .osso-part */
    const char *path;  /* the final name, in the same file system */
    const char *shown; /* the name in sentences */
    uint64_t size;
};

struct transfer_options {
    struct net *net;
    struct watch *watch;
    int jobs, timeout_ms;
};

/* LIMIT: somebody else is fetching it. */
enum osso_status transfer_run(const struct transfer_options *options, const struct transfer_file *file,
                              struct osso_error *err);

#endif
