/*
 * Serve: the loop around bench/answer: one recv for what has come, one send for what is owed.
 */
#include "bench/serve.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/answer.h"
#include "common/err.h"

#define SCRATCH (256 * 1024) /* bytes */
#define BACKLOG 1024

struct session { /* one connection */
    struct serve *serve;
    struct session *previous;
    struct session *next;
    struct session *next_unsynced; /* meaningful while `unsynced` */
    uv_poll_t poll;
    int fd;
    int events;
    bool unsynced; /* the log has requests of it that are not on the disk */
    bool closing;
    uint8_t *rest; /* came in while too many replies were owed; NULL: nothing */
    size_t rest_len;
    struct answer_stream stream;
};

struct serve {
    uv_loop_t *loop;
    uv_poll_t listener;
    uv_check_t commit; /* after all that has come in one turn of the loop */
    int fd;
    int log_fd; /* -1: no log */
    struct sockets_address address;
    struct session *sessions;
    struct session *unsynced;
    size_t num_handles; /* still open */
    uint8_t in[SCRATCH];
    uint8_t out[SCRATCH];
};

static void serve_release(struct serve *serve)
{
    serve->num_handles--;
    if (serve->num_handles == 0) {
        close(serve->fd);
        if (sockets_family(&serve->address) == AF_UNIX) {
            (void)unlink(serve->address.u.local.sun_path); /* else the next one could not bind */
        }
        if (serve->log_fd >= 0) {
            close(serve->log_fd);
        }
        free(serve);
    }
}

static void on_session_closed(uv_handle_t *handle)
{
    struct session *session = handle->data;
    struct serve *serve = session->serve;

    close(session->fd);
    free(session->rest);
    free(session);
    serve_release(serve);
}

static void session_close(struct session *session)
{
    struct serve *serve = session->serve;

    if (session->closing) {
        return;
    }
    session->closing = true;
    if (session->previous != NULL) {
        session->previous->next = session->next;
    } else {
        serve->sessions = session->next;
    }
    if (session->next != NULL) {
        session->next->previous = session->previous;
    }
    for (struct session **at = &serve->unsynced; session->unsynced && *at != NULL;) {
        if (*at == session) {
            *at = session->next_unsynced;
            break;
        }
        at = &(*at)->next_unsynced;
    }
    uv_close((uv_handle_t *)&session->poll, on_session_closed);
}

static void on_session(uv_poll_t *poll, int status, int events);

static void session_watch(struct session *session)
{
    bool full = session->stream.num == ANSWER_QUEUE_MAX;
    bool owes = session->stream.num > 0 && !session->unsynced;
    int events = (full ? 0 : UV_READABLE) | (owes ? UV_WRITABLE : 0);

    if (!session->closing && events != session->events) {
        session->events = events;
        (void)uv_poll_start(&session->poll, events, on_session); /* 0 keeps it for later */
    }
}

/* Sends what is owed, as far as the socket takes it.  False: the connection is over. */
static bool session_send(struct session *session)
{
    while (session->stream.num > 0 && !session->unsynced) {
        struct buf out = buf_over(session->serve->out, SCRATCH);
        ssize_t put = 0;

        answer_peek(&session->stream, &out);
        put = send(session->fd, out.data, out.len, MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN) {
            session_close(session);
            return false;
        }
        if (put > 0) {
            answer_sent(&session->stream, (size_t)put);
        }
        if (put < (ssize_t)out.len) {
            break;
        }
    }
    return true;
}

/* Makes a request of the log wait for the disk. */
static bool session_log(struct session *session, const uint8_t *data, size_t len)
{
    struct serve *serve = session->serve;

    while (len > 0) {
        ssize_t put = write(serve->log_fd, data, len);

        if (put <= 0) {
            return false;
        }
        data += put;
        len -= (size_t)put;
    }
    if (!session->unsynced) {
        session->unsynced = true;
        session->next_unsynced = serve->unsynced;
        serve->unsynced = session;
    }
    return true;
}

/* Takes requests; what does not fit the queue of replies is kept. */
static bool session_feed(struct session *session, struct bytes in)
{
    struct err err;

    if (answer_feed(&session->stream, &in, &err) != 0) {
        session_close(session);
        return false;
    }
    if (in.len > 0) {
        session->rest = malloc(in.len);
        if (session->rest == NULL) {
            session_close(session);
            return false;
        }
        memcpy(session->rest, in.data, in.len);
        session->rest_len = in.len;
    }
    return true;
}

/* What was kept, once there is room. */
static bool session_feed_rest(struct session *session)
{
    uint8_t *rest = session->rest;
    bool goes_on = true;

    if (rest != NULL && session->stream.num < ANSWER_QUEUE_MAX) {
        struct bytes in = {.data = rest, .len = session->rest_len};

        session->rest = NULL;
        goes_on = session_feed(session, in);
        free(rest);
    }
    return goes_on;
}

static bool session_read(struct session *session)
{
    struct serve *serve = session->serve;
    ssize_t got = recv(session->fd, serve->in, SCRATCH, 0);

    if (got < 0 && errno == EAGAIN) {
        return true;
    }
    if (got <= 0 || (serve->log_fd >= 0 && !session_log(session, serve->in, (size_t)got))) {
        session_close(session);
        return false;
    }
    return session_feed(session, (struct bytes){.data = serve->in, .len = (size_t)got});
}

static void on_session(uv_poll_t *poll, int status, int events)
{
    struct session *session = poll->data;

    if (status < 0) {
        session_close(session);
        return;
    }
    if ((events & UV_READABLE) != 0 && session->rest == NULL && !session_read(session)) {
        return;
    }
    while (session_send(session) && session->rest != NULL &&
           session->stream.num < ANSWER_QUEUE_MAX) {
        if (!session_feed_rest(session)) {
            return;
        }
    }
    session_watch(session);
}

/* Everything that came in this turn of the loop goes to the disk at once. */
static void on_commit(uv_check_t *check)
{
    struct serve *serve = check->data;
    struct session *session = serve->unsynced;
    bool is_safe = session == NULL || fdatasync(serve->log_fd) == 0;

    serve->unsynced = NULL;
    while (session != NULL) {
        struct session *next = session->next_unsynced;

        session->unsynced = false;
        if (!is_safe) {
            session_close(session);
        } else if (session_send(session)) {
            session_watch(session);
        }
        session = next;
    }
}

static void session_start(struct serve *serve, int fd)
{
    struct session *session = calloc(1, sizeof(*session));

    if (session == NULL || uv_poll_init(serve->loop, &session->poll, fd) != 0) {
        free(session);
        close(fd);
        return;
    }
    sockets_tune(fd, 0);
    session->serve = serve;
    session->fd = fd;
    session->poll.data = session;
    session->next = serve->sessions;
    if (serve->sessions != NULL) {
        serve->sessions->previous = session;
    }
    serve->sessions = session;
    serve->num_handles++;
    session_watch(session);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct serve *serve = poll->data;
    struct sockets_address peer;
    int fd = -1;

    while ((fd = sockets_accept(serve->fd, &peer)) >= 0) {
        session_start(serve, fd);
    }
}

static void on_closed(uv_handle_t *handle)
{
    serve_release(handle->data);
}

static int open_files(struct serve *serve, const struct sockets_address *address,
                      const char *log_path, struct err *err)
{
    const struct sockets_listen_options options = {.backlog = BACKLOG, .mode = 0600};

    serve->fd = sockets_listen(address, &options, err);
    if (serve->fd < 0 || sockets_bound(serve->fd, &serve->address, err) != 0) {
        return -1;
    }
    if (log_path != NULL) {
        serve->log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (serve->log_fd < 0) {
            return err_set_errno(err, ERR_IO, errno, "%s", log_path);
        }
    }
    return 0;
}

struct serve *serve_start(uv_loop_t *loop, const struct sockets_address *address,
                          const char *log_path, struct err *err)
{
    struct serve *serve = calloc(1, sizeof(*serve));

    if (serve == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    serve->loop = loop;
    serve->fd = -1;
    serve->log_fd = -1;
    if (open_files(serve, address, log_path, err) != 0) {
        goto failed;
    }
    if (uv_poll_init(loop, &serve->listener, serve->fd) != 0) {
        err_set(err, ERR_LIMIT, "poll");
        goto failed;
    }
    uv_check_init(loop, &serve->commit);
    serve->listener.data = serve;
    serve->commit.data = serve;
    serve->num_handles = 2;
    uv_poll_start(&serve->listener, UV_READABLE, on_listener);
    if (serve->log_fd >= 0) {
        uv_check_start(&serve->commit, on_commit);
    }
    return serve;

failed:
    if (serve->fd >= 0) {
        close(serve->fd);
    }
    if (serve->log_fd >= 0) {
        close(serve->log_fd);
    }
    free(serve);
    return NULL;
}

struct sockets_address serve_address(const struct serve *serve)
{
    return serve->address;
}

void serve_stop(struct serve *serve)
{
    while (serve->sessions != NULL) {
        session_close(serve->sessions);
    }
    uv_close((uv_handle_t *)&serve->listener, on_closed);
    uv_close((uv_handle_t *)&serve->commit, on_closed);
}
