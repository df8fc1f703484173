/* hosts.h: who may be spoken to and by whom: the Host and Origin of a request. A web page that resolves its own name to
 * this machine shows by its Host that it means another; one from elsewhere shows by its Origin where it is from. */
#ifndef OSSO_SERVE_HOSTS_H
#define OSSO_SERVE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

struct host_list {
    const char *const *name;
    size_t n;
};

/* "name", "name:port", "[::1]:port": the name without brackets; false: it is none of these. */
bool hosts_split(const char *host, size_t len, const char **name_out, size_t *name_len_out);
/* A number of 127.0.0.0/8, ::1, or localhost. */
bool hosts_is_loopback(const char *name, size_t len);
enum hosts_verdict { HOSTS_FINE, HOSTS_MALFORMED, HOSTS_FOREIGN };
enum hosts_verdict hosts_check(const char *host, size_t len, const struct host_list *allowed);
/* Does the page come from this server itself (http:// and the same Host)? */
bool hosts_same_origin(const char *origin, size_t len, const char *host, size_t host_len);
/* Is it one of the list, letter for letter? "null" and "" never are. */
bool hosts_lists_origin(const char *origin, size_t len, const struct host_list *origins);
/* For the list itself: scheme://host[:port], nothing behind it. */
bool hosts_is_origin(const char *origin);

#endif
