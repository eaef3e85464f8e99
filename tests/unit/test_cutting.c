/*
 * Cutting: connections that end because we say so: deadlines, expiry, new rules, drain.  Each is a
 * reset on both sides and has a name of its own.
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

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/lib/rig.h"

#define SOON_MS 50
#define TICKS_MS 300 /* long enough for the loop to look at every deadline */

static const enum rig_shape shapes[] = {RIG_INGRESS, RIG_EGRESS};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static struct worker *worker_of(const struct rig *rig)
{
    return rig->shape == RIG_EGRESS ? rig->egress : rig->ingress;
}

/* Both sides are reset for `reason`, without a word of TLS to the peer. */
static void expect_cut(const struct rig *rig, struct rig_pair *pair, enum reason reason)
{
    rig_expect_reset(pair->app);
    rig_tls_expect_reset(pair->peer);
    rig_await_closed(&rig->counters, reason);
    assert_int_equal(counter_get(&rig->counters, COUNTER_RESETS_APP), 1);
    assert_int_equal(counter_get(&rig->counters, COUNTER_RESETS_PEER), 1);
    rig_pair_close(pair);
}

static void do_nothing(const struct rig *rig, struct rig_pair *pair)
{
    /* That is what is tested. */
}

static void end_the_peers_stream(const struct rig *rig, struct rig_pair *pair)
{
    assert_int_equal(SSL_shutdown(pair->peer), 0);
    rig_expect_eof(pair->app);
}

static void a_deadline_that_passes_resets_both_sides(void **state)
{
    static const struct {
        struct conn_limits limits;
        void (*act)(const struct rig *rig, struct rig_pair *pair);
        enum reason reason;
    } rows[] = {
        {{.idle_ms = TICKS_MS}, do_nothing, REASON_IDLE_TIMEOUT},
        {{.half_close_ms = SOON_MS}, end_the_peers_stream, REASON_HALF_CLOSE_TIMEOUT},
        {{.max_lifetime_ms = TICKS_MS}, do_nothing, REASON_LIFETIME},
    };

    for (size_t i = 0; i < SHAPES * sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES],
                                      .limits = rows[i / SHAPES].limits};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rows[i / SHAPES].act(&rig, &pair);
        expect_cut(&rig, &pair, rows[i / SHAPES].reason);
        rig_stop(&rig);
    }
}

/* The source never stops; the other side never reads, and its end shows it the reset. */
static void a_side_that_stops_reading_is_cut(void **state)
{
    for (size_t i = 0; i < 2 * SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES],
                                      .limits = {.write_stall_ms = 500}};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        if (i < SHAPES) {
            rig_fill_until_broken(&rig, pair.app);
            rig_tls_expect_reset(pair.peer);
        } else {
            rig_tls_fill_until_broken(&rig, pair.peer);
            rig_expect_reset(pair.app);
        }
        rig_await_closed(&rig.counters, REASON_WRITE_STALL_TIMEOUT);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_APP), 1);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_PEER), 1);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

/* The app has ended its stream: the peer has its close_notify and the reset comes after it. */
static void r5_silence_after_the_apps_end_is_cut_too(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .limits = {.half_close_ms = SOON_MS}};
    struct rig_pair pair;
    struct rig rig;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    shutdown(pair.app, SHUT_WR);
    rig_tls_expect_close(pair.peer);
    rig_expect_reset(pair.peer_fd);
    rig_expect_reset(pair.app);
    rig_await_closed(&rig.counters, REASON_HALF_CLOSE_TIMEOUT);
    rig_pair_close(&pair);
    rig_stop(&rig);
}

/* Both streams have ended, but the peer does not take what is queued for it. */
static void a_peer_that_does_not_take_the_rest_is_cut(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i], .limits = {.write_stall_ms = 500}};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        end_the_peers_stream(&rig, &pair);
        rig_fill(&rig, pair.app);
        shutdown(pair.app, SHUT_WR);
        rig_await_closed(&rig.counters, REASON_WRITE_STALL_TIMEOUT);
        rig_tls_expect_reset(pair.peer);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void r5_progress_extends_a_deadline(void **state)
{
    static const struct conn_limits limits[] = {{.half_close_ms = 500}, {.idle_ms = 500}};

    for (size_t i = 0; i < 2; i++) {
        struct rig_options options = {.shape = RIG_INGRESS, .limits = limits[i]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        if (limits[i].half_close_ms > 0) {
            end_the_peers_stream(&rig, &pair);
        }
        for (unsigned step = 0; step < 15; step++) { /* three times the deadline */
            rig_put(pair.app, ".");
            rig_tls_expect(pair.peer, ".");
            rig_expect_silence(pair.peer_fd, 100);
        }
        assert_int_equal(counter_get(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS), 1);
        rig_expect_reset(pair.peer_fd); /* and silence dies */
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

/* One that says nothing at all is kept by the kernel, which shows it after 15 seconds. */
static void r1_a_client_that_does_not_finish_its_handshake_is_gone_by_the_deadline(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .limits = {.handshake_ms = 200}};
    struct rig rig;
    int stalled = -1;
    int dripping = -1;
    unsigned num_drops = 0;

    rig_start(&rig, &options);
    stalled = rig_connect(&rig);
    dripping = rig_connect(&rig);
    rig_put(stalled, "\x16\x03\x01");
    while (send(dripping, &"\x16\x03\x01\x01\x01"[num_drops < 4 ? num_drops : 4], 1,
                MSG_NOSIGNAL) == 1 &&
           poll(&(struct pollfd){.fd = dripping, .events = POLLIN}, 1, 20) == 0) {
        num_drops++;
        assert_true(num_drops < 250);
    }
    rig_expect_reset(stalled);
    rig_await(&rig.counters, COUNTER_HANDSHAKE_FAILED_TIMEOUT, 2);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    assert_true(rig_untouched(&rig));
    close(stalled);
    close(dripping);
    rig_stop(&rig);
}

static void a_silent_upstream_is_given_up(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS, .limits = {.handshake_ms = SOON_MS}};
    struct rig rig;
    int app = -1;
    int fd = -1;

    rig_start(&rig, &options);
    app = rig_connect(&rig);
    fd = rig_accept(&rig);
    rig_expect_reset(app);
    rig_expect_reset(fd);
    rig_await_closed(&rig.counters, REASON_HANDSHAKE_TIMEOUT);
    close(app);
    close(fd);
    rig_stop(&rig);
}

static void a_target_that_is_not_there_resets_whoever_asked(void **state)
{
    static const struct {
        const char *host;
        enum reason reason;
    } rows[] = {
        {NULL, REASON_CONNECT_REFUSED},
        {"no-such-host.invalid", REASON_RESOLVE_FAILED},
    };

    for (size_t i = 0; i < SHAPES * 2; i++) {
        struct rig_options options = {
            .shape = shapes[i % SHAPES], .no_target = true, .host = rows[i / SHAPES].host};
        struct rig rig;
        SSL *ssl = NULL;
        int fd = -1;

        rig_start(&rig, &options);
        fd = rig_connect(&rig);
        if (options.shape == RIG_INGRESS) {
            ssl = rig_tls(&rig, fd, RIG_FRIEND);
        }
        rig_expect_reset(fd);
        rig_await_closed(&rig.counters, rows[i / SHAPES].reason);
        SSL_free(ssl);
        close(fd);
        rig_stop(&rig);
    }
}

/* Connections that fill the queue of `target`, so that the next one gets no answer. */
#define FILLERS 4

static void fill_backlog(const struct rig *rig, int fillers[static FILLERS])
{
    assert_int_equal(listen(rig->target, 0), 0);
    for (unsigned i = 0; i < FILLERS; i++) {
        fillers[i] = sockets_connect(&rig->behind); /* -1: a unix socket that is full already */
        assert_true(fillers[i] >= 0 || (i > 0 && errno == EAGAIN));
    }
    assert_int_equal(poll(&(struct pollfd){.fd = fillers[0], .events = POLLOUT}, 1, RIG_WAIT_MS),
                     1);
}

static void a_connect_without_an_answer_is_given_up(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i], .limits = {.connect_ms = SOON_MS}};
        int fillers[FILLERS];
        struct rig rig;
        SSL *ssl = NULL;
        int fd = -1;

        rig_start(&rig, &options);
        fill_backlog(&rig, fillers);
        fd = rig_connect(&rig);
        if (shapes[i] == RIG_INGRESS) {
            ssl = rig_tls(&rig, fd, RIG_FRIEND);
            rig_tls_expect_reset(ssl);
        } else {
            rig_expect_reset(fd);
        }
        rig_await_closed(&rig.counters, REASON_CONNECT_TIMEOUT);
        for (unsigned filler = 0; filler < FILLERS; filler++) {
            (void)close(fillers[filler]);
        }
        SSL_free(ssl);
        close(fd);
        rig_stop(&rig);
    }
}

/* A unix socket with a full backlog refuses for the moment only. */
static void a_full_backlog_is_tried_again(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    int fillers[FILLERS];
    struct rig_pair pair;
    struct rig rig;

    if (!rig_over_unix()) { /* TCP tries again by itself */
        skip();
    }
    rig_start(&rig, &options);
    fill_backlog(&rig, fillers);
    pair.peer_fd = rig_connect(&rig);
    pair.peer = rig_tls(&rig, pair.peer_fd, RIG_FRIEND);
    rig_tls_put(pair.peer, "patience");
    rig_expect_silence(pair.peer_fd, TICKS_MS);
    for (unsigned i = 0; i < FILLERS && fillers[i] >= 0; i++) {
        close(rig_accept(&rig));
    }
    pair.app = rig_accept(&rig);
    rig_expect(pair.app, "patience");
    for (unsigned i = 0; i < FILLERS; i++) {
        (void)close(fillers[i]);
    }
    rig_pair_close(&pair);
    rig_stop(&rig);
}

/* The other end goes while the sidecar still waits for an answer to its connect. */
static void r7_a_reset_during_the_connect_ends_it(void **state)
{
    for (size_t i = 0; i < (rig_over_unix() ? 1 : SHAPES); i++) {
        struct rig_options options = {.shape = shapes[i]};
        int fillers[FILLERS];
        struct rig rig;
        SSL *ssl = NULL;
        int fd = -1;

        rig_start(&rig, &options);
        fill_backlog(&rig, fillers);
        fd = rig_connect(&rig);
        if (shapes[i] == RIG_INGRESS) {
            ssl = rig_tls(&rig, fd, RIG_FRIEND);
            rig_await(&rig.counters, COUNTER_AUTHORIZED_INGRESS, 1);
        } else {
            rig_await(&rig.counters, COUNTER_ACCEPTED_EGRESS, 1);
        }
        sockets_reset(fd);
        rig_await_closed(&rig.counters,
                         shapes[i] == RIG_INGRESS ? REASON_PEER_RESET : REASON_APP_RESET);
        for (unsigned filler = 0; filler < FILLERS; filler++) {
            (void)close(fillers[filler]);
        }
        SSL_free(ssl);
        rig_stop(&rig);
    }
}

static void r16_a_peer_is_cut_when_its_certificate_ends_and_not_before(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        generation_double_set_offset(3500);
        rig_expect_silence(pair.peer_fd, TICKS_MS);
        rig_tls_put(pair.peer, "still here");
        rig_expect(pair.app, "still here");
        generation_double_set_offset(3601);
        expect_cut(&rig, &pair, REASON_PEER_EXPIRED);
        rig_stop(&rig);
    }
}

static void r17_no_byte_passes_after_the_clock_was_set_behind_an_expiry(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct rig_pair pair;
        struct rig rig;
        ssize_t got = 0;
        char byte = 0;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rig_tls_put(pair.peer, "in time");
        rig_expect(pair.app, "in time");
        generation_double_set_offset(3601);
        rig_tls_put(pair.peer, "late");
        got = recv(pair.app, &byte, 1, 0);
        assert_true((got == -1 && errno == ECONNRESET) || (got == 0 && rig_over_unix()));
        rig_await_closed(&rig.counters, REASON_PEER_EXPIRED);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void r15_rules_that_no_longer_let_a_peer_in_cut_it(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct generation *next = NULL;
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        next = rig_generation(&rig, 2, RIG_FRIEND, 3600); /* a renewal changes nothing */
        worker_set_generation(worker_of(&rig), next);
        generation_unref(next);
        rig_expect_silence(pair.peer_fd, TICKS_MS);
        assert_int_equal(worker_generation(worker_of(&rig)), 2);
        rig_tls_put(pair.peer, "still here");
        rig_expect(pair.app, "still here");
        next = rig_generation(&rig, 3, RIG_STRANGER, 3600);
        worker_set_generation(worker_of(&rig), next);
        generation_unref(next);
        expect_cut(&rig, &pair, REASON_REVOKED);
        rig_stop(&rig);
    }
}

/* The handshake began under rules that let the peer in and ends under ones that do not. */
static void r12_rules_that_change_during_a_handshake_count(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS};
    struct generation *next = NULL;
    struct rig rig;
    SSL *ssl = NULL;
    int app = -1;
    int fd = -1;
    char byte = 0;

    rig_start(&rig, &options);
    app = rig_connect(&rig);
    rig_put(app, "secret");
    fd = rig_accept(&rig);
    assert_int_equal(recv(fd, &byte, 1, MSG_PEEK), 1);
    next = rig_generation(&rig, 2, RIG_STRANGER, 3600);
    worker_set_generation(rig.egress, next);
    generation_unref(next);
    for (unsigned i = 0; i < RIG_WAIT_MS && worker_generation(rig.egress) != 2; i++) {
        (void)poll(NULL, 0, 1);
    }
    ssl = rig_tls_begin(&rig, fd, RIG_FRIEND, true);
    (void)SSL_do_handshake(ssl);
    rig_expect_reset(app);
    rig_await_closed(&rig.counters, REASON_AUTHZ_DENIED);
    assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_OUT), 0);
    SSL_free(ssl);
    close(fd);
    close(app);
    rig_stop(&rig);
}

static void r32_an_app_waits_for_our_identity_but_not_for_ever(void **state)
{
    for (unsigned comes = 0; comes < 2; comes++) {
        struct rig_options options = {.shape = RIG_EGRESS, .no_identity = true};
        struct generation *next = NULL;
        struct rig rig;
        SSL *ssl = NULL;
        int app = -1;
        int fd = -1;

        options.limits.ready_wait_ms = comes == 1 ? 0 : SOON_MS;
        rig_start(&rig, &options);
        app = rig_connect(&rig);
        rig_put(app, "early");
        if (comes == 0) {
            rig_expect_reset(app);
            rig_await_closed(&rig.counters, REASON_READY_TIMEOUT);
            assert_true(rig_untouched(&rig));
        } else {
            rig_expect_silence(app, TICKS_MS);
            assert_true(rig_untouched(&rig));
            next = rig_generation(&rig, 2, RIG_FRIEND, 3600);
            worker_set_generation(rig.egress, next);
            generation_unref(next);
            fd = rig_accept(&rig);
            ssl = rig_tls(&rig, fd, RIG_FRIEND);
            rig_tls_expect(ssl, "early");
            SSL_free(ssl);
            close(fd);
        }
        close(app);
        rig_stop(&rig);
    }
}

static void r7_an_app_that_leaves_while_it_waits_is_forgotten(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS, .no_identity = true};
    struct rig rig;
    int app = -1;

    if (rig_over_unix()) { /* that looks like an end, behind which "early" still counts */
        skip();
    }
    rig_start(&rig, &options);
    app = rig_connect(&rig);
    rig_put(app, "early");
    rig_await(&rig.counters, COUNTER_ACCEPTED_EGRESS, 1);
    sockets_reset(app);
    rig_await_closed(&rig.counters, REASON_APP_RESET);
    rig_stop(&rig);
}

static void await_state(const struct rig *rig, enum worker_state wanted)
{
    for (unsigned i = 0; i < RIG_WAIT_MS && worker_state(worker_of(rig)) != wanted; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(worker_state(worker_of(rig)), wanted);
}

static void expect_nobody_listens(const struct rig *rig)
{
    int fd = sockets_connect(&rig->entry);

    if (fd >= 0) {
        assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, RIG_WAIT_MS), 1);
        assert_int_equal(sockets_error(fd), ECONNREFUSED);
        close(fd);
    }
}

static void r40_a_drain_lets_connections_end_by_themselves(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        worker_drain(worker_of(&rig));
        await_state(&rig, WORKER_DRAINING);
        rig_expect_silence(pair.peer_fd, TICKS_MS);
        expect_nobody_listens(&rig);
        rig_tls_put(pair.peer, "still here");
        rig_expect(pair.app, "still here");
        assert_int_equal(worker_state(worker_of(&rig)), WORKER_DRAINING);
        assert_int_equal(SSL_shutdown(pair.peer), 0);
        rig_expect_eof(pair.app);
        shutdown(pair.app, SHUT_WR);
        rig_tls_expect_close(pair.peer);
        rig_expect_eof(pair.peer_fd);
        rig_pair_close(&pair);
        await_state(&rig, WORKER_DRAINED);
        assert_int_equal(counter_get(&rig.counters, (enum counter)(COUNTER_CLOSED + REASON_CLEAN)),
                         1);
        rig_stop(&rig);
    }
}

static void r40_a_drain_cuts_what_does_not_end(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i], .worker = {.drain_timeout_ms = SOON_MS}};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        worker_drain(worker_of(&rig));
        expect_cut(&rig, &pair, REASON_DRAIN);
        await_state(&rig, WORKER_CUT_SHORT);
        rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_that_passes_resets_both_sides),
        cmocka_unit_test(a_side_that_stops_reading_is_cut),
        cmocka_unit_test(r5_silence_after_the_apps_end_is_cut_too),
        cmocka_unit_test(a_peer_that_does_not_take_the_rest_is_cut),
        cmocka_unit_test(r5_progress_extends_a_deadline),
        cmocka_unit_test(r1_a_client_that_does_not_finish_its_handshake_is_gone_by_the_deadline),
        cmocka_unit_test(a_silent_upstream_is_given_up),
        cmocka_unit_test(a_target_that_is_not_there_resets_whoever_asked),
        cmocka_unit_test(a_connect_without_an_answer_is_given_up),
        cmocka_unit_test(a_full_backlog_is_tried_again),
        cmocka_unit_test(r7_a_reset_during_the_connect_ends_it),
        cmocka_unit_test(r16_a_peer_is_cut_when_its_certificate_ends_and_not_before),
        cmocka_unit_test(r17_no_byte_passes_after_the_clock_was_set_behind_an_expiry),
        cmocka_unit_test(r15_rules_that_no_longer_let_a_peer_in_cut_it),
        cmocka_unit_test(r12_rules_that_change_during_a_handshake_count),
        cmocka_unit_test(r32_an_app_waits_for_our_identity_but_not_for_ever),
        cmocka_unit_test(r7_an_app_that_leaves_while_it_waits_is_forgotten),
        cmocka_unit_test(r40_a_drain_lets_connections_end_by_themselves),
        cmocka_unit_test(r40_a_drain_cuts_what_does_not_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
