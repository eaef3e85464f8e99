/*
 * Keyfile: a private key that an operator names, in PEM.
 */
#pragma once

#include <openssl/types.h>

#include "common/compiler.h"

struct err;

/* Reads it; the caller frees it.  Never waits: a pipe and a key with a pass phrase are refused.
   NULL: ERR_IO if the file cannot be read, ERR_INVALID if there is no key in it. */
EVP_PKEY *keyfile_read(const char *path, struct err *err);
