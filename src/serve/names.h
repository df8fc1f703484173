/* names.h: who may be spoken to and by whom: the Host and Origin of a request. A web page that resolves its own name to
 * this machine shows by its Host that it means another; one from elsewhere shows by its Origin where it is from. */
#ifndef OSSO_SERVE_NAMES_H
#define OSSO_SERVE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct name_list {
    const char *const *name;
    size_t n;
};

/* "name", "name:port", "[::1]:port": the name without brackets; false: it is none of these. */
bool names_split(const char *host, size_t len, const char **name_out, size_t *name_len_out);
/* A number of 127.0.0.0/8, ::1, or localhost. */
bool names_is_loopback(const char *name, size_t len);
enum names_verdict { NAMES_FINE, NAMES_MALFORMED, NAMES_FOREIGN };
enum names_verdict names_host(const char *host, size_t len, const struct name_list *allowed);
/* Does the page come from this server itself (http:// and the same Host)? */
bool names_same_origin(const char *origin, size_t len, const char *host, size_t host_len);
/* Is it one of the list, letter for letter? "null" and "" never are. */
bool names_listed(const char *origin, size_t len, const struct name_list *origins);
/* For the list itself: scheme://host[:port], nothing behind it. */
bool names_is_origin(const char *origin);

#endif
