/*
 * Refusal: peers that are not let in: they see why, and the application never sees them.  Egress:
 * not one byte of the application leaves before the peer has proved who it is.
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

#define SECRET "not for strangers"

/* A peer with the chosen identity: `pki` signs it and says whom it trusts. */
static SSL *peer_of(const struct pki *pki, int fd, const char *uri, int64_t seconds, bool server)
{
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    SSL_CTX *ctx = NULL;
    SSL *ssl = NULL;

    pki_leaf(pki, uri, seconds, &leaf, &key);
    ctx = pki_ctx(pki, leaf, key);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    ssl = SSL_new(ctx);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    if (server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    SSL_CTX_free(ctx);
    X509_free(leaf);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ssl;
}

enum who { STRANGER, OUTSIDER, NOBODY, FOREIGN, EXPIRED };

static SSL *refused_peer(const struct rig *rig, const struct pki *foreign, int fd, enum who who)
{
    switch (who) {
    case STRANGER:
        return rig_tls_begin(rig, fd, RIG_STRANGER, false);
    case OUTSIDER:
        return rig_tls_begin(rig, fd, "spiffe://elsewhere/sidecar", false);
    case NOBODY:
        return rig_tls_begin(rig, fd, NULL, false);
    case FOREIGN:
        return peer_of(foreign, fd, RIG_FRIEND, 3600, false);
    case EXPIRED:
        return peer_of(&rig->pki, fd, RIG_FRIEND, -60, false);
    }
    return NULL;
}

static void r10_r12_a_refused_client_sees_the_alert_and_the_app_sees_nothing(void **state)
{
    static const struct {
        enum who who;
        int alert;
        enum reason reason;
        enum counter counter;
    } rows[] = {
        {STRANGER, SSL_AD_BAD_CERTIFICATE, REASON_AUTHZ_DENIED, COUNTER_HANDSHAKE_FAILED_AUTHZ},
        {OUTSIDER, SSL_AD_BAD_CERTIFICATE, REASON_ALERT_SENT, COUNTER_HANDSHAKE_FAILED_ALERT_SENT},
        {NOBODY, SSL_AD_CERTIFICATE_REQUIRED, REASON_ALERT_SENT,
         COUNTER_HANDSHAKE_FAILED_ALERT_SENT},
        {FOREIGN, SSL_AD_UNKNOWN_CA, REASON_ALERT_SENT, COUNTER_HANDSHAKE_FAILED_ALERT_SENT},
        {EXPIRED, SSL_AD_CERTIFICATE_EXPIRED, REASON_ALERT_SENT,
         COUNTER_HANDSHAKE_FAILED_ALERT_SENT},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_options options = {.shape = RIG_INGRESS};
        static const char early[65536];
        struct pki foreign;
        struct rig rig;
        SSL *ssl = NULL;
        int fd = -1;

        rig_start(&rig, &options);
        pki_init(&foreign);
        fd = rig_connect(&rig);
        ssl = refused_peer(&rig, &foreign, fd, rows[i].who);
        assert_int_equal(SSL_do_handshake(ssl), 1); /* so it believes, in TLS 1.3 */
        (void)SSL_write(ssl, early, sizeof(early)); /* must not turn the alert into a reset */
        rig_tls_expect_alert(ssl, rows[i].alert);
        rig_expect_eof(fd);
        shutdown(fd, SHUT_WR);
        rig_await_closed(&rig.counters, rows[i].reason);
        assert_int_equal(counter_get(&rig.counters, rows[i].counter), 1);
        assert_int_equal(counter_get(&rig.counters, COUNTER_AUTHORIZED_INGRESS), 0);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_PEER), 0);
        assert_true(rig_untouched(&rig));
        SSL_free(ssl);
        close(fd);
        pki_deinit(&foreign);
        rig_stop(&rig);
    }
}

static void r11_an_older_tls_is_refused_with_an_alert(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    struct rig rig;
    SSL *ssl = NULL;
    int fd = -1;

    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    ssl = rig_tls_begin(&rig, fd, RIG_FRIEND, false);
    SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()),
                     SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION);
    close(fd);
    SSL_free(ssl);
    rig_await_closed(&rig.counters, REASON_ALERT_SENT);
    assert_true(rig_untouched(&rig));
    rig_stop(&rig);
}

static void r12_what_is_not_tls_is_refused(void **state)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: example\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "\x16\x03\x01\xff\xff\x01\x01\x01\x01\x01",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct rig_options options = {.shape = RIG_INGRESS};
        char data[64];
        struct rig rig;
        int fd = -1;

        rig_start(&rig, &options);
        fd = rig_connect(&rig);
        rig_put(fd, texts[i]);
        assert_true(recv(fd, data, sizeof(data), MSG_WAITALL) < (ssize_t)sizeof(data));
        close(fd);
        rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
        assert_int_equal(counter_get(&rig.counters, COUNTER_HANDSHAKE_FAILED_ALERT_SENT), 1);
        assert_true(rig_untouched(&rig));
        rig_stop(&rig);
    }
}

static void a_client_that_leaves_in_the_handshake_is_counted(void **state)
{
    for (unsigned reset = 0; reset < 2; reset++) {
        struct rig_options options = {.shape = RIG_INGRESS};
        struct rig rig;
        int fd = -1;

        rig_start(&rig, &options);
        fd = rig_connect(&rig);
        rig_put(fd, "\x16\x03\x01");
        rig_await(&rig.counters, COUNTER_ACCEPTED_INGRESS, 1);
        if (reset == 1) {
            sockets_reset(fd);
            rig_await_closed(&rig.counters, REASON_PEER_RESET);
        } else {
            shutdown(fd, SHUT_WR);
            rig_expect_reset(fd);
            rig_await_closed(&rig.counters, REASON_PEER_TRUNCATED);
            close(fd);
        }
        assert_true(rig_untouched(&rig));
        rig_stop(&rig);
    }
}

static void before_the_first_identity_nobody_is_accepted(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS, .no_identity = true};
    struct rig rig;
    int fd = -1;

    rig_start(&rig, &options);
    fd = rig_connect(&rig);
    assert_int_equal(sockets_error(fd), ECONNREFUSED);
    assert_int_equal(counter_get(&rig.counters, COUNTER_ACCEPTED_INGRESS), 0);
    assert_true(rig_untouched(&rig));
    close(fd);
    rig_stop(&rig);
}

/* An identity that was valid once is as good as none; the connections it made live on. */
static void an_expired_identity_refuses_new_handshakes(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    struct generation *generation = NULL;
    struct rig_pair pair;
    struct rig rig;
    SSL *ssl = NULL;
    int fd = -1;

    rig_start(&rig, &options);
    pair = rig_pair(&rig);
    generation = rig_generation(&rig, 2, RIG_FRIEND, 60);
    worker_set_generation(rig.ingress, generation);
    generation_unref(generation);
    generation_double_set_offset(61);
    fd = rig_connect(&rig);
    ssl = rig_tls_begin(&rig, fd, RIG_FRIEND, false);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    rig_await_closed(&rig.counters, REASON_IDENTITY_INVALID);
    assert_int_equal(counter_get(&rig.counters, COUNTER_HANDSHAKE_FAILED_IDENTITY), 1);
    rig_tls_put(pair.peer, "still here");
    rig_expect(pair.app, "still here");
    SSL_free(ssl);
    close(fd);
    rig_pair_close(&pair);
    rig_stop(&rig);
}

/* The machine may be paused between two messages, for longer than our leaf lives. */
static void r17_an_identity_that_expires_in_a_handshake_is_not_shown(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS};
    struct generation *generation = NULL;
    struct rig rig;
    SSL *ssl = NULL;
    char byte = 0;
    int app = -1;
    int fd = -1;

    rig_start(&rig, &options);
    generation = rig_generation(&rig, 2, RIG_FRIEND, 60);
    worker_set_generation(rig.egress, generation);
    generation_unref(generation);
    for (unsigned i = 0; i < RIG_WAIT_MS && worker_generation(rig.egress) != 2; i++) {
        (void)poll(NULL, 0, 1);
    }
    app = rig_connect(&rig);
    fd = rig_accept(&rig);
    assert_int_equal(recv(fd, &byte, 1, MSG_PEEK), 1); /* it has begun */
    generation_double_set_offset(61);
    ssl = rig_tls_begin(&rig, fd, RIG_FRIEND, true);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    assert_null(SSL_get0_peer_certificate(ssl));
    rig_expect_reset(app);
    rig_await_closed(&rig.counters, REASON_IDENTITY_INVALID);
    assert_int_equal(counter_get(&rig.counters, COUNTER_HANDSHAKE_FAILED_IDENTITY), 1);
    SSL_free(ssl);
    close(fd);
    close(app);
    rig_stop(&rig);
}

/* A server's first flight, up to its Finished, in answer to what arrives on `fd`. */
static size_t first_flight(SSL *ssl, int fd, uint8_t *out, size_t cap)
{
    BIO *from = BIO_new(BIO_s_mem());
    BIO *to = BIO_new(BIO_s_mem());
    uint8_t data[4096];
    int len = 0;

    SSL_set_bio(ssl, from, to);
    while (BIO_ctrl_pending(to) == 0) {
        ssize_t got = recv(fd, data, sizeof(data), 0);

        assert_true(got > 0);
        assert_int_equal(BIO_write(from, data, (int)got), got);
        assert_int_equal(SSL_do_handshake(ssl), -1);
    }
    len = BIO_read(to, out, (int)cap);
    assert_in_range(len, 1, cap - 1);
    return (size_t)len;
}

/* As above, and this time the peer's leaf, after it was found valid. */
static void r17_a_peer_that_expires_in_a_handshake_gets_no_byte(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS};
    struct rig rig;
    SSL *ssl = NULL;
    uint8_t flight[8192];
    uint64_t turns = 0;
    size_t len = 0;
    int app = -1;
    int fd = -1;

    rig_start(&rig, &options);
    app = rig_connect(&rig);
    rig_put(app, SECRET);
    fd = rig_accept(&rig);
    ssl = peer_of(&rig.pki, fd, RIG_FRIEND, 60, true);
    len = first_flight(ssl, fd, flight, sizeof(flight));
    assert_int_equal(send(fd, flight, len - 1, 0), len - 1);
    turns = counter_get(&rig.counters, COUNTER_LOOP_TURNS);
    for (unsigned i = 0;
         i < RIG_WAIT_MS && counter_get(&rig.counters, COUNTER_LOOP_TURNS) < turns + 3; i++) {
        (void)poll(NULL, 0, 1);
    }
    generation_double_set_offset(61);
    assert_int_equal(send(fd, flight + len - 1, 1, 0), 1);
    rig_expect_reset(app);
    rig_await_closed(&rig.counters, REASON_PEER_EXPIRED);
    assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_OUT), 0);
    assert_int_equal(counter_get(&rig.counters, COUNTER_AUTHORIZED_EGRESS), 0);
    SSL_free(ssl);
    close(fd);
    close(app);
    rig_stop(&rig);
}

/* Reads to the end what the egress sent: only records of a handshake or an alert. */
static void expect_no_app_byte(int fd)
{
    uint8_t data[4096];
    size_t len = 0;
    ssize_t got = 0;

    while (len < sizeof(data) && (got = recv(fd, data + len, sizeof(data) - len, 0)) > 0) {
        len += (size_t)got;
    }
    assert_true(len < sizeof(data));
    for (size_t at = 0; at + 5 <= len; at += 5 + ((size_t)data[at + 3] << 8 | data[at + 4])) {
        assert_in_range(data[at], 0x14, 0x16);
    }
}

static void upstream_speaks_plaintext(const struct rig *rig, int fd)
{
    rig_put(fd, "220 mail.example ESMTP, speak freely\r\n");
    expect_no_app_byte(fd);
}

static void upstream_leaves_at_once(const struct rig *rig, int fd)
{
    shutdown(fd, SHUT_WR);
    expect_no_app_byte(fd);
}

static void upstream_handshake_fails(SSL *ssl, int alert)
{
    char byte = 0;
    int rc = SSL_do_handshake(ssl);

    if (rc == 1) {
        rc = SSL_read(ssl, &byte, 1);
    }
    assert_true(rc <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_AD_REASON_OFFSET + alert);
    SSL_free(ssl);
}

static void upstream_is_a_stranger(const struct rig *rig, int fd)
{
    upstream_handshake_fails(rig_tls_begin(rig, fd, RIG_STRANGER, true), SSL_AD_BAD_CERTIFICATE);
}

static void upstream_has_expired(const struct rig *rig, int fd)
{
    upstream_handshake_fails(peer_of(&rig->pki, fd, RIG_FRIEND, -60, true),
                             SSL_AD_CERTIFICATE_EXPIRED);
}

static void upstream_is_foreign(const struct rig *rig, int fd)
{
    struct pki foreign;

    pki_init(&foreign);
    upstream_handshake_fails(peer_of(&foreign, fd, RIG_FRIEND, 3600, true), SSL_AD_UNKNOWN_CA);
    pki_deinit(&foreign);
}

static void upstream_is_too_old(const struct rig *rig, int fd)
{
    SSL *ssl = rig_tls_begin(rig, fd, RIG_FRIEND, true);

    SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    SSL_free(ssl);
}

static void r29_r30_nothing_leaves_for_an_upstream_that_is_not_the_one_expected(void **state)
{
    static const struct {
        void (*act)(const struct rig *rig, int fd);
        enum reason reason;
    } rows[] = {
        {upstream_speaks_plaintext, REASON_ALERT_SENT},
        {upstream_leaves_at_once, REASON_PEER_TRUNCATED},
        {upstream_is_a_stranger, REASON_AUTHZ_DENIED},
        {upstream_has_expired, REASON_ALERT_SENT},
        {upstream_is_foreign, REASON_ALERT_SENT},
        {upstream_is_too_old, REASON_ALERT_RECEIVED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_options options = {.shape = RIG_EGRESS};
        struct rig rig;
        int app = -1;
        int fd = -1;

        rig_start(&rig, &options);
        app = rig_connect(&rig);
        rig_put(app, SECRET);
        fd = rig_accept(&rig);
        rows[i].act(&rig, fd);
        rig_expect_reset(app);
        close(fd);
        rig_await_closed(&rig.counters, rows[i].reason);
        assert_int_equal(counter_get(&rig.counters, COUNTER_BYTES_OUT), 0);
        assert_int_equal(counter_get(&rig.counters, COUNTER_AUTHORIZED_EGRESS), 0);
        assert_int_equal(counter_get(&rig.counters, COUNTER_RESETS_APP), 1);
        close(app);
        rig_stop(&rig);
    }
}

static void an_upstream_that_refuses_us_is_told_apart(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS};
    struct pki foreign;
    struct rig rig;
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    SSL *ssl = NULL;
    SSL_CTX *ctx = NULL;
    int app = -1;
    int fd = -1;

    rig_start(&rig, &options);
    pki_init(&foreign);
    app = rig_connect(&rig);
    fd = rig_accept(&rig);
    pki_leaf(&rig.pki, RIG_FRIEND, 3600, &leaf, &key);
    ctx = pki_ctx(&foreign, leaf, key); /* one of ours, but it trusts others */
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);
    assert_int_equal(SSL_do_handshake(ssl), -1);
    rig_expect_reset(app);
    rig_await_closed(&rig.counters, REASON_PEER_REJECTED_US);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    X509_free(leaf);
    EVP_PKEY_free(key);
    close(fd);
    close(app);
    pki_deinit(&foreign);
    rig_stop(&rig);
}

static void r7_an_upstream_that_resets_in_the_handshake_resets_the_app(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS};
    struct rig rig;
    int app = -1;
    int fd = -1;
    char byte = 0;

    rig_start(&rig, &options);
    app = rig_connect(&rig);
    rig_put(app, SECRET);
    fd = rig_accept(&rig);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    sockets_reset(fd);
    rig_expect_reset(app);
    rig_await_closed(&rig.counters, REASON_PEER_RESET);
    close(app);
    rig_stop(&rig);
}

static void r7_an_app_that_leaves_before_authorization_takes_the_upstream_with_it(void **state)
{
    struct rig_options options = {.shape = RIG_EGRESS};
    struct rig rig;
    int app = -1;
    int fd = -1;

    rig_start(&rig, &options);
    app = rig_connect(&rig);
    fd = rig_accept(&rig);
    sockets_reset(app);
    rig_expect_reset(fd);
    rig_await_closed(&rig.counters, REASON_APP_RESET);
    close(fd);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r10_r12_a_refused_client_sees_the_alert_and_the_app_sees_nothing),
        cmocka_unit_test(r11_an_older_tls_is_refused_with_an_alert),
        cmocka_unit_test(r12_what_is_not_tls_is_refused),
        cmocka_unit_test(a_client_that_leaves_in_the_handshake_is_counted),
        cmocka_unit_test(before_the_first_identity_nobody_is_accepted),
        cmocka_unit_test(an_expired_identity_refuses_new_handshakes),
        cmocka_unit_test(r17_an_identity_that_expires_in_a_handshake_is_not_shown),
        cmocka_unit_test(r17_a_peer_that_expires_in_a_handshake_gets_no_byte),
        cmocka_unit_test(r29_r30_nothing_leaves_for_an_upstream_that_is_not_the_one_expected),
        cmocka_unit_test(an_upstream_that_refuses_us_is_told_apart),
        cmocka_unit_test(r7_an_upstream_that_resets_in_the_handshake_resets_the_app),
        cmocka_unit_test(r7_an_app_that_leaves_before_authorization_takes_the_upstream_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
