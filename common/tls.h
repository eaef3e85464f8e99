/*
 * Tls: one end of a TLS connection as bytes in, bytes out, on OpenSSL, without a descriptor.
 *
 * The caller lends input and output buffers for the length of a call; an idle engine owns none.
 * A FIN is never told to the engine: "end of stream and not tls_peer_closed()" is the caller's own
 * test for truncation.  After every call, reads included, `out` may hold bytes to send.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"

struct err;
struct tls; /* opaque */

#define TLS_RECORD_MAX 16384 /* bytes of plaintext in a record; the most tls_write() takes */
#define TLS_RECORD_OVERHEAD                                                                        \
    64 /* bytes a record may add; `out` needs room for both before a write */

enum tls_status {
    TLS_OK,        /* done: handshake complete, or bytes were moved */
    TLS_WANT_MORE, /* all input was consumed; call again when there is more */
    TLS_CLOSED,    /* the peer sent close_notify; the rest of the input is to be dropped */
    TLS_FAILED,    /* fatal; `out` may hold our alert; err says why, tls_failure() classifies */
};

enum tls_failure {
    TLS_FAILURE_NONE,
    TLS_FAILURE_ALERT_RECEIVED, /* the peer sent a fatal alert */
    TLS_FAILURE_ALERT_SENT, /* protocol error or refused certificate: our alert, if there is one,
                               is in `out` */
    TLS_FAILURE_INTERNAL,   /* memory, or a broken library */
};

/* Lent for one call. */
struct tls_io {
    struct bytes in; /* ciphertext from the peer; advanced as it is consumed */
    struct buf *out; /* ciphertext for the peer is appended here */
};

/* Switches off, for both methods, what no side of ours uses: tickets and caches of sessions,
   renegotiation, compression of records, and of certificates (RFC 8879), whose expansion would come
   before any check of the peer. */
void tls_restrict(SSL_CTX *ctx);

/* `ctx` is referenced.  `server_name` (client only, may be NULL) is the SNI.  NULL: out of memory.
 */
struct tls *tls_new_server(SSL_CTX *ctx);
struct tls *tls_new_client(SSL_CTX *ctx, const char *server_name);
void tls_free(struct tls *tls); /* accepts NULL */

/* Once it is over, the keys that served it are gone, and so is the one in the peer's certificate.
 */
MUST_CHECK enum tls_status tls_handshake(struct tls *tls, struct tls_io *io, struct err *err);

/* Decrypts into `out`: TLS_OK with at least one byte in `out_len`; call again until
   TLS_WANT_MORE. */
MUST_CHECK enum tls_status tls_read(struct tls *tls, struct tls_io *io, uint8_t *out, size_t cap,
                                    size_t *out_len, struct err *err);

/* Encrypts all of `data` (1 to TLS_RECORD_MAX bytes); io->out must have room for the record. */
MUST_CHECK enum tls_status tls_write(struct tls *tls, struct tls_io *io, const uint8_t *data,
                                     size_t len, struct err *err);

/* Appends close_notify, once; afterwards only tls_read(). */
MUST_CHECK enum tls_status tls_close(struct tls *tls, struct tls_io *io, struct err *err);

/* True once the peer's close_notify was read. */
bool tls_peer_closed(const struct tls *tls);

enum tls_failure tls_failure(const struct tls *tls);

/* KeyUpdates that the peer has sent so far: each costs work and carries nothing. */
uint64_t tls_key_updates(const struct tls *tls);

/* False while the peer has sent a part of a message (such as a KeyUpdate) whose rest is still to
   come: until then neither tls_write() nor tls_close() is possible. */
bool tls_may_write(const struct tls *tls);

/* Lowers the number of records after which our key changes, which is far below what any cipher
   bears. */
void tls_rekey_after(struct tls *tls, uint64_t records);

/* The alert that was sent or received, as in RFC 8446 section 6; -1 if none. */
int tls_alert(const struct tls *tls);

/* From now on buffers, up to 33 KiB, are kept from one call to the next, where OpenSSL lets one say
   so in mid-stream (3.5 does not).  Until tls_trim(). */
void tls_keep_buffers(struct tls *tls);

/* Frees what only a handshake or a burst needs, and keeps no buffers any more; call on the first
   idle tick. */
void tls_trim(struct tls *tls);

/* The OpenSSL object, for what is asked once a connection (peer certificate, version, SNI);
   borrowed. */
SSL *tls_ssl(const struct tls *tls);
