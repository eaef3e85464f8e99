/*
 * Channel: one HTTPS connection to the CA: TLS 1.3 under the pinned roots, requests and responses.
 *
 * Everything blocks until the deadline.  What a response means is ca-client/reply.h.  Writes to a
 * connection that the CA has closed raise SIGPIPE: the process must ignore it.
 */
#pragma once

#include <stdint.h>

#include <openssl/x509.h>

#include "ca-client/checked_clock.h"
#include "common/compiler.h"
#include "common/https.h"

struct err;
struct http1;
struct channel; /* opaque */

struct channel_options {
    const char *url;              /* https://HOST:PORT; borrowed for the call */
    const STACK_OF(X509) * roots; /* the only trust anchors; borrowed for the call */
    X509 *cert;    /* what we show if the CA asks; NULL: nothing; referenced, as is the next */
    EVP_PKEY *key; /* of `cert` */
    int64_t now;   /* to judge certificates by, seconds since 1970; 0: the wall clock says */
    int64_t now_at_least; /* what has not expired by then counts as valid; 0: as `now` */
    struct deadline deadline;
};

/* Connects and authenticates the server, by name or address.  NULL on failure: ERR_INVALID (the
   URL), ERR_IO, ERR_TIMEOUT, or ERR_DENIED (the handshake). */
struct channel *channel_open(const struct channel_options *options, struct err *err);
void channel_close(struct channel *channel); /* accepts NULL */

/* Sends one request and waits for its response; `out_response` is borrowed, valid until the next
   request.  `out_clock` is what its Date tells of our clocks, whoever set them meanwhile: no
   difference within what a Date can tell, or without one. */
MUST_CHECK int channel_ask(struct channel *channel, const struct https_request *request,
                           const struct http1 **out_response, struct checked_clock *out_clock,
                           struct err *err);
