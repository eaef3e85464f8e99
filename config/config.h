/*
 * Config: the sidecar's settings, as config/liftgate.conf.5 describes them.
 *
 * Only the program's main and setup see this struct; everything else takes options of its own.
 * A config that loaded has passed every check that needs no file but its own: addresses and names
 * are well-formed, every peer that a route names exists, and nothing insecure goes unsaid.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/compiler.h"
#include "common/ini.h"
#include "config/settings.h"

struct err;

#define CONFIG_ROUTES_MAX 64 /* ingress and egress together */
#define CONFIG_PEERS_MAX 256
#define CONFIG_NAME_CAP (INI_NAME_MAX + 1)

enum config_platform {
    CONFIG_PLATFORM_AUTO,
    CONFIG_PLATFORM_SNP,
    CONFIG_PLATFORM_TDX,
    CONFIG_PLATFORM_SIM,
    CONFIG_PLATFORM_NONE,
};

enum config_mode { CONFIG_MODE_TCP, CONFIG_MODE_HTTP /* refused in this release */ };
enum config_truncation { CONFIG_TRUNCATION_RESET, CONFIG_TRUNCATION_EOF };

/* Either `ca` and what belongs to it, or three files; the other group is NULL. */
struct config_identity {
    char *ca; /* https://HOST:PORT */
    char *ca_root;
    char *trust_domain; /* always set */
    char *service;
    enum config_platform platform;
    char *insecure_sim; /* set if and only if platform is sim */
    char *certificate;
    char *private_key;
    char *trust_bundle;
};

struct config_ingress {
    char name[CONFIG_NAME_CAP];
    char *listen;  /* for sockets_parse() */
    char *forward; /* likewise */
    enum config_mode mode;
    struct setting_list allow; /* names of peers; at least 1 */
    char *alpn;                /* NULL: none is offered */
    enum config_truncation on_truncation;
    uint64_t idle_timeout; /* ms; that of [limits] if the section has none */
    bool insecure_remote_app;
};

struct config_egress {
    char name[CONFIG_NAME_CAP];
    char *listen;  /* for sockets_parse() */
    char *connect; /* for sockets_split() */
    enum config_mode mode;
    struct setting_list expect; /* names of peers; at least 1 */
    char *sni;                  /* NULL: the host of `connect` */
    char *alpn;
    enum config_truncation on_truncation;
    uint64_t idle_timeout;
    bool insecure_remote_callers;
};

struct config_peer {
    char name[CONFIG_NAME_CAP];
    struct setting_list spiffe;      /* at least 1, all of our trust domain */
    struct setting_list tee;         /* snp, tdx, sim */
    struct setting_list measurement; /* 96 hex digits */
    struct setting_floor tcb_bootloader_min;
    struct setting_floor tcb_tee_min;
    struct setting_floor tcb_snp_min;
    struct setting_floor tcb_microcode_min;
    struct setting_floor tcb_fmc_min;
    struct setting_floor epoch_min;
};

/* Times in milliseconds. */
struct config_limits {
    uint64_t handshake_timeout;
    uint64_t connect_timeout;
    uint64_t idle_timeout;
    uint64_t half_close_timeout;
    uint64_t write_stall_timeout;
    uint64_t linger_timeout;
    uint64_t ready_wait;
    uint64_t max_lifetime; /* 0: only the peer's notAfter */
    uint64_t drain_delay;
    uint64_t drain_timeout;
    uint64_t max_connections;
    uint64_t max_connections_per_listener; /* 0: only the limit above */
    uint64_t max_handshakes;
    uint64_t buffer_memory; /* bytes */
};

struct config_admin {
    char *listen; /* NULL: no admin endpoint */
};

struct config_log {
    unsigned level;  /* an enum log_level */
    unsigned format; /* an enum log_format */
};

struct config {
    struct config_identity identity;
    struct config_ingress *ingresses;
    size_t num_ingresses;
    struct config_egress *egresses;
    size_t num_egresses;
    struct config_peer *peers;
    size_t num_peers;
    struct config_limits limits;
    struct config_admin admin;
    struct config_log log;
};

/* Reads and checks a file.  NULL: ERR_INVALID with "FILE:LINE: [section] key: why", or ERR_IO.
   Blocks. */
struct config *config_load(const char *path, struct err *err);

/* As config_load(), from memory; `name` stands for the file in messages. */
struct config *config_parse(const char *name, const char *text, size_t len, struct err *err);
void config_free(struct config *config); /* accepts NULL */

/* Whether `next` may replace `current` in a running process: only [peer] sections, allow, expect
   and [log] may differ.  ERR_INVALID names the first other difference. */
MUST_CHECK int config_check_reload(const struct config *current, const struct config *next,
                                   struct err *err);

/* Writes the effective settings as a file that gives the same config. */
void config_print(const struct config *config, FILE *out);

/* Writes every section and key with bounds, fallback and meaning. */
void config_help(FILE *out);

/* Every key, for the test of the manual. */
const struct settings_table *config_table(void);
