/* digest.h: the hash that names a file at the hub: SHA-256 of a large one, git's SHA-1 of a small one. */
#ifndef OSSO_HUB_DIGEST_H
#define OSSO_HUB_DIGEST_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_TEXT = 65 }; /* the longest in hexadecimal, with its end */

struct digest;
/* Which hash has so many digits? 64: SHA-256, 40: of git's blob of `size` bytes, which begins with them. */
enum osso_status digest_create(size_t digits, uint64_t size, struct digest **digest_out, struct osso_error *err);
void digest_add(struct digest *d, const void *data, size_t n);
void digest_end(struct digest *d, char text[DIGEST_TEXT]); /* small letters */
void digest_free(struct digest *d);
/* Is the text one of these hashes, in small letters? */
bool digest_is_name(const char *text);

#endif
