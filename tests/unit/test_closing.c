/*
 * Closing: how each end of a connection shows on the other side, and what it is called.
 *
 * An abnormal end must never look clean.  Ends that a deadline or the operator decides are
 * test_cutting.c; peers that are refused, test_refusal.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/lib/rig.h"

static const enum rig_shape shapes[] = {RIG_INGRESS, RIG_EGRESS};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* A record whose tag cannot be right. */
static const uint8_t garbage[37] = {0x17, 3, 3, 0, 32};

static uint64_t closed(const struct rig *rig, enum reason reason)
{
    return counter_get(&rig->counters, (enum counter)(COUNTER_CLOSED + (unsigned)reason));
}

static void peer_reset(struct rig_pair *pair)
{
    sockets_reset(pair->peer_fd);
    pair->peer_fd = -1;
}

static void app_reset(struct rig_pair *pair)
{
    sockets_reset(pair->app);
    pair->app = -1;
}

static void fin_before_data(const struct rig *rig, struct rig_pair *pair)
{
    shutdown(pair->peer_fd, SHUT_WR);
}

static void fin_after_data(const struct rig *rig, struct rig_pair *pair)
{
    rig_tls_put(pair->peer, "data");
    rig_expect(pair->app, "data");
    shutdown(pair->peer_fd, SHUT_WR);
}

static void fin_inside_a_record(const struct rig *rig, struct rig_pair *pair)
{
    assert_int_equal(send(pair->peer_fd, garbage, 20, 0), 20);
    shutdown(pair->peer_fd, SHUT_WR);
}

static void fin_behind_the_apps_end(const struct rig *rig, struct rig_pair *pair)
{
    shutdown(pair->app, SHUT_WR);
    rig_tls_expect_close(pair->peer);
    shutdown(pair->peer_fd, SHUT_WR);
}

static void reset_while_relaying(const struct rig *rig, struct rig_pair *pair)
{
    rig_put(pair->app, "data");
    rig_tls_expect(pair->peer, "data");
    peer_reset(pair);
}

static void reset_while_the_peer_is_paused(const struct rig *rig, struct rig_pair *pair)
{
    rig_tls_fill(rig, pair->peer);
    peer_reset(pair);
}

static void reset_while_the_app_is_paused(const struct rig *rig, struct rig_pair *pair)
{
    rig_fill(rig, pair->app);
    peer_reset(pair);
}

static void reset_after_close_notify(const struct rig *rig, struct rig_pair *pair)
{
    assert_int_equal(SSL_shutdown(pair->peer), 0);
    rig_expect_eof(pair->app);
    peer_reset(pair);
}

static void reset_after_the_apps_end(const struct rig *rig, struct rig_pair *pair)
{
    shutdown(pair->app, SHUT_WR);
    rig_tls_expect_close(pair->peer);
    peer_reset(pair);
}

static void peer_alert(const struct rig *rig, struct rig_pair *pair)
{
    char byte = 0;

    /* The peer's engine is fed garbage, so that it sends its alert. */
    SSL_set0_rbio(pair->peer, BIO_new_mem_buf(garbage, sizeof(garbage)));
    ERR_clear_error();
    assert_true(SSL_read(pair->peer, &byte, 1) <= 0);
}

static void urgent_from_the_peer(const struct rig *rig, struct rig_pair *pair)
{
    rig_tls_put(pair->peer, "data");
    rig_expect(pair->app, "data");
    assert_int_equal(send(pair->peer_fd, "!", 1, MSG_OOB), 1);
}

static void urgent_from_the_app(const struct rig *rig, struct rig_pair *pair)
{
    rig_put(pair->app, "data");
    rig_tls_expect(pair->peer, "data");
    assert_int_equal(send(pair->app, "!", 1, MSG_OOB), 1);
}

static void r6_r7_an_abnormal_end_of_the_peer_resets_both_sides(void **state)
{
    static const struct {
        void (*act)(const struct rig *rig, struct rig_pair *pair);
        enum reason reason;
        bool truncated;
    } rows[] = {
        {fin_before_data, REASON_PEER_TRUNCATED, true},
        {fin_after_data, REASON_PEER_TRUNCATED, true},
        {fin_inside_a_record, REASON_PEER_TRUNCATED, true},
        {fin_behind_the_apps_end, REASON_PEER_TRUNCATED, true},
        {reset_while_relaying, REASON_PEER_RESET, false},
        {reset_while_the_peer_is_paused, REASON_PEER_RESET, false},
        {reset_while_the_app_is_paused, REASON_PEER_RESET, false},
        {reset_after_close_notify, REASON_PEER_RESET, false},
        {reset_after_the_apps_end, REASON_PEER_RESET, false},
        {urgent_from_the_peer, REASON_URGENT_DATA, false},
        {urgent_from_the_app, REASON_URGENT_DATA, false},
    };

    for (size_t i = 0; i < SHAPES * sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rows[i / SHAPES].act(&rig, &pair);
        rig_expect_reset(pair.app);
        if (pair.peer_fd >= 0) {
            rig_expect_reset(pair.peer_fd);
        }
        rig_await_closed(&rig.counters, rows[i / SHAPES].reason);
        assert_int_equal(counter_get(&rig.counters, COUNTER_TRUNCATED),
                         rows[i / SHAPES].truncated ? 1 : 0);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_APP), 1);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_PEER), 1);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void r6_truncation_is_passed_on_as_an_end_where_that_is_asked_for(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i], .on_truncation = CONN_TRUNCATION_EOF};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rig_tls_put(pair.peer, "question");
        shutdown(pair.peer_fd, SHUT_WR);
        rig_expect(pair.app, "question");
        rig_expect_eof(pair.app);
        rig_put(pair.app, "answer"); /* the other direction lives on, and ends cleanly */
        shutdown(pair.app, SHUT_WR);
        rig_tls_expect(pair.peer, "answer");
        rig_tls_expect_close(pair.peer);
        rig_expect_eof(pair.peer_fd);
        rig_await_closed(&rig.counters, REASON_PEER_TRUNCATED);
        assert_int_equal(counter_get(&rig.counters, COUNTER_TRUNCATED), 1);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void a_fatal_alert_from_the_peer_resets_the_app(void **state)
{
    for (unsigned spoken = 0; spoken < 2; spoken++) {
        for (size_t i = 0; i < SHAPES; i++) {
            struct rig_options options = {.shape = shapes[i]};
            bool rejected = shapes[i] == RIG_EGRESS && spoken == 0;
            struct rig_pair pair;
            struct rig rig;

            rig_start(&rig, &options);
            pair = rig_pair(&rig);
            if (spoken == 1) {
                rig_tls_put(pair.peer, "data");
                rig_expect(pair.app, "data");
            }
            peer_alert(&rig, &pair);
            rig_expect_reset(pair.app);
            rig_expect_reset(pair.peer_fd);
            rig_await_closed(&rig.counters,
                             rejected ? REASON_PEER_REJECTED_US : REASON_ALERT_RECEIVED);
            rig_pair_close(&pair);
            rig_stop(&rig);
        }
    }
}

/* Sends KeyUpdates; how many until the connection broke, at most `max`. */
static unsigned rekey(SSL *peer, unsigned max)
{
    unsigned num = 0;

    while (num < max && SSL_key_update(peer, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
           SSL_do_handshake(peer) == 1) {
        num++;
    }
    ERR_clear_error();
    return num;
}

static void r11_a_peer_that_changes_its_key_without_end_is_cut(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        assert_int_equal(rekey(pair.peer, 100), 100);
        rig_tls_put(pair.peer, "data");
        rig_expect(pair.app, "data");
        rig_put(pair.app, "reply");
        rig_tls_expect(pair.peer, "reply");
        assert_int_equal(counter_get(&rig.counters, COUNTER_KEY_UPDATES), 100);
        assert_true(rekey(pair.peer, 1000000) < 1000000);
        rig_expect_reset(pair.app);
        rig_await_closed(&rig.counters, REASON_KEYUPDATE);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void r10_a_bad_record_is_answered_with_an_alert_that_arrives(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        static const char more[65536];
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rig_tls_put(pair.peer, "data");
        rig_expect(pair.app, "data");
        assert_int_equal(send(pair.peer_fd, garbage, sizeof(garbage), 0), sizeof(garbage));
        assert_int_equal(send(pair.peer_fd, more, sizeof(more), 0), sizeof(more));
        rig_expect_reset(pair.app);
        rig_tls_expect_alert(pair.peer, SSL_AD_BAD_RECORD_MAC);
        rig_expect_eof(pair.peer_fd); /* what we sent after it must not turn this into a reset */
        assert_int_equal(closed(&rig, REASON_ALERT_SENT), 0); /* it lingers */
        shutdown(pair.peer_fd, SHUT_WR);
        rig_await_closed(&rig.counters, REASON_ALERT_SENT);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_PEER), 0);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void app_reset_while_relaying(const struct rig *rig, struct rig_pair *pair)
{
    rig_put(pair->app, "data");
    rig_tls_expect(pair->peer, "data");
    app_reset(pair);
}

static void app_reset_after_its_end(const struct rig *rig, struct rig_pair *pair)
{
    assert_int_equal(SSL_shutdown(pair->peer), 0);
    rig_expect_eof(pair->app);
    app_reset(pair);
}

static void app_reset_while_it_is_paused(const struct rig *rig, struct rig_pair *pair)
{
    rig_fill(rig, pair->app);
    app_reset(pair);
}

static void app_reset_while_the_peer_is_paused(const struct rig *rig, struct rig_pair *pair)
{
    rig_tls_fill(rig, pair->peer);
    app_reset(pair);
}

static void r7_an_app_that_resets_never_looks_clean_to_the_peer(void **state)
{
    static void (*const acts[])(const struct rig *rig, struct rig_pair *pair) = {
        app_reset_while_the_peer_is_paused, /* the only one that a unix socket shows */
        app_reset_while_relaying,
        app_reset_after_its_end,
        app_reset_while_it_is_paused,
    };
    const size_t num_acts = rig_over_unix() ? 1 : sizeof(acts) / sizeof(acts[0]);

    for (size_t i = 0; i < SHAPES * num_acts; i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        acts[i / SHAPES](&rig, &pair);
        rig_tls_expect_reset(pair.peer);
        rig_await_closed(&rig.counters, REASON_APP_RESET);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_PEER), 1);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

/* Unless there are bytes that it has not read: then it is a reset. */
static void an_app_that_leaves_a_unix_socket_looks_like_one_that_ended(void **state)
{
    for (size_t i = 0; rig_over_unix() && i < 2 * SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES]};
        bool peer_goes_on = i >= SHAPES;
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        rig_tls_put(pair.peer, "hello");
        rig_expect(pair.app, "hello");
        rig_put(pair.app, "last words");
        app_reset(&pair);
        rig_tls_expect(pair.peer, "last words");
        rig_tls_expect_close(pair.peer);
        if (peer_goes_on) {
            rig_tls_put(pair.peer, "is anybody there?");
            rig_expect_reset(pair.peer_fd);
        } else {
            assert_int_equal(SSL_shutdown(pair.peer), 1);
            rig_expect_eof(pair.peer_fd);
        }
        rig_await_closed(&rig.counters, peer_goes_on ? REASON_APP_RESET : REASON_CLEAN);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

/* The app has sent FIN, the peer has got close_notify, and then the app goes altogether. */
static void r7_an_app_that_resets_after_its_own_end_resets_the_peer(void **state)
{
    for (size_t i = 0; !rig_over_unix() && i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        shutdown(pair.app, SHUT_WR);
        rig_tls_expect_close(pair.peer);
        app_reset(&pair);
        rig_expect_reset(pair.peer_fd);
        rig_await_closed(&rig.counters, REASON_APP_RESET);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void r7_what_the_app_wrote_before_its_reset_still_arrives(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    struct rig_pair pair;
    struct rig rig;

    if (rig_over_unix()) {
        skip();
    }
    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    rig_tls_put(pair.peer, "hello"); /* a reset before it is relayed would be a failed connect */
    rig_expect(pair.app, "hello");
    rig_put(pair.app, "last words");
    app_reset(&pair);
    rig_tls_expect(pair.peer, "last words");
    rig_tls_expect_reset(pair.peer);
    rig_pair_close(&pair);
    rig_stop(&rig);
}

/* A reply that comes long after each side's end, whole: the queue outlives the streams. */
static void r4_a_reply_after_the_end_of_the_request_arrives_whole(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct rig_pair pair;
        struct rig rig;

        rig_start(&rig, &options);
        pair = rig_pair(&rig);
        assert_int_equal(SSL_shutdown(pair.peer), 0);
        shutdown(pair.peer_fd, SHUT_WR); /* the FIN may follow at once */
        rig_expect_eof(pair.app);
        rig_fill(&rig, pair.app);
        shutdown(pair.app, SHUT_WR);
        rig_tls_expect_close(pair.peer);
        rig_expect_eof(pair.peer_fd);
        rig_await_closed(&rig.counters, REASON_CLEAN);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_APP), 0);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_PEER), 0);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r6_r7_an_abnormal_end_of_the_peer_resets_both_sides),
        cmocka_unit_test(r6_truncation_is_passed_on_as_an_end_where_that_is_asked_for),
        cmocka_unit_test(a_fatal_alert_from_the_peer_resets_the_app),
        cmocka_unit_test(r11_a_peer_that_changes_its_key_without_end_is_cut),
        cmocka_unit_test(r10_a_bad_record_is_answered_with_an_alert_that_arrives),
        cmocka_unit_test(r7_an_app_that_resets_never_looks_clean_to_the_peer),
        cmocka_unit_test(an_app_that_leaves_a_unix_socket_looks_like_one_that_ended),
        cmocka_unit_test(r7_an_app_that_resets_after_its_own_end_resets_the_peer),
        cmocka_unit_test(r7_what_the_app_wrote_before_its_reset_still_arrives),
        cmocka_unit_test(r4_a_reply_after_the_end_of_the_request_arrives_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
