/*
 * Stream: the bytes of one accepted connection, with TLS or without: plaintext in and out, through
 * buffers that never grow, and an end that loses nothing.
 *
 * Lives on an event loop, in its owner's storage.  Knows neither what the bytes mean nor how long
 * anything may take.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>
#include <uv.h>

#include "common/buf.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/tls.h"

#define STREAM_IN_MAX 16384  /* bytes of one read */
#define STREAM_PUT_MAX 24576 /* plaintext bytes that are put at one time */
#define STREAM_OUT_MAX                                                                             \
    (STREAM_PUT_MAX + 4 * TLS_RECORD_OVERHEAD + 8192) /* 8192: a handshake's flight */

enum stream_status {
    STREAM_OK,
    STREAM_WAIT,   /* on_event follows when there is something new; then ask again */
    STREAM_ENDED,  /* the peer ended or broke TLS: what remains is stream_drain() */
    STREAM_BROKEN, /* the socket failed, or its peer is gone: what remains is stream_close() */
};

/* All but `plain` and `writing` is the stream's own. */
struct stream {
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    void (*on_event)(void *user);
    void *user;
    struct tls *tls;    /* NULL: plaintext */
    bool writing;       /* `write` is in flight and `out` in use: nothing else may be asked */
    bool ended;         /* the peer's FIN was read */
    bool failed;        /* a write did */
    struct bytes in;    /* received and not yet consumed; in in_storage */
    struct bytes plain; /* decrypted, for the owner to consume; in plain_storage, or as `in` */
    struct buf out;     /* to send; in out_storage */
    uint8_t in_storage[STREAM_IN_MAX];
    uint8_t plain_storage[TLS_RECORD_MAX];
    uint8_t out_storage[STREAM_OUT_MAX];
};

/* Prepares `stream`, zeroed, for uv_accept() into its `tcp`.  `ctx` NULL: plaintext.  Once true was
   returned, stream_close() is due.  stream_deinit() always is. */
MUST_CHECK bool stream_init(struct stream *stream, uv_loop_t *loop, SSL_CTX *ctx,
                            void (*on_event)(void *user), void *user);
void stream_deinit(struct stream *stream);

/* Goes on with the handshake; STREAM_OK at its end, at once without TLS. */
MUST_CHECK enum stream_status stream_handshake(struct stream *stream);

/* Makes `plain` hold something; STREAM_OK: it does. */
MUST_CHECK enum stream_status stream_fill(struct stream *stream);

/* Reads nothing more until asked again. */
void stream_pause(struct stream *stream);

/* Takes at most STREAM_PUT_MAX bytes to send, once all before has left.  False: too long, or a
   broken engine; nothing of it is sent. */
MUST_CHECK bool stream_put(struct stream *stream, struct bytes plain);

/* Says by TLS that nothing follows. */
void stream_put_end(struct stream *stream);

/* Sends what was put; STREAM_OK: all of it has left. */
MUST_CHECK enum stream_status stream_send(struct stream *stream);

/* Sends FIN and drops what still comes, so that no reset cuts what was sent.  STREAM_BROKEN: the
   peer ended too. */
MUST_CHECK enum stream_status stream_drain(struct stream *stream);

/* Closes the socket, once. */
void stream_close(struct stream *stream, uv_close_cb on_closed);
