/*
 * Floor context: TLS 1.3 with a client certificate required, set up so that a handshake costs
 * nothing that libssl can be told to leave out.  No cache of verdicts: that would be a policy.
 */
#pragma once

#include <openssl/types.h>

struct err;

/* From three PEM files: the server's certificate, its key, and the authority of clients.  NULL on
   failure. */
SSL_CTX *floor_context_new(const char *certificate, const char *key, const char *authority,
                           struct err *err);
