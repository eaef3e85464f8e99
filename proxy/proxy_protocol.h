/*
 * Proxy_protocol: the header of the PROXY protocol, version 2, that tells the next server whose
 * connection it serves (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, section 2.2).
 *
 * Bytes to header and back, nothing else: who may send one, and when, is the caller's business.
 * What a header says is a hint for logs and limits, never a reason to allow.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/sockets.h"

struct err;

#define PROXY_PROTOCOL_MAX 4096     /* bytes of a header, in and out */
#define PROXY_PROTOCOL_FIXED_LEN 16 /* signature, version, family and length */

/* What a header says about one authorized connection.  A field without data is left out. */
struct proxy_protocol_peer {
    struct sockets_address source;
    struct sockets_address destination; /* both of IP, or the header names neither */
    struct bytes alpn;
    struct bytes authority;   /* the server name that the peer asked for */
    struct bytes tls_version; /* "TLSv1.3" */
    struct bytes common_name;
    struct bytes spiffe;
    struct bytes tee;
    struct bytes measurement; /* as it is, not as hex digits */
};

/* Appends the header.  False: longer than PROXY_PROTOCOL_MAX, or no room. */
MUST_CHECK bool proxy_protocol_write(const struct proxy_protocol_peer *peer, struct buf *out);

enum proxy_protocol_status {
    PROXY_PROTOCOL_DONE, /* `in` begins with a whole header */
    PROXY_PROTOCOL_MORE, /* it may become one */
    PROXY_PROTOCOL_BAD,  /* it never will: `err` */
};

/* The addresses in a header; without any if it is of the sender's own connection (LOCAL), or says
   that it knows none. */
struct proxy_protocol_addresses {
    struct sockets_address source;
    struct sockets_address destination;
};

/* Judges what has come so far.  `out_len` (DONE, MORE) is how long the header is, as far as that is
   known: whoever reads up to there never reads what follows the header.  `out` is filled by DONE.
 */
MUST_CHECK enum proxy_protocol_status proxy_protocol_read(struct bytes in,
                                                          struct proxy_protocol_addresses *out,
                                                          size_t *out_len, struct err *err);
