/*
 * Conn: the life of one connection, from accept to the line in the access log.
 *
 * The peer leg carries TLS, the app leg plaintext.  A connection belongs to one loop and shares
 * with the others there what stands in struct conn_shared; it ends by itself, by conn_abort(), or
 * at a deadline that conn_tick() finds passed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sockets.h"
#include "proxy/reason.h"

/* All in milliseconds. */
struct conn_limits {
    uint64_t handshake_ms;
    uint64_t connect_ms; /* name look-up included */
    uint64_t idle_ms;
    uint64_t half_close_ms; /* since the last progress */
    uint64_t write_stall_ms;
    uint64_t linger_ms;
    uint64_t ready_wait_ms;
    uint64_t max_lifetime_ms; /* 0: only the peer's notAfter */
};

enum conn_truncation {
    CONN_TRUNCATION_RESET, /* a FIN without close_notify resets the application */
    CONN_TRUNCATION_EOF,   /* it is passed on as an end of stream, and counted */
};

struct conn_route {
    const char *name;
    bool egress;
    const char *host; /* where to connect to: a name, or a numeric address */
    uint16_t port;
    const char *sni; /* egress; NULL: `host`, unless that is an address */
    enum conn_truncation on_truncation;
    struct conn_limits limits;
};
