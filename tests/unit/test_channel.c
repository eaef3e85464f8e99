/*
 * Tests of the connection to the CA, against a TLS server in a thread of the test: who is taken for
 * the CA, how requests and responses go over one connection, and what a deadline ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ca-client/certs.h"
#include "ca-client/channel.h"
#include "common/err.h"
#include "common/http1.h"
#include "tests/lib/hierarchy.h"

#define TIMEOUT_MS 20000
#define SHORT_MS 300
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: "

/* What the server does with the one connection that it accepts. */
struct script {
    const char *replies[3]; /* one a request; NULL: no further request is answered */
    bool is_mute;           /* not even a handshake */
    bool lingers;           /* keeps the connection open until the client is gone */
    int max_version;        /* 0: TLS 1.3 */
};

struct fixture {
    struct hierarchy hierarchy;
    EVP_PKEY *key;
    X509 *cert; /* for localhost and 127.0.0.1 */
    STACK_OF(X509) * roots;
    int listener;
    uint16_t port;
    const struct script *script;
    pthread_t thread;
    char requests[3][1024]; /* as received */
    char url[64];
};

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

static int set_up(void **state)
{
    static const char *const names[] = {"localhost", "127.0.0.1"};
    static struct fixture f;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    f = (struct fixture){.key = EVP_EC_gen("P-256")};
    signal(SIGPIPE, SIG_IGN);
    hierarchy_init(&f.hierarchy, now_s());
    f.cert = hierarchy_sign(&f.hierarchy, (struct profile){.kind = PROFILE_SERVER,
                                                           .key = f.key,
                                                           .common_name = "server-1",
                                                           .dns = names,
                                                           .num_dns = 2});
    f.roots = hierarchy_list(f.hierarchy.root, NULL);
    f.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(f.listener, 4), 0);
    assert_int_equal(getsockname(f.listener, (struct sockaddr *)&address, &len), 0);
    f.port = ntohs(address.sin_port);
    (void)snprintf(f.url, sizeof(f.url), "https://127.0.0.1:%u", (unsigned)f.port);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close(f->listener);
    certs_free(f->roots);
    X509_free(f->cert);
    EVP_PKEY_free(f->key);
    hierarchy_deinit(&f->hierarchy);
    return 0;
}

/* Reads one request: head and, if it has one, a body of 4 bytes. */
static void read_request(SSL *ssl, char *out, size_t cap)
{
    size_t len = 0;
    const char *end = NULL;

    while (len + 1 < cap) {
        int got = SSL_read(ssl, out + len, (int)(cap - 1 - len));

        if (got <= 0) {
            return;
        }
        len += (size_t)got;
        out[len] = '\0';
        end = strstr(out, "\r\n\r\n");
        if (end != NULL && (strncmp(out, "GET", 3) == 0 || strlen(end) >= 8)) {
            return;
        }
    }
}

static void *serve(void *arg)
{
    struct fixture *f = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl = NULL;
    int fd = accept(f->listener, NULL, NULL);
    char byte = 0;

    SSL_CTX_use_certificate(ctx, f->cert);
    SSL_CTX_use_PrivateKey(ctx, f->key);
    if (f->script->max_version != 0) {
        SSL_CTX_set_max_proto_version(ctx, f->script->max_version);
    }
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (!f->script->is_mute && SSL_accept(ssl) == 1) {
        for (unsigned i = 0; i < 3 && f->script->replies[i] != NULL; i++) {
            read_request(ssl, f->requests[i], sizeof(f->requests[i]));
            SSL_write(ssl, f->script->replies[i], (int)strlen(f->script->replies[i]));
        }
        if (!f->script->lingers) {
            SSL_shutdown(ssl);
        }
    }
    if (f->script->is_mute || f->script->lingers) {
        while (recv(fd, &byte, 1, 0) > 0) {
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return NULL;
}

static void start(struct fixture *f, const struct script *script)
{
    f->script = script;
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void join(struct fixture *f)
{
    assert_int_equal(pthread_join(f->thread, NULL), 0);
}

static struct channel *open_to(const struct fixture *f, const char *url, unsigned timeout_ms,
                               const _Atomic bool *cancelled, struct err *err)
{
    const struct channel_options options = {
        .url = url, .roots = f->roots, .deadline = deadline_in(timeout_ms, cancelled)};

    return channel_open(&options, err);
}

static void three_requests_share_one_connection(void **state)
{
    static const struct script script = {
        .replies = {OK_HEAD "3\r\n\r\none", OK_HEAD "3\r\n\r\ntwo",
                    "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"}};
    static const struct https_request requests[] = {
        {.method = "GET", .target = "/a"},
        {.method = "POST",
         .target = "/b",
         .content_type = "text/x",
         .body = {(const uint8_t *)"body", 4}},
        {.method = "GET", .target = "/c", .fields = "Cookie: d=e\r\n"},
    };
    static const char *const bodies[] = {"one", "two", ""};
    struct fixture *f = *state;
    struct channel *channel = NULL;
    const struct http1 *response = NULL;
    struct err err = {0};

    start(f, &script);
    channel = open_to(f, f->url, TIMEOUT_MS, NULL, &err);
    assert_non_null(channel);
    for (unsigned i = 0; i < 3; i++) {
        struct checked_clock clock = {77, 77, false};

        assert_int_equal(channel_ask(channel, &requests[i], &response, &clock, &err), 0);
        assert_int_equal(clock.wall_offset_ms, 0);
        assert_true(clock.anchored);
        assert_int_equal(http1_response_status(response), i < 2 ? 200 : 503);
        assert_int_equal(http1_body(response).len, strlen(bodies[i]));
        assert_memory_equal(http1_body(response).data, bodies[i], strlen(bodies[i]));
    }
    channel_close(channel);
    join(f);
    assert_non_null(strstr(f->requests[0], "GET /a HTTP/1.1\r\n"));
    assert_non_null(strstr(f->requests[0], "ost: 127.0.0.1:"));
    assert_non_null(strstr(f->requests[1], "\r\n\r\nbody"));
    assert_non_null(strstr(f->requests[2], "Cookie: d=e\r\n"));
}

static void the_server_may_be_known_by_its_name(void **state)
{
    static const struct script script = {.replies = {OK_HEAD "0\r\n\r\n"}};
    struct fixture *f = *state;
    struct channel *channel = NULL;
    const struct http1 *response = NULL;
    struct checked_clock clock = {0};
    struct err err = {0};

    start(f, &script);
    (void)snprintf(f->url, sizeof(f->url), "https://localhost:%u", (unsigned)f->port);
    channel = open_to(f, f->url, TIMEOUT_MS, NULL, &err);
    assert_non_null(channel);
    assert_int_equal(channel_ask(channel, &(struct https_request){.method = "GET", .target = "/"},
                                 &response, &clock, &err),
                     0);
    channel_close(channel);
    join(f);
}

static void spoil_root(struct fixture *f)
{
    struct hierarchy other;

    hierarchy_init(&other, now_s());
    certs_free(f->roots);
    f->roots = hierarchy_list(other.root, NULL);
    hierarchy_deinit(&other);
}

static void resign(struct fixture *f, struct profile profile)
{
    X509_free(f->cert);
    profile.key = f->key;
    profile.common_name = "localhost"; /* which counts for nothing */
    f->cert = hierarchy_sign(&f->hierarchy, profile);
}

static void spoil_name(struct fixture *f)
{
    static const char *const names[] = {"*.0.0.1", "127.0.0.2", "ca.example"};

    resign(f, (struct profile){.kind = PROFILE_SERVER, .dns = names, .num_dns = 3});
}

static void spoil_host(struct fixture *f)
{
    static const char *const names[] = {"127.0.0.1", "localhost.example", "*"};

    resign(f, (struct profile){.kind = PROFILE_SERVER, .dns = names, .num_dns = 3});
    (void)snprintf(f->url, sizeof(f->url), "https://localhost:%u", (unsigned)f->port);
}

static void spoil_date(struct fixture *f)
{
    static const char *const names[] = {"127.0.0.1"};

    resign(f, (struct profile){.kind = PROFILE_SERVER,
                               .dns = names,
                               .num_dns = 1,
                               .not_before = now_s() - 7200,
                               .not_after = now_s() - 3600});
}

static void spoil_purpose(struct fixture *f)
{
    resign(f, (struct profile){.kind = PROFILE_ISSUING,
                               .uri = "spiffe://" HIERARCHY_TRUST_DOMAIN,
                               .permitted_uri = HIERARCHY_TRUST_DOMAIN});
}

static void nobody_else_is_taken_for_the_ca(void **state)
{
    static const struct script script = {.replies = {NULL}};
    static void (*const spoils[])(struct fixture * f) = {spoil_root, spoil_name, spoil_host,
                                                         spoil_date, spoil_purpose};

    for (unsigned i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
        struct fixture *f = *state;
        struct err err = {0};

        spoils[i](f);
        start(f, &script);
        assert_null(open_to(f, f->url, TIMEOUT_MS, NULL, &err));
        assert_int_equal(err.code, ERR_DENIED);
        join(f);
        tear_down(state);
        set_up(state);
    }
}

/* The hour of the checked clock, whatever the wall clock says. */
static void its_certificate_is_judged_at_the_hour_that_was_given(void **state)
{
    static const struct script script = {.replies = {NULL}};
    static const struct {
        int64_t away_s;
        int64_t at_least_away_s;
        bool ok;
    } rows[] = {
        /* it is valid for an hour on each side */
        {-7200, -7200, false}, {0, 0, true},        {7200, 7200, false},
        {7200, 0, true},       {7200, -7200, true}, {0, -7200, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f = *state;
        struct channel_options options = {.url = f->url,
                                          .roots = f->roots,
                                          .now = now_s() + rows[i].away_s,
                                          .now_at_least = now_s() + rows[i].at_least_away_s,
                                          .deadline = deadline_in(TIMEOUT_MS, NULL)};
        struct err err = {0};
        struct channel *channel = NULL;

        start(f, &script);
        channel = channel_open(&options, &err);
        assert_int_equal(channel != NULL, rows[i].ok);
        assert_true(channel != NULL || err.code == ERR_DENIED);
        channel_close(channel);
        join(f);
        tear_down(state);
        set_up(state);
    }
}

static void tls_1_2_is_refused(void **state)
{
    static const struct script script = {.max_version = TLS1_2_VERSION};
    struct fixture *f = *state;
    struct err err = {0};

    start(f, &script);
    assert_null(open_to(f, f->url, TIMEOUT_MS, NULL, &err));
    join(f);
}

static void bad_responses_are_errors(void **state)
{
    static const struct {
        struct script script;
        enum err_code code;
    } cases[] = {
        {{.replies = {"SSH-2.0\r\n\r\n"}}, ERR_INVALID},
        {{.replies = {OK_HEAD "70000\r\n\r\n"}}, ERR_INVALID},
        {{.replies = {OK_HEAD "5\r\n\r\ncut"}}, ERR_INVALID},
        {{.replies = {""}}, ERR_IO},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = *state;
        struct channel *channel = NULL;
        const struct http1 *response = NULL;
        struct checked_clock clock = {0};
        struct err err = {0};

        start(f, &cases[i].script);
        channel = open_to(f, f->url, TIMEOUT_MS, NULL, &err);
        assert_non_null(channel);
        assert_int_equal(channel_ask(channel,
                                     &(struct https_request){.method = "GET", .target = "/"},
                                     &response, &clock, &err),
                         -1);
        assert_int_equal(err.code, cases[i].code);
        assert_null(response);
        channel_close(channel);
        join(f);
    }
}

static void a_silent_server_is_left_at_the_deadline(void **state)
{
    static const struct script scripts[] = {
        {.is_mute = true},
        {.replies = {"HTTP/1.1 200 OK\r\n"}, .lingers = true},
    };

    for (unsigned i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct fixture *f = *state;
        struct channel *channel = NULL;
        const struct http1 *response = NULL;
        struct checked_clock clock = {0};
        struct err err = {0};

        start(f, &scripts[i]);
        channel = open_to(f, f->url, SHORT_MS, NULL, &err);
        if (channel != NULL) {
            assert_int_equal(channel_ask(channel,
                                         &(struct https_request){.method = "GET", .target = "/"},
                                         &response, &clock, &err),
                             -1);
        }
        assert_int_equal(err.code, ERR_TIMEOUT);
        channel_close(channel);
        join(f);
    }
}

static void whoever_waits_can_be_told_to_stop(void **state)
{
    static const struct script script = {.is_mute = true};
    _Atomic bool cancelled = true;
    struct fixture *f = *state;
    struct err err = {0};

    start(f, &script);
    assert_null(open_to(f, f->url, TIMEOUT_MS, &cancelled, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "cancelled"));
    join(f);
}

static void what_cannot_be_reached_is_an_error(void **state)
{
    static const struct {
        const char *url;
        enum err_code code;
    } cases[] = {
        {"http://127.0.0.1:1", ERR_INVALID}, {"https://", ERR_INVALID},
        {"https://127.0.0.1", ERR_INVALID},  {"https://127.0.0.1:99999", ERR_INVALID},
        {"https://host.invalid:1", ERR_IO},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};

        assert_null(open_to(*state, cases[i].url, TIMEOUT_MS, NULL, &err));
        assert_int_equal(err.code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_requests_share_one_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_server_may_be_known_by_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_else_is_taken_for_the_ca, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_certificate_is_judged_at_the_hour_that_was_given,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(tls_1_2_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_responses_are_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_server_is_left_at_the_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_waits_can_be_told_to_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_reached_is_an_error, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
