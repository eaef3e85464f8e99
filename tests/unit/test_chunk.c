/*
 * Chunk: queues keep order and bytes, and the pool keeps its bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proxy/chunk.h"

static void fill(uint8_t *data, size_t len, size_t from)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)((from + i) * 7 + (from + i) / 256);
    }
}

static void bytes_leave_in_the_order_they_came(void **state)
{
    static const size_t pieces[] = {1, 100, CHUNK_LEN, CHUNK_LEN - 1, CHUNK_LEN + 1, 40000, 3};
    static uint8_t data[50000];
    static uint8_t got[50000];
    struct chunk_pool pool;
    struct chunk_queue queue = {0};
    size_t put = 0;
    size_t taken = 0;

    chunk_pool_init(&pool, 1024 * 1024);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        fill(data, pieces[i], put);
        assert_true(chunk_queue_append(&queue, &pool, data, pieces[i]));
        put += pieces[i];
        while (queue.len > 500) {
            struct bytes first = chunk_queue_first(&queue);
            size_t len = first.len < queue.len - 300 ? first.len : queue.len - 300;

            fill(got, len, taken);
            assert_memory_equal(first.data, got, len);
            chunk_queue_consume(&queue, &pool, len);
            taken += len;
        }
    }
    assert_int_equal(put - taken, queue.len);
    chunk_queue_clear(&queue, &pool);
    assert_int_equal(pool.num_used, 0);
    assert_null(queue.first);
    assert_int_equal(chunk_queue_first(&queue).len, 0);
    chunk_pool_deinit(&pool);
}

static void at_the_bound_nothing_is_taken(void **state)
{
    static uint8_t data[3 * CHUNK_LEN];
    struct chunk_pool pool;
    struct chunk_queue one = {0};
    struct chunk_queue two = {0};

    chunk_pool_init(&pool, 2 * CHUNK_LEN + 1);
    assert_int_equal(chunk_pool_room(&pool), 3);
    assert_true(chunk_queue_append(&one, &pool, data, 2 * CHUNK_LEN));
    assert_false(chunk_queue_append(&two, &pool, data, CHUNK_LEN + 1));
    assert_int_equal(two.len, 0);
    assert_null(two.first);
    assert_true(chunk_queue_append(&two, &pool, data, 10));
    assert_false(chunk_queue_append(&one, &pool, data, 1));
    assert_int_equal(one.len, 2 * CHUNK_LEN);
    assert_true(chunk_queue_append(&two, &pool, data, CHUNK_LEN - 10));
    chunk_queue_clear(&one, &pool);
    assert_int_equal(chunk_pool_room(&pool), 2);
    chunk_queue_clear(&two, &pool);
    chunk_pool_deinit(&pool);
}

static void a_queue_is_described_for_writev(void **state)
{
    static uint8_t data[3 * CHUNK_LEN];
    struct chunk_pool pool;
    struct chunk_queue queue = {0};
    struct iovec iov[2];

    chunk_pool_init(&pool, 1024 * 1024);
    assert_int_equal(chunk_queue_peek(&queue, iov, 2), 0);
    assert_true(chunk_queue_append(&queue, &pool, data, 2 * CHUNK_LEN + 5));
    chunk_queue_consume(&queue, &pool, 10);
    assert_int_equal(chunk_queue_peek(&queue, iov, 2), 2);
    assert_int_equal(iov[0].iov_len, CHUNK_LEN - 10);
    assert_int_equal(iov[1].iov_len, CHUNK_LEN);
    chunk_queue_clear(&queue, &pool);
    chunk_pool_deinit(&pool);
}

static void a_burst_is_given_back(void **state)
{
    static uint8_t data[100 * CHUNK_LEN];
    struct chunk_pool pool;
    struct chunk_queue queue = {0};

    chunk_pool_init(&pool, sizeof(data));
    assert_true(chunk_queue_append(&queue, &pool, data, sizeof(data)));
    chunk_queue_clear(&queue, &pool);
    assert_int_equal(pool.num_free, 100);
    chunk_pool_trim(&pool);
    assert_int_equal(pool.num_free, CHUNK_KEEP_MAX);
    chunk_pool_deinit(&pool);
    assert_int_equal(pool.num_free, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_leave_in_the_order_they_came),
        cmocka_unit_test(at_the_bound_nothing_is_taken),
        cmocka_unit_test(a_queue_is_described_for_writev),
        cmocka_unit_test(a_burst_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
