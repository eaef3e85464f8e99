/*
 * Sockets: addresses, and the descriptors of the data path with the options they need.
 *
 * All descriptors are non-blocking and close-on-exec.  Nothing here waits; readiness is the
 * caller's business, and so are names: an address is always numeric.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/compiler.h"

struct err;

/* An IPv4 or IPv6 address with a port. */
struct sockets_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;
    socklen_t len; /* 0: none */
};

#define SOCKETS_TEXT_CAP 64 /* room for "[IPv6%scope]:port" and NUL */
#define SOCKETS_HOST_CAP 254

/* Reads "1.2.3.4:80" or "[::1]:80"; never looks up a name. */
MUST_CHECK int sockets_parse(const char *text, struct sockets_address *out, struct err *err);

/* Splits "host:port" or "[v6]:port"; `out_host` gets SOCKETS_HOST_CAP bytes.  Syntax only. */
MUST_CHECK int sockets_split(const char *text, char *out_host, uint16_t *out_port, struct err *err);

/* As sockets_parse() reads it; "-" for none. */
void sockets_format(const struct sockets_address *address, char out[static SOCKETS_TEXT_CAP]);

bool sockets_is_loopback(const struct sockets_address *address);
uint16_t sockets_port(const struct sockets_address *address);
void sockets_set_port(struct sockets_address *address, uint16_t port);

/* A bound and listening TCP socket with SO_REUSEADDR and, as asked, SO_REUSEPORT (several workers)
   and TCP_DEFER_ACCEPT (the client speaks first).  The descriptor, or -1. */
struct sockets_listen_options {
    int backlog;
    bool reuse_port;
    bool defer_accept;
};
MUST_CHECK int sockets_listen(const struct sockets_address *address,
                              const struct sockets_listen_options *options, struct err *err);

/* What a listening socket is bound to. */
MUST_CHECK int sockets_bound(int fd, struct sockets_address *out, struct err *err);

/* accept4; the descriptor, or -1 with errno. */
MUST_CHECK int sockets_accept(int fd, struct sockets_address *out_peer);

/* A TCP socket on its way to `address`: the descriptor, writable when it is there or has failed
   (sockets_error() tells), or -1 with errno. */
MUST_CHECK int sockets_connect(const struct sockets_address *address);

/* Options of a data socket: no delay, keepalive, NOTSENT_LOWAT, urgent data inline.
   `user_timeout_ms` bounds unacknowledged data; 0: unbounded, for a local application. */
void sockets_tune(int fd, unsigned user_timeout_ms);

/* Reads and clears SO_ERROR: an errno value, 0 for none. */
int sockets_error(int fd);

/* Closes `fd` so that the other side gets an RST. */
void sockets_reset(int fd);

/* Raises the soft limit of descriptors to the hard one; returns it. */
size_t sockets_raise_nofile(void);
