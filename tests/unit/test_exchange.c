/*
 * Exchange: requests as they go out, and replies taken byte by byte or all at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bench/exchange.h"
#include "common/err.h"

struct row {
    enum exchange_protocol protocol;
    size_t request_size;
    size_t reply_size;
    const char *request; /* NULL: not text */
    const char *reply;   /* as a server would send it */
};

static const struct row rows[] = {
    {EXCHANGE_FRAME, 16, 3, NULL, "abc"},
    {EXCHANGE_ECHO, 4, 4, "abcd", "abcd"},
    {EXCHANGE_REDIS, 3, 3, "*2\r\n$4\r\nPING\r\n$3\r\nabc\r\n", "$3\r\nabc\r\n"},
    {EXCHANGE_HTTP, 2, 3, "POST /3 HTTP/1.1\r\nHost: bench\r\nContent-Length: 2\r\n\r\nab",
     "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nDate: now\r\n\r\nabc"},
    {EXCHANGE_HTTP, 0, 0, "GET /0 HTTP/1.1\r\nHost: bench\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
};

#define NUM_ROWS (sizeof(rows) / sizeof(rows[0]))

static void init(struct exchange *exchange, const struct row *row)
{
    struct err err;

    assert_int_equal(
        exchange_init(exchange, row->protocol, row->request_size, row->reply_size, &err), 0);
}

static void requests_are_exact(void **state)
{
    for (size_t i = 0; i < NUM_ROWS; i++) {
        struct exchange exchange;
        struct frame frame;

        init(&exchange, &rows[i]);
        if (rows[i].request != NULL) {
            assert_int_equal(exchange.request_len, strlen(rows[i].request));
            assert_memory_equal(exchange.request, rows[i].request, exchange.request_len);
        } else {
            assert_true(frame_read(exchange.request, &frame));
            assert_int_equal(frame.request_len, rows[i].request_size);
            assert_int_equal(frame.reply_len, rows[i].reply_size);
        }
        exchange_deinit(&exchange);
    }
}

static void a_reply_may_come_in_pieces_and_the_next_one_with_it(void **state)
{
    for (size_t i = 0; i < NUM_ROWS; i++) {
        size_t len = strlen(rows[i].reply);
        struct exchange exchange;
        struct exchange_reader reader = {0};
        struct err err;

        init(&exchange, &rows[i]);
        for (size_t j = 0; j < 2 * len; j++) {
            struct bytes in = {(const uint8_t *)rows[i].reply + j % len, 1};

            assert_int_equal(exchange_take(&exchange, &reader, &in, &err), j % len == len - 1);
            assert_int_equal(in.len, 0);
        }
        exchange_deinit(&exchange);
    }
    for (size_t i = 0; i < NUM_ROWS; i++) {
        size_t len = strlen(rows[i].reply);
        char twice[256];
        struct bytes in = {(const uint8_t *)twice, 2 * len};
        struct exchange exchange;
        struct exchange_reader reader = {0};
        struct err err;

        init(&exchange, &rows[i]);
        memcpy(twice, rows[i].reply, len);
        memcpy(twice + len, rows[i].reply, len);
        assert_int_equal(exchange_take(&exchange, &reader, &in, &err), 1);
        assert_int_equal(in.len, len);
        assert_int_equal(exchange_take(&exchange, &reader, &in, &err), 1);
        assert_int_equal(in.len, 0);
        exchange_deinit(&exchange);
    }
}

static void another_reply_is_refused(void **state)
{
    static const struct {
        enum exchange_protocol protocol;
        const char *reply;
        const char *why;
    } wrong[] = {
        {EXCHANGE_ECHO, "abcdefghijklmnop!", "another reply than expected"},
        {EXCHANGE_REDIS, "-ERR unknown command\r\n", "another reply than expected"},
        {EXCHANGE_HTTP, "HTTP/1.1 503 Busy\r\nContent-Length: 20\r\n\r\n",
         "another reply than expected: HTTP/1.1 503 Busy"},
        {EXCHANGE_HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n",
         "another reply than expected: need Content-Length: 20"},
        {EXCHANGE_HTTP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
         "another reply than expected: need Content-Length: 20"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct bytes in = {(const uint8_t *)wrong[i].reply, strlen(wrong[i].reply)};
        struct exchange exchange;
        struct exchange_reader reader = {0};
        struct err err;

        assert_int_equal(exchange_init(&exchange, wrong[i].protocol, 20, 20, &err), 0);
        assert_int_equal(exchange_take(&exchange, &reader, &in, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.msg, wrong[i].why);
        exchange_deinit(&exchange);
    }
}

static void a_head_without_end_is_refused(void **state)
{
    char head[EXCHANGE_HEAD_MAX + 1];
    struct bytes in = {(const uint8_t *)head, sizeof(head)};
    struct exchange exchange;
    struct exchange_reader reader = {0};
    struct err err;

    memset(head, 'a', sizeof(head));
    assert_int_equal(exchange_init(&exchange, EXCHANGE_HTTP, 0, 1, &err), 0);
    assert_int_equal(exchange_take(&exchange, &reader, &in, &err), -1);
    assert_string_equal(err.msg, "a reply with a head of more than 1023 bytes");
    exchange_deinit(&exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_exact),
        cmocka_unit_test(a_reply_may_come_in_pieces_and_the_next_one_with_it),
        cmocka_unit_test(another_reply_is_refused),
        cmocka_unit_test(a_head_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
