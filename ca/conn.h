/*
 * Conn: one HTTP/1.1 connection of the authority's listeners, with TLS or without: requests in,
 * answers out, one at a time, and a limit on the time that everything may take.
 *
 * Lives on an event loop and frees itself.  What a request means is the owner's business; this
 * decides nothing.
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
#include "common/sockets.h"

struct err;
struct http1;
struct conn; /* opaque */

#define CONN_HEAD_MAX 8192    /* bytes of a request's head */
#define CONN_BODY_MAX 65536   /* bytes of its body */
#define CONN_ANSWER_MAX 24576 /* bytes of an answer, head and body */
#define CONN_CROWD_MAX 512    /* connections of a list; over it some are not looked at */
#define CONN_LINGER_MS 2000   /* how long a closed connection waits for the peer's FIN */

/* Called for each request, and once with the parser's status (408: it took too long) if it was
   refused.  The owner answers with conn_answer(), now or later; until then the connection stays. */
typedef void conn_on_request(void *user, struct conn *conn, unsigned refused_status);

/* All connections of a listener. */
struct conn_list {
    struct conn *first;
    size_t num;
    void (*on_empty)(void *user); /* the last one is gone; NULL: nobody waits */
    void *user;
};

/* Borrowed; must outlive the connections. */
struct conn_options {
    SSL_CTX *ctx;        /* NULL: plaintext */
    unsigned request_ms; /* for the handshake until a request begins, for a request, and for an
                            answer until the next request begins */
    conn_on_request *on_request;
    void *user;
};

/* Accepts what `listener` announced.  -1: nothing was kept. */
MUST_CHECK int conn_accept(uv_stream_t *listener, const struct conn_options *options,
                           struct conn_list *list, struct err *err);

/* The request; its views are valid until conn_answer(). */
const struct http1 *conn_request(const struct conn *conn);

/* "ADDRESS:PORT" of the peer, and the same for programs. */
const char *conn_peer(const struct conn *conn);
const struct sockets_address *conn_address(const struct conn *conn);

/* Appends the certificate (DER) that the peer has shown to `out`; nothing if there is none.  False:
   no room. */
MUST_CHECK bool conn_put_certificate(const struct conn *conn, struct buf *out);

struct conn_answer {
    unsigned status;
    const char *content_type; /* NULL: none */
    struct bytes body;        /* borrowed for the call */
    const char *fields;       /* whole lines with CRLF, or NULL */
};

/* Answers the request, once; head and start of the body leave in one record.  The connection may be
   gone when this returns. */
void conn_answer(struct conn *conn, const struct conn_answer *answer);

/* Closes a connection to make room for another, one of whoever has the most (ca/crowd.h); it leaves
   the list soon after.  A request that takes over a second to arrive counts as slow, and so does a
   peer that does not end its stream.  False: all are at work. */
bool conn_make_room(struct conn_list *list);

/* Ends all: a request that is being handled still gets its answer, and what is being sent is sent;
   the rest closes at once.  on_empty follows. */
void conn_finish_all(struct conn_list *list);
