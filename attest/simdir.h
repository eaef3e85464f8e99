/*
 * Simdir: the keys and certificates in the simulator's folders.
 *
 * Internal to the simulator.
 */
#pragma once

#include <openssl/types.h>

#include "common/compiler.h"

struct err;

#define SIMDIR_PATH_CAP 4096

/* DIR/NAME; ERR_INVALID if that is too long. */
MUST_CHECK int simdir_path(const char *dir, const char *name, char out_path[static SIMDIR_PATH_CAP],
                           struct err *err);

/* Makes a folder; one that exists already is fine. */
MUST_CHECK int simdir_make(const char *dir, struct err *err);

/* PEM in and out.  Keys are written with mode 0400, certificates with 0644.  Reading never waits: a
   pipe and a key with a pass phrase are refused. */
MUST_CHECK int simdir_write_key(const char *dir, const char *name, EVP_PKEY *key, struct err *err);
MUST_CHECK int simdir_write_cert(const char *dir, const char *name, X509 *cert, struct err *err);
EVP_PKEY *simdir_read_key(const char *dir, const char *name, struct err *err);
X509 *simdir_read_cert(const char *dir, const char *name, struct err *err);

/* ERR_INVALID if there is a vendor's key in `dir`: it would let a machine sign for any other. */
MUST_CHECK int simdir_refuse_vendor_keys(const char *dir, struct err *err);
