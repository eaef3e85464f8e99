/*
 * Setup: from the settings to everything that `serve` works with, loaded and checked.
 */
#pragma once

#include <openssl/types.h>

#include "ca/collateral.h"
#include "ca/enrol.h"
#include "ca/keys.h"
#include "ca/server.h"
#include "common/compiler.h"
#include "common/sockets.h"

struct ca_config;
struct err;

struct setup {
    struct policy *policy;
    struct keys keys;
    struct collateral_set collateral;
    struct memo *memo;
    struct limits *limits;
    SSL_CTX *ctx;
    SSL_CTX *kds_ctx; /* NULL: the key service is off, or asked by http */
    char kds_authority[SOCKETS_TARGET_CAP];
    struct kds_options kds;
    struct store *store; /* NULL before setup_open_store() */
    struct enrol_authority authority;
    struct server_options server;
};

/* Loads policy, keys and collateral, and warns of what is insecure or about to end.  `config` is
   borrowed and must outlive the setup.  ERR_INVALID, ERR_IO or ERR_DENIED (an issuing certificate
   that has expired).  Blocks. */
MUST_CHECK int setup_init(struct setup *setup, const struct ca_config *config, struct err *err);

/* Opens the store and lets it judge clock and policy epoch.  Blocks. */
MUST_CHECK int setup_open_store(struct setup *setup, const struct ca_config *config,
                                struct err *err);

void setup_deinit(struct setup *setup); /* {0} and half-built are safe */
