/*
 * Scenario: what a file says, and what is refused in it with its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <string.h>

#include "bench/scenario.h"
#include "common/err.h"

#define LOAD "[load]\nworkload = request\n"
#define DIRECT "[target direct]\nconnect = 127.0.0.1:7000\n"
#define MADE                                                                                       \
    "[client]\nca_certificate = c\nca_key = k\nspiffe = spiffe://bench.example/c\ntrust = t\n"

static struct scenario *parse(const char *text, struct err *err)
{
    return scenario_parse("s.ini", text, strlen(text), err);
}

static void every_setting_reaches_its_field(void **state)
{
    static const char text[] =
        "[load]\nworkload = churn\nprotocol = http\nrequest_size = 0\n"
        "reply_size = 1048576\nconnections = 32\nidle = 1000\nrate = 500\n"
        "repetitions = 7\nwarm_up = 1s\ntime = 2s\nsettle = 3s\nstall = 4s\n"
        "peers = new\n" MADE DIRECT "[target through]\nconnect = [::1]:7001\ntls = yes\n"
        "server_name = a.example\nprocesses = one two\n"
        "[process one]\npid = 11\n[process two]\npid = 12\n";
    struct err err = {0};
    struct scenario *scenario = parse(text, &err);

    assert_string_equal(err.msg, "");
    assert_non_null(scenario);
    assert_int_equal(scenario->load.workload, SCENARIO_CHURN);
    assert_int_equal(scenario->load.protocol, EXCHANGE_HTTP);
    assert_int_equal(scenario->load.request_size, 0);
    assert_int_equal(scenario->load.reply_size, 1048576);
    assert_int_equal(scenario->load.connections, 32);
    assert_int_equal(scenario->load.pipeline, 1);
    assert_int_equal(scenario->load.idle, 1000);
    assert_int_equal(scenario->load.rate, 500);
    assert_int_equal(scenario->load.repetitions, 7);
    assert_int_equal(scenario->load.warm_up, 1000);
    assert_int_equal(scenario->load.time, 2000);
    assert_int_equal(scenario->load.settle, 3000);
    assert_int_equal(scenario->load.stall, 4000);
    assert_int_equal(scenario->load.peers, SCENARIO_NEW);
    assert_string_equal(scenario->client.spiffe, "spiffe://bench.example/c");
    assert_int_equal(scenario->num_targets, 2);
    assert_string_equal(scenario->targets[1].name, "through");
    assert_string_equal(scenario->targets[1].connect, "[::1]:7001");
    assert_true(scenario->targets[1].tls);
    assert_string_equal(scenario->targets[1].server_name, "a.example");
    assert_int_equal(scenario->targets[1].processes.num, 2);
    assert_int_equal(scenario_find_process(scenario, "two")->pid, 12);
    assert_null(scenario_find_process(scenario, "three"));
    scenario_free(scenario);
}

static void a_command_keeps_its_words(void **state)
{
    struct err err = {0};
    struct scenario *scenario = parse(
        "[load]\nworkload = command\ncommand = wrk -c 8 http://{host}:{port}/\n" DIRECT, &err);

    assert_string_equal(err.msg, "");
    assert_non_null(scenario);
    assert_string_equal(scenario->load.command, "wrk -c 8 http://{host}:{port}/");
    scenario_free(scenario);
}

static void contradictions_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *text;
        const char *msg;
    } rows[] = {
        {DIRECT, "s.ini: [load] workload: missing"},
        {LOAD, "s.ini: no [target NAME]"},
        {LOAD "request_size = 8\n" DIRECT,
         "s.ini:3: [load] request_size: a frame has at least 16 bytes"},
        {LOAD "reply_size = 0\n" DIRECT, "s.ini:3: [load] reply_size: a reply has at least 1 byte"},
        {LOAD "protocol = echo\nreply_size = 65\n" DIRECT,
         "s.ini:4: [load] reply_size: echo and redis return what they get: need request_size, at "
         "least 1"},
        {"[load]\nworkload = churn\npipeline = 2\n" DIRECT,
         "s.ini:3: [load] pipeline: churn has one request on a connection"},
        {LOAD "peers = new\n" MADE DIRECT,
         "s.ini:3: [load] peers: new peers need workload = churn"},
        {"[load]\nworkload = churn\npeers = new\n" DIRECT,
         "s.ini: [client] ca_certificate: new peers need an issuer"},
        {LOAD "settle = 1s\n" DIRECT, "s.ini:3: [load] settle: goes with idle"},
        {LOAD "command = wrk\n" DIRECT,
         "s.ini:3: [load] command: goes with workload = command, and it with this"},
        {"[load]\nworkload = command\n" DIRECT,
         "s.ini:1: [load] command: goes with workload = command, and it with this"},
        {"[load]\nworkload = command\ncommand = sh -c wrk\n" DIRECT,
         "s.ini:3: [load] command: sh: need redis-benchmark, pgbench or wrk"},
        {"[load]\nworkload = command\ncommand = wrk\ntime = 1s\n" DIRECT,
         "s.ini:4: [load] time: the command says so, not this file"},
        {"[load]\nworkload = command\ncommand = wrk\n" MADE DIRECT "tls = yes\n",
         "s.ini:11: [target direct] tls: commands speak plaintext here"},
        {"[load]\nworkload = command\ncommand = wrk\n[target a]\nconnect = unix:/s\n",
         "s.ini:5: [target a] connect: a command needs an IP address and a port"},
        {LOAD DIRECT "tls = yes\n",
         "s.ini:5: [target direct] tls: needs [client] with trust, and a certificate or an "
         "issuer"},
        {LOAD DIRECT "[client]\ncertificate = c\n",
         "s.ini:6: [client] certificate: either with private_key, or ca_certificate, ca_key and "
         "spiffe"},
        {LOAD DIRECT MADE "certificate = c\nprivate_key = k\n",
         "s.ini:10: [client] certificate: either with private_key, or ca_certificate, ca_key and "
         "spiffe"},
        {LOAD DIRECT "server_name = a.example\n",
         "s.ini:5: [target direct] server_name: goes with tls = yes"},
        {LOAD DIRECT "processes = one\n[process two]\npid = 1\n",
         "s.ini:5: [target direct] processes: no [process one]"},
        {LOAD DIRECT "[scale]\nsizes = 64 12\n",
         "s.ini:6: [scale] sizes: a frame has at least 16 bytes"},
        {LOAD DIRECT "[scale]\nconnections = 1 10\nconnections = many\n",
         "s.ini:7: [scale] connections: need numbers from 1 to 20000"},
        {LOAD DIRECT "[scale]\nsizes = 16777217\n",
         "s.ini:6: [scale] sizes: need numbers from 1 to 16777216"},
        {"[load]\nworkload = churn\n" DIRECT "[scale]\nconnections = 1\n",
         "s.ini:6: [scale] connections: goes with workload = request"},
        {LOAD DIRECT "[process one]\n", "s.ini:5: [process one] pid: missing"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};

        assert_null(parse(rows[i].text, &err));
        assert_string_equal(err.msg, rows[i].msg);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

/* What stands in bench/scenarios. */
static void the_examples_load(void **state)
{
    DIR *dir = opendir(SCENARIO_DIR);
    struct dirent *entry = NULL;
    size_t num = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];
        struct err err = {0};
        struct scenario *scenario = NULL;

        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", SCENARIO_DIR, entry->d_name);
        scenario = scenario_load(path, &err);
        assert_string_equal(err.msg, "");
        assert_non_null(scenario);
        scenario_free(scenario);
        num++;
    }
    closedir(dir);
    assert_true(num > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_reaches_its_field),
        cmocka_unit_test(a_command_keeps_its_words),
        cmocka_unit_test(the_examples_load),
        cmocka_unit_test(contradictions_are_refused_with_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
