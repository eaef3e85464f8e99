/*
 * Algorithms: an OpenSSL library context with only what our TLS needs: nothing else can be
 * negotiated, parsed or verified in it.
 *
 * A provider of ours shows a part of the default provider's list, in a context that knows no other
 * provider.  Decoding a peer's key tries a handful of decoders instead of all, which is also what
 * makes it faster.  What an algorithm itself asks for (the digest inside a signature) it finds in
 * the default provider's own context: the list bounds what a peer can reach, not our own code.
 */
#pragma once

#include <openssl/types.h>

#include "common/compiler.h"

struct err;
struct algorithms; /* opaque */

/* Before the first use of OpenSSL: of the ciphers and digests that OpenSSL 1 has by name, it keeps
   the digests of certificates' signatures.  Every look-up walks that list (0.985 of a handshake's
   instructions), and the start fills it. */
MUST_CHECK int algorithms_begin(struct err *err);

/* NULL on failure.  Not on several threads at the same time. */
struct algorithms *algorithms_new(struct err *err);

/* After everything that was made in it, and after all other threads that used it: OpenSSL keeps
   data of theirs in it.  Accepts NULL. */
void algorithms_free(struct algorithms *algorithms);

/* The context, for SSL_CTX_new_ex() and the like; borrowed. */
OSSL_LIB_CTX *algorithms_context(const struct algorithms *algorithms);
