/*
 * Scribe: when to write, and when to try again.
 */
#include "proxy/scribe.h"

#include <assert.h>
#include <poll.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"

#define SCRIBE_RETRY_MS 50
#define SCRIBE_LAST_TRIES 20

static bool scribe_write(struct scribe *scribe)
{
    bool done = log_ring_write(scribe->own);

    for (size_t i = 0; i < scribe->num_rings; i++) {
        done = log_ring_write(scribe->rings[i]) && done;
    }
    return done;
}

static void scribe_on_retry(uv_timer_t *timer);

static void scribe_go_on(struct scribe *scribe)
{
    if (!scribe_write(scribe)) {
        uv_timer_start(&scribe->retry, scribe_on_retry, SCRIBE_RETRY_MS, 0);
    }
}

static void scribe_on_retry(uv_timer_t *timer)
{
    scribe_go_on(timer->data);
}

static void scribe_on_async(uv_async_t *put)
{
    scribe_go_on(put->data);
}

static void scribe_on_put(void *arg)
{
    uv_async_send(arg);
}

/* A burst of the data threads' lines may have filled the pipe for a moment. */
static bool scribe_put(void *arg, const char *line, size_t len)
{
    struct scribe *scribe = arg;

    return (log_ring_write(scribe->own) && log_write(line, len)) ||
           log_ring_put(scribe->own, line, len);
}

int scribe_start(struct scribe *scribe, uv_loop_t *loop, size_t num_rings, struct err *err)
{
    int status = uv_async_init(loop, &scribe->put, scribe_on_async);

    assert(num_rings <= SCRIBE_RINGS_MAX);
    if (status != 0) {
        return err_set_errno(err, ERR_IO, -status, "log");
    }
    scribe->put.data = scribe;
    (void)uv_timer_init(loop, &scribe->retry);
    scribe->retry.data = scribe;
    scribe->started = true;
    scribe->own = log_ring_new(scribe_on_put, &scribe->put);
    for (size_t i = 0; scribe->own != NULL && i < num_rings; i++) {
        scribe->rings[i] = log_ring_new(scribe_on_put, &scribe->put);
        if (scribe->rings[i] == NULL) {
            break;
        }
        scribe->num_rings++;
    }
    if (scribe->own == NULL || scribe->num_rings < num_rings) {
        scribe_stop(scribe);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    log_divert(scribe_put, scribe);
    return 0;
}

void scribe_stop(struct scribe *scribe)
{
    if (!scribe->started) {
        return;
    }
    scribe->started = false;
    log_divert(NULL, NULL);
    for (unsigned i = 0; i < SCRIBE_LAST_TRIES && !scribe_write(scribe); i++) {
        (void)poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, SCRIBE_RETRY_MS);
    }
    uv_close((uv_handle_t *)&scribe->put, NULL);
    uv_close((uv_handle_t *)&scribe->retry, NULL);
}

void scribe_deinit(struct scribe *scribe)
{
    for (size_t i = 0; i < scribe->num_rings; i++) {
        log_ring_free(scribe->rings[i]);
    }
    scribe->num_rings = 0;
    log_ring_free(scribe->own);
    scribe->own = NULL;
}
