/*
 * Pair: the two engines and the bytes between them.
 */
#include "tests/lib/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void pair_step(struct pair_side *to, struct pair_side *from)
{
    struct tls_io io = {.in = {from->wire.data, from->wire.len}, .out = &to->wire};
    uint8_t plain[256];
    size_t got = 0;

    if (to->status == TLS_WANT_MORE) {
        to->status = tls_handshake(to->tls, &io, &to->err);
    } else if (to->status == TLS_OK && io.in.len > 0) {
        /* An alert comes to light at the first read. */
        enum tls_status status = tls_read(to->tls, &io, plain, sizeof(plain), &got, &to->err);

        to->status = status == TLS_WANT_MORE ? TLS_OK : status;
    }
    from->wire.len = 0;
}

struct pair *pair_new(SSL_CTX *client, SSL_CTX *server)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    assert_non_null(pair);
    pair->client.wire = buf_over(pair->client.storage, PAIR_WIRE_CAP);
    pair->server.wire = buf_over(pair->server.storage, PAIR_WIRE_CAP);
    pair->client.tls = tls_new_client(client, NULL);
    pair->server.tls = tls_new_server(server);
    assert_true(pair->client.tls != NULL && pair->server.tls != NULL);
    pair->client.status = TLS_WANT_MORE;
    pair->server.status = TLS_WANT_MORE;
    return pair;
}

void pair_run(struct pair *pair)
{
    for (int i = 0; i < 4; i++) {
        pair_step(&pair->client, &pair->server);
        pair_step(&pair->server, &pair->client);
    }
    pair_step(&pair->client, &pair->server);
}

struct pair *pair_shake(SSL_CTX *client, SSL_CTX *server)
{
    struct pair *pair = pair_new(client, server);

    pair_run(pair);
    return pair;
}

void pair_free(struct pair *pair)
{
    tls_free(pair->client.tls);
    tls_free(pair->server.tls);
    free(pair);
}

void pair_expect_client_refused(const struct pair *pair, int alert)
{
    assert_int_equal(pair->server.status, TLS_FAILED);
    assert_int_equal(tls_failure(pair->server.tls), TLS_FAILURE_ALERT_SENT);
    assert_int_equal(pair->client.status, TLS_FAILED);
    assert_int_equal(tls_failure(pair->client.tls), TLS_FAILURE_ALERT_RECEIVED);
    assert_int_equal(tls_alert(pair->client.tls), alert);
}
