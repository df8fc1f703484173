/* listen.h: the sockets that a server listens at, and what it needs of the system for them. */
#ifndef OSSO_SERVE_LISTEN_H
#define OSSO_SERVE_LISTEN_H

#include "serve/http_options.h"

#include "osso/status.h"

enum { LISTEN_MAX = 16 };

struct listening {
    int fd[LISTEN_MAX];
    int n;
    bool exposed; /* others than this machine's programs reach one of them */
    char url[128];
};

/* The sockets that systemd hands over, else those of options->host and port. */
enum osso_status listen_open(const struct http_options *options, struct listening *listening_out,
                             struct osso_error *err);
void listen_close(struct listening *listening);
/* Raises the soft limit of descriptors as far as it helps, up to `wanted`; what it is then. */
int listen_descriptors(int wanted);
/* Tells systemd ("READY=1"), where it waits for that. */
void listen_notify(const char *state);
struct sockaddr;
/* "127.0.0.1:40000", "[::1]:40000" or "local". */
void listen_name(const struct sockaddr *address, char *text, size_t size);

#endif
