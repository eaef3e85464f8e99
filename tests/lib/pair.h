/*
 * Pair: a TLS client and a TLS server joined by memory, for tests of who is let in.
 */
#pragma once

#include <stdint.h>

#include <openssl/types.h>

#include "common/err.h"
#include "common/tls.h"

#define PAIR_WIRE_CAP 65536

struct pair_side {
    struct tls *tls;
    struct buf wire; /* what this side sent and the other has not read yet */
    uint8_t storage[PAIR_WIRE_CAP];
    enum tls_status status; /* of the last call */
    struct err err;
};

struct pair {
    struct pair_side client;
    struct pair_side server;
};

/* In two steps, for a test that has something to say to an engine first. */
struct pair *pair_new(SSL_CTX *client, SSL_CTX *server);
void pair_run(struct pair *pair);

/* A handshake to its end, for better or worse, and the first read of a client that believes itself
   welcome.  The pair is the caller's. */
struct pair *pair_shake(SSL_CTX *client, SSL_CTX *server);
void pair_free(struct pair *pair);

/* The server refused, sent `alert` and the client got it. */
void pair_expect_client_refused(const struct pair *pair, int alert);
