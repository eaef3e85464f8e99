/*
 * Tls: two engines joined by a loop: handshakes, streams, and every way in which one ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/err.h"
#include "common/tls.h"
#include "tests/lib/pki.h"

#define WIRE_CAP (256 * 1024)

/* One side with the bytes it has produced for the other. */
struct side {
    SSL_CTX *ctx;
    struct tls *tls;
    struct buf wire;
    uint8_t storage[WIRE_CAP];
};

struct pair {
    struct pki pki;
    struct side client;
    struct side server;
};

static void side_init(struct side *side, const struct pki *pki, const char *uri)
{
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;

    if (uri != NULL) {
        pki_leaf(pki, uri, 3600, &leaf, &key);
    }
    side->ctx = pki_ctx(pki, leaf, key);
    X509_free(leaf);
    EVP_PKEY_free(key);
    side->wire = buf_over(side->storage, WIRE_CAP);
}

static struct pair *pair_new(const char *client_uri)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    assert_non_null(pair);
    pki_init(&pair->pki);
    side_init(&pair->client, &pair->pki, client_uri);
    side_init(&pair->server, &pair->pki, "spiffe://test/server");
    pair->client.tls = tls_new_client(pair->client.ctx, "server.test");
    pair->server.tls = tls_new_server(pair->server.ctx);
    assert_true(pair->client.tls != NULL && pair->server.tls != NULL);
    return pair;
}

static void pair_free(struct pair *pair)
{
    tls_free(pair->client.tls);
    tls_free(pair->server.tls);
    SSL_CTX_free(pair->client.ctx);
    SSL_CTX_free(pair->server.ctx);
    pki_deinit(&pair->pki);
    free(pair);
}

/* Hands all that `from` has produced to one handshake call of `to`. */
static enum tls_status step(struct side *to, struct side *from, struct err *err)
{
    struct tls_io io = {.in = {from->wire.data, from->wire.len}, .out = &to->wire};
    enum tls_status status = tls_handshake(to->tls, &io, err);

    buf_consume(&from->wire, from->wire.len - io.in.len);
    return status;
}

static void shake(struct pair *pair)
{
    struct err err;

    assert_int_equal(step(&pair->client, &pair->server, &err), TLS_WANT_MORE);
    assert_int_equal(step(&pair->server, &pair->client, &err), TLS_WANT_MORE);
    assert_int_equal(step(&pair->client, &pair->server, &err), TLS_OK);
    assert_int_equal(step(&pair->server, &pair->client, &err), TLS_OK);
    assert_int_equal(pair->server.wire.len, 0);
    assert_int_equal(pair->client.wire.len, 0);
}

/* Reads all of `from`'s wire at `to`, at most `piece` bytes of it per round; returns the status
   that ended it. */
static enum tls_status drain(struct side *to, struct side *from, struct buf *plain, size_t piece,
                             struct err *err)
{
    size_t done = 0;
    enum tls_status status = TLS_WANT_MORE;

    do {
        size_t len = from->wire.len - done < piece ? from->wire.len - done : piece;
        struct tls_io io = {.in = {from->wire.data + done, len}, .out = &to->wire};

        do {
            size_t got = 0;

            status = tls_read(to->tls, &io, plain->data + plain->len, buf_room(plain), &got, err);
            plain->len += got;
        } while (status == TLS_OK);
        done += len - io.in.len;
    } while (status == TLS_WANT_MORE && done < from->wire.len);
    buf_consume(&from->wire, done);
    return status;
}

static void put(struct side *side, const uint8_t *data, size_t len)
{
    struct tls_io io = {.in = {NULL, 0}, .out = &side->wire};
    struct err err;

    assert_int_equal(tls_write(side->tls, &io, data, len, &err), TLS_OK);
}

static void finish(struct side *side)
{
    struct tls_io io = {.in = {NULL, 0}, .out = &side->wire};
    struct err err;

    assert_int_equal(tls_close(side->tls, &io, &err), TLS_OK);
}

static void streams_arrive_whole_in_any_pieces(void **state)
{
    static const size_t pieces[] = {1, 7, 1000, 16406, WIRE_CAP};
    struct pair *pair = pair_new("spiffe://test/client");
    uint8_t *plain = malloc(WIRE_CAP);
    uint8_t data[TLS_RECORD_MAX];
    struct err err;

    assert_non_null(plain);
    shake(pair);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 31 + i / 251);
    }
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct buf got = buf_over(plain, WIRE_CAP);

        put(&pair->client, data, sizeof(data));
        put(&pair->client, data, 1);
        put(&pair->client, data, 4097);
        assert_int_equal(drain(&pair->server, &pair->client, &got, pieces[i], &err), TLS_WANT_MORE);
        assert_int_equal(got.len, sizeof(data) + 1 + 4097);
        assert_memory_equal(got.data, data, sizeof(data));
        assert_memory_equal(got.data + sizeof(data) + 1, data, 4097);
        tls_trim(pair->server.tls);
        tls_trim(pair->client.tls);
    }
    free(plain);
    pair_free(pair);
}

static void each_side_knows_the_other_after_the_handshake(void **state)
{
    struct pair *pair = pair_new("spiffe://test/client");
    X509 *leaf = NULL;

    shake(pair);
    leaf = SSL_get1_peer_certificate(tls_ssl(pair->server.tls));
    assert_non_null(leaf);
    X509_free(leaf);
    assert_string_equal(SSL_get_servername(tls_ssl(pair->server.tls), TLSEXT_NAMETYPE_host_name),
                        "server.test");
    assert_int_equal(tls_failure(pair->server.tls), TLS_FAILURE_NONE);
    assert_int_equal(tls_alert(pair->server.tls), -1);
    pair_free(pair);
}

static bool is_empty(EVP_PKEY *key)
{
    unsigned char *encoded = NULL;
    size_t len = EVP_PKEY_get1_encoded_public_key(key, &encoded);

    OPENSSL_free(encoded);
    return len == 0;
}

static void keys_that_only_a_handshake_needs_do_not_outlive_it(void **state)
{
    struct pair *pair = pair_new("spiffe://test/client");
    const struct side *sides[] = {&pair->client, &pair->server};

    shake(pair);
    for (size_t i = 0; i < 2; i++) {
        SSL *ssl = tls_ssl(sides[i]->tls);
        EVP_PKEY *keys[2] = {NULL, NULL}; /* with ML-KEM a side has but one */
        size_t num_empty = 0;

        (void)SSL_get_tmp_key(ssl, &keys[0]);
        (void)SSL_get_peer_tmp_key(ssl, &keys[1]);
        for (size_t k = 0; k < 2; k++) {
            assert_true(keys[k] == NULL || is_empty(keys[k]));
            num_empty += keys[k] != NULL;
            EVP_PKEY_free(keys[k]);
        }
        assert_true(num_empty > 0);
        assert_true(is_empty(X509_get0_pubkey(SSL_get0_peer_certificate(ssl))));
    }
    pair_free(pair);
}

static void r11_our_key_changes_after_so_many_records(void **state)
{
    struct pair *pair = pair_new("spiffe://test/client");
    uint8_t storage[64];
    struct buf got = buf_over(storage, sizeof(storage));
    struct err err;

    shake(pair);
    tls_rekey_after(pair->client.tls, 2);
    for (unsigned i = 0; i < 7; i++) {
        put(&pair->client, (const uint8_t *)"data", 4);
        assert_int_equal(drain(&pair->server, &pair->client, &got, WIRE_CAP, &err), TLS_WANT_MORE);
        assert_int_equal(tls_key_updates(pair->server.tls), i / 2);
    }
    assert_int_equal(got.len, 7 * 4);
    put(&pair->server, (const uint8_t *)"reply", 5);
    assert_int_equal(drain(&pair->client, &pair->server, &got, WIRE_CAP, &err), TLS_WANT_MORE);
    assert_int_equal(tls_key_updates(pair->client.tls), 0); /* ours asks for none in return */
    pair_free(pair);
}

static void a_close_ends_one_direction_and_not_the_other(void **state)
{
    struct pair *pair = pair_new("spiffe://test/client");
    uint8_t storage[64];
    struct buf got = buf_over(storage, sizeof(storage));
    struct err err;

    shake(pair);
    put(&pair->client, (const uint8_t *)"last", 4);
    finish(&pair->client);
    assert_true(buf_append(&pair->client.wire, "junk", 4));
    assert_false(tls_peer_closed(pair->server.tls));
    assert_int_equal(drain(&pair->server, &pair->client, &got, WIRE_CAP, &err), TLS_CLOSED);
    assert_int_equal(got.len, 4);
    assert_true(tls_peer_closed(pair->server.tls));
    pair->client.wire.len = 0;

    put(&pair->server, (const uint8_t *)"reply", 5);
    finish(&pair->server);
    got.len = 0;
    assert_int_equal(drain(&pair->client, &pair->server, &got, WIRE_CAP, &err), TLS_CLOSED);
    assert_int_equal(got.len, 5);
    assert_memory_equal(got.data, "reply", 5);
    pair_free(pair);
}

static void a_cut_stream_does_not_look_closed(void **state)
{
    struct pair *pair = pair_new("spiffe://test/client");
    uint8_t storage[64];
    struct buf got = buf_over(storage, sizeof(storage));
    struct err err;

    shake(pair);
    put(&pair->client, (const uint8_t *)"half a record", 13);
    pair->client.wire.len -= 5;
    assert_int_equal(drain(&pair->server, &pair->client, &got, WIRE_CAP, &err), TLS_WANT_MORE);
    assert_int_equal(got.len, 0);
    assert_false(tls_peer_closed(pair->server.tls));
    put(&pair->server, (const uint8_t *)"still", 5);
    assert_int_equal(drain(&pair->client, &pair->server, &got, WIRE_CAP, &err), TLS_WANT_MORE);
    assert_int_equal(got.len, 5);
    pair_free(pair);
}

static void a_bad_record_is_answered_with_an_alert(void **state)
{
    struct pair *pair = pair_new("spiffe://test/client");
    uint8_t storage[64];
    struct buf got = buf_over(storage, sizeof(storage));
    struct err err;

    shake(pair);
    put(&pair->client, (const uint8_t *)"flipped", 7);
    pair->client.wire.data[9] ^= 1;
    assert_int_equal(drain(&pair->server, &pair->client, &got, WIRE_CAP, &err), TLS_FAILED);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(tls_failure(pair->server.tls), TLS_FAILURE_ALERT_SENT);
    assert_int_equal(tls_alert(pair->server.tls), SSL_AD_BAD_RECORD_MAC);
    assert_true(pair->server.wire.len > 0);

    assert_int_equal(drain(&pair->client, &pair->server, &got, WIRE_CAP, &err), TLS_FAILED);
    assert_int_equal(tls_failure(pair->client.tls), TLS_FAILURE_ALERT_RECEIVED);
    assert_int_equal(tls_alert(pair->client.tls), SSL_AD_BAD_RECORD_MAC);
    assert_false(tls_peer_closed(pair->client.tls));
    pair_free(pair);
}

/* As SSL_get_error() would: the queue is the thread's. */
static void errors_that_others_left_are_not_ours(void **state)
{
    struct pair *pair = pair_new("spiffe://test/client");
    uint8_t storage[64];
    struct buf got = buf_over(storage, sizeof(storage));
    struct err err;

    shake(pair);
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    put(&pair->client, (const uint8_t *)"half a record", 13);
    pair->client.wire.len -= 5;
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    assert_int_equal(drain(&pair->server, &pair->client, &got, WIRE_CAP, &err), TLS_WANT_MORE);
    assert_int_equal(ERR_peek_error(), 0);
    pair_free(pair);
}

static void a_client_without_a_certificate_is_told_so(void **state)
{
    struct pair *pair = pair_new(NULL);
    uint8_t storage[64];
    struct buf got = buf_over(storage, sizeof(storage));
    struct err err;

    assert_int_equal(step(&pair->client, &pair->server, &err), TLS_WANT_MORE);
    assert_int_equal(step(&pair->server, &pair->client, &err), TLS_WANT_MORE);
    assert_int_equal(step(&pair->client, &pair->server, &err), TLS_OK);
    assert_int_equal(step(&pair->server, &pair->client, &err), TLS_FAILED);
    assert_int_equal(tls_failure(pair->server.tls), TLS_FAILURE_ALERT_SENT);
    assert_int_equal(tls_alert(pair->server.tls), SSL_AD_CERTIFICATE_REQUIRED);
    assert_int_equal(drain(&pair->client, &pair->server, &got, WIRE_CAP, &err), TLS_FAILED);
    assert_int_equal(tls_alert(pair->client.tls), SSL_AD_CERTIFICATE_REQUIRED);
    pair_free(pair);
}

static void garbage_fails_the_handshake(void **state)
{
    static const char *const rows[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x00\x05hello and more",
        "\x15\x03\x01\x00\x02\x02\x28",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pair *pair = pair_new("spiffe://test/client");
        struct err err;

        assert_true(buf_append(&pair->client.wire, rows[i], i == 2 ? 7 : 11));
        assert_int_equal(step(&pair->server, &pair->client, &err), TLS_FAILED);
        assert_int_not_equal(tls_failure(pair->server.tls), TLS_FAILURE_INTERNAL);
        assert_int_not_equal(tls_failure(pair->server.tls), TLS_FAILURE_NONE);
        assert_int_equal(step(&pair->server, &pair->client, &err), TLS_FAILED);
        pair_free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_arrive_whole_in_any_pieces),
        cmocka_unit_test(each_side_knows_the_other_after_the_handshake),
        cmocka_unit_test(keys_that_only_a_handshake_needs_do_not_outlive_it),
        cmocka_unit_test(r11_our_key_changes_after_so_many_records),
        cmocka_unit_test(a_close_ends_one_direction_and_not_the_other),
        cmocka_unit_test(a_cut_stream_does_not_look_closed),
        cmocka_unit_test(a_bad_record_is_answered_with_an_alert),
        cmocka_unit_test(errors_that_others_left_are_not_ours),
        cmocka_unit_test(a_client_without_a_certificate_is_told_so),
        cmocka_unit_test(garbage_fails_the_handshake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
