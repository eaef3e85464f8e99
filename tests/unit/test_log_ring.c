/*
 * Tests of log_ring and scribe: lines come out whole and in order, what does not fit is refused,
 * and a reader that has stopped holds up neither side.
 */
#include "proxy/log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "proxy/scribe.h"

#define LINES 40000 /* several times what fits */
#define PIECE 4096  /* of a pipe: what one read sets free */

/* Standard error is a pipe that nobody reads but the test. */
struct reader {
    int saved;
    int fd;
};

static struct reader reader_begin(void)
{
    struct reader reader = {.saved = dup(STDERR_FILENO)};
    int ends[2] = {-1, -1};

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    reader.fd = ends[0];
    return reader;
}

static void reader_end(struct reader *reader)
{
    assert_int_equal(dup2(reader->saved, STDERR_FILENO), STDERR_FILENO);
    close(reader->saved);
    close(reader->fd);
}

/* Fills standard error; returns how many bytes it took. */
static size_t reader_fill(void)
{
    static const char text[PIECE];
    size_t num = 0;

    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
    while (write(STDERR_FILENO, text, PIECE) > 0) {
        num += PIECE;
    }
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, 0), 0);
    return num;
}

static void reader_skip(const struct reader *reader, size_t len)
{
    char text[PIECE];

    for (size_t done = 0; done < len; done += PIECE) {
        assert_int_equal(read(reader->fd, text, PIECE), PIECE);
    }
}

/* Reads lines "N xxx...": each is whole, and its number is the next. */
struct sequence {
    unsigned next;
    char rest[LOG_LINE_CAP];
    size_t len;
};

static size_t line_of(unsigned number, char out[static LOG_LINE_CAP])
{
    size_t len = 10 + number % 700; /* of many lengths, so that all places of the ring are an end */

    memset(out, 'x', len);
    out[snprintf(out, 9, "%u", number)] = ' ';
    out[len] = '\n';
    return len + 1;
}

static void sequence_read(struct sequence *sequence, int fd)
{
    char text[LOG_LINE_CAP + 65536];
    ssize_t got = 0;
    size_t len = sequence->len;
    char *line = text;

    memcpy(text, sequence->rest, len);
    got = read(fd, text + len, 65536);
    assert_true(got > 0);
    len += (size_t)got;
    for (char *end = NULL; (end = memchr(line, '\n', len)) != NULL; line = end + 1) {
        char expected[LOG_LINE_CAP];
        size_t expected_len = line_of(sequence->next++, expected);

        assert_int_equal(end + 1 - line, expected_len);
        assert_memory_equal(line, expected, expected_len);
        len -= expected_len;
    }
    assert_true(len < LOG_LINE_CAP);
    memcpy(sequence->rest, line, len);
    sequence->len = len;
}

static void put_all(void *ring)
{
    char line[LOG_LINE_CAP];

    for (unsigned i = 0; i < LINES;) {
        size_t len = line_of(i, line);

        i += log_ring_put(ring, line, len) ? 1 : 0;
    }
}

static void r44_lines_come_out_whole_and_in_order(void **state)
{
    struct reader reader = reader_begin();
    struct log_ring *ring = log_ring_new(NULL, NULL);
    struct sequence sequence = {.next = 0};
    uv_thread_t putter;

    assert_int_equal(uv_thread_create(&putter, put_all, ring), 0);
    while (sequence.next < LINES) {
        struct pollfd in = {.fd = reader.fd, .events = POLLIN};

        (void)log_ring_write(ring); /* false: the pipe is full, which the next lines change */
        if (poll(&in, 1, 0) == 1) {
            sequence_read(&sequence, reader.fd);
        }
    }
    uv_thread_join(&putter);
    assert_int_equal(sequence.len, 0);
    log_ring_free(ring);
    reader_end(&reader);
}

static void count_put(void *arg)
{
    ++*(unsigned *)arg;
}

static void r44_what_does_not_fit_is_lost_and_counted_and_told(void **state)
{
    struct reader reader = reader_begin();
    size_t filled = reader_fill();
    unsigned num_put = 0;
    struct log_ring *ring = log_ring_new(count_put, &num_put);
    uint64_t lost = log_lost();
    char text[2 * PIECE + 1] = "";

    log_setup(LOG_INFO, LOG_TEXT);
    log_divert(log_ring_put, ring);
    while (log_lost() == lost) { /* ends: the ring is bounded */
        log_info("a.line", kv_num("n", num_put));
    }
    log_info("a.line", kv_text("n", "lost, too"));
    assert_int_equal(log_lost(), lost + 2);
    assert_in_range(num_put, 10000, LOG_RING_CAP / 20);
    assert_false(log_ring_write(ring)); /* nobody reads */
    reader_skip(&reader, filled);
    assert_false(log_ring_write(ring)); /* it is more than the pipe takes */
    assert_int_equal(read(reader.fd, text + PIECE, PIECE), PIECE);
    assert_non_null(strstr(text + PIECE, "Z info a.line n=0\n"));
    log_info("a.line", kv_text("n", "kept"));
    log_divert(NULL, NULL);
    while (strstr(text, "n=kept\n") == NULL) {
        ssize_t len = 0;

        (void)log_ring_write(ring);
        memmove(text, text + PIECE, PIECE); /* what is looked for may lie across two pieces */
        len = read(reader.fd, text + PIECE, PIECE);
        assert_true(len > 0);
        memset(text + PIECE + len, 0, (size_t)(PIECE - len) + 1);
    }
    assert_non_null(strstr(text, " warn log.lost lines=2\n"));
    log_setup(LOG_ERROR, LOG_TEXT);
    log_ring_free(ring);
    reader_end(&reader);
}

static void r44_the_scribe_goes_on_when_somebody_reads_again(void **state)
{
    struct reader reader = reader_begin();
    size_t filled = reader_fill();
    struct sequence sequence = {.next = 0};
    struct scribe scribe = {.started = false};
    char line[LOG_LINE_CAP];
    uv_loop_t loop;
    struct err err;

    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(scribe_start(&scribe, &loop, 2, &err), 0);
    assert_true(log_ring_put(scribe.rings[1], line, line_of(0, line)));
    uv_run(&loop, UV_RUN_ONCE); /* and finds nobody */
    reader_skip(&reader, filled);
    uv_run(&loop, UV_RUN_ONCE); /* the next try */
    sequence_read(&sequence, reader.fd);
    assert_int_equal(sequence.next, 1);
    assert_true(log_ring_put(scribe.rings[0], line, line_of(1, line)));
    scribe_stop(&scribe); /* writes what is left */
    sequence_read(&sequence, reader.fd);
    assert_int_equal(sequence.next, 2);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    scribe_deinit(&scribe);
    reader_end(&reader);
}

/* Else an error that falls into a burst of connections would be lost. */
static void r44_a_line_of_the_control_thread_waits_for_the_reader(void **state)
{
    struct reader reader = reader_begin();
    size_t filled = reader_fill();
    struct scribe scribe = {.started = false};
    uint64_t lost = log_lost();
    char text[PIECE + 1] = "";
    uv_loop_t loop;
    struct err err;

    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(scribe_start(&scribe, &loop, 0, &err), 0);
    log_error("a.first", kv_num("n", 1));
    log_error("a.second", kv_num("n", 2));
    assert_int_equal(log_lost(), lost);
    reader_skip(&reader, filled);
    log_error("a.third", kv_num("n", 3)); /* at once, but not before the others */
    scribe_stop(&scribe);
    log_error("a.last", kv_num("n", 4)); /* nobody takes care of it any more */
    assert_true(read(reader.fd, text, PIECE) > 0);
    assert_non_null(strstr(text, "Z error a.first n=1\n"));
    assert_non_null(strstr(strstr(text, "a.first"), "Z error a.second n=2\n"));
    assert_non_null(strstr(strstr(text, "a.second"), "Z error a.third n=3\n"));
    assert_non_null(strstr(strstr(text, "a.third"), "Z error a.last n=4\n"));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    scribe_deinit(&scribe);
    reader_end(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r44_lines_come_out_whole_and_in_order),
        cmocka_unit_test(r44_what_does_not_fit_is_lost_and_counted_and_told),
        cmocka_unit_test(r44_the_scribe_goes_on_when_somebody_reads_again),
        cmocka_unit_test(r44_a_line_of_the_control_thread_waits_for_the_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
