/*
 * Secrecy: how a process keeps its private keys from core dumps, swap devices, debuggers, and from
 * being found in its memory once they have been given up.
 *
 * secrecy_begin() comes before the first thread and the first use of OpenSSL.  With memory set
 * aside, what OpenSSL keeps of private keys (numbers of EC and RSA keys, Edwards and Montgomery
 * keys, the state of random generators) is in that memory and wiped when freed.  Session keys are
 * not: they are one connection's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/compiler.h"

struct err;

/* No new privileges, no core dumps, nobody attaches; OpenSSL allocates through this module.  ERR_IO
   if the system refuses, ERR_LIMIT if OpenSSL has been used before. */
MUST_CHECK int secrecy_begin(struct err *err);

/* Again, after a change of user: that makes a process dumpable once more. */
MUST_CHECK int secrecy_keep(struct err *err);

enum secrecy_memory {
    SECRECY_ORDINARY, /* there is none: keys are on the heap */
    SECRECY_UNLOCKED, /* left out of dumps, but it may be swapped: RLIMIT_MEMLOCK is too low */
    SECRECY_LOCKED,
};

/* Sets `len` bytes aside for keys, a power of two; pages are taken as they are used.  When they are
   used up, keys cannot be made.  Once in a process. */
enum secrecy_memory secrecy_set_aside(size_t len);

/* Bytes of it that are in use; 0 if none were set aside. */
size_t secrecy_used(void);

/* Decodes a private key from PEM text without a password; what OpenSSL frees on the way, which has
   copies of the key, is wiped.  The text is the caller's to wipe.  NULL, with the reasons in
   OpenSSL's queue.  Wipes only after secrecy_begin(). */
EVP_PKEY *secrecy_decode_key(const uint8_t *text, size_t len);
