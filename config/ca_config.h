/*
 * Ca_config: the CA server's settings, as config/liftgate-ca.conf.5 describes them.
 *
 * The appraisal policy is another file with another reader: attest/policy.h.  Only the program's
 * main and setup see this struct.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "common/compiler.h"
#include "config/settings.h"

struct err;

enum ca_config_tls_min { CA_CONFIG_TLS_1_3, CA_CONFIG_TLS_1_2 };

struct ca_config_server {
    char *listen; /* for sockets_parse() */
    char *policy; /* path */
    enum ca_config_tls_min tls_min;
};

/* Paths, all set. */
struct ca_config_keys {
    char *issuing_key; /* without "file:" */
    char *issuing_certificate;
    char *root_certificate;
    char *server_key; /* without "file:" */
    char *server_certificate;
    char *nonce_secret;
};

struct ca_config_collateral {
    char *directory;       /* NULL: none */
    char *kds;             /* "none", or where the key service is, as SETTING_ORIGIN has it */
    char *kds_root;        /* path; NULL: the system's */
    uint64_t kds_interval; /* ms */
    bool insecure_kds_http;
};

struct ca_config_store {
    char *url; /* path of the SQLite file, without "sqlite:" */
};

/* Rates of 0: no limit. */
struct ca_config_limits {
    uint64_t nonce_per_second;
    uint64_t nonce_burst;
    uint64_t enrol_per_second;
    uint64_t enrol_burst;
    uint64_t chip_per_minute;
    uint64_t chip_burst;
    uint64_t key_per_minute;
    uint64_t key_burst;
};

struct ca_config_metrics {
    char *listen; /* NULL: no such listener */
};

struct ca_config_log {
    unsigned level;  /* an enum log_level */
    unsigned format; /* an enum log_format */
};

struct ca_config {
    struct ca_config_server server;
    struct ca_config_keys keys;
    struct ca_config_collateral collateral;
    struct ca_config_store store;
    struct ca_config_limits limits;
    struct ca_config_metrics metrics;
    struct ca_config_log log;
};

/* Reads and checks a file.  NULL: ERR_INVALID with "FILE:LINE: [section] key: why", or ERR_IO.
   Blocks. */
struct ca_config *ca_config_load(const char *path, struct err *err);

/* As ca_config_load(), from memory; `name` stands for the file in messages. */
struct ca_config *ca_config_parse(const char *name, const char *text, size_t len, struct err *err);
void ca_config_free(struct ca_config *config); /* accepts NULL */

/* As settings_insecure(). */
unsigned ca_config_insecure(const struct ca_config *config, settings_insecure_found *found);

/* As settings_print(). */
MUST_CHECK int ca_config_print(const struct ca_config *config, FILE *out, struct err *err);

/* Writes every section and key with bounds, fallback and meaning. */
void ca_config_help(FILE *out);

/* Every key, for the test of the manual. */
const struct settings_table *ca_config_table(void);
