/* follow.h: the hash of a file that is still growing: a thread reads its beginning while the rest comes. */
#ifndef OSSO_HUB_FOLLOW_H
#define OSSO_HUB_FOLLOW_H

#include "hub/digest.h"
#include "hub/part.h"

struct follow;
/* part must outlive it. */
enum osso_status follow_create(const struct part *part, size_t digits, struct follow **follow_out,
                               struct osso_error *err);
/* The first `pieces` pieces are right and stay as they are. */
void follow_ready(struct follow *f, uint32_t pieces);
/* Has it read all pieces? Then their hash; waits for it up to so long. false: not yet. FORMAT and the like: *status. */
bool follow_done(struct follow *f, int wait_ms, char text[DIGEST_TEXT], enum osso_status *status_out,
                 struct osso_error *err);
void follow_free(struct follow *f); /* NULL is fine; stops it */

#endif
