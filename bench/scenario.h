/*
 * Scenario: what one run of the load generator does, as bench/liftgate-bench.8 describes the file.
 *
 * Only says what is wanted and refuses what contradicts itself.  Knows no socket and no process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/exchange.h"
#include "common/compiler.h"
#include "config/settings.h"

struct err;

#define SCENARIO_NAME_CAP (INI_NAME_MAX + 1)
#define SCENARIO_TARGETS_MAX 16
#define SCENARIO_PROCESSES_MAX 32
#define SCENARIO_CONNECTIONS_MAX 20000
#define SCENARIO_PIPELINE_MAX 64
#define SCENARIO_REPETITIONS_MAX 1000

enum scenario_workload {
    SCENARIO_REQUEST, /* connections stay, requests follow one another */
    SCENARIO_CHURN,   /* a connection for each request */
    SCENARIO_COMMAND, /* somebody else's load generator */
};

enum scenario_peers { SCENARIO_KNOWN, SCENARIO_NEW };

struct scenario_load {
    enum scenario_workload workload;
    enum exchange_protocol protocol;
    uint64_t request_size; /* bytes */
    uint64_t reply_size;   /* bytes */
    uint64_t connections;
    uint64_t pipeline;
    uint64_t idle;        /* connections that carry nothing */
    uint64_t rate;        /* operations a second over all connections; 0: closed loop */
    uint64_t repetitions; /* turns of each target */
    uint64_t warm_up;     /* ms, before each turn, not counted */
    uint64_t time;        /* ms, each turn */
    uint64_t settle;      /* ms */
    uint64_t stall;       /* ms */
    enum scenario_peers peers;
    char *command; /* NULL unless workload is SCENARIO_COMMAND */
};

/* Who the client is where a target has tls. */
struct scenario_client {
    char *certificate; /* PEM, leaf and chain; with `private_key` */
    char *private_key;
    char *ca_certificate; /* PEM; with `ca_key` and `spiffe`: leaves are made by the tool */
    char *ca_key;
    char *spiffe;
    char *trust; /* PEM: who may have signed a target's certificate */
};

struct scenario_target {
    char name[SCENARIO_NAME_CAP];
    char *connect; /* for sockets_parse() */
    bool tls;
    char *server_name;             /* SNI; NULL: none */
    struct setting_list processes; /* names of [process] sections */
};

/* What liftgate-bench scale does one after the other; numbers as text, for scenario_number(). */
struct scenario_scale {
    struct setting_list connections; /* open ones; those beyond [load] connections are idle */
    struct setting_list sizes;       /* bytes of request and reply */
};

struct scenario_process {
    char name[SCENARIO_NAME_CAP];
    uint64_t pid;
};

struct scenario {
    struct scenario_load load;
    struct scenario_client client;
    struct scenario_scale scale;
    struct scenario_target *targets;
    size_t num_targets; /* at least 1 */
    struct scenario_process *processes;
    size_t num_processes;
};

/* Reads and checks a file.  NULL: ERR_INVALID with "FILE:LINE: [section] key: why", or ERR_IO.
   Blocks. */
struct scenario *scenario_load(const char *path, struct err *err);

/* As scenario_load(), from memory; `name` stands for the file in messages. */
struct scenario *scenario_parse(const char *name, const char *text, size_t len, struct err *err);
void scenario_free(struct scenario *scenario); /* accepts NULL */

/* Writes every section and key with bounds, fallback and meaning. */
void scenario_help(FILE *out);

/* Every key, for the test of the manual and for the results. */
const struct settings_table *scenario_table(void);

/* Item `i` of a list of [scale]. */
uint64_t scenario_number(const struct setting_list *list, size_t i);

/* The process of that name; NULL: none. */
const struct scenario_process *scenario_find_process(const struct scenario *scenario,
                                                     const char *name);
