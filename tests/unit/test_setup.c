/*
 * Tests of setup: what the modules are told when a file says something, and what a reload may say.
 */
#include "proxy/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "tests/lib/folder.h"

#define PATH_CAP (FOLDER_PATH_CAP + 16)
#define HEX16 "a1b2c3d4e5f60718293a4b5c6d7e8f90"
#define IDENTITY                                                                                   \
    "[identity]\nca = https://ca.example:8443\nca_root = /nonexistent/root.pem\n"                  \
    "trust_domain = prod.example\nservice = app\nplatform = sim\ninsecure_sim = /nonexistent/m\n"
#define INGRESS                                                                                    \
    "[ingress in]\nlisten = 127.0.0.1:0\nforward = 127.0.0.1:6379\nmode = tcp\nallow = web\n"
#define EGRESS                                                                                     \
    "[egress db]\nlisten = 127.0.0.1:0\nconnect = db.example:5432\nmode = tcp\nexpect = store\n"
#define PEERS                                                                                      \
    "[peer store]\nspiffe = spiffe://prod.example/sim/store\n"                                     \
    "[peer web]\nspiffe = spiffe://prod.example/sim/web\ndns = web.example\ntee = "                \
    "sim\nmeasurement = " HEX16 HEX16 HEX16 "\ntcb_snp_min = 21\n"
#define GOOD IDENTITY INGRESS EGRESS PEERS

struct fixture {
    char dir[FOLDER_PATH_CAP];
    char path[PATH_CAP];
};

static void write_text(const struct fixture *fixture, const char *text)
{
    FILE *file = fopen(fixture->path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    static struct fixture fixture;

    folder_make(fixture.dir);
    (void)snprintf(fixture.path, sizeof(fixture.path), "%s/t.ini", fixture.dir);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    const struct fixture *fixture = *state;

    folder_remove(fixture->dir);
    return 0;
}

static struct setup *make(const struct fixture *fixture)
{
    struct err err;
    struct setup *setup = NULL;

    write_text(fixture, GOOD);
    setup = setup_new(fixture->path, &err);
    assert_non_null(setup);
    return setup;
}

static void routes_are_told_what_their_sections_say(void **state)
{
    struct setup *setup = make(*state);
    const struct control_options *options = setup_control(setup);
    const struct worker_route *routes = options->crew.worker.routes;

    assert_int_equal(options->crew.num_workers, 1);
    assert_int_equal(options->crew.connections_max, 4096);
    assert_int_equal(options->crew.worker.num_routes, 2);
    assert_string_equal(routes[0].conn.name, "in");
    assert_false(routes[0].conn.egress);
    assert_string_equal(routes[0].conn.host, "127.0.0.1");
    assert_int_equal(routes[0].conn.port, 6379);
    assert_string_equal(routes[1].conn.name, "db");
    assert_true(routes[1].conn.egress);
    assert_string_equal(routes[1].conn.host, "db.example");
    assert_int_equal(routes[1].conn.port, 5432);
    setup_free(setup);
}

static void rules_are_told_what_their_sections_say(void **state)
{
    struct setup *setup = make(*state);
    const struct control_source *source = &setup_control(setup)->source;
    struct control_rules rules;
    const struct authz_rule *web = NULL;
    struct err err;

    assert_int_equal(source->load(source->user, &rules, &err), 0);
    assert_int_equal(rules.num_rules, 2);
    assert_int_equal(rules.num_routes, 2);
    assert_int_equal(rules.crew.worker.num_routes, 2);
    assert_int_equal(rules.insecure_settings, 1);
    assert_string_equal(rules.enrolment.enrol.trust_domain, "prod.example");
    assert_string_equal(rules.enrolment.enrol.ca_url, "https://ca.example:8443");
    assert_null(rules.admin_listen); /* off unless it is set */
    assert_int_equal(rules.unrestricted_egresses, 1);
    web = &rules.rules[1];
    assert_string_equal(web->name, "web");
    assert_int_equal(web->num_spiffe, 1);
    assert_int_equal(web->num_dns, 1);
    assert_string_equal(web->dns[0], "web.example");
    assert_int_equal(web->num_measurements, 1);
    assert_int_equal(web->measurements[0].len, 48);
    assert_int_equal(web->measurements[0].data[0], 0xa1);
    assert_int_equal(web->measurements[0].data[47], 0x90);
    assert_true(web->tcb_min_set[2]);
    assert_int_equal(web->tcb_min[2], 21);
    assert_false(web->tcb_min_set[0] || web->epoch_min_set);
    assert_int_equal(rules.rules[0].num_measurements, 0);
    assert_string_equal(rules.routes[0].allow[0], "web");
    assert_string_equal(rules.routes[1].allow[0], "store");
    source->free(rules.owner);
    setup_free(setup);
}

static void a_reload_takes_routes_and_peers_and_nothing_that_needs_a_restart(void **state)
{
    static const struct {
        const char *text;
        const char *said; /* NULL: taken */
    } rows[] = {
        {IDENTITY INGRESS EGRESS PEERS "[peer more]\nspiffe = spiffe://prod.example/sim/x\n", NULL},
        {IDENTITY INGRESS PEERS, NULL},
        {IDENTITY EGRESS INGRESS PEERS "[limits]\nidle_timeout = 9h\n", NULL},
        {GOOD "[process]\nworkers = 2\n", "[process] workers: a change needs a restart"},
        {GOOD "[admin]\nlisten = 127.0.0.1:0\n", NULL},
        {IDENTITY INGRESS EGRESS, "there is no [peer web]"},
        {"", "missing"},
    };
    struct setup *setup = make(*state);
    const struct control_source *source = &setup_control(setup)->source;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct control_rules rules = {0};
        struct err err = {0};
        int rc = 0;

        write_text(*state, rows[i].text);
        rc = source->load(source->user, &rules, &err);
        assert_int_equal(rc, rows[i].said == NULL ? 0 : -1);
        if (rc == 0) {
            source->free(rules.owner);
        } else if (strstr(err.msg, rows[i].said) == NULL) {
            fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].said, err.msg);
        }
    }
    setup_free(setup);
}

static void a_missing_root_is_named_with_file_and_key(void **state)
{
    struct setup *setup = make(*state);
    struct err err;

    assert_int_equal(setup_check_identity(setup, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "t.ini: [identity] ca_root: /nonexistent/root.pem: No such"));
    setup_free(setup);
}

static void a_ca_without_evidence_is_refused(void **state)
{
    struct err err;

    write_text(*state, "[identity]\nca = https://ca.example:8443\nca_root = /r\ntrust_domain = "
                       "prod.example\nservice = app\nplatform = none\n" INGRESS EGRESS PEERS);
    assert_null(setup_new(((const struct fixture *)*state)->path, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "platform = none"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes_are_told_what_their_sections_say),
        TEST(rules_are_told_what_their_sections_say),
        TEST(a_reload_takes_routes_and_peers_and_nothing_that_needs_a_restart),
        TEST(a_missing_root_is_named_with_file_and_key),
        TEST(a_ca_without_evidence_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
