/*
 * Access log: the line a connection leaves, whose addresses are in it, and how little a stranger
 * can write there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "common/err.h"
#include "common/log.h"
#include "tests/lib/rig.h"

#define TEXT_CAP 65536

/* Standard error goes into a file of its own between capture_begin() and capture_end(). */
struct capture {
    FILE *file;
    int before; /* where standard error went */
    char text[TEXT_CAP];
};

static void capture_begin(struct capture *capture)
{
    memset(capture, 0, sizeof(*capture));
    capture->file = tmpfile();
    assert_non_null(capture->file);
    capture->before = dup(STDERR_FILENO);
    assert_true(dup2(fileno(capture->file), STDERR_FILENO) >= 0);
    log_setup(LOG_INFO, LOG_TEXT);
}

static void capture_end(struct capture *capture)
{
    log_setup(LOG_ERROR, LOG_TEXT);
    assert_true(dup2(capture->before, STDERR_FILENO) >= 0);
    close(capture->before);
    assert_true(pread(fileno(capture->file), capture->text, TEXT_CAP - 1, 0) >= 0);
    fclose(capture->file);
}

static size_t count(const char *text, const char *what)
{
    size_t num = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        num++;
    }
    return num;
}

static void expect_in(const char *text, const char *what)
{
    if (strstr(text, what) == NULL) {
        fail_msg("no %s in %s", what, text);
    }
}

static void r44_the_line_says_who_spoke_to_whom_and_how_it_ended(void **state)
{
    static const enum rig_shape shapes[] = {RIG_INGRESS, RIG_EGRESS};
    static struct capture capture;

    for (size_t i = 0; i < 2; i++) {
        struct rig_options options = {.shape = shapes[i]};
        struct sockets_address local = {.len = 0};
        char address[SOCKETS_TEXT_CAP] = "";
        char wanted[SOCKETS_TEXT_CAP + 8] = "";
        struct rig_pair pair;
        struct rig rig;
        struct err err;

        rig_start(&rig, &options);
        capture_begin(&capture);
        pair = rig_pair(&rig);
        rig_tls_put(pair.peer, "hello");
        rig_expect(pair.app, "hello");
        rig_put(pair.app, "bye");
        rig_tls_expect(pair.peer, "bye");
        /* whoever connected: the peer at an ingress, the local caller at an egress */
        assert_int_equal(
            sockets_bound(shapes[i] == RIG_INGRESS ? pair.peer_fd : pair.app, &local, &err), 0);
        shutdown(pair.peer_fd, SHUT_WR);
        rig_expect_reset(pair.app);
        rig_await_closed(&rig.counters, REASON_PEER_TRUNCATED);
        rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
        rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_EGRESS, 0);
        capture_end(&capture);
        sockets_format(&local, address);
        (void)snprintf(wanted, sizeof(wanted), " src=%s ", address);
        expect_in(capture.text, " info conn.closed conn=1 ");
        expect_in(capture.text, wanted);
        expect_in(capture.text, shapes[i] == RIG_INGRESS ? " listener=in dir=ingress "
                                                         : " listener=out dir=egress ");
        expect_in(capture.text, " mode=tcp src=");
        sockets_format(&rig.behind, address);
        (void)snprintf(wanted, sizeof(wanted), " dst=%s ", address);
        expect_in(capture.text, wanted);
        expect_in(capture.text, " spiffe=" RIG_FRIEND " cert_fp=");
        expect_in(capture.text,
                  " tee=sim measurement=00a1ff rule=expected caller_uid=- bytes_in=5 bytes_out=3 ");
        expect_in(capture.text, " connect_ms=");
        expect_in(capture.text, " sni=- alpn=- tls=TLSv1.3 group=");
        expect_in(capture.text, " reason=peer_truncated ");
        assert_int_equal(count(capture.text, "\n"), 1);
        rig_pair_close(&pair);
        rig_stop(&rig);
    }
}

static void r44_a_refused_peer_is_logged_with_its_address_and_why(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    static struct capture capture;
    struct rig rig;
    SSL *ssl = NULL;
    int fd = -1;

    rig_start(&rig, &options);
    capture_begin(&capture);
    fd = rig_connect(&rig);
    ssl = rig_tls(&rig, fd, RIG_STRANGER);
    rig_tls_expect_alert(ssl, SSL_AD_BAD_CERTIFICATE);
    shutdown(fd, SHUT_WR);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    capture_end(&capture);
    expect_in(capture.text, " src=127.0.0.1:");
    expect_in(capture.text, " spiffe=- cert_fp=- tee=- measurement=- rule=- ");
    expect_in(capture.text, " reason=authz_denied alert=42 detail=spiffe ");
    SSL_free(ssl);
    close(fd);
    rig_stop(&rig);
}

#define STRANGERS 200

static void r44_a_stranger_cannot_flood_the_log(void **state)
{
    struct rig_options options = {.shape = RIG_INGRESS};
    static struct capture capture;
    uint64_t from = 0;
    size_t lines = 0;
    struct rig rig;

    rig_start(&rig, &options);
    from = uv_hrtime();
    capture_begin(&capture);
    for (unsigned i = 0; i < STRANGERS; i++) {
        int fd = rig_connect(&rig);

        rig_put(fd, "\n\nGET /forged HTTP/1.1\r\n\n2026 info conn.closed\n");
        rig_expect_eof(fd);
        close(fd);
    }
    rig_await(&rig.counters, COUNTER_HANDSHAKE_FAILED_ALERT_SENT, STRANGERS);
    rig_await(&rig.counters, COUNTER_CONNECTIONS_OPEN_INGRESS, 0);
    capture_end(&capture);
    lines = count(capture.text, "\n");
    /* at most 20 a second, in the seconds that were begun */
    assert_in_range(lines, 1, 20 * (2 + (uv_hrtime() - from) / 1000000000));
    assert_true(lines < STRANGERS);
    assert_int_equal(count(capture.text, "forged"), 0);
    assert_int_equal(counter_get(&rig.counters, (enum counter)(COUNTER_CLOSED + REASON_ALERT_SENT)),
                     STRANGERS);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r44_the_line_says_who_spoke_to_whom_and_how_it_ended),
        cmocka_unit_test(r44_a_refused_peer_is_logged_with_its_address_and_why),
        cmocka_unit_test(r44_a_stranger_cannot_flood_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
