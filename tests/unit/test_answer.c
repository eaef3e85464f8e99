/*
 * Answer: requests of both kinds in, in any pieces, and the replies they ask for out, in any
 * pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench/answer.h"
#include "common/err.h"

#define OUT_CAP 4096

static struct bytes text(const char *value)
{
    return (struct bytes){.data = (const uint8_t *)value, .len = strlen(value)};
}

static void feed(struct answer_stream *stream, struct bytes in)
{
    struct err err = {0};

    assert_int_equal(answer_feed(stream, &in, &err), 0);
    assert_int_equal(in.len, 0);
}

/* Takes all that is owed, `step` bytes at a time. */
static void drain(struct answer_stream *stream, size_t step, char out[static OUT_CAP])
{
    size_t len = 0;

    while (stream->num > 0) {
        struct buf piece = buf_over(out + len, step);

        answer_peek(stream, &piece);
        assert_true(piece.len > 0);
        answer_sent(stream, piece.len);
        len += piece.len;
        assert_true(len + step < OUT_CAP);
    }
    out[len] = '\0';
}

static void each_kind_has_its_reply(void **state)
{
    static const struct {
        const char *request;
        const char *reply;
    } rows[] = {
        {"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"GET /x?1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"POST /2 HTTP/1.1\r\ncontent-length: 5\r\n\r\nGET /",
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t step = 1; step < 100; step += 33) {
            struct answer_stream stream = {0};
            char out[OUT_CAP];

            feed(&stream, text(rows[i].request));
            assert_int_equal(stream.num, 1);
            drain(&stream, step, out);
            assert_string_equal(out, rows[i].reply);
        }
    }
}

static void a_frame_is_answered_once_it_is_whole(void **state)
{
    const struct frame frame = {.request_len = 20, .reply_len = 30};
    struct answer_stream stream = {0};
    uint8_t request[40] = {0};
    char out[OUT_CAP];

    frame_write(&frame, request);
    memcpy(request + 20, request, 20);
    for (size_t i = 0; i < sizeof(request); i++) {
        assert_int_equal(stream.num, i / 20);
        feed(&stream, (struct bytes){.data = request + i, .len = 1});
    }
    assert_int_equal(stream.num, 2);
    drain(&stream, 7, out);
    assert_string_equal(out, "abcdefghijklmnopqrstuvwxyzabcd"
                             "abcdefghijklmnopqrstuvwxyzabcd");
}

static void a_full_queue_leaves_the_rest(void **state)
{
    static const char request[] = "GET /1 HTTP/1.1\r\n\r\n";
    const size_t len = sizeof(request) - 1;
    struct answer_stream stream = {0};
    uint8_t *many = malloc(len * (ANSWER_QUEUE_MAX + 2));
    struct bytes in = {.data = many, .len = len * (ANSWER_QUEUE_MAX + 2)};
    struct err err;

    assert_non_null(many);
    for (size_t i = 0; i < ANSWER_QUEUE_MAX + 2; i++) {
        memcpy(many + i * len, request, len);
    }
    assert_int_equal(answer_feed(&stream, &in, &err), 0);
    assert_int_equal(stream.num, ANSWER_QUEUE_MAX);
    assert_int_equal(in.len, 2 * len);
    free(many);
}

static void what_is_no_request_is_refused(void **state)
{
    static const struct {
        const char *request;
        const char *why;
    } rows[] = {
        {"\xf7"
         "123456789012345",
         "no frame"},
        {"hello\r\n\r\n", "no HTTP request"},
        {"POST /1 HTTP/1.1\r\nContent-Length: x\r\n\r\n", "no length of a body"},
        {"POST /1 HTTP/1.1\r\nContent-Length: 16777217\r\n\r\n", "no length of a body"},
        {"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "bodies in chunks are not understood"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer_stream stream = {0};
        struct bytes in = text(rows[i].request);
        struct err err;

        assert_int_equal(answer_feed(&stream, &in, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.msg, rows[i].why);
    }
}

static void a_head_without_end_is_refused(void **state)
{
    struct answer_stream stream = {0};
    char head[ANSWER_HEAD_MAX];
    struct bytes in = {.data = (const uint8_t *)head, .len = sizeof(head)};
    struct err err;

    memset(head, 'a', sizeof(head));
    assert_int_equal(answer_feed(&stream, &in, &err), -1);
    assert_string_equal(err.msg, "the head of a request is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_reply),
        cmocka_unit_test(a_frame_is_answered_once_it_is_whole),
        cmocka_unit_test(a_full_queue_leaves_the_rest),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_head_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
