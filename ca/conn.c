/*
 * Happy path: HANDSHAKE until TLS is up (at once without TLS), IDLE until a request begins, REQUEST
 * until it is whole, HANDLING until the owner answers, ANSWER until that has left, and IDLE again
 * or, after the last one, LINGER until the peer closes too: an answer must not be cut by a reset.
 * Failures: any error, and any state that outlives its limit, goes to CLOSING; but a REQUEST that
 * does is one more refused request, so HANDLING.  HANDLING always waits for the owner's answer.
 * Closing: each handle is closed once; the last close callback frees the conn.
 *
 * Input is read only where it is wanted, and output is sent before the engine runs again, so each
 * direction has one buffer that never grows.
 */
#include "ca/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/http1.h"
#include "common/tls.h"

#define IN_CAP 16384 /* bytes of one read */
#define OUT_CAP                                                                                    \
    (CONN_ANSWER_MAX + 4 * TLS_RECORD_OVERHEAD + 8192) /* 8192: a handshake's flight               \
                                                        */

enum conn_state {
    CONN_HANDSHAKE,
    CONN_IDLE,
    CONN_REQUEST,
    CONN_HANDLING,
    CONN_ANSWER,
    CONN_LINGER,
    CONN_CLOSING,
};

struct conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    unsigned num_handles; /* open ones */
    const struct conn_options *options;
    struct conn_list *list;
    struct conn *next;
    struct conn *prev;
    enum conn_state state;
    bool running;  /* inside conn_run() */
    bool writing;  /* `write` is in flight and `out` in use */
    bool ended;    /* the peer's FIN was read */
    bool held;     /* the owner owes an answer */
    bool answered; /* `out` holds it */
    bool last;     /* close after the answer */
    unsigned refused_status;
    struct tls *tls; /* NULL: plaintext */
    struct http1 *http;
    struct bytes in;    /* received and not yet consumed; in in_storage */
    struct bytes plain; /* decrypted and not yet consumed; in plain_storage, or as `in` */
    struct buf out;     /* to send; in out_storage */
    char peer[SOCKETS_TEXT_CAP];
    uint8_t in_storage[IN_CAP];
    uint8_t plain_storage[TLS_RECORD_MAX];
    uint8_t out_storage[OUT_CAP];
};

static void conn_run(struct conn *c);

static void conn_free(struct conn *c)
{
    struct conn_list *list = c->list;

    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        list->first = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    list->num--;
    tls_free(c->tls);
    http1_free(c->http);
    free(c);
    if (list->num == 0 && list->on_empty != NULL) {
        list->on_empty(list->user);
    }
}

static void conn_on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;

    if (--c->num_handles == 0) {
        conn_free(c);
    }
}

static void conn_on_write(uv_write_t *write, int status)
{
    struct conn *c = write->data;

    c->writing = false;
    c->out.len = 0;
    if (status != 0 && c->state != CONN_CLOSING) {
        c->ended = true;
        c->last = true;
    }
    conn_run(c);
}

/* Sends what is in `out`: at once as far as the kernel takes it, the rest later. */
static bool conn_flush(struct conn *c)
{
    uv_buf_t rest = uv_buf_init((char *)c->out.data, (unsigned)c->out.len);
    int sent = 0;

    if (c->out.len == 0) {
        return true;
    }
    sent = uv_try_write((uv_stream_t *)&c->tcp, &rest, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        return false;
    }
    if (sent > 0) {
        buf_consume(&c->out, (size_t)sent);
    }
    if (c->out.len == 0) {
        return true;
    }
    rest.len = c->out.len;
    c->write.data = c;
    c->writing = uv_write(&c->write, (uv_stream_t *)&c->tcp, &rest, 1, conn_on_write) == 0;
    return c->writing;
}

static void conn_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct conn *c = handle->data;

    *out = uv_buf_init((char *)c->in_storage, sizeof(c->in_storage));
}

static void conn_on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct conn *c = stream->data;

    if (len == 0) {
        return;
    }
    uv_read_stop(stream);
    if (len > 0) {
        c->in = (struct bytes){c->in_storage, (size_t)len};
    } else {
        c->ended = true;
    }
    conn_run(c);
}

/* Asks for more input and stays in `state`; after the peer's FIN there is none. */
static enum conn_state conn_wait_input(struct conn *c, enum conn_state state)
{
    int rc = c->ended ? UV_EOF : uv_read_start((uv_stream_t *)&c->tcp, conn_on_alloc, conn_on_read);

    return rc == 0 || rc == UV_EALREADY ? state : CONN_CLOSING;
}

static enum conn_state conn_handshake(struct conn *c)
{
    struct tls_io io = {c->in, &c->out};
    enum tls_status status = TLS_OK;
    struct err err; /* scanners are normal: a failed handshake is no event of ours */

    if (c->tls == NULL) {
        return CONN_IDLE;
    }
    status = tls_handshake(c->tls, &io, &err);
    c->in = io.in;
    if (!conn_flush(c)) {
        return CONN_CLOSING;
    }
    switch (status) {
    case TLS_OK:
        return CONN_IDLE;
    case TLS_WANT_MORE:
        return conn_wait_input(c, CONN_HANDSHAKE);
    case TLS_CLOSED:
    case TLS_FAILED:
        break;
    }
    return CONN_LINGER;
}

/* Decrypts into `plain`.  TLS_OK: there is some. */
static enum tls_status conn_decrypt(struct conn *c)
{
    struct tls_io io = {c->in, &c->out};
    enum tls_status status = TLS_OK;
    struct err err;
    size_t len = 0;

    if (c->tls == NULL) {
        c->plain = c->in;
        c->in.len = 0;
        return c->plain.len > 0 ? TLS_OK : TLS_WANT_MORE;
    }
    status = tls_read(c->tls, &io, c->plain_storage, sizeof(c->plain_storage), &len, &err);
    c->in = io.in;
    c->plain = (struct bytes){c->plain_storage, len};
    return status;
}

/* Makes `plain` hold something.  False: it does not yet, and `out_next` is where to go. */
static bool conn_fill(struct conn *c, enum conn_state waiting, enum conn_state *out_next)
{
    while (c->plain.len == 0) {
        switch (conn_decrypt(c)) {
        case TLS_OK:
            break;
        case TLS_WANT_MORE:
            *out_next = CONN_CLOSING;
            if (conn_flush(c)) {
                *out_next = c->writing ? waiting : conn_wait_input(c, waiting);
            }
            return false;
        case TLS_CLOSED:
        case TLS_FAILED:
            *out_next = conn_flush(c) ? CONN_LINGER : CONN_CLOSING;
            return false;
        }
    }
    return true;
}

static enum conn_state conn_wait_request(struct conn *c)
{
    enum conn_state next = CONN_IDLE;

    return conn_fill(c, CONN_IDLE, &next) ? CONN_REQUEST : next;
}

static enum conn_state conn_read_request(struct conn *c)
{
    enum conn_state next = CONN_REQUEST;

    while (conn_fill(c, CONN_REQUEST, &next)) {
        enum http1_status parsed = http1_feed(c->http, &c->plain);

        if (parsed != HTTP1_MORE) {
            c->refused_status = parsed == HTTP1_REFUSED ? http1_refusal_status(c->http) : 0;
            c->last = c->last || parsed == HTTP1_REFUSED || !http1_keep_alive(c->http);
            return CONN_HANDLING;
        }
    }
    return next;
}

static enum conn_state conn_handle(struct conn *c)
{
    if (!c->held && !c->answered) {
        c->held = true;
        c->options->on_request(c->options->user, c, c->refused_status);
    }
    return c->answered ? CONN_ANSWER : CONN_HANDLING;
}

static enum conn_state conn_send(struct conn *c)
{
    struct tls_io io = {{NULL, 0}, &c->out};
    struct err err;

    if (!conn_flush(c)) {
        return CONN_CLOSING;
    }
    if (c->writing) {
        return CONN_ANSWER;
    }
    c->answered = false;
    if (!c->last) {
        http1_reset(c->http);
        return CONN_IDLE;
    }
    if (c->tls != NULL && tls_close(c->tls, &io, &err) == TLS_OK && !conn_flush(c)) {
        return CONN_CLOSING;
    }
    return CONN_LINGER;
}

static void conn_on_shutdown(uv_shutdown_t *shutdown, int status)
{
    /* The peer's FIN, or the limit, is what ends the wait. */
}

static enum conn_state conn_linger(struct conn *c)
{
    if (c->shutdown.data == NULL) {
        c->shutdown.data = c;
        if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, conn_on_shutdown) != 0) {
            return CONN_CLOSING;
        }
    }
    c->in.len = 0;
    return conn_wait_input(c, CONN_LINGER);
}

static enum conn_state conn_close(struct conn *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) {
        uv_close((uv_handle_t *)&c->tcp, conn_on_closed);
        uv_close((uv_handle_t *)&c->timer, conn_on_closed);
    }
    return CONN_CLOSING;
}

enum conn_limit { LIMIT_KEEP, LIMIT_NONE, LIMIT_REQUEST, LIMIT_LINGER };

/* clang-format off */
#define BIT(state) (1U << (state))
static const struct {
    enum conn_state (*run)(struct conn *c); /* does what it can; returns the next state, or its own */
    uint32_t next;                          /* states it may move to */
    enum conn_limit limit;                  /* of the stay; KEEP: the one that runs goes on */
} states[] = {
    [CONN_HANDSHAKE] = {conn_handshake,    BIT(CONN_IDLE)     | BIT(CONN_LINGER) | BIT(CONN_CLOSING), LIMIT_REQUEST},
    [CONN_IDLE]      = {conn_wait_request, BIT(CONN_REQUEST)  | BIT(CONN_LINGER) | BIT(CONN_CLOSING), LIMIT_KEEP},
    [CONN_REQUEST]   = {conn_read_request, BIT(CONN_HANDLING) | BIT(CONN_LINGER) | BIT(CONN_CLOSING), LIMIT_REQUEST},
    [CONN_HANDLING]  = {conn_handle,       BIT(CONN_ANSWER),                                          LIMIT_NONE},
    [CONN_ANSWER]    = {conn_send,         BIT(CONN_IDLE)     | BIT(CONN_LINGER) | BIT(CONN_CLOSING), LIMIT_REQUEST},
    [CONN_LINGER]    = {conn_linger,       BIT(CONN_CLOSING),                                         LIMIT_LINGER},
    [CONN_CLOSING]   = {conn_close,        0,                                                         LIMIT_KEEP},
};
/* clang-format on */

static void conn_on_timer(uv_timer_t *timer);

static void conn_move(struct conn *c, enum conn_state next)
{
    assert((states[c->state].next & BIT(next)) != 0);
    c->state = next;
    switch (states[next].limit) {
    case LIMIT_KEEP:
        break;
    case LIMIT_NONE:
        uv_timer_stop(&c->timer);
        break;
    case LIMIT_REQUEST:
        uv_timer_start(&c->timer, conn_on_timer, c->options->request_ms, 0);
        break;
    case LIMIT_LINGER:
        uv_timer_start(&c->timer, conn_on_timer, CONN_LINGER_MS, 0);
        break;
    }
}

static void conn_run(struct conn *c)
{
    if (c->running) {
        return; /* the loop below goes on */
    }
    c->running = true;
    for (;;) {
        enum conn_state next = CONN_CLOSING;

        if (c->writing && c->state != CONN_CLOSING) {
            break;
        }
        next = states[c->state].run(c);
        if (next == c->state) {
            break;
        }
        conn_move(c, next);
    }
    c->running = false;
}

static void conn_on_timer(uv_timer_t *timer)
{
    struct conn *c = timer->data;

    /* A peer that takes nothing would not take a refusal either. */
    if (c->state == CONN_REQUEST && !c->writing) {
        uv_read_stop((uv_stream_t *)&c->tcp);
        http1_time_out(c->http);
        c->refused_status = http1_refusal_status(c->http);
        c->last = true;
        conn_move(c, CONN_HANDLING);
    } else {
        conn_move(c, CONN_CLOSING);
    }
    conn_run(c);
}

const struct http1 *conn_request(const struct conn *conn)
{
    return conn->http;
}

const char *conn_peer(const struct conn *conn)
{
    return conn->peer;
}

/* Serialises into `text`, then into records in `out`.  The answer to HEAD says how long the body
   would be (RFC 9110 section 9.3.2). */
static bool conn_put_answer(struct conn *c, const struct conn_answer *answer)
{
    uint8_t text[CONN_ANSWER_MAX];
    struct buf plain = buf_over(text, sizeof(text));
    struct tls_io io = {{NULL, 0}, &c->out};
    struct err err;
    bool has_body = answer->body.len > 0 && strcmp(http1_method(c->http), "HEAD") != 0;

    if (!http1_put_response(&plain, answer->status, (int64_t)time(NULL), answer->content_type,
                            answer->body.len, !c->last, answer->fields) ||
        (has_body && !buf_append(&plain, answer->body.data, answer->body.len))) {
        return false;
    }
    if (c->tls == NULL) {
        return buf_append(&c->out, text, plain.len);
    }
    for (size_t at = 0; at < plain.len; at += TLS_RECORD_MAX) {
        size_t len = plain.len - at < TLS_RECORD_MAX ? plain.len - at : TLS_RECORD_MAX;

        if (tls_write(c->tls, &io, text + at, len, &err) != TLS_OK) {
            return false;
        }
    }
    return true;
}

void conn_answer(struct conn *conn, const struct conn_answer *answer)
{
    assert(conn->held);
    conn->held = false;
    conn->answered = true;
    if (!conn_put_answer(conn, answer)) {
        conn->out.len = 0; /* too long, or a broken engine: close without an answer */
        conn->last = true;
    }
    conn_run(conn);
}

void conn_finish_all(struct conn_list *list)
{
    for (struct conn *c = list->first; c != NULL; c = c->next) {
        c->last = true;
        if (c->state <= CONN_REQUEST) {
            conn_move(c, CONN_CLOSING);
            conn_run(c);
        }
    }
}

static void conn_name_peer(struct conn *c)
{
    struct sockets_address address = {.len = sizeof(address.u)};
    int len = sizeof(address.u);

    if (uv_tcp_getpeername(&c->tcp, &address.u.any, &len) != 0) {
        len = 0;
    }
    address.len = (socklen_t)len;
    sockets_format(&address, c->peer);
}

int conn_accept(uv_stream_t *listener, const struct conn_options *options, struct conn_list *list,
                struct err *err)
{
    static const struct http1_limits limits = {CONN_HEAD_MAX, CONN_BODY_MAX};
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    c->options = options;
    c->list = list;
    c->out = buf_over(c->out_storage, sizeof(c->out_storage));
    c->next = list->first;
    if (list->first != NULL) {
        list->first->prev = c;
    }
    list->first = c;
    list->num++;
    c->http = http1_new(false, &limits);
    c->tls = options->ctx != NULL ? tls_new_server(options->ctx) : NULL;
    if (c->http == NULL || (options->ctx != NULL && c->tls == NULL) ||
        uv_tcp_init(listener->loop, &c->tcp) != 0) {
        conn_free(c);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    uv_timer_init(listener->loop, &c->timer);
    c->tcp.data = c;
    c->timer.data = c;
    c->num_handles = 2;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
        c->state = CONN_CLOSING;
        conn_run(c);
        return err_set(err, ERR_IO, "accept failed");
    }
    uv_tcp_nodelay(&c->tcp, 1);
    conn_name_peer(c);
    uv_timer_start(&c->timer, conn_on_timer, options->request_ms, 0);
    conn_run(c);
    return 0;
}
