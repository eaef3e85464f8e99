/*
 * Fetcher: a thread that asks one server for one thing at a time, so that neither the event loop
 * nor the pool that signs waits for names, handshakes or answers.
 *
 * Which thing, and what an answer means, is its owner's business.
 */
#pragma once

#include <stdbool.h>

#include <openssl/types.h>
#include <uv.h>

#include "common/bytes.h"
#include "common/compiler.h"

struct err;
struct fetcher; /* opaque */

#define FETCHER_TARGET_CAP 320
#define FETCHER_BODY_MAX 65536 /* bytes of an answer */

/* An answer, or why there is none; borrowed for the call of on_done. */
struct fetcher_result {
    bool answered;
    unsigned status;
    struct bytes content_type; /* data NULL: not said */
    struct bytes retry_after;  /* likewise */
    struct bytes body;
    const char *reason; /* unless answered */
    bool malformed;     /* something came that is no HTTP response, or too long */
};

struct fetcher_options {
    uv_loop_t *loop;
    const char *authority; /* HOST:PORT; copied */
    SSL_CTX *ctx;          /* referenced; NULL: plaintext */
    unsigned timeout_ms;   /* for a whole request */
    void (*on_done)(void *user, const struct fetcher_result *result); /* on the loop */
    void *user;
};

/* A context that believes the certificates in `roots` (a PEM file; NULL: the system's). */
SSL_CTX *fetcher_context(const char *roots, struct err *err);

struct fetcher *fetcher_start(const struct fetcher_options *options, struct err *err);

/* Asks; on_done follows.  Only one at a time. */
void fetcher_get(struct fetcher *fetcher, const char *target);

/* Ends it; a request that is under way is cut, and no on_done follows. */
void fetcher_stop(struct fetcher *fetcher);

/* After fetcher_stop(), once the loop has run; accepts NULL.  Waits a moment for the thread. */
void fetcher_free(struct fetcher *fetcher);
