/* transfer_parts.h: what the two files of a transfer share: the pieces and the connections over them. */
#ifndef OSSO_HUB_TRANSFER_PARTS_H
#define OSSO_HUB_TRANSFER_PARTS_H

#include "hub/follow.h"
#include "hub/hops.h"
#include "hub/part.h"
#include "hub/transfer.h"

enum {
    MOST_JOBS = 32,
    RUN_PIECES = 64,
    BLOCK = PIECE < 256 << 10 ? PIECE : 256 << 10 /* that is written at once, while it is in a cache of the core */
};
enum piece_state { PIECE_WANTED, PIECE_TAKEN, PIECE_DONE };

struct transfer;
struct slot {
    struct transfer *t;
    struct net_call call;
    char url[NET_ADDRESS]; /* that this call asks */
    bool busy, retired;
    bool has_run;
    uint32_t piece, end;         /* its run: the first piece that is not done, and the one behind the last */
    uint32_t buffer_piece, have; /* what has come of it */
    char *data;                  /* the block of these that is not full yet; the others are on the disk ... */
    uint32_t crc;                /* ... and this is their sum */
    uint64_t pos;                /* in the file, of the next byte of this answer */
    bool head_checked;
    char problem[240]; /* what is wrong with this answer */
    uint64_t fresh;    /* bytes of use since the last failure */
    int failures, hops;
    int64_t not_before;
};

struct transfer {
    const struct transfer_options *o;
    const struct transfer_file *file;
    struct part part;
    struct follow *follow;
    uint8_t *state; /* enum piece_state of each piece, in this pass */
    uint32_t n_done, prefix;
    struct slot slots[MOST_JOBS];
    int jobs;
    char address[NET_ADDRESS]; /* where the bytes are; "": the file's url says */
    struct slot *resolver;     /* that is asking it */
    struct slot *whole;        /* the server knows no ranges: this one takes everything */
    int64_t said_until;        /* somebody has been told of a pause so long */
    bool repair;
    uint32_t differing;
    enum osso_status status; /* the first thing that ends it */
    struct osso_error err;
};

/* Begins what may be begun. */
void slot_start(struct slot *s, int64_t now);
/* Its call has ended. */
void slot_ended(struct slot *s, int64_t now);
void slot_retire(struct slot *s);
void slot_begin_piece(struct slot *s, uint32_t piece);

#endif
