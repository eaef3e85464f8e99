/*
 * Client: the TLS side of the load generator: who it says it is, and whom it believes.
 *
 * A server's certificate is verified once and then recognised, so that the load generator spends
 * its time on load.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>

#include "common/compiler.h"

struct client; /* opaque */
struct err;
struct tls;

/* Paths of PEM files, borrowed for the call.  Either `certificate` and `private_key`, or the three
   of an issuer; the others are NULL. */
struct client_options {
    const char *certificate;
    const char *private_key;
    const char *ca_certificate;
    const char *ca_key;
    const char *spiffe;
    const char *trust;
    bool new_peers; /* a certificate of its own for each connection; needs an issuer */
};

enum client_stranger {
    CLIENT_BARE,     /* shows no certificate */
    CLIENT_IMPOSTOR, /* shows one under a key that nobody knows, with the name of the right issuer
                      */
};

/* Blocks.  ERR_IO, ERR_INVALID, ERR_LIMIT. */
struct client *client_new(const struct client_options *options, struct err *err);

/* A client that a target of client_new()'s must refuse. */
struct client *client_new_stranger(const struct client_options *options, enum client_stranger kind,
                                   struct err *err);
void client_free(struct client *client); /* accepts NULL */

/* A TLS engine for one connection, the caller's.  `server_name` may be NULL.  NULL: ERR_LIMIT. */
MUST_CHECK struct tls *client_connect(struct client *client, const char *server_name,
                                      struct err *err);
