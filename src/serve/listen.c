/* listen.c: binding, systemd's socket activation and readiness, the limit of descriptors. */
#include "serve/listen.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, FIRST_PASSED = 3, UNSENT_BYTES = 128 * 1024 };

void listen_name(const struct sockaddr *address, char *text, size_t size)
{
    char number[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *a = (const void *)address;
        inet_ntop(AF_INET, &a->sin_addr, number, sizeof number);
        snprintf(text, size, "%s:%d", number, ntohs(a->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const void *)address;
        inet_ntop(AF_INET6, &a->sin6_addr, number, sizeof number);
        snprintf(text, size, "[%s]:%d", number, ntohs(a->sin6_port));
    } else
        snprintf(text, size, "local");
}

static bool is_exposed(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 != 127;
    if (address->sa_family == AF_INET6)
        return !IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return false; /* a socket in the file system has the permissions of a file */
}

/* A bound socket into the list: its name, and how much it may buffer: a client that reads nothing costs no more. */
static enum osso_status add(struct listening *l, int fd, struct osso_error *err)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    int unsent = UNSENT_BYTES;
    if (getsockname(fd, (struct sockaddr *)&address, &len) || fcntl(fd, F_SETFL, O_NONBLOCK) ||
        fcntl(fd, F_SETFD, FD_CLOEXEC))
        return error_set(err, OSSO_IO, "the socket %d cannot be listened at: %s", fd, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent); /* the connections inherit it */
    l->fd[l->n++] = fd;
    l->exposed |= is_exposed((struct sockaddr *)&address);
    if (!l->url[0]) {
        char name[80];
        listen_name((struct sockaddr *)&address, name, sizeof name);
        snprintf(l->url, sizeof l->url, "http://%s", name);
    }
    return OSSO_OK;
}

/* How many sockets systemd has left at descriptor 3 and on, for this process and no other. */
static int passed(void)
{
    const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    int n = fds && pid && atol(pid) == (long)getpid() ? atoi(fds) : 0;
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    return n;
}

static enum osso_status add_passed(struct listening *l, int n, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (n > LISTEN_MAX)
        return error_set(err, OSSO_LIMIT, "LISTEN_FDS is %d; at most %d sockets are taken", n, LISTEN_MAX);
    for (int i = 0; i < n && !status; i++) {
        int listens = 0, type = 0, fd = FIRST_PASSED + i;
        socklen_t a = sizeof listens, b = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &a) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &b) ||
            !listens || type != SOCK_STREAM)
            return error_set(err, OSSO_USAGE, "LISTEN_FDS says %d, but descriptor %d is no listening stream socket", n,
                             fd);
        status = add(l, fd, err);
    }
    return status;
}

static enum osso_status bind_one(struct listening *l, const struct addrinfo *a, struct osso_error *err)
{
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char name[80];
    listen_name(a->ai_addr, name, sizeof name);
    if (fd < 0)
        return error_set(err, OSSO_IO, "no socket for %s: %s", name, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    enum osso_status status = OSSO_OK;
    if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
        if (errno == EADDRINUSE)
            status = error_set(err, OSSO_IO,
                               "another program listens at %s; choose another port with --port (0: any that is free)",
                               name);
        else
            status = error_set(err, OSSO_IO, "%s cannot be listened at: %s", name, strerror(errno));
    } else
        status = add(l, fd, err);
    if (status)
        close(fd);
    return status;
}

/* All addresses of a name, on one port. */
static enum osso_status add_bound(struct listening *l, const char *host, int port, struct osso_error *err)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *all = NULL;
    char service[16];
    enum osso_status status = OSSO_OK;
    snprintf(service, sizeof service, "%d", port);
    int code = getaddrinfo(host, service, &hints, &all);
    if (code)
        return error_set(err, OSSO_USAGE, "--host %s is no address of this machine: %s", host, gai_strerror(code));
    for (struct addrinfo *a = all; a && !status && l->n < LISTEN_MAX; a = a->ai_next) {
        struct sockaddr_storage first;
        socklen_t len = sizeof first;
        if (l->n && port == 0 && getsockname(l->fd[0], (struct sockaddr *)&first, &len) == 0) {
            /* sin_port and sin6_port stand at the same place */
            ((struct sockaddr_in *)(void *)a->ai_addr)->sin_port = ((struct sockaddr_in *)(void *)&first)->sin_port;
        }
        status = bind_one(l, a, err);
        if (status && l->n && a->ai_family == AF_INET6) /* a machine without IPv6 still has the name in its list */
            status = OSSO_OK;
    }
    freeaddrinfo(all);
    return status;
}

enum osso_status listen_open(const struct http_options *o, struct listening *l, struct osso_error *err)
{
    *l = (struct listening){0};
    int n = passed();
    enum osso_status status = n > 0 ? add_passed(l, n, err) : add_bound(l, o->host, o->port, err);
    if (!status && l->exposed && !o->key_file && !o->insecure)
        status = error_set(err, OSSO_USAGE,
                           "other machines could reach %s, and anybody there could use the model: give --api-key-file "
                           "FILE, or --insecure if that is meant",
                           l->url);
    if (status)
        listen_close(l);
    else
        *err = (struct osso_error){0};
    return status;
}

void listen_close(struct listening *l)
{
    for (int i = 0; i < l->n; i++)
        close(l->fd[i]);
    l->n = 0;
}

int listen_descriptors(int wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 256;
    if (limit.rlim_cur < (rlim_t)wanted) {
        struct rlimit more = limit;
        more.rlim_cur = limit.rlim_max < (rlim_t)wanted ? limit.rlim_max : (rlim_t)wanted;
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            limit = more;
    }
    return limit.rlim_cur > (rlim_t)wanted ? wanted : (int)limit.rlim_cur;
}

void listen_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@') /* an abstract name */
        to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}
