/*
 * Server: the authority as a running program: one event loop with its listeners, until a signal.
 *
 * Appraisal, signing and the store run on libuv's thread pool.
 */
#pragma once

#include <openssl/types.h>

#include "ca/enrol.h"
#include "ca/kds.h"
#include "ca/keys.h"
#include "common/compiler.h"

struct err;

/* All borrowed. */
struct server_options {
    const char *listen;
    const char *metrics_listen; /* NULL: no such listener */
    SSL_CTX *ctx;
    const struct keys *keys;
    const struct enrol_authority *authority;
    const struct kds_options *kds; /* NULL: the vendor is not asked */
    unsigned insecure_settings;    /* how many are in use, for /metrics */
    unsigned limits_off;           /* likewise */
};

/* Serves until SIGTERM or SIGINT.  Blocks.  -1 if it could not begin. */
MUST_CHECK int server_run(const struct server_options *options, struct err *err);
