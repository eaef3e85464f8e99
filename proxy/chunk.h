/*
 * Chunk: pooled 16 KiB pieces, and queues of bytes made of them, for what a socket would not take.
 *
 * One pool per loop, with a bound; a queue that is empty owns nothing.  Not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/bytes.h"
#include "common/compiler.h"

#define CHUNK_LEN 16384   /* bytes a chunk holds */
#define CHUNK_KEEP_MAX 64 /* free chunks that survive chunk_pool_trim() */

struct chunk; /* opaque */

struct chunk_pool {
    struct chunk *free;
    size_t num_free;
    size_t num_used;
    size_t used_max; /* chunks */
};

struct chunk_queue {
    struct chunk *first;
    struct chunk *last;
    size_t len; /* bytes queued */
};

/* A pool that lends at most `bytes_max`, rounded up to a chunk. */
void chunk_pool_init(struct chunk_pool *pool, size_t bytes_max);

/* Another bound; what is lent stays so. */
void chunk_pool_set_bound(struct chunk_pool *pool, size_t bytes_max);

/* All queues must be empty. */
void chunk_pool_deinit(struct chunk_pool *pool);

/* Chunks that may still be lent. */
size_t chunk_pool_room(const struct chunk_pool *pool);

/* Gives free chunks above CHUNK_KEEP_MAX back to the allocator. */
void chunk_pool_trim(struct chunk_pool *pool);

/* Appends all of `data`, or nothing: false if the pool is at its bound or memory is out. */
MUST_CHECK bool chunk_queue_append(struct chunk_queue *queue, struct chunk_pool *pool,
                                   const uint8_t *data, size_t len);

/* The bytes of the first chunk; borrowed until the next call on the queue. */
struct bytes chunk_queue_first(const struct chunk_queue *queue);

/* Describes the front of the queue for writev: the number of entries filled, at most `iov_max`. */
size_t chunk_queue_peek(const struct chunk_queue *queue, struct iovec *out_iov, size_t iov_max);

/* Drops the first `len` bytes, at most queue->len. */
void chunk_queue_consume(struct chunk_queue *queue, struct chunk_pool *pool, size_t len);

void chunk_queue_clear(struct chunk_queue *queue, struct chunk_pool *pool);
