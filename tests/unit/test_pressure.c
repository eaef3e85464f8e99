/*
 * Pressure: every cap is reached, counted and left again; queues stay within their bounds; and no
 * descriptor makes the loop spin, whatever state its socket is in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/lib/rig.h"

static const enum rig_shape shapes[] = {RIG_INGRESS, RIG_EGRESS};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define QUEUE_MAX ((uint64_t)144 * 1024) /* bytes, of one direction */

static void r35_a_connection_over_the_limit_waits_for_another_to_end(void **state)
{
    for (unsigned own = 0; own < 2; own++) {
        struct rig_options options = {.shape = RIG_INGRESS};
        struct rig_pair first;
        struct rig_pair second;
        struct rig rig;

        options.connections_max_on_listener = own == 1 ? 1 : 0;
        options.connections_max = own == 1 ? 0 : 1;
        rig_start(&rig, &options);
        first = rig_pair(&rig);
        second.peer_fd = rig_connect(&rig);
        second.peer = rig_tls_begin(&rig, second.peer_fd, RIG_FRIEND, false);
        rig_say_hello(second.peer);
        rig_await(&rig.counters, COUNTER_ACCEPT_PAUSED, 1);
        assert_int_equal(counter_get(&rig.counters, COUNTER_SHED_CONNECTIONS), 1);
        rig_tls_put(first.peer, "still here"); /* the others are unaffected */
        rig_expect(first.app, "still here");
        assert_int_equal(counter_get(&rig.counters, COUNTER_ACCEPTED_INGRESS), 1);
        rig_pair_close(&first);
        assert_int_equal(SSL_do_handshake(second.peer), 1);
        second.app = rig_accept(&rig);
        rig_tls_put(second.peer, "at last");
        rig_expect(second.app, "at last");
        rig_pair_close(&second);
        rig_await(&rig.counters, COUNTER_ACCEPT_PAUSED, 0);
        rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
        rig_stop(&rig);
    }
}

static void r35_a_source_over_its_limit_is_reset_until_one_of_its_connections_ends(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .connections_max_from_source = 2};
    struct rig_pair pairs[2];
    struct rig rig;
    int fd = -1;

    rig_start(&rig, &options);
    pairs[0] = rig_pair(&rig);
    pairs[1] = rig_pair(&rig);
    for (uint64_t i = 1; i < 4; i++) {
        fd = rig_connect(&rig);
        rig_put(fd, "hello"); /* which shows it to the listener */
        rig_expect_reset(fd);
        close(fd);
        assert_int_equal(counter_get(&rig.counters, COUNTER_SHED_SOURCE), i);
    }
    for (unsigned i = 0; i < 2; i++) { /* the others are unaffected */
        rig_tls_put(pairs[i].peer, "still here");
        rig_expect(pairs[i].app, "still here");
    }
    rig_pair_close(&pairs[0]);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 1);
    pairs[0] = rig_pair(&rig);
    rig_tls_put(pairs[0].peer, "room again");
    rig_expect(pairs[0].app, "room again");
    rig_pair_close(&pairs[0]);
    rig_pair_close(&pairs[1]);
    rig_stop(&rig);
}

static void r35_a_handshake_over_the_limit_waits_for_another_to_end(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .worker = {.handshakes_max = 1}};
    struct rig_pair pair;
    struct rig rig;
    int stalled = -1;

    rig_start(&rig, &options);
    stalled = rig_connect(&rig);
    rig_put(stalled, "\x16\x03\x01");
    rig_await(&rig.counters, COUNTER_ACCEPTED_INGRESS, 1);
    pair.peer_fd = rig_connect(&rig);
    pair.peer = rig_tls_begin(&rig, pair.peer_fd, RIG_FRIEND, false);
    rig_say_hello(pair.peer);
    rig_await(&rig.counters, COUNTER_SHED_HANDSHAKES, 1);
    assert_int_equal(counter_get(&rig.counters, COUNTER_ACCEPT_PAUSED), 1);
    close(stalled);
    assert_int_equal(SSL_do_handshake(pair.peer), 1);
    pair.app = rig_accept(&rig);
    rig_tls_put(pair.peer, "at last");
    rig_expect(pair.app, "at last");
    rig_await(&rig.counters, COUNTER_ACCEPT_PAUSED, 0);
    rig_pair_close(&pair);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    rig_stop(&rig);
}

/* The source never stops and the reader never starts, then reads all that was ever sent. */
static void r2_a_source_that_never_stops_fills_a_bounded_queue(void **state)
{
    for (size_t i = 0; i < 2 * SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES]};
        bool from_peer = i >= SHAPES;
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        if (from_peer) {
            rig_tls_fill(&rig, pair.peer);
        } else {
            rig_fill(&rig, pair.app);
        }
        rig_expect_silence(from_peer ? pair.peer_fd : pair.app, 250); /* a tick has counted */
        assert_in_range(counter_get(&rig.counters, COUNTER_BUFFER_BYTES), 1, QUEUE_MAX);
        rig_pair_close(&pair);
        rig_await(&rig.counters, COUNTER_BUFFER_BYTES, 0);
        rig_stop(&rig);
    }
}

/* All the pool is taken: nothing new is read, what is queued drains, and then it goes on. */
static void r35_connections_wait_when_the_pool_is_at_its_bound(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS,
                                  .worker = {.buffer_memory = (size_t)5 * 16384}};
    static const char data[65536];
    struct rig_pair greedy;
    struct rig_pair modest;
    struct rig rig;

    rig_start(&rig, &options);
    greedy = rig_pair(&rig);
    modest = rig_pair(&rig);
    for (unsigned i = 0; i < RIG_WAIT_MS; i++) {
        while (send(greedy.app, data, sizeof(data), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
        }
        if (counter_get(&rig.counters, COUNTER_SHED_BUFFERS) > 0) {
            break;
        }
        (void)poll(NULL, 0, 1);
    }
    rig_put(modest.app, "patience");
    rig_expect_silence(modest.peer_fd, 250);
    assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_IN), 0);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 2);
    rig_pair_close(&greedy);
    rig_tls_expect(modest.peer, "patience");
    rig_pair_close(&modest);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    rig_stop(&rig);
}

static void nothing_happens(const struct rig *rig, struct rig_pair *pair)
{
    /* An idle connection. */
}

static void the_peer_ends_and_the_app_is_idle(const struct rig *rig, struct rig_pair *pair)
{
    assert_int_equal(SSL_shutdown(pair->peer), 0);
    shutdown(pair->peer_fd, SHUT_WR);
    rig_expect_eof(pair->app);
}

static void the_app_ends_and_the_peer_is_idle(const struct rig *rig, struct rig_pair *pair)
{
    shutdown(pair->app, SHUT_WR);
    rig_tls_expect_close(pair->peer);
}

static void the_peer_ends_behind_a_full_queue(const struct rig *rig, struct rig_pair *pair)
{
    rig_tls_fill(rig, pair->peer);
    shutdown(pair->peer_fd, SHUT_WR);
}

static void the_app_ends_behind_a_full_queue(const struct rig *rig, struct rig_pair *pair)
{
    rig_fill(rig, pair->app);
    shutdown(pair->app, SHUT_WR);
}

static void the_peer_ends_while_the_app_is_paused(const struct rig *rig, struct rig_pair *pair)
{
    rig_fill(rig, pair->app);
    assert_int_equal(SSL_shutdown(pair->peer), 0);
    shutdown(pair->peer_fd, SHUT_WR);
    rig_expect_eof(pair->app);
}

static void both_end_behind_a_full_queue(const struct rig *rig, struct rig_pair *pair)
{
    the_peer_ends_while_the_app_is_paused(rig, pair);
    shutdown(pair->app, SHUT_WR);
}

static void the_peer_stays_after_both_ends(const struct rig *rig, struct rig_pair *pair)
{
    assert_int_equal(SSL_shutdown(pair->peer), 0);
    rig_expect_eof(pair->app);
    shutdown(pair->app, SHUT_WR);
    rig_tls_expect_close(pair->peer); /* and sends no FIN: the sidecar lingers */
}

static void a_paused_peer_sends_urgent_data(const struct rig *rig, struct rig_pair *pair)
{
    rig_tls_fill(rig, pair->peer);
    (void)send(pair->peer_fd, "!", 1, MSG_OOB | MSG_DONTWAIT);
}

static void a_paused_app_sends_urgent_data(const struct rig *rig, struct rig_pair *pair)
{
    rig_fill(rig, pair->app);
    (void)send(pair->app, "!", 1, MSG_OOB | MSG_DONTWAIT);
}

static void a_refused_record_is_lingered_on(const struct rig *rig, struct rig_pair *pair)
{
    static const uint8_t garbage[37] = {0x17, 3, 3, 0, 32};

    assert_int_equal(send(pair->peer_fd, garbage, sizeof(garbage), 0), sizeof(garbage));
    rig_expect_reset(pair->app);
}

#define WATCH_MS 300
#define TURNS_MAX 30 /* in that time: the tick is every 100 ms, and a spin is thousands */

/* How often the loop turns in that time, or until it has once: a machine may be too busy for that.
 */
static uint64_t turns_meanwhile(const struct rig *rig)
{
    uint64_t before = counter_get(&rig->counters, COUNTER_LOOP_TURNS);

    (void)poll(NULL, 0, WATCH_MS);
    for (unsigned i = 0;
         i < RIG_WAIT_MS && counter_get(&rig->counters, COUNTER_LOOP_TURNS) == before; i++) {
        (void)poll(NULL, 0, 1);
    }
    return counter_get(&rig->counters, COUNTER_LOOP_TURNS) - before;
}

static void r8_no_state_of_a_socket_makes_the_loop_spin(void **state)
{
    static void (*const acts[])(const struct rig *rig, struct rig_pair *pair) = {
        nothing_happens,
        the_peer_ends_and_the_app_is_idle,
        the_app_ends_and_the_peer_is_idle,
        the_peer_ends_behind_a_full_queue,
        the_app_ends_behind_a_full_queue,
        the_peer_ends_while_the_app_is_paused,
        both_end_behind_a_full_queue,
        the_peer_stays_after_both_ends,
        a_paused_peer_sends_urgent_data,
        a_paused_app_sends_urgent_data,
        a_refused_record_is_lingered_on,
    };

    for (size_t i = 0; i < SHAPES * sizeof(acts) / sizeof(acts[0]); i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES], .stays_awake = true};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        acts[i / SHAPES](&rig, &pair);
        assert_in_range(turns_meanwhile(&rig), 1, TURNS_MAX);
        assert_int_equal(counter_get(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS) +
                             counter_get(&rig.counters, COUNTER_CONNECTIONS_OPEN_EGRESS),
                         1);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void r8_a_listener_at_its_limit_does_not_spin(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .connections_max = 1};
    struct rig_pair pair;
    struct rig rig;
    int waiting = -1;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    waiting = rig_connect(&rig);
    rig_put(waiting, "\x16\x03\x01");
    rig_await(&rig.counters, COUNTER_ACCEPT_PAUSED, 1);
    assert_in_range(turns_meanwhile(&rig), 1, TURNS_MAX);
    close(waiting);
    rig_pair_close(&pair);
    rig_stop(&rig);
}

#define LONG_LEN ((size_t)50 * 1024 * 1024)

static uint8_t long_byte(size_t i)
{
    return (uint8_t)((i * 2654435761U) >> 15);
}

static void long_write(void *arg)
{
    static uint8_t data[65536];
    int fd = *(int *)arg;

    for (size_t done = 0; done < LONG_LEN;) {
        size_t put = 0;

        for (size_t i = 0; i < sizeof(data); i++) {
            data[i] = long_byte(done + i);
        }
        while (put < sizeof(data)) {
            ssize_t rc = send(fd, data + put, sizeof(data) - put, MSG_NOSIGNAL);

            if (rc <= 0) {
                return; /* the reader will miss it */
            }
            put += (size_t)rc;
        }
        done += sizeof(data);
    }
    close(fd);
}

static void r9_every_byte_arrives_before_close_notify(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    static uint8_t data[16384];
    uv_thread_t thread;
    struct rig_pair pair;
    struct rig rig;
    size_t done = 0;
    int rc = 0;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    assert_int_equal(uv_thread_create(&thread, long_write, &pair.app), 0);
    for (unsigned i = 0; i < RIG_WAIT_MS && counter_get(&rig.counters, COUNTER_PAUSES) == 0; i++) {
        (void)poll(NULL, 0, 1); /* so slow is the reader */
    }
    while ((rc = SSL_read(pair.peer, data, sizeof(data))) > 0) {
        bool same = true;

        for (int i = 0; i < rc; i++) {
            same = same && data[i] == long_byte(done + (size_t)i);
        }
        assert_true(same);
        done += (size_t)rc;
    }
    assert_int_equal(SSL_get_error(pair.peer, rc), SSL_ERROR_ZERO_RETURN);
    assert_int_equal(done, LONG_LEN);
    assert_int_equal(uv_thread_join(&thread), 0);
    pair.app = -1;
    rig_pair_close(&pair);
    rig_stop(&rig);
}

static void pour(void *arg)
{
    static const uint8_t data[65536];

    while (send(*(int *)arg, data, sizeof(data), MSG_NOSIGNAL) > 0) {
        /* until it is reset */
    }
}

static void swallow(void *arg)
{
    uint8_t data[65536];

    while (recv(*(int *)arg, data, sizeof(data), 0) > 0) {
        /* likewise */
    }
}

static void r40_a_loop_that_stays_awake_ends_in_the_midst_of_a_stream(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .stays_awake = true};

    for (unsigned round = 0; round < 5; round++) {
        uv_thread_t threads[2];
        struct rig_pair pair;
        struct rig rig;
        uint64_t turns = 0;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        turns = counter_get(&rig.counters, COUNTER_LOOP_TURNS) + 1000; /* it is worth it by then */
        assert_int_equal(uv_thread_create(&threads[0], pour, &pair.app), 0);
        assert_int_equal(uv_thread_create(&threads[1], swallow, &pair.peer_fd), 0);
        for (unsigned i = 0;
             i < RIG_WAIT_MS && counter_get(&rig.counters, COUNTER_LOOP_TURNS) < turns; i++) {
            (void)poll(NULL, 0, 1);
        }
        rig_stop(&rig);
        assert_int_equal(uv_thread_join(&threads[0]), 0);
        assert_int_equal(uv_thread_join(&threads[1]), 0);
        rig_pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r35_a_connection_over_the_limit_waits_for_another_to_end),
        cmocka_unit_test(r35_a_source_over_its_limit_is_reset_until_one_of_its_connections_ends),
        cmocka_unit_test(r35_a_handshake_over_the_limit_waits_for_another_to_end),
        cmocka_unit_test(r2_a_source_that_never_stops_fills_a_bounded_queue),
        cmocka_unit_test(r35_connections_wait_when_the_pool_is_at_its_bound),
        cmocka_unit_test(r8_no_state_of_a_socket_makes_the_loop_spin),
        cmocka_unit_test(r8_a_listener_at_its_limit_does_not_spin),
        cmocka_unit_test(r9_every_byte_arrives_before_close_notify),
        cmocka_unit_test(r40_a_loop_that_stays_awake_ends_in_the_midst_of_a_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
