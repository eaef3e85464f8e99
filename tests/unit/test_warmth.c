/*
 * Tests of warmth: which connections keep the buffers of their engine, and until when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "proxy/conn_state.h"

#define CONNS (WARMTH_MAX + 2)

struct fixture {
    struct conn_shared shared;
    SSL_CTX *ctx;
    struct svid peer;
    struct conn conns[CONNS];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(fixture->ctx);
    SSL_CTX_set_mode(fixture->ctx, SSL_MODE_RELEASE_BUFFERS);
    for (size_t i = 0; i < CONNS; i++) {
        struct conn *c = &fixture->conns[i];

        c->shared = &fixture->shared;
        c->svid = &fixture->peer;
        c->tls = tls_new_server(fixture->ctx);
        assert_non_null(c->tls);
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < CONNS; i++) {
        warmth_end(&fixture->conns[i]);
        tls_free(fixture->conns[i].tls);
    }
    assert_int_equal(fixture->shared.num_warm, 0);
    SSL_CTX_free(fixture->ctx);
    free(fixture);
    return 0;
}

static bool keeps(const struct conn *c)
{
    return (SSL_get_mode(tls_ssl(c->tls)) & SSL_MODE_RELEASE_BUFFERS) == 0;
}

static void tick(struct conn *c, uint64_t len)
{
    c->bytes_in += len;
    warmth_tick(c);
}

static void who_is_busy_from_tick_to_tick_keeps_its_buffers(void **state)
{
    struct fixture *fixture = *state;
    struct conn *c = &fixture->conns[0];

    tick(c, 10);
    assert_false(keeps(c));
    tick(c, 0); /* one request is no traffic */
    assert_int_equal(c->warmth.degree, WARMTH_COLD);
    for (unsigned i = 0; i < 2; i++) {
        tick(c, 10);
        assert_false(keeps(c));
        tick(c, 10);
        assert_true(keeps(c));
        tick(c, 10);
        assert_true(keeps(c));
        assert_int_equal(fixture->shared.num_warm, 1);
        tick(c, 0);
        assert_false(keeps(c));
        assert_int_equal(fixture->shared.num_warm, 0);
    }
}

static void only_so_many_of_a_loop_do(void **state)
{
    struct fixture *fixture = *state;
    struct conn *last = &fixture->conns[CONNS - 1];

    for (size_t i = 0; i < CONNS; i++) {
        tick(&fixture->conns[i], 10);
        tick(&fixture->conns[i], 10);
        assert_int_equal(keeps(&fixture->conns[i]), i < WARMTH_MAX);
    }
    tick(last, 10);
    assert_false(keeps(last));
    warmth_end(&fixture->conns[0]);
    warmth_end(&fixture->conns[0]);
    assert_int_equal(fixture->shared.num_warm, WARMTH_MAX - 1);
    tick(last, 10);
    assert_true(keeps(last));
}

static void strangers_keep_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct conn *c = &fixture->conns[0];

    c->svid = NULL;
    for (unsigned i = 0; i < 4; i++) {
        c->peer.sent += 100;
        tick(c, 0);
        assert_false(keeps(c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_busy_from_tick_to_tick_keeps_its_buffers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_of_a_loop_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strangers_keep_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
