/*
 * Messages: what a peer may do with the messages of TLS itself, after the handshake, that no
 * library does: a KeyUpdate in two records, an end within one, an alert with a reset behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <openssl/ssl.h>

#include "tests/lib/records.h"
#include "tests/lib/rig.h"

static const enum rig_shape shapes[] = {RIG_INGRESS, RIG_EGRESS};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define RESETS 20 /* tries, for which one of two events is seen first is up to the kernel */

static const uint8_t key_update[] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, 0};
static const uint8_t close_notify[] = {SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY};
static const uint8_t internal_error[] = {SSL3_AL_FATAL, SSL_AD_INTERNAL_ERROR};

#define KEY_UPDATE_HEAD 4 /* bytes that say how many follow */

/* rig_pair() whose peer writes its own records. */
static struct rig_pair watched_pair(const struct rig *rig, struct records *records)
{
    struct rig_pair pair = {.app = -1};
    bool egress = rig->shape == RIG_EGRESS;

    if (egress) {
        pair.app = rig_connect(rig);
    }
    pair.peer_fd = egress ? rig_accept(rig) : rig_connect(rig);
    pair.peer = rig_tls_begin(rig, pair.peer_fd, RIG_FRIEND, egress);
    records_watch(records, pair.peer);
    assert_int_equal(SSL_do_handshake(pair.peer), 1);
    if (!egress) {
        pair.app = rig_accept(rig);
    }
    return pair;
}

/* Sends what needs the sidecar's attention, and waits until it has had it. */
static void put_and_await(struct records *records, const struct rig_pair *pair)
{
    records_put(records, pair->peer_fd, SSL3_RT_APPLICATION_DATA, "seen", 4);
    rig_expect(pair->app, "seen");
}

static void a_message_in_two_records_delays_what_we_send_and_loses_nothing(void **state)
{
    for (unsigned ends = 0; ends < 2; ends++) {
        for (size_t i = 0; i < SHAPES; i++) {
            struct rig_options options = {.shape = shapes[i]};
            struct records records;
            struct rig_pair pair;
            struct rig rig;

            rig_start(&rig, &options);
            pair = watched_pair(&rig, &records);
            put_and_await(&records, &pair);
            records_put(&records, pair.peer_fd, SSL3_RT_HANDSHAKE, key_update, KEY_UPDATE_HEAD);
            rig_put(pair.app, "reply");
            if (ends == 1) {
                shutdown(pair.app, SHUT_WR);
            }
            rig_expect_silence(pair.peer_fd, 50);
            records_put(&records, pair.peer_fd, SSL3_RT_HANDSHAKE, key_update + KEY_UPDATE_HEAD, 1);
            rig_tls_expect(pair.peer, "reply");
            records_update(&records);
            put_and_await(&records, &pair);
            records_put(&records, pair.peer_fd, SSL3_RT_ALERT, close_notify, sizeof(close_notify));
            rig_expect_eof(pair.app);
            shutdown(pair.app, SHUT_WR);
            rig_tls_expect_close(pair.peer);
            rig_expect_eof(pair.peer_fd);
            rig_pair_close(&pair);
            rig_await_closed(&rig.counters, REASON_CLEAN);
            rig_stop(&rig);
        }
    }
}

static void r6_an_end_within_a_message_is_a_truncation(void **state)
{
    for (unsigned fin = 0; fin < 2; fin++) {
        for (size_t i = 0; i < SHAPES; i++) {
            struct rig_options options = {.shape = shapes[i], .on_truncation = CONN_TRUNCATION_EOF};
            struct records records;
            struct rig_pair pair;
            struct rig rig;

            rig_start(&rig, &options);
            pair = watched_pair(&rig, &records);
            put_and_await(&records, &pair);
            records_put(&records, pair.peer_fd, SSL3_RT_HANDSHAKE, key_update, KEY_UPDATE_HEAD);
            if (fin == 1) {
                shutdown(pair.peer_fd, SHUT_WR);
            } else {
                records_put(&records, pair.peer_fd, SSL3_RT_ALERT, close_notify,
                            sizeof(close_notify));
            }
            rig_expect_reset(pair.app);
            rig_await_closed(&rig.counters, REASON_PEER_TRUNCATED);
            assert_int_equal(counter_get(&rig.counters, COUNTER_TRUNCATED), 1);
            rig_pair_close(&pair);
            rig_stop(&rig);
        }
    }
}

static void an_alert_is_seen_although_a_reset_follows_at_once(void **state)
{
    for (size_t i = 0; i < SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i]};
        enum reason reason =
            shapes[i] == RIG_EGRESS ? REASON_PEER_REJECTED_US : REASON_ALERT_RECEIVED;
        struct rig rig;

        rig_start(&rig, &options);
        for (unsigned k = 1; k <= RESETS; k++) {
            struct records records;
            struct rig_pair pair = watched_pair(&rig, &records);

            records_put(&records, pair.peer_fd, SSL3_RT_ALERT, internal_error,
                        sizeof(internal_error));
            sockets_reset(pair.peer_fd);
            pair.peer_fd = -1;
            rig_expect_reset(pair.app);
            rig_pair_close(&pair);
            rig_await(&rig.counters, (enum counter)(COUNTER_CLOSED + (unsigned)reason), k);
        }
        rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_in_two_records_delays_what_we_send_and_loses_nothing),
        cmocka_unit_test(r6_an_end_within_a_message_is_a_truncation),
        cmocka_unit_test(an_alert_is_seen_although_a_reset_follows_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
