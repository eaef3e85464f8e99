/*
 * Log ring: a circle of bytes with a position for each side.  Every line ends with LF, which is
 * what the writing side cuts at; so several short ones share a write.
 */
#include "proxy/log_ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

struct log_ring {
    void (*on_put)(void *arg);
    void *arg;
    _Atomic size_t put;   /* bytes so far; written by the putting thread */
    _Atomic size_t taken; /* likewise by the other */
    char *text;           /* LOG_RING_CAP bytes; pages that were never used cost nothing */
};

struct log_ring *log_ring_new(void (*on_put)(void *arg), void *arg)
{
    struct log_ring *ring = calloc(1, sizeof(*ring));

    if (ring == NULL) {
        return NULL;
    }
    ring->text = malloc(LOG_RING_CAP);
    if (ring->text == NULL) {
        free(ring);
        return NULL;
    }
    ring->on_put = on_put;
    ring->arg = arg;
    return ring;
}

void log_ring_free(struct log_ring *ring)
{
    if (ring != NULL) {
        free(ring->text);
        free(ring);
    }
}

bool log_ring_put(void *arg, const char *line, size_t len)
{
    struct log_ring *ring = arg;
    size_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    size_t used = put - atomic_load_explicit(&ring->taken, memory_order_acquire);
    size_t at = put % LOG_RING_CAP;
    size_t head = len < LOG_RING_CAP - at ? len : LOG_RING_CAP - at;

    assert(len > 0 && line[len - 1] == '\n');
    if (len > LOG_RING_CAP - used) {
        return false;
    }
    memcpy(ring->text + at, line, head);
    memcpy(ring->text, line + head, len - head);
    atomic_store_explicit(&ring->put, put + len, memory_order_release);
    if (ring->on_put != NULL) {
        ring->on_put(ring->arg);
    }
    return true;
}

/* The next whole lines, as many as one write takes; returns their length. */
static size_t log_ring_peek(const struct log_ring *ring, char out[static LOG_LINE_CAP])
{
    size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    size_t used = atomic_load_explicit(&ring->put, memory_order_acquire) - taken;
    size_t at = taken % LOG_RING_CAP;
    size_t len = used < LOG_LINE_CAP ? used : LOG_LINE_CAP;
    size_t head = len < LOG_RING_CAP - at ? len : LOG_RING_CAP - at;

    memcpy(out, ring->text + at, head);
    memcpy(out + head, ring->text, len - head);
    while (len > 0 && out[len - 1] != '\n') {
        len--;
    }
    return len;
}

bool log_ring_write(struct log_ring *ring)
{
    char lines[LOG_LINE_CAP];

    for (;;) {
        size_t len = log_ring_peek(ring, lines);

        if (len == 0) {
            return true;
        }
        if (!log_write(lines, len)) {
            return false;
        }
        atomic_fetch_add_explicit(&ring->taken, len, memory_order_release);
    }
}
