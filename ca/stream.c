/*
 * Stream: reading where input is wanted, sending before the engine runs again.
 */
#include "ca/stream.h"

#include "common/err.h"

bool stream_init(struct stream *stream, uv_loop_t *loop, SSL_CTX *ctx, void (*on_event)(void *user),
                 void *user)
{
    stream->on_event = on_event;
    stream->user = user;
    stream->out = buf_over(stream->out_storage, sizeof(stream->out_storage));
    stream->tls = ctx != NULL ? tls_new_server(ctx) : NULL;
    if ((ctx != NULL && stream->tls == NULL) || uv_tcp_init(loop, &stream->tcp) != 0) {
        return false;
    }
    stream->tcp.data = stream;
    return true;
}

void stream_deinit(struct stream *stream)
{
    tls_free(stream->tls);
}

static void stream_on_write(uv_write_t *write, int status)
{
    struct stream *stream = write->data;

    stream->writing = false;
    stream->out.len = 0;
    stream->failed = stream->failed || status != 0;
    stream->on_event(stream->user);
}

/* At once as far as the kernel takes it, the rest later. */
enum stream_status stream_send(struct stream *stream)
{
    uv_buf_t rest = uv_buf_init((char *)stream->out.data, (unsigned)stream->out.len);
    int sent = 0;

    if (stream->failed) {
        return STREAM_BROKEN;
    }
    if (stream->out.len == 0) {
        return STREAM_OK;
    }
    sent = uv_try_write((uv_stream_t *)&stream->tcp, &rest, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        return STREAM_BROKEN;
    }
    if (sent > 0) {
        buf_consume(&stream->out, (size_t)sent);
    }
    if (stream->out.len == 0) {
        return STREAM_OK;
    }
    rest.len = stream->out.len;
    stream->write.data = stream;
    stream->writing =
        uv_write(&stream->write, (uv_stream_t *)&stream->tcp, &rest, 1, stream_on_write) == 0;
    return stream->writing ? STREAM_WAIT : STREAM_BROKEN;
}

static void stream_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct stream *stream = handle->data;

    *out = uv_buf_init((char *)stream->in_storage, sizeof(stream->in_storage));
}

static void stream_on_read(uv_stream_t *handle, ssize_t len, const uv_buf_t *buf)
{
    struct stream *stream = handle->data;

    if (len == 0) {
        return;
    }
    uv_read_stop(handle);
    if (len > 0) {
        stream->in = (struct bytes){stream->in_storage, (size_t)len};
    } else {
        stream->ended = true;
    }
    stream->on_event(stream->user);
}

/* Asks for more input; after the peer's FIN there is none. */
static enum stream_status stream_wait_input(struct stream *stream)
{
    int rc = stream->ended
                 ? UV_EOF
                 : uv_read_start((uv_stream_t *)&stream->tcp, stream_on_alloc, stream_on_read);

    return rc == 0 || rc == UV_EALREADY ? STREAM_WAIT : STREAM_BROKEN;
}

/* What the engine said, after what it wrote was sent. */
static enum stream_status stream_settle(struct stream *stream, enum tls_status status)
{
    enum stream_status sent = STREAM_OK;

    if (status == TLS_OK) {
        return STREAM_OK;
    }
    sent = stream_send(stream);
    if (sent == STREAM_BROKEN) {
        return STREAM_BROKEN;
    }
    if (status != TLS_WANT_MORE) {
        return STREAM_ENDED;
    }
    return sent == STREAM_WAIT ? STREAM_WAIT : stream_wait_input(stream);
}

enum stream_status stream_handshake(struct stream *stream)
{
    struct tls_io io = {stream->in, &stream->out};
    enum tls_status status = TLS_OK;
    enum stream_status sent = STREAM_OK;
    struct err err; /* scanners are normal: a failed handshake is no event of ours */

    if (stream->tls == NULL) {
        return STREAM_OK;
    }
    status = tls_handshake(stream->tls, &io, &err);
    stream->in = io.in;
    if (status != TLS_OK) {
        return stream_settle(stream, status);
    }
    sent = stream_send(stream);
    return sent == STREAM_BROKEN ? STREAM_BROKEN : STREAM_OK;
}

/* Decrypts into `plain`.  TLS_OK: there is some. */
static enum tls_status stream_decrypt(struct stream *stream)
{
    struct tls_io io = {stream->in, &stream->out};
    enum tls_status status = TLS_OK;
    struct err err;
    size_t len = 0;

    if (stream->tls == NULL) {
        stream->plain = stream->in;
        stream->in.len = 0;
        return stream->plain.len > 0 ? TLS_OK : TLS_WANT_MORE;
    }
    status = tls_read(stream->tls, &io, stream->plain_storage, sizeof(stream->plain_storage), &len,
                      &err);
    stream->in = io.in;
    stream->plain = (struct bytes){stream->plain_storage, len};
    return status;
}

enum stream_status stream_fill(struct stream *stream)
{
    enum stream_status status = STREAM_OK;

    while (stream->plain.len == 0 && status == STREAM_OK) {
        status = stream_settle(stream, stream_decrypt(stream));
    }
    return status;
}

void stream_pause(struct stream *stream)
{
    uv_read_stop((uv_stream_t *)&stream->tcp);
}

bool stream_put(struct stream *stream, struct bytes plain)
{
    struct tls_io io = {{NULL, 0}, &stream->out};
    struct err err;

    if (stream->tls == NULL) {
        return buf_append(&stream->out, plain.data, plain.len);
    }
    for (size_t at = 0; at < plain.len; at += TLS_RECORD_MAX) {
        size_t len = plain.len - at < TLS_RECORD_MAX ? plain.len - at : TLS_RECORD_MAX;

        if (tls_write(stream->tls, &io, plain.data + at, len, &err) != TLS_OK) {
            stream->out.len = 0;
            return false;
        }
    }
    return true;
}

void stream_put_end(struct stream *stream)
{
    struct tls_io io = {{NULL, 0}, &stream->out};
    struct err err;

    /* A peer that cannot be told so sees FIN. */
    if (stream->tls != NULL && tls_close(stream->tls, &io, &err) != TLS_OK) {
        stream->out.len = 0;
    }
}

static void stream_on_shutdown(uv_shutdown_t *shutdown, int status)
{
    /* The peer's FIN, or the owner's limit, is what ends the wait. */
}

enum stream_status stream_drain(struct stream *stream)
{
    if (stream->shutdown.data == NULL) {
        stream->shutdown.data = stream;
        if (uv_shutdown(&stream->shutdown, (uv_stream_t *)&stream->tcp, stream_on_shutdown) != 0) {
            return STREAM_BROKEN;
        }
    }
    stream->in.len = 0;
    return stream_wait_input(stream);
}

void stream_close(struct stream *stream, uv_close_cb on_closed)
{
    if (!uv_is_closing((uv_handle_t *)&stream->tcp)) {
        uv_close((uv_handle_t *)&stream->tcp, on_closed);
    }
}
