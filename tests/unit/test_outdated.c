/*
 * Outdated: connections that began with an identity that was ours too many identities ago.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include <openssl/ssl.h>

#include "tests/lib/rig.h"

#define SOON_MS 50
#define TICKS_MS 300 /* long enough for the loop to look at every deadline */

static const enum rig_shape shapes[] = {RIG_INGRESS, RIG_EGRESS};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void await_tenures(const struct tenures *tenures, size_t num)
{
    for (unsigned i = 0; i < RIG_WAIT_MS && tenures_count(tenures) != num; i++) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(tenures_count(tenures), num);
}

static void r39_connections_of_too_old_an_identity_drain(void **state)
{
    static const struct {
        uint64_t drain_timeout_ms;
        uint64_t drain_before; /* the connections have tenure 1, and one that comes later 2 */
        uint64_t cut_before;
        bool cut;
    } rows[] = {
        {SOON_MS, 2, 0, true},
        {RIG_WAIT_MS, 2, 2, true},
        {RIG_WAIT_MS, 2, 1, false},
        {SOON_MS, 1, 1, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * SHAPES; i++) {
        struct rig_options options = {.shape = shapes[i % SHAPES]};
        struct generation *next = NULL;
        struct worker *worker = NULL;
        struct rig_pair old;
        struct rig_pair pair;
        struct rig rig;

        options.worker.drain_timeout_ms = rows[i / SHAPES].drain_timeout_ms;
        rig_start(&rig, &options);
        worker = options.shape == RIG_EGRESS ? rig.egress : rig.ingress;
        old = rig_pair(&rig);
        next = rig_generation(&rig, 2, RIG_FRIEND, 3600);
        worker_set_generation(worker, next);
        generation_unref(next);
        pair = rig_pair(&rig);
        await_tenures(&rig.tenures, 2);
        worker_limit_tenures(worker, rows[i / SHAPES].drain_before, rows[i / SHAPES].cut_before);
        if (rows[i / SHAPES].cut) {
            rig_expect_reset(old.app);
            rig_tls_expect_reset(old.peer);
            rig_await_closed(&rig.counters, REASON_DRAIN);
            rig_pair_close(&old);
        } else {
            rig_expect_silence(old.peer_fd, TICKS_MS);
            rig_tls_put(old.peer, "still here");
            rig_expect(old.app, "still here");
            rig_pair_close(&old);
        }
        assert_int_equal(counter_get(&rig.counters, COUNTER_SHED_IDENTITIES),
                         rows[i / SHAPES].cut ? 1 : 0);
        rig_tls_put(pair.peer, "later");
        rig_expect(pair.app, "later");
        await_tenures(&rig.tenures, 1);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r39_connections_of_too_old_an_identity_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
