/*
 * Init: the folder of a new authority: keys and certificates of root, issuing CA and server, the
 * nonce secret, and the two files that an operator edits.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"

struct err;

#define INIT_NAMES_MAX 16

struct init_options {
    const char *dir; /* made if it is not there (mode 0700) */
    const char *trust_domain;
    const char *const *names; /* host names and addresses at which sidecars reach the server */
    size_t num_names;         /* 1 to INIT_NAMES_MAX */
    int64_t now;              /* seconds since 1970 */
};

/* Makes everything, or nothing: ERR_INVALID if the folder already holds one of the files, others
   may write to it, or the settings could not name it.  Keys are for their owner only (mode 0400).
   root.key is not needed by the server and may go offline.  Blocks. */
MUST_CHECK int init_create(const struct init_options *options, struct err *err);
