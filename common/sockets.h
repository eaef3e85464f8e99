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
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include "common/compiler.h"

struct err;

/* An IPv4 or IPv6 address with a port, the path of a unix socket, or a vsock address. */
struct sockets_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
        struct sockaddr_vm vm;
    } u;
    socklen_t len; /* 0: none */
};

#define SOCKETS_TEXT_CAP 120 /* room for "unix:", a path and NUL */
#define SOCKETS_HOST_CAP 254
#define SOCKETS_TARGET_CAP (SOCKETS_HOST_CAP + 8) /* room for a host, brackets and a port */

/* Reads "1.2.3.4:80", "[::1]:80", "unix:/path" or "vsock:CID:PORT"; never looks up a name. */
MUST_CHECK int sockets_parse(const char *text, struct sockets_address *out, struct err *err);

/* NAME of "systemd:NAME", a socket that the service manager hands over; NULL if it is no such text.
 */
const char *sockets_handed_over(const char *text);

/* Splits "host:port" or "[v6]:port"; a unix or vsock address is a host, with port 0.  `out_host`
   gets SOCKETS_HOST_CAP bytes.  Syntax only. */
MUST_CHECK int sockets_split(const char *text, char *out_host, uint16_t *out_port, struct err *err);

/* Writes what sockets_split() read. */
void sockets_join(const char *host, uint16_t port, char out[static SOCKETS_TARGET_CAP]);

/* As sockets_parse() reads it; "-" for none.  The path of a unix socket's client is the client's
   choice, any bytes. */
void sockets_format(const struct sockets_address *address, char out[static SOCKETS_TEXT_CAP]);

/* AF_UNSPEC for none. */
sa_family_t sockets_family(const struct sockets_address *address);
bool sockets_is_ip(const struct sockets_address *address);

/* IPv4 that stands in an IPv6 address (::ffff:a.b.c.d) as IPv4; any other address as it is. */
struct sockets_address sockets_plain(const struct sockets_address *address);

/* Where a connect() to it arrives: plain, and loopback for the address that means none. */
struct sockets_address sockets_reached(const struct sockets_address *address);

/* True if both are the same host and port, path, or CID and port; scopes do not count. */
bool sockets_same_place(const struct sockets_address *a, const struct sockets_address *b);

/* True for loopback and unix addresses: only processes of this machine can be there. */
bool sockets_is_local(const struct sockets_address *address);

/* Of an IP address; 0 for any other.  The second is for IP addresses only. */
uint16_t sockets_port(const struct sockets_address *address);
void sockets_set_port(struct sockets_address *address, uint16_t port);

/* A bound and, unless only that is asked for, listening stream socket.  TCP: SO_REUSEADDR and, as
   asked, SO_REUSEPORT (several workers) and TCP_DEFER_ACCEPT (the client speaks first).  Unix: the
   file must not exist yet and has `mode` before anybody can connect.  Vsock: port 0 lets the kernel
   choose.  The descriptor, or -1. */
struct sockets_listen_options {
    int backlog;
    bool bind_only; /* nobody can connect before the caller's own listen(2) */
    bool reuse_port;
    bool defer_accept;
    bool transparent; /* takes connections to addresses that are not ours (IP_TRANSPARENT) */
    mode_t mode;      /* of a unix socket's file; 0: for nobody but root */
};
MUST_CHECK int sockets_listen(const struct sockets_address *address,
                              const struct sockets_listen_options *options, struct err *err);

/* True if somebody listens at an IP address already: SO_REUSEPORT would say nothing of it. */
bool sockets_is_taken(const struct sockets_address *address);

/* What a listening socket is bound to. */
MUST_CHECK int sockets_bound(int fd, struct sockets_address *out, struct err *err);

/* accept4; the descriptor, or -1 with errno. */
MUST_CHECK int sockets_accept(int fd, struct sockets_address *out_peer);

/* A socket on its way to `address`: the descriptor, writable when it is there or has failed
   (sockets_error() tells), or -1 with errno.  EAGAIN: a unix socket whose backlog is full.
   EADDRNOTAVAIL: vsock CID 1 where the kernel has no loopback for it. */
MUST_CHECK int sockets_connect(const struct sockets_address *address);

/* Options of a data socket: urgent data inline, and for TCP no delay, keepalive, NOTSENT_LOWAT.
   `user_timeout_ms` bounds unacknowledged data; 0: unbounded, for a local application.  What a
   listening TCP socket has of them, those that it accepts have too. */
void sockets_tune(int fd, uint64_t user_timeout_ms);

/* Reads and clears SO_ERROR: an errno value, 0 for none. */
int sockets_error(int fd);

/* True if a connected TCP socket's other end is itself: what a connect to a free port of this
   machine makes when the kernel picks the same port for the near end. */
bool sockets_is_own_peer(int fd);

/* Closes `fd` so that the other side gets an RST; a unix socket cannot carry one. */
void sockets_reset(int fd);

/* Raises the soft limit of descriptors to the hard one; returns it. */
size_t sockets_raise_nofile(void);
