/*
 * Happy path: HANDSHAKE until TLS is up (at once without TLS), IDLE until a request begins, REQUEST
 * until it is whole, HANDLING until the owner answers, ANSWER until that has left, and IDLE again
 * or, after the last one, LINGER until the peer closes too: an answer must not be cut by a reset.
 * Failures: any error, and any state that outlives its limit, goes to CLOSING; but a REQUEST that
 * does is one more refused request, so HANDLING.  HANDLING always waits for the owner's answer.
 * Closing: each handle is closed once; the last close callback frees the conn.
 */
#include "ca/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ssl.h>

#include "ca/crowd.h"
#include "ca/stream.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/http1.h"
#include "common/source.h"

#define SLOW_MS 1000 /* more than the round trips of an honest request */

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
    struct stream stream;
    uv_timer_t timer;
    unsigned num_handles; /* open ones */
    const struct conn_options *options;
    struct conn_list *list;
    struct conn *next;
    struct conn *prev;
    enum conn_state state;
    bool running;  /* inside conn_run() */
    bool held;     /* the owner owes an answer */
    bool answered; /* the stream has it */
    bool last;     /* close after the answer */
    unsigned refused_status;
    struct http1 *http;
    struct sockets_address address;
    char peer[SOCKETS_TEXT_CAP];
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
    stream_deinit(&c->stream);
    http1_free(c->http);
    free(c);
    if (list->num == 0 && list->on_empty != NULL) {
        list->on_empty(list->user);
    }
}

static void conn_closed_one(struct conn *c)
{
    if (--c->num_handles == 0) {
        conn_free(c);
    }
}

static void conn_on_socket_closed(uv_handle_t *handle)
{
    struct stream *stream = handle->data;

    conn_closed_one(stream->user);
}

static void conn_on_timer_closed(uv_handle_t *handle)
{
    conn_closed_one(handle->data);
}

static void conn_on_event(void *user)
{
    conn_run(user);
}

/* Where a stream's status leads. */
static enum conn_state conn_after(enum stream_status status, enum conn_state waiting,
                                  enum conn_state done)
{
    switch (status) {
    case STREAM_OK:
        return done;
    case STREAM_WAIT:
        return waiting;
    case STREAM_ENDED:
        return CONN_LINGER;
    case STREAM_BROKEN:
        break;
    }
    return CONN_CLOSING;
}

static enum conn_state conn_handshake(struct conn *c)
{
    return conn_after(stream_handshake(&c->stream), CONN_HANDSHAKE, CONN_IDLE);
}

static enum conn_state conn_wait_request(struct conn *c)
{
    return conn_after(stream_fill(&c->stream), CONN_IDLE, CONN_REQUEST);
}

static enum conn_state conn_read_request(struct conn *c)
{
    enum stream_status status = STREAM_OK;

    while ((status = stream_fill(&c->stream)) == STREAM_OK) {
        enum http1_status parsed = http1_feed(c->http, &c->stream.plain);

        if (parsed != HTTP1_MORE) {
            c->refused_status = parsed == HTTP1_REFUSED ? http1_refusal_status(c->http) : 0;
            c->last = c->last || parsed == HTTP1_REFUSED || !http1_keep_alive(c->http);
            return CONN_HANDLING;
        }
    }
    return conn_after(status, CONN_REQUEST, CONN_REQUEST);
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
    enum stream_status status = stream_send(&c->stream);

    if (status != STREAM_OK) {
        return conn_after(status, CONN_ANSWER, CONN_ANSWER);
    }
    c->answered = false;
    if (!c->last) {
        http1_reset(c->http);
        return CONN_IDLE;
    }
    stream_put_end(&c->stream);
    return stream_send(&c->stream) == STREAM_BROKEN ? CONN_CLOSING : CONN_LINGER;
}

static enum conn_state conn_linger(struct conn *c)
{
    return conn_after(stream_drain(&c->stream), CONN_LINGER, CONN_LINGER);
}

static enum conn_state conn_close(struct conn *c)
{
    stream_close(&c->stream, conn_on_socket_closed);
    if (!uv_is_closing((uv_handle_t *)&c->timer)) {
        uv_close((uv_handle_t *)&c->timer, conn_on_timer_closed);
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

        if (c->stream.writing && c->state != CONN_CLOSING) {
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
    if (c->state == CONN_REQUEST && !c->stream.writing) {
        stream_pause(&c->stream);
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

const struct sockets_address *conn_address(const struct conn *conn)
{
    return &conn->address;
}

bool conn_put_certificate(const struct conn *conn, struct buf *out)
{
    const X509 *cert =
        conn->stream.tls != NULL ? SSL_get0_peer_certificate(tls_ssl(conn->stream.tls)) : NULL;
    unsigned char *end = (unsigned char *)out->data + out->len;
    int len = cert != NULL ? i2d_X509(cert, NULL) : 0;

    if (len < 0 || (size_t)len > buf_room(out)) {
        return false;
    }
    if (len > 0) {
        out->len += (size_t)i2d_X509(cert, &end);
    }
    return true;
}

/* The answer to HEAD says how long the body would be (RFC 9110 section 9.3.2). */
static bool conn_put_answer(struct conn *c, const struct conn_answer *answer)
{
    uint8_t text[CONN_ANSWER_MAX];
    struct buf plain = buf_over(text, sizeof(text));
    bool has_body = answer->body.len > 0 && strcmp(http1_method(c->http), "HEAD") != 0;

    _Static_assert(CONN_ANSWER_MAX <= STREAM_PUT_MAX, "an answer is put at one time");
    return http1_put_response(&plain, answer->status, (int64_t)time(NULL), answer->content_type,
                              answer->body.len, !c->last, answer->fields) &&
           (!has_body || buf_append(&plain, answer->body.data, answer->body.len)) &&
           stream_put(&c->stream, (struct bytes){text, plain.len});
}

void conn_answer(struct conn *conn, const struct conn_answer *answer)
{
    assert(conn->held);
    conn->held = false;
    conn->answered = true;
    if (!conn_put_answer(conn, answer)) {
        conn->last = true; /* too long, or a broken engine: close without an answer */
    }
    conn_run(conn);
}

/* How long it has been in its state, or, idle, since it may be. */
static uint64_t conn_waited_ms(const struct conn *c)
{
    uint64_t whole_ms = c->state == CONN_LINGER ? CONN_LINGER_MS : c->options->request_ms;
    uint64_t left_ms = uv_timer_get_due_in(&c->timer);

    return left_ms < whole_ms ? whole_ms - left_ms : 0;
}

static enum crowd_work conn_work(const struct conn *c)
{
    if (c->state <= CONN_IDLE) {
        return CROWD_WAITS;
    }
    return (c->state == CONN_REQUEST || c->state == CONN_LINGER) && conn_waited_ms(c) >= SLOW_MS
               ? CROWD_SLOW
               : CROWD_BUSY;
}

bool conn_make_room(struct conn_list *list)
{
    struct crowd_member members[CONN_CROWD_MAX];
    const struct crowd_member *chosen = NULL;
    size_t num = 0;

    for (struct conn *c = list->first; c != NULL && num < CONN_CROWD_MAX; c = c->next) {
        members[num++] =
            (struct crowd_member){c, source_of(&c->address), conn_work(c), conn_waited_ms(c)};
    }
    chosen = crowd_choose(members, num);
    if (chosen == NULL) {
        return false;
    }
    conn_move(chosen->who, CONN_CLOSING);
    conn_run(chosen->who);
    return true;
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
    int len = sizeof(c->address.u);

    if (uv_tcp_getpeername(&c->stream.tcp, &c->address.u.any, &len) != 0) {
        len = 0;
    }
    c->address.len = (socklen_t)len;
    sockets_format(&c->address, c->peer);
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
    c->next = list->first;
    if (list->first != NULL) {
        list->first->prev = c;
    }
    list->first = c;
    list->num++;
    c->http = http1_new(false, &limits);
    if (c->http == NULL ||
        !stream_init(&c->stream, listener->loop, options->ctx, conn_on_event, c)) {
        conn_free(c);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    uv_timer_init(listener->loop, &c->timer);
    c->timer.data = c;
    c->num_handles = 2;
    if (uv_accept(listener, (uv_stream_t *)&c->stream.tcp) != 0) {
        c->state = CONN_CLOSING;
        conn_run(c);
        return err_set(err, ERR_IO, "accept failed");
    }
    uv_tcp_nodelay(&c->stream.tcp, 1);
    conn_name_peer(c);
    uv_timer_start(&c->timer, conn_on_timer, options->request_ms, 0);
    conn_run(c);
    return 0;
}
