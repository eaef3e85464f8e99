/*
 * Scenario: the table of its settings, and what must hold between them.
 */
#include "bench/scenario.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/command.h"
#include "common/err.h"

#define IN(section, field) offsetof(struct scenario_##section, field)
#define REQUIRED SETTING_REQUIRED
#define LIST SETTING_LIST
#define MINUTES UINT64_C(60000)

/* Words are stored by their index: the table below and the enums must agree. */
static_assert(SCENARIO_REQUEST == 0 && SCENARIO_CHURN == 1 && SCENARIO_COMMAND == 2, "workloads");
static_assert(EXCHANGE_FRAME == 0 && EXCHANGE_ECHO == 1 && EXCHANGE_REDIS == 2 &&
                  EXCHANGE_HTTP == 3,
              "protocols");
static_assert(SCENARIO_KNOWN == 0 && SCENARIO_NEW == 1, "peers");
static_assert(sizeof(enum scenario_workload) == sizeof(unsigned), "choices are stored as unsigned");

/* clang-format off */
static const struct setting_section sections[] = {
    {"load",    offsetof(struct scenario, load),      0,                                        sizeof(struct scenario_load),    0,                      "what is done, to each target in turn"},
    {"client",  offsetof(struct scenario, client),    0,                                        sizeof(struct scenario_client),  0,                      "who the client is where a target has tls"},
    {"scale",   offsetof(struct scenario, scale),     0,                                        sizeof(struct scenario_scale),   0,                      "what liftgate-bench scale does one after the other"},
    {"target",  offsetof(struct scenario, targets),   offsetof(struct scenario, num_targets),   sizeof(struct scenario_target),  SCENARIO_TARGETS_MAX,   "one path to the application"},
    {"process", offsetof(struct scenario, processes), offsetof(struct scenario, num_processes), sizeof(struct scenario_process), SCENARIO_PROCESSES_MAX, "a process whose cost is measured, with its children"},
};

static const struct setting rows[] = {
    /* section    key               kind              flags     field                        min max                       choices                  fallback   help */
    {"load",    "workload",       SETTING_CHOICE,   REQUIRED, IN(load, workload),          0,  0,                        "request|churn|command", NULL,      "requests on connections that stay, a connection for each, or a command"},
    {"load",    "protocol",       SETTING_CHOICE,   0,        IN(load, protocol),          0,  0,                        "frame|echo|redis|http", "frame",   "what the application speaks; frame is that of liftgate-bench serve"},
    {"load",    "request_size",   SETTING_NUMBER,   0,        IN(load, request_size),      0,  EXCHANGE_SIZE_MAX,        NULL,                    "64",      "bytes of a request"},
    {"load",    "reply_size",     SETTING_NUMBER,   0,        IN(load, reply_size),        0,  EXCHANGE_SIZE_MAX,        NULL,                    "64",      "bytes of a reply"},
    {"load",    "connections",    SETTING_NUMBER,   0,        IN(load, connections),       1,  SCENARIO_CONNECTIONS_MAX, NULL,                    "1",       "that carry requests, at a time"},
    {"load",    "pipeline",       SETTING_NUMBER,   0,        IN(load, pipeline),          1,  SCENARIO_PIPELINE_MAX,    NULL,                    "1",       "requests on their way on one connection; more than 1 makes streams of large messages"},
    {"load",    "idle",           SETTING_NUMBER,   0,        IN(load, idle),              0,  SCENARIO_CONNECTIONS_MAX, NULL,                    "0",       "connections held open that carry nothing; their memory is measured"},
    {"load",    "rate",           SETTING_NUMBER,   0,        IN(load, rate),              0,  10000000,                 NULL,                    "0",       "requests a second over all connections, latency from the intended start; 0: as fast as replies come"},
    {"load",    "repetitions",    SETTING_NUMBER,   0,        IN(load, repetitions),       1,  SCENARIO_REPETITIONS_MAX, NULL,                    "5",       "turns of each target; the targets take turns, so that a slow moment hits all"},
    {"load",    "warm_up",        SETTING_DURATION, 0,        IN(load, warm_up),           1,  10 * MINUTES,             NULL,                    "200ms",   "before each turn, not counted"},
    {"load",    "time",           SETTING_DURATION, 0,        IN(load, time),              1,  60 * MINUTES,             NULL,                    "1s",      "counted, each turn"},
    {"load",    "settle",         SETTING_DURATION, 0,        IN(load, settle),            1,  MINUTES,                  NULL,                    "500ms",   "between opening the idle connections and measuring their memory"},
    {"load",    "stall",          SETTING_DURATION, 0,        IN(load, stall),             1,  10 * MINUTES,             NULL,                    "10s",     "no reply at all for so long fails the run"},
    {"load",    "peers",          SETTING_CHOICE,   0,        IN(load, peers),             0,  0,                        "known|new",             "known",   "one client certificate for all connections, or a new one for each"},
    {"load",    "command",        SETTING_LINE,     0,        IN(load, command),           0,  0,                        NULL,                    NULL,      "redis-benchmark, pgbench or wrk with its arguments; {host} and {port} are the target's"},
    {"client",  "certificate",    SETTING_PATH,     0,        IN(client, certificate),     0,  0,                        NULL,                    NULL,      "leaf and chain, PEM"},
    {"client",  "private_key",    SETTING_PATH,     0,        IN(client, private_key),     0,  0,                        NULL,                    NULL,      "its key, PEM"},
    {"client",  "ca_certificate", SETTING_PATH,     0,        IN(client, ca_certificate),  0,  0,                        NULL,                    NULL,      "issuer of the leaves that the tool makes, PEM"},
    {"client",  "ca_key",         SETTING_PATH,     0,        IN(client, ca_key),          0,  0,                        NULL,                    NULL,      "its key, PEM"},
    {"client",  "spiffe",         SETTING_SPIFFE_ID,0,        IN(client, spiffe),          0,  0,                        NULL,                    NULL,      "the name in those leaves"},
    {"client",  "trust",          SETTING_PATH,     0,        IN(client, trust),           0,  0,                        NULL,                    NULL,      "who may have signed a target's certificate, PEM"},
    {"scale",   "connections",    SETTING_NAME,     LIST,     IN(scale, connections),      0,  0,                        NULL,                    NULL,      "open connections; those beyond [load] connections are idle"},
    {"scale",   "sizes",          SETTING_NAME,     LIST,     IN(scale, sizes),            0,  0,                        NULL,                    NULL,      "bytes of request and reply"},
    {"target",  "connect",        SETTING_LISTEN,   REQUIRED, IN(target, connect),         0,  0,                        NULL,                    NULL,      "where it listens"},
    {"target",  "tls",            SETTING_BOOL,     0,        IN(target, tls),             0,  0,                        NULL,                    "no",      "mutual TLS 1.3; that a client without a certificate is refused is tried first"},
    {"target",  "server_name",    SETTING_HOST,     0,        IN(target, server_name),     0,  0,                        NULL,                    NULL,      "sent as SNI"},
    {"target",  "processes",      SETTING_NAME,     LIST,     IN(target, processes),       0,  0,                        NULL,                    NULL,      "whose cost this path has: names of [process] sections"},
    {"process", "pid",            SETTING_NUMBER,   REQUIRED, IN(process, pid),            1,  4194304,                  NULL,                    NULL,      "its number"},
};
/* clang-format on */

static int refuse_load(const struct settings_source *source, const char *key, struct err *err,
                       const char *why)
{
    const struct settings_place place = {.kind = "load", .name = "", .key = key};

    return settings_refuse(source, &place, err, "%s", why);
}

static bool given(const struct settings_source *source, const char *key)
{
    return settings_given(source, "load", "", key);
}

static int check_command(const struct scenario_load *load, const struct settings_source *source,
                         struct err *err)
{
    static const char *const others[] = {"protocol", "request_size", "reply_size", "connections",
                                         "pipeline", "idle",         "rate",       "time",
                                         "settle",   "stall",        "peers",      "warm_up"};
    enum command_kind kind = COMMAND_REDIS;
    struct err why;

    if ((load->workload == SCENARIO_COMMAND) != (load->command != NULL)) {
        return refuse_load(source, "command", err,
                           "goes with workload = command, and it with this");
    }
    if (load->command != NULL && command_kind(load->command, &kind, &why) != 0) {
        return refuse_load(source, "command", err, why.msg);
    }
    for (size_t i = 0; load->command != NULL && i < sizeof(others) / sizeof(others[0]); i++) {
        if (given(source, others[i])) {
            return refuse_load(source, others[i], err, "the command says so, not this file");
        }
    }
    return 0;
}

static int check_load(const struct scenario_load *load, const struct settings_source *source,
                      struct err *err)
{
    if (load->protocol == EXCHANGE_FRAME && load->request_size < FRAME_HEAD_LEN) {
        return refuse_load(source, "request_size", err, "a frame has at least 16 bytes");
    }
    if (load->reply_size < (load->protocol == EXCHANGE_HTTP ? 0U : 1U)) {
        return refuse_load(source, "reply_size", err, "a reply has at least 1 byte");
    }
    if ((load->protocol == EXCHANGE_ECHO || load->protocol == EXCHANGE_REDIS) &&
        (load->request_size != load->reply_size || load->request_size == 0)) {
        return refuse_load(source, "reply_size", err,
                           "echo and redis return what they get: need request_size, at least 1");
    }
    if (load->workload == SCENARIO_CHURN && load->pipeline > 1) {
        return refuse_load(source, "pipeline", err, "churn has one request on a connection");
    }
    if (load->workload == SCENARIO_REQUEST && load->peers == SCENARIO_NEW) {
        return refuse_load(source, "peers", err, "new peers need workload = churn");
    }
    if (given(source, "settle") && load->idle == 0) {
        return refuse_load(source, "settle", err, "goes with idle");
    }
    return 0;
}

/* Every item of a list must be a number in bounds. */
static int check_numbers(const struct setting_list *list, const char *key, uint64_t max,
                         const struct settings_source *source, struct err *err)
{
    for (size_t i = 0; i < list->num; i++) {
        const struct settings_place place = {
            .kind = "scale", .name = "", .key = key, .line = list->lines[i]};
        uint64_t value = scenario_number(list, i);

        if (strspn(list->items[i], "0123456789") != strlen(list->items[i]) || value == 0 ||
            value > max) {
            return settings_refuse(source, &place, err, "need numbers from 1 to %" PRIu64, max);
        }
    }
    return 0;
}

static int check_scale(const struct scenario *scenario, const struct settings_source *source,
                       struct err *err)
{
    const struct scenario_scale *scale = &scenario->scale;
    struct settings_place place = {.kind = "scale", .name = "", .key = "connections"};

    if (check_numbers(&scale->connections, "connections", SCENARIO_CONNECTIONS_MAX, source, err) !=
            0 ||
        check_numbers(&scale->sizes, "sizes", EXCHANGE_SIZE_MAX, source, err) != 0) {
        return -1;
    }
    if (scale->connections.num > 0 && scenario->load.workload != SCENARIO_REQUEST) {
        return settings_refuse(source, &place, err, "goes with workload = request");
    }
    place.key = "sizes";
    if (scale->sizes.num > 0 && scenario->load.workload == SCENARIO_COMMAND) {
        return settings_refuse(source, &place, err, "the command says so, not this file");
    }
    for (size_t i = 0; i < scale->sizes.num; i++) {
        place.line = scale->sizes.lines[i];
        if (scenario->load.protocol == EXCHANGE_FRAME &&
            scenario_number(&scale->sizes, i) < FRAME_HEAD_LEN) {
            return settings_refuse(source, &place, err, "a frame has at least 16 bytes");
        }
    }
    return 0;
}

static int check_client(const struct scenario *scenario, const struct settings_source *source,
                        struct err *err)
{
    const struct scenario_client *client = &scenario->client;
    struct settings_place place = {.kind = "client", .name = "", .key = "certificate"};
    bool is_given = client->certificate != NULL && client->private_key != NULL;
    bool is_made =
        client->ca_certificate != NULL && client->ca_key != NULL && client->spiffe != NULL;
    bool has_given = client->certificate != NULL || client->private_key != NULL;
    bool has_made =
        client->ca_certificate != NULL || client->ca_key != NULL || client->spiffe != NULL;

    if (is_given != has_given || is_made != has_made || (has_given && has_made)) {
        return settings_refuse(source, &place, err,
                               "either with private_key, or ca_certificate, ca_key and spiffe");
    }
    if (scenario->load.peers == SCENARIO_NEW && !is_made) {
        place.key = "ca_certificate";
        return settings_refuse(source, &place, err, "new peers need an issuer");
    }
    for (size_t i = 0; i < scenario->num_targets; i++) {
        if (scenario->targets[i].tls && (client->trust == NULL || !(is_given || is_made))) {
            place = (struct settings_place){
                .kind = "target", .name = scenario->targets[i].name, .key = "tls"};
            return settings_refuse(source, &place, err,
                                   "needs [client] with trust, and a certificate or an issuer");
        }
    }
    return 0;
}

static bool is_internet(const char *address)
{
    return strncmp(address, "unix:", 5) != 0 && strncmp(address, "vsock:", 6) != 0;
}

static int check_targets(const struct scenario *scenario, const struct settings_source *source,
                         struct err *err)
{
    if (scenario->num_targets == 0) {
        const struct settings_place whole = {0};

        return settings_refuse(source, &whole, err, "no [target NAME]");
    }
    for (size_t i = 0; i < scenario->num_targets; i++) {
        const struct scenario_target *target = &scenario->targets[i];
        struct settings_place place = {.kind = "target", .name = target->name, .key = "processes"};

        for (size_t j = 0; j < target->processes.num; j++) {
            place.line = target->processes.lines[j];
            if (scenario_find_process(scenario, target->processes.items[j]) == NULL) {
                return settings_refuse(source, &place, err, "no [process %s]",
                                       target->processes.items[j]);
            }
        }
        if (scenario->load.workload == SCENARIO_COMMAND && !is_internet(target->connect)) {
            place =
                (struct settings_place){.kind = "target", .name = target->name, .key = "connect"};
            return settings_refuse(source, &place, err, "a command needs an IP address and a port");
        }
        if (scenario->load.workload == SCENARIO_COMMAND && target->tls) {
            place = (struct settings_place){.kind = "target", .name = target->name, .key = "tls"};
            return settings_refuse(source, &place, err, "commands speak plaintext here");
        }
        if (target->server_name != NULL && !target->tls) {
            place = (struct settings_place){
                .kind = "target", .name = target->name, .key = "server_name"};
            return settings_refuse(source, &place, err, "goes with tls = yes");
        }
    }
    return 0;
}

static int check(void *whole, const struct settings_source *source, struct err *err)
{
    const struct scenario *scenario = whole;

    if (check_command(&scenario->load, source, err) != 0 ||
        check_load(&scenario->load, source, err) != 0 || check_scale(scenario, source, err) != 0 ||
        check_targets(scenario, source, err) != 0) {
        return -1;
    }
    return check_client(scenario, source, err);
}

static const struct settings_table table = {
    .size = sizeof(struct scenario),
    .sections = sections,
    .num_sections = sizeof(sections) / sizeof(sections[0]),
    .rows = rows,
    .num_rows = sizeof(rows) / sizeof(rows[0]),
    .check = check,
};

struct scenario *scenario_load(const char *path, struct err *err)
{
    return settings_load(&table, path, err);
}

struct scenario *scenario_parse(const char *name, const char *text, size_t len, struct err *err)
{
    return settings_parse(&table, name, text, len, err);
}

void scenario_free(struct scenario *scenario)
{
    settings_free(&table, scenario);
}

void scenario_help(FILE *out)
{
    settings_help(&table, out);
}

const struct settings_table *scenario_table(void)
{
    return &table;
}

uint64_t scenario_number(const struct setting_list *list, size_t i)
{
    return strtoull(list->items[i], NULL, 10);
}

const struct scenario_process *scenario_find_process(const struct scenario *scenario,
                                                     const char *name)
{
    for (size_t i = 0; i < scenario->num_processes; i++) {
        if (strcmp(scenario->processes[i].name, name) == 0) {
            return &scenario->processes[i];
        }
    }
    return NULL;
}
