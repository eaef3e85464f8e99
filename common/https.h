/*
 * Https: one HTTP/1.1 connection to a server, by TLS unless its owner wants none: requests and
 * responses, one at a time.
 *
 * Everything blocks until the deadline.  Whom to trust is the owner's context; what a response
 * means is the owner's business.  Writes to a connection that the server has closed raise SIGPIPE:
 * the process must ignore it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/dial.h"

struct err;
struct http1;
struct https; /* opaque */

/* Borrowed, but for the context, for the life of the connection. */
struct https_options {
    const char *authority; /* HOST:PORT */
    const char *who;       /* the server, for messages: "the CA" */
    SSL_CTX *ctx;          /* trust anchors and rules; referenced; NULL: plaintext */
    int64_t now;           /* to judge certificates by, seconds since 1970; 0: the wall clock */
    size_t body_max;       /* bytes of a response */
    struct deadline deadline;
};

/* Connects and authenticates the server, by name or address.  NULL on failure: ERR_INVALID (the
   authority), ERR_IO, ERR_TIMEOUT, or ERR_DENIED (the handshake). */
struct https *https_open(const struct https_options *options, struct err *err);
void https_close(struct https *https); /* accepts NULL */

struct https_request {
    const char *method;
    const char *target;
    const char *content_type; /* NULL: no body */
    struct bytes body;
    const char *fields; /* whole lines with CRLF, or NULL */
};

/* Sends one request and waits for its response; `out_response` is borrowed, valid until the next
   request. */
MUST_CHECK int https_ask(struct https *https, const struct https_request *request,
                         const struct http1 **out_response, struct err *err);
