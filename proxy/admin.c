/*
 * Admin: listener and connections of the admin endpoint.
 *
 * Happy path of a connection: READ until a request is whole, WRITE until its reply is sent, READ
 * again, and so on; after the last reply LINGER until the client closes, so that no reset eats the
 * reply.  Failures: a request that is refused or late gets its status and is the last; a lost
 * client, or one that does not read in time, goes straight to CLOSING.  Closing: both handles are
 * closed once, the last close callback frees.
 */
#include "proxy/admin.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/http1.h"
#include "common/log.h"

#define BACKLOG 64
#define READ_MAX 4096      /* bytes at a time */
#define HEAD_REPLY_MAX 512 /* bytes of a reply's head */
#define PATH_CAP 256

enum conn_state { CONN_READ, CONN_WRITE, CONN_LINGER, CONN_CLOSING };

struct admin_conn {
    struct admin *admin;
    unsigned num_open; /* handles; 0: a free place */
    uv_tcp_t tcp;
    uv_timer_t timer;
    enum conn_state state;
    bool keep_alive;
    struct http1 *http;
    uint8_t *reply; /* being written; owned */
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct bytes rest; /* of `in`, not yet parsed */
    uint8_t in[READ_MAX];
};

struct admin {
    uv_loop_t *loop;
    struct admin_options options;
    struct sockets_address address;
    uv_tcp_t listener;
    bool listener_open;
    bool waiting; /* a connection waits for a free place */
    struct admin_conn conns[ADMIN_CONNECTIONS_MAX];
    size_t num_conns;
    void (*on_done)(void *user);
    void *on_done_user;
    uint8_t body[ADMIN_REPLY_MAX]; /* lent to on_get */
};

static void conn_parse(struct admin_conn *conn);
static void admin_accept(struct admin *admin);

static void admin_free(struct admin *admin)
{
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        http1_free(admin->conns[i].http);
    }
    free(admin);
}

static void admin_finish(struct admin *admin)
{
    void (*on_done)(void *user) = admin->on_done;
    void *user = admin->on_done_user;

    if (admin->listener_open || admin->num_conns > 0) {
        return;
    }
    admin_free(admin);
    if (on_done != NULL) {
        on_done(user);
    }
}

static void conn_on_closed(uv_handle_t *handle)
{
    struct admin_conn *conn = handle->data;
    struct admin *admin = conn->admin;

    if (--conn->num_open > 0) {
        return;
    }
    free(conn->reply);
    conn->reply = NULL;
    admin->num_conns--;
    if (uv_is_closing((uv_handle_t *)&admin->listener)) {
        admin_finish(admin);
    } else if (admin->waiting) {
        admin_accept(admin);
    }
}

static void conn_close(struct admin_conn *conn)
{
    if (conn->state != CONN_CLOSING) {
        conn->state = CONN_CLOSING;
        uv_close((uv_handle_t *)&conn->tcp, conn_on_closed);
        uv_close((uv_handle_t *)&conn->timer, conn_on_closed);
    }
}

static void conn_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct admin_conn *conn = handle->data;

    *out = uv_buf_init((char *)conn->in, sizeof(conn->in));
}

static void conn_on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct admin_conn *conn = stream->data;

    if (len < 0) {
        conn_close(conn);
    } else if (conn->state == CONN_READ) {
        conn->rest = (struct bytes){.data = conn->in, .len = (size_t)len};
        conn_parse(conn);
    }
    /* In CONN_LINGER what comes is dropped. */
}

static void conn_read(struct admin_conn *conn)
{
    int rc = uv_read_start((uv_stream_t *)&conn->tcp, conn_on_alloc, conn_on_read);

    if (rc != 0 && rc != UV_EALREADY) {
        conn_close(conn);
    }
}

static void conn_refuse(struct admin_conn *conn, unsigned status, const char *reason);

static void conn_on_timer(uv_timer_t *timer)
{
    struct admin_conn *conn = timer->data;

    if (conn->state == CONN_READ && http1_started(conn->http)) {
        conn_refuse(conn, 408, "request not complete in time");
    } else {
        conn_close(conn);
    }
}

static void conn_arm(struct admin_conn *conn, uint64_t ms)
{
    if (conn->admin->waiting && ms > ADMIN_PRESSED_MS) {
        ms = ADMIN_PRESSED_MS;
    }
    if (uv_timer_start(&conn->timer, conn_on_timer, ms, 0) != 0) {
        conn_close(conn);
    }
}

static void conn_on_shutdown(uv_shutdown_t *request, int status)
{
    struct admin_conn *conn = request->data;

    if (status != 0) {
        conn_close(conn);
    }
}

static void conn_linger(struct admin_conn *conn)
{
    conn->state = CONN_LINGER;
    conn->shutdown.data = conn;
    if (uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, conn_on_shutdown) != 0) {
        conn_close(conn);
        return;
    }
    conn_arm(conn, ADMIN_LINGER_MS);
    conn_read(conn);
}

static void conn_on_written(uv_write_t *request, int status)
{
    struct admin_conn *conn = request->data;

    free(conn->reply);
    conn->reply = NULL;
    if (conn->state == CONN_CLOSING) {
        return;
    }
    if (status != 0) {
        conn_close(conn);
    } else if (!conn->keep_alive) {
        conn_linger(conn);
    } else {
        conn->state = CONN_READ;
        http1_reset(conn->http);
        conn_arm(conn, conn->admin->options.request_ms);
        conn_parse(conn);
    }
}

/* Sends a reply; the connection reads on afterwards only if `keep_alive`. */
static void conn_reply(struct admin_conn *conn, const struct admin_reply *reply, bool keep_alive)
{
    struct buf out;
    uv_buf_t buf;

    conn->state = CONN_WRITE;
    conn->keep_alive = keep_alive;
    (void)uv_read_stop((uv_stream_t *)&conn->tcp);
    conn->reply = malloc(HEAD_REPLY_MAX + reply->body.len);
    if (conn->reply == NULL) {
        conn_close(conn);
        return;
    }
    out = buf_over(conn->reply, HEAD_REPLY_MAX + reply->body.len);
    if (!http1_put_response(&out, reply->status, time(NULL), reply->content_type, reply->body.len,
                            keep_alive, reply->status == 405 ? "Allow: GET\r\n" : NULL) ||
        !buf_append(&out, reply->body.data, reply->body.len)) {
        conn_close(conn);
        return;
    }
    conn_arm(conn, conn->admin->options.request_ms);
    buf = uv_buf_init((char *)out.data, (unsigned)out.len);
    conn->write.data = conn;
    if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, conn_on_written) != 0) {
        conn_close(conn);
    }
}

static void reply_text(struct admin_reply *reply, const char *text)
{
    if (!buf_printf(&reply->body, "%s\n", text)) {
        reply->body.len = 0; /* the status says enough */
    }
}

static void conn_refuse(struct admin_conn *conn, unsigned status, const char *reason)
{
    struct admin *admin = conn->admin;
    struct admin_reply reply = {.status = status,
                                .content_type = "text/plain",
                                .body = buf_over(admin->body, sizeof(admin->body))};

    reply_text(&reply, reason);
    conn_reply(conn, &reply, false);
}

/* A whole request is here. */
static void conn_serve(struct admin_conn *conn)
{
    struct admin *admin = conn->admin;
    struct bytes target = http1_target(conn->http);
    const uint8_t *query = memchr(target.data, '?', target.len);
    char path[PATH_CAP];
    struct admin_reply reply = {.status = 404,
                                .content_type = "text/plain",
                                .body = buf_over(admin->body, sizeof(admin->body))};

    target.len = query != NULL ? (size_t)(query - target.data) : target.len;
    if (strcmp(http1_method(conn->http), "GET") != 0) {
        conn_refuse(conn, 405, "only GET");
        return;
    }
    if (target.len < sizeof(path)) {
        memcpy(path, target.data, target.len);
        path[target.len] = '\0';
        admin->options.on_get(admin->options.user, path, &reply);
    }
    if (reply.status == 404 && reply.body.len == 0) {
        reply_text(&reply, "not found");
    }
    conn_reply(conn, &reply, http1_keep_alive(conn->http));
}

static void conn_parse(struct admin_conn *conn)
{
    switch (http1_feed(conn->http, &conn->rest)) {
    case HTTP1_MORE:
        conn_read(conn);
        break;
    case HTTP1_DONE:
        conn_serve(conn);
        break;
    case HTTP1_REFUSED:
        conn_refuse(conn, http1_refusal_status(conn->http), http1_refusal_reason(conn->http));
        break;
    }
}

/* A free place, its handles open.  NULL: there is none. */
static struct admin_conn *admin_take_place(struct admin *admin)
{
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        struct admin_conn *conn = &admin->conns[i];

        if (conn->num_open == 0 && uv_tcp_init(admin->loop, &conn->tcp) == 0) {
            (void)uv_timer_init(admin->loop, &conn->timer); /* always 0 */
            conn->tcp.data = conn;
            conn->timer.data = conn;
            conn->num_open = 2;
            conn->state = CONN_READ;
            http1_reset(conn->http);
            admin->num_conns++;
            return conn;
        }
    }
    return NULL;
}

/* Silent clients must not keep a probe from its answer: all deadlines come nearer. */
static void admin_press(struct admin *admin)
{
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        struct admin_conn *conn = &admin->conns[i];

        if (conn->num_open > 0 && conn->state != CONN_CLOSING) {
            conn_arm(conn, uv_timer_get_due_in(&conn->timer));
        }
    }
}

/* libuv does not listen on until a connection that it announced was taken: so the others wait in
   the listener's queue. */
static void admin_accept(struct admin *admin)
{
    struct admin_conn *conn = admin_take_place(admin);

    admin->waiting = conn == NULL;
    if (conn == NULL) {
        admin_press(admin);
        return;
    }
    if (uv_accept((uv_stream_t *)&admin->listener, (uv_stream_t *)&conn->tcp) != 0) {
        conn_close(conn);
        return;
    }
    conn_arm(conn, admin->options.request_ms);
    conn_read(conn);
}

static void admin_on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        admin_accept(listener->data);
    }
}

static void admin_on_listener_closed(uv_handle_t *handle)
{
    struct admin *admin = handle->data;

    admin->listener_open = false;
    admin_finish(admin);
}

static struct admin *admin_new(uv_loop_t *loop, const struct admin_options *options)
{
    static const struct http1_limits limits = {.head_max = ADMIN_HEAD_MAX, .body_max = 0};
    struct admin *admin = calloc(1, sizeof(*admin));

    if (admin == NULL) {
        return NULL;
    }
    admin->loop = loop;
    admin->options = *options;
    admin->options.listen = NULL; /* the caller's */
    if (options->request_ms == 0) {
        admin->options.request_ms = ADMIN_REQUEST_MS;
    }
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        admin->conns[i].admin = admin;
        admin->conns[i].http = http1_new(false, &limits);
        if (admin->conns[i].http == NULL) {
            admin_free(admin);
            return NULL;
        }
    }
    return admin;
}

/* Hands the bound socket `fd` to libuv, which closes it from then on. */
static int admin_listen(struct admin *admin, int fd, struct err *err)
{
    int rc = uv_tcp_init(admin->loop, &admin->listener);

    if (rc == 0) {
        admin->listener.data = admin;
        admin->listener_open = true;
        rc = uv_tcp_open(&admin->listener, fd);
    }
    if (rc != 0) {
        close(fd);
    } else {
        rc = uv_listen((uv_stream_t *)&admin->listener, BACKLOG, admin_on_connection);
    }
    return rc == 0 ? 0 : err_set(err, ERR_IO, "admin: %s", uv_strerror(rc));
}

struct admin *admin_start(uv_loop_t *loop, const struct admin_options *options, struct err *err)
{
    static const struct sockets_listen_options listening = {.backlog = BACKLOG};
    struct admin *admin = admin_new(loop, options);
    struct sockets_address wanted;
    char text[SOCKETS_TEXT_CAP];
    int fd = -1;

    if (admin == NULL) {
        err_set(err, ERR_LIMIT, "admin: out of memory");
        return NULL;
    }
    if (sockets_parse(options->listen, &wanted, err) != 0) {
        goto out;
    }
    fd = sockets_listen(&wanted, &listening, err);
    if (fd < 0) {
        goto out;
    }
    if (sockets_bound(fd, &admin->address, err) != 0) {
        close(fd);
        goto out;
    }
    if (admin_listen(admin, fd, err) != 0) {
        goto out;
    }
    sockets_format(&admin->address, text);
    log_info("listener.ready", kv_text("name", "admin"), kv_text("addr", text));
    return admin;
out:
    if (admin->listener_open) {
        uv_close((uv_handle_t *)&admin->listener, admin_on_listener_closed); /* frees */
    } else {
        admin_free(admin);
    }
    return NULL;
}

const struct sockets_address *admin_address(const struct admin *admin)
{
    return &admin->address;
}

void admin_stop(struct admin *admin, void (*on_done)(void *user), void *user)
{
    admin->on_done = on_done;
    admin->on_done_user = user;
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
        if (admin->conns[i].num_open > 0) {
            conn_close(&admin->conns[i]);
        }
    }
    uv_close((uv_handle_t *)&admin->listener, admin_on_listener_closed);
}
