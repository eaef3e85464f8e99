/*
 * Chunk: the pool and the queues made of its pieces.  Counts and links only; sockets are leg.c.
 */
#include "proxy/chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
    struct chunk *next;
    size_t start; /* first byte in use */
    size_t end;   /* one past the last */
    uint8_t data[CHUNK_LEN];
};

void chunk_pool_init(struct chunk_pool *pool, size_t bytes_max)
{
    *pool = (struct chunk_pool){.num_used = 0};
    chunk_pool_set_bound(pool, bytes_max);
}

void chunk_pool_set_bound(struct chunk_pool *pool, size_t bytes_max)
{
    pool->used_max = bytes_max / CHUNK_LEN + (bytes_max % CHUNK_LEN != 0 ? 1 : 0);
}

static void chunk_pool_shrink(struct chunk_pool *pool, size_t keep)
{
    while (pool->num_free > keep) {
        struct chunk *chunk = pool->free;

        pool->free = chunk->next;
        pool->num_free--;
        free(chunk);
    }
}

void chunk_pool_deinit(struct chunk_pool *pool)
{
    assert(pool->num_used == 0);
    chunk_pool_shrink(pool, 0);
}

size_t chunk_pool_room(const struct chunk_pool *pool)
{
    return pool->used_max > pool->num_used ? pool->used_max - pool->num_used : 0;
}

void chunk_pool_trim(struct chunk_pool *pool)
{
    chunk_pool_shrink(pool, CHUNK_KEEP_MAX);
}

static struct chunk *chunk_take(struct chunk_pool *pool)
{
    struct chunk *chunk = pool->free;

    if (chunk != NULL) {
        pool->free = chunk->next;
        pool->num_free--;
    } else {
        chunk = malloc(sizeof(*chunk));
        if (chunk == NULL) {
            return NULL;
        }
    }
    chunk->next = NULL;
    chunk->start = 0;
    chunk->end = 0;
    pool->num_used++;
    return chunk;
}

static void chunk_give(struct chunk_pool *pool, struct chunk *chunk)
{
    chunk->next = pool->free;
    pool->free = chunk;
    pool->num_free++;
    pool->num_used--;
}

/* Makes sure that `num` chunks can be taken without asking the allocator. */
static bool chunk_pool_prepare(struct chunk_pool *pool, size_t num)
{
    if (num > chunk_pool_room(pool)) {
        return false;
    }
    while (pool->num_free < num) {
        struct chunk *chunk = malloc(sizeof(*chunk));

        if (chunk == NULL) {
            return false;
        }
        chunk->next = pool->free;
        pool->free = chunk;
        pool->num_free++;
    }
    return true;
}

bool chunk_queue_append(struct chunk_queue *queue, struct chunk_pool *pool, const uint8_t *data,
                        size_t len)
{
    size_t tail = queue->last != NULL ? CHUNK_LEN - queue->last->end : 0;
    size_t beyond = len > tail ? len - tail : 0;

    if (!chunk_pool_prepare(pool, beyond / CHUNK_LEN + (beyond % CHUNK_LEN != 0 ? 1 : 0))) {
        return false;
    }
    queue->len += len;
    while (len > 0) {
        struct chunk *chunk = queue->last;
        size_t piece = 0;

        if (chunk == NULL || chunk->end == CHUNK_LEN) {
            chunk = chunk_take(pool);
            assert(chunk != NULL);
            if (queue->last != NULL) {
                queue->last->next = chunk;
            } else {
                queue->first = chunk;
            }
            queue->last = chunk;
        }
        piece = CHUNK_LEN - chunk->end < len ? CHUNK_LEN - chunk->end : len;
        memcpy(chunk->data + chunk->end, data, piece);
        chunk->end += piece;
        data += piece;
        len -= piece;
    }
    return true;
}

struct bytes chunk_queue_first(const struct chunk_queue *queue)
{
    const struct chunk *chunk = queue->first;

    if (chunk == NULL) {
        return (struct bytes){NULL, 0};
    }
    return (struct bytes){chunk->data + chunk->start, chunk->end - chunk->start};
}

size_t chunk_queue_peek(const struct chunk_queue *queue, struct iovec *out_iov, size_t iov_max)
{
    size_t num = 0;

    for (struct chunk *chunk = queue->first; chunk != NULL && num < iov_max; chunk = chunk->next) {
        out_iov[num++] = (struct iovec){chunk->data + chunk->start, chunk->end - chunk->start};
    }
    return num;
}

void chunk_queue_consume(struct chunk_queue *queue, struct chunk_pool *pool, size_t len)
{
    assert(len <= queue->len);
    queue->len -= len;
    while (len > 0) {
        struct chunk *chunk = queue->first;
        size_t held = chunk->end - chunk->start;

        if (len < held) {
            chunk->start += len;
            return;
        }
        len -= held;
        queue->first = chunk->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        chunk_give(pool, chunk);
    }
}

void chunk_queue_clear(struct chunk_queue *queue, struct chunk_pool *pool)
{
    chunk_queue_consume(queue, pool, queue->len);
}
