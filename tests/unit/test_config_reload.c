/*
 * Tests of reloads as settings see them: what a running process may take over, what it refuses by
 * name, and what the digests of routes tell.
 */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/err.h"

static const char base[] = "[identity]\n"
                           "ca = https://ca.example:8443\n"
                           "ca_root = /etc/root.pem\n"
                           "trust_domain = example\n"
                           "service = a\n"
                           "platform = sim\n"
                           "insecure_sim = /run/machine\n"
                           "[ingress api]\n"
                           "listen = 127.0.0.1:8443\n"
                           "forward = 127.0.0.1:8080\n"
                           "mode = tcp\n"
                           "allow = one\n"
                           "[egress db]\n"
                           "listen = 127.0.0.1:5432\n"
                           "connect = db.example:5432\n"
                           "mode = tcp\n"
                           "expect = one\n"
                           "[peer one]\n"
                           "spiffe = spiffe://example/sim/one\n"
                           "[limits]\n"
                           "idle_timeout = 1h\n"
                           "[log]\n"
                           "level = info\n";

static bool may_read(const char *path)
{
    return strstr(path, "outside") == NULL;
}

/* `base` with its first `from` replaced; for a process that runs with `before`, if there is one. */
static struct config *try_with(const char *from, const char *to, const struct config *before,
                               struct err *err)
{
    const char *at = strstr(base, from);
    char path[] = "/tmp/liftgate-reload.XXXXXX";
    int fd = mkstemp(path);
    struct config *config = NULL;

    assert_true(at != NULL && fd >= 0);
    dprintf(fd, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    close(fd);
    config =
        before != NULL ? config_load_next(path, before, may_read, err) : config_load(path, err);
    unlink(path);
    return config;
}

static struct config *load_with(const char *from, const char *to)
{
    struct err err;
    struct config *config = try_with(from, to, NULL, &err);

    if (config == NULL) {
        fail_msg("%s", err.msg);
    }
    return config;
}

static void most_settings_may_change(void **state)
{
    static const char *const changes[][2] = {
        {"sim/one\n", "sim/other\n"},
        {"[limits]", "[peer two]\nspiffe = spiffe://example/sim/two\n[limits]"},
        {"sim/one\n", "sim/one\ntee = sim\ntcb_snp_min = 4\n"},
        {"level = info", "level = debug"},
        {"[log]", "[admin]\nlisten = 127.0.0.1:0\n[log]"},
        {"idle_timeout = 1h", "idle_timeout = 2h"},
        {"127.0.0.1:8443", "127.0.0.1:8444"},
        {"[ingress api]", "[ingress web]"},
        {"[peer one]", "[egress more]\nlisten = 127.0.0.1:5433\nconnect = a.example:1\nmode = tcp\n"
                       "expect = one\n[peer one]"},
        {"trust_domain = example", "trust_domain = example\ndeny_file = /etc/denied"},
        {"service = a", "service = b"},
        {"ca.example", "cb.example"},
        {"/etc/root.pem", "/etc/other.pem"},
        {"/run/machine", "/run/other"},
        {"[log]", "[process]\nworkers = 1\n[log]"}, /* as it is anyhow */
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct config *current = load_with("", "");
        struct err err = {0};
        struct config *next = try_with(changes[i][0], changes[i][1], current, &err);

        assert_string_equal(err.msg, "");
        assert_non_null(next);
        config_free(current);
        config_free(next);
    }
}

static void what_needs_a_restart_is_refused_by_file_and_line(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *where;
    } rows[] = {
        {"/etc/root.pem", "/outside/root.pem", ":3: [identity] ca_root"},
        {"/run/machine", "/outside", ":7: [identity] insecure_sim"},
        {"service = a", "service = a\ndeny_file = /outside/d", ":6: [identity] deny_file"},
        {"[log]", "[process]\nworkers = 2\n[log]", ":23: [process] workers"},
        {"[log]", "[process]\nuser = web\n[log]", ":23: [process] user"},
        {"[log]", "[process]\nread_path = /etc\n[log]", ":23: [process] read_path"},
        {"[log]", "[process]\ninsecure_no_sandbox = yes\n[log]",
         ":23: [process] insecure_no_sandbox"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *current = load_with("", "");
        struct err err = {0};
        char message[256];

        snprintf(message, sizeof(message), "%s: ", rows[i].where);
        assert_null(try_with(rows[i].from, rows[i].to, current, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.msg, message));
        assert_non_null(strstr(err.msg, " needs a restart"));
        config_free(current);
    }
}

/* The fallback of a key that has gone is a change like another; the line is its section's. */
static void a_key_that_goes_is_a_change(void **state)
{
    struct config *current = load_with("[log]", "[process]\nworkers = 2\n[log]");
    struct err err = {0};

    assert_null(try_with("[log]", "[process]\n[log]", current, &err));
    assert_non_null(strstr(err.msg, ":22: [process] workers: a change needs a restart"));
    assert_null(try_with("", "", current, &err));
    assert_non_null(strstr(err.msg, ": [process] workers: a change needs a restart"));
    config_free(current);
}

static void digest(const struct config *config, bool egress, enum config_digest_of of,
                   uint8_t out[static CONFIG_DIGEST_LEN])
{
    const struct config_route route = {
        .kind = egress ? "egress" : "ingress",
        .section = egress ? (const void *)&config->egresses[0] : &config->ingresses[0],
    };
    struct err err;

    assert_int_equal(config_digest(config, &route, of, out, &err), 0);
}

/* Whether a change is noticed by connections and by sockets, of the ingress and of the egress. */
static void digests_tell_what_of_a_route_has_changed(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        bool settings[2];
        bool doors[2];
    } rows[] = {
        {"", "", {false, false}, {false, false}},
        {"sim/one\n", "sim/other\n", {false, false}, {false, false}},
        {"allow = one", "allow = one\nalpn = h2", {false, false}, {false, false}},
        {"[limits]", "[limits]\nmax_connections = 7", {false, false}, {false, false}},
        {"[limits]", "[limits]\nlinger_timeout = 7s", {true, true}, {false, false}},
        {"idle_timeout = 1h", "idle_timeout = 2h", {true, true}, {false, false}},
        {"allow = one", "allow = one\nidle_timeout = 3h", {true, false}, {false, false}},
        {"127.0.0.1:8080", "127.0.0.1:8081", {true, false}, {false, false}},
        {"127.0.0.1:8443", "127.0.0.1:8444", {false, false}, {true, false}},
        {"127.0.0.1:5432", "127.0.0.1:5433", {false, false}, {false, true}},
        {"db.example", "dc.example", {false, true}, {false, false}},
        {"expect = one", "expect = one\nallow_uid = 7", {false, true}, {false, false}},
        {"allow = one", "allow = one\ntransparent = tproxy", {true, false}, {true, false}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *current = load_with("", "");
        struct config *next = load_with(rows[i].from, rows[i].to);

        for (unsigned k = 0; k < 4; k++) {
            enum config_digest_of of = k < 2 ? CONFIG_DIGEST_SETTINGS : CONFIG_DIGEST_DOOR;
            uint8_t left[CONFIG_DIGEST_LEN];
            uint8_t right[CONFIG_DIGEST_LEN];
            bool expected = k < 2 ? rows[i].settings[k] : rows[i].doors[k - 2];

            digest(current, k % 2 == 1, of, left);
            digest(next, k % 2 == 1, of, right);
            if ((memcmp(left, right, sizeof(left)) != 0) != expected) {
                fail_msg("row %zu, %u", i, k);
            }
        }
        config_free(current);
        config_free(next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_settings_may_change),
        cmocka_unit_test(digests_tell_what_of_a_route_has_changed),
        cmocka_unit_test(what_needs_a_restart_is_refused_by_file_and_line),
        cmocka_unit_test(a_key_that_goes_is_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
