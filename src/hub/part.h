/* part.h: a file that is not whole yet, with what is known of it. Beside NAME.osso-part, which has the file's length
 * from the first moment and holes where nothing came, lies NAME.osso-state, to which a record is appended for every
 * piece of a mebibyte after its bytes were written. Nothing is believed that the bytes on the disk do not confirm:
 * after a loss of power a record may be there without its piece, and then its sum is wrong. */
#ifndef OSSO_HUB_PART_H
#define OSSO_HUB_PART_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef OSSO_PIECE
#define OSSO_PIECE (1 << 20) /* fuzzing says 4096: sums of mebibytes would take all its time */
#endif
enum { PIECE = OSSO_PIECE };

struct part {
    char *path, *state;
    int fd, state_fd;
    uint64_t size;
    uint32_t n;        /* pieces */
    uint32_t head_crc; /* of the state file's head */
    uint32_t *crc;
    bool *there; /* is the piece on the disk, with this sum? */
};

/* path: the final name; key: what the bytes are of (a hash, an address and its ETag). Of another key, or torn: begins
 * anew. *again_out: there was something of another key. The part is locked against a second writer of it: LIMIT while
 * somebody else has it. */
enum osso_status part_open(const char *path, const char *key, uint64_t size, struct part *part_out, bool *again_out,
                           struct osso_error *err);
/* Reads the pieces that the state file names and forgets those that differ. check may end it (CANCELLED). */
enum osso_status part_check(struct part *p, bool (*go_on)(void *user, uint64_t bytes), void *user, uint32_t *bad_out,
                            struct osso_error *err);
/* What is there, in bytes, by the state file alone; 0: nothing, or of another key. For lists. */
uint64_t part_peek(const char *path, const char *key, uint64_t size);
uint64_t part_piece_bytes(const struct part *p, uint32_t piece);
/* n bytes of a piece, which begin `off` bytes behind its first one. */
enum osso_status part_put(const struct part *p, uint32_t piece, uint64_t off, const void *data, uint64_t n,
                          struct osso_error *err);
/* All of the piece has been put, and this is its sum. */
enum osso_status part_record(struct part *p, uint32_t piece, uint32_t crc, struct osso_error *err);
enum osso_status part_get(const struct part *p, uint32_t piece, uint64_t off, void *data, uint64_t n,
                          struct osso_error *err);
/* `pieces` of them from this one on need not wait for the end to go to the disk. */
void part_push(const struct part *p, uint32_t piece, uint32_t pieces);
/* All of it is right: gets its final name, on the disk. */
enum osso_status part_finish(struct part *p, const char *path, struct osso_error *err);
void part_close(struct part *p);

#endif
