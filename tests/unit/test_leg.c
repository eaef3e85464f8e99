/*
 * Leg: what a socket's events become, and that none of them makes the loop spin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/sockets.h"
#include "proxy/leg.h"

struct rig {
    uv_loop_t loop;
    struct chunk_pool pool;
    struct leg leg;
    int other; /* the far end */
    unsigned events;
    bool closed;
};

static void on_event(struct leg *leg)
{
    ((struct rig *)leg->owner)->events++;
    leg_watch(leg);
}

static void on_closed(struct leg *leg)
{
    ((struct rig *)leg->owner)->closed = true;
}

/* A connected TCP pair over loopback, one end in the leg. */
static void rig_init(struct rig *rig)
{
    struct sockets_listen_options options = {.backlog = 1};
    struct sockets_address address = {.len = 0};
    struct sockets_address peer = {.len = 0};
    struct err err;
    int listener = -1;

    *rig = (struct rig){.other = -1};
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    chunk_pool_init(&rig->pool, 1024 * 1024);
    assert_int_equal(sockets_parse("127.0.0.1:0", &address, &err), 0);
    listener = sockets_listen(&address, &options, &err);
    assert_int_equal(sockets_bound(listener, &address, &err), 0);
    rig->other = sockets_connect(&address);
    assert_int_equal(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 5000), 1);
    leg_init(&rig->leg, &rig->pool, rig, on_event, on_closed);
    assert_int_equal(leg_open(&rig->leg, &rig->loop, sockets_accept(listener, &peer)), 0);
    sockets_tune(rig->leg.fd, 0);
    close(listener);
}

static void rig_deinit(struct rig *rig)
{
    leg_close(&rig->leg);
    assert_int_equal(uv_run(&rig->loop, UV_RUN_DEFAULT), 0);
    assert_true(rig->closed);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    chunk_pool_deinit(&rig->pool);
    if (rig->other >= 0) {
        close(rig->other);
    }
}

/* Turns the loop until an event has come. */
static void turn(struct rig *rig)
{
    unsigned before = rig->events;

    while (rig->events == before) {
        int alive = uv_run(&rig->loop, UV_RUN_ONCE);

        assert_true(alive != 0 || rig->events != before);
    }
}

/* The number of events in a hundred turns that nothing has caused. */
static unsigned spins(struct rig *rig)
{
    unsigned before = rig->events;

    for (unsigned i = 0; i < 100; i++) {
        (void)uv_run(&rig->loop, UV_RUN_NOWAIT);
    }
    return rig->events - before;
}

static void put(const struct rig *rig, const char *text)
{
    assert_int_equal(send(rig->other, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void masks_follow_the_table(void **state)
{
    static const struct {
        struct leg leg;
        int mask;
    } rows[] = {
        {{.reading = true}, UV_READABLE | UV_PRIORITIZED},
        {{.reading = false}, UV_DISCONNECT},
        {{.fin_seen = true}, UV_PRIORITIZED},
        {{.fin_seen = true, .reading = true}, UV_READABLE | UV_PRIORITIZED},
        {{.eof = true, .reading = true}, UV_PRIORITIZED},
        {{.shut = true, .reading = true}, UV_READABLE | UV_PRIORITIZED},
        {{.shut = true, .reading = false}, UV_DISCONNECT},
        {{.shut = true, .eof = true}, 0},
        {{.shut = true, .fin_seen = true, .reading = true}, 0},
        {{.out.len = 1, .reading = true}, UV_READABLE | UV_PRIORITIZED | UV_WRITABLE},
        {{.out.len = 1}, UV_DISCONNECT | UV_WRITABLE},
        {{.out.len = 1, .eof = true}, UV_PRIORITIZED | UV_WRITABLE},
        {{.error = EPIPE, .reading = true, .out.len = 1}, 0},
        {{.hung_up = true, .reading = true}, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(leg_mask(&rows[i].leg), rows[i].mask);
    }
}

static void a_paused_leg_sees_a_fin_behind_unread_data_once(void **state)
{
    struct rig rig;
    uint8_t data[16];

    rig_init(&rig);
    leg_watch(&rig.leg);
    put(&rig, "unread");
    assert_int_equal(spins(&rig), 0);
    close(rig.other);
    rig.other = -1;
    turn(&rig);
    assert_true(rig.leg.fin_seen && !rig.leg.eof && rig.leg.error == 0);
    assert_int_equal(spins(&rig), 0);
    assert_int_equal(leg_recv(&rig.leg, data, sizeof(data)), 6);
    assert_true(rig.leg.readable);
    assert_int_equal(leg_recv(&rig.leg, data, sizeof(data)), 0);
    assert_true(rig.leg.eof && !rig.leg.readable);
    rig_deinit(&rig);
}

static void a_reset_is_seen_while_paused_and_leaves_the_data(void **state)
{
    struct rig rig;
    uint8_t data[16];

    rig_init(&rig);
    leg_watch(&rig.leg);
    put(&rig, "unread");
    sockets_reset(rig.other);
    rig.other = -1;
    turn(&rig);
    assert_int_equal(rig.leg.error, ECONNRESET);
    assert_int_equal(spins(&rig), 0);
    assert_int_equal(leg_recv(&rig.leg, data, sizeof(data)), 6);
    assert_int_equal(leg_recv(&rig.leg, data, sizeof(data)), 0);
    assert_false(rig.leg.eof);
    rig_deinit(&rig);
}

static void a_reset_after_the_fin_is_seen(void **state)
{
    struct rig rig;
    uint8_t data[16];

    rig_init(&rig);
    rig.leg.reading = true;
    leg_watch(&rig.leg);
    assert_int_equal(shutdown(rig.other, SHUT_WR), 0);
    turn(&rig);
    assert_int_equal(leg_recv(&rig.leg, data, sizeof(data)), 0);
    assert_true(rig.leg.eof);
    leg_watch(&rig.leg);
    assert_int_equal(spins(&rig), 0);
    sockets_reset(rig.other);
    rig.other = -1;
    turn(&rig);
    assert_int_equal(rig.leg.error, EPIPE);
    assert_int_equal(spins(&rig), 0);
    rig_deinit(&rig);
}

static void after_both_fins_nothing_is_watched_and_data_still_read(void **state)
{
    struct rig rig;
    uint8_t data[16];

    rig_init(&rig);
    leg_watch(&rig.leg);
    leg_shut(&rig.leg);
    put(&rig, "late");
    assert_int_equal(shutdown(rig.other, SHUT_WR), 0);
    turn(&rig);
    assert_true(rig.leg.fin_seen);
    assert_int_equal(rig.leg.mask, 0);
    assert_int_equal(spins(&rig), 0);
    assert_int_equal(leg_recv(&rig.leg, data, sizeof(data)), 4);
    assert_int_equal(leg_recv(&rig.leg, data, sizeof(data)), 0);
    assert_true(rig.leg.eof);
    rig_deinit(&rig);
}

static void urgent_data_is_noticed(void **state)
{
    struct rig rig;

    rig_init(&rig);
    rig.leg.reading = true;
    leg_watch(&rig.leg);
    assert_int_equal(send(rig.other, "!", 1, MSG_OOB), 1);
    while (!rig.leg.urgent) {
        turn(&rig);
    }
    rig_deinit(&rig);
}

static void what_the_socket_does_not_take_is_queued_and_sent_later(void **state)
{
    static uint8_t data[64 * 1024];
    static uint8_t got[64 * 1024];
    struct rig rig;
    size_t put_len = 0;
    size_t got_len = 0;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 13);
    }
    rig_init(&rig);
    while (rig.leg.out.len == 0) {
        assert_true(leg_send(&rig.leg, data, sizeof(data)));
        put_len += sizeof(data);
    }
    leg_watch(&rig.leg);
    assert_int_equal(spins(&rig), 0); /* full: quiet */
    while (got_len < put_len) {
        ssize_t len = recv(rig.other, got, sizeof(got), 0);

        if (len < 0) {
            assert_int_equal(errno, EAGAIN);
            (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
            continue;
        }
        for (ssize_t i = 0; i < len; i++) {
            assert_int_equal(got[i], data[(got_len + (size_t)i) % sizeof(data)]);
        }
        got_len += (size_t)len;
    }
    (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
    assert_int_equal(rig.leg.out.len, 0);
    assert_int_equal(rig.leg.sent, put_len);
    assert_int_equal(spins(&rig), 0); /* drained: WRITABLE is not watched any more */
    rig_deinit(&rig);
}

static void a_queue_over_its_bound_breaks_the_leg(void **state)
{
    static uint8_t data[64 * 1024];
    struct rig rig;
    unsigned rounds = 0;

    rig_init(&rig);
    while (leg_send(&rig.leg, data, sizeof(data))) {
        assert_true(rig.leg.out.len <= LEG_QUEUE_MAX);
        assert_true(++rounds < 10000);
    }
    assert_int_equal(rig.leg.error, ENOMEM);
    rig_deinit(&rig);
    assert_int_equal(rig.pool.num_used, 0);
}

static void a_reset_reaches_the_other_end(void **state)
{
    struct rig rig;
    char byte = 0;

    rig_init(&rig);
    leg_reset(&rig.leg);
    assert_false(leg_is_open(&rig.leg));
    assert_int_equal(poll(&(struct pollfd){.fd = rig.other, .events = POLLIN}, 1, 5000), 1);
    assert_int_equal(recv(rig.other, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_follow_the_table),
        cmocka_unit_test(a_paused_leg_sees_a_fin_behind_unread_data_once),
        cmocka_unit_test(a_reset_is_seen_while_paused_and_leaves_the_data),
        cmocka_unit_test(a_reset_after_the_fin_is_seen),
        cmocka_unit_test(after_both_fins_nothing_is_watched_and_data_still_read),
        cmocka_unit_test(urgent_data_is_noticed),
        cmocka_unit_test(what_the_socket_does_not_take_is_queued_and_sent_later),
        cmocka_unit_test(a_queue_over_its_bound_breaks_the_leg),
        cmocka_unit_test(a_reset_reaches_the_other_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
