/* net_answer.h: what the head of an answer says of a file. */
#ifndef OSSO_HUB_NET_ANSWER_H
#define OSSO_HUB_NET_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NET_ADDRESS = 4096 };

/* "" and -1: nothing. */
struct net_answer {
    int status;
    char etag[160], linked_etag[160], error_code[64];
    char location[NET_ADDRESS], next[NET_ADDRESS]; /* next: the Link header's */
    int64_t length, first, last, total;            /* Content-Length; Content-Range */
    int64_t retry_after;                           /* seconds */
    bool encoded, odd_range;                       /* Content-Encoding is there; Content-Range cannot be read */
    size_t head_bytes;
};
#define NET_NO_ANSWER ((struct net_answer){.length = -1, .first = -1, .last = -1, .total = -1, .retry_after = -1})

#endif
