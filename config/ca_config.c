/*
 * Ca_config: the table of the CA server's settings.
 */
#include "config/ca_config.h"

#include <assert.h>
#include <string.h>

#include "common/log.h"

#define IN(section, field) offsetof(struct ca_config_##section, field)
#define SECTION(kind, help)                                                                        \
    {                                                                                              \
#kind, offsetof(struct ca_config, kind), 0, sizeof(struct ca_config_##kind), 0, help       \
    }
#define REQUIRED SETTING_REQUIRED
#define RATE_MAX 100000
#define BURST_MAX 1000000

/* Words are stored by their index: the table below and the enums must agree. */
static_assert(sizeof(enum ca_config_tls_min) == sizeof(unsigned), "choices are stored as unsigned");
static_assert(LOG_ERROR == 0 && LOG_WARN == 1 && LOG_INFO == 2 && LOG_DEBUG == 3, "log levels");
static_assert(LOG_TEXT == 0 && LOG_JSON == 1, "log formats");

/* clang-format off */
static const struct setting_section sections[] = {
    SECTION(server, "the enrolment service"),
    SECTION(keys, "made by liftgate-ca init"),
    SECTION(collateral, "vendor certificates that evidence may need"),
    SECTION(store, "what was issued"),
    SECTION(limits, "how often one source may ask"),
    SECTION(metrics, "/livez /readyz /metrics"),
    SECTION(log, "what is written to standard error"),
};

static const struct setting rows[] = {
    /* section        key                    kind             flags     field                          min max choices   fallback  help */
    {"server",     "listen",               SETTING_ADDRESS, REQUIRED, IN(server, listen),            0,  0,  NULL,     NULL,     "where agents connect"},
    {"server",     "policy",               SETTING_PATH,    REQUIRED, IN(server, policy),            0,  0,  NULL,     NULL,     "the appraisal policy, a file of its own"},
    {"server",     "tls_min",              SETTING_CHOICE,  0,        IN(server, tls_min),           0,  0,  "1.3|1.2", "1.3",   "least TLS version to accept"},
    {"keys",       "issuing_key",          SETTING_STORED,  REQUIRED, IN(keys, issuing_key),         0,  0,  "file:",  NULL,     "key that signs leaves"},
    {"keys",       "issuing_certificate",  SETTING_PATH,    REQUIRED, IN(keys, issuing_certificate), 0,  0,  NULL,     NULL,     "its certificate, PEM"},
    {"keys",       "root_certificate",     SETTING_PATH,    REQUIRED, IN(keys, root_certificate),    0,  0,  NULL,     NULL,     "the root's certificate, PEM"},
    {"keys",       "server_key",           SETTING_STORED,  REQUIRED, IN(keys, server_key),          0,  0,  "file:",  NULL,     "key of the TLS server"},
    {"keys",       "server_certificate",   SETTING_PATH,    REQUIRED, IN(keys, server_certificate),  0,  0,  NULL,     NULL,     "its certificate, PEM"},
    {"keys",       "nonce_secret",         SETTING_PATH,    REQUIRED, IN(keys, nonce_secret),        0,  0,  NULL,     NULL,     "32 bytes that nonces are made from"},
    {"collateral", "directory",            SETTING_PATH,    0,        IN(collateral, directory),     0,  0,  NULL,     NULL,     "folder of vendor certificates, DER or PEM"},
    {"collateral", "kds",                  SETTING_ORIGIN,  0,        IN(collateral, kds),           0,  0,  NULL,     "none",   "the vendor's key service, asked for what evidence does not bring along"},
    {"collateral", "kds_root",             SETTING_PATH,    0,        IN(collateral, kds_root),      0,  0,  NULL,     NULL,     "whose certificates it must have, PEM; absent: the system's"},
    {"collateral", "kds_interval",         SETTING_DURATION, 0,       IN(collateral, kds_interval),  1, 600000, NULL,  "10s",    "least time between two requests to it for chips"},
    {"collateral", "insecure_kds_http",    SETTING_BOOL,    0,        IN(collateral, insecure_kds_http), 0, 0, NULL,   "no",     "lets the key service be asked by http, without TLS"},
    {"store",      "url",                  SETTING_STORED,  REQUIRED, IN(store, url),                0,  0,  "sqlite:", NULL,    "database of what was issued"},
    {"limits",     "nonce_per_second",     SETTING_NUMBER,  0,        IN(limits, nonce_per_second),  0, RATE_MAX, NULL,   "20",     "nonces for one address, an IPv6 /64 being one; 0: any number"},
    {"limits",     "nonce_burst",          SETTING_NUMBER,  0,        IN(limits, nonce_burst),       1, BURST_MAX, NULL,  "100",    "nonces for one address at once, after a pause"},
    {"limits",     "enrol_per_second",     SETTING_NUMBER,  0,        IN(limits, enrol_per_second),  0, RATE_MAX, NULL,   "2",      "enrolments from one address, an IPv6 /64 being one; 0: any number"},
    {"limits",     "enrol_burst",          SETTING_NUMBER,  0,        IN(limits, enrol_burst),       1, BURST_MAX, NULL,  "10",     "enrolments from one address at once, after a pause"},
    {"limits",     "chip_per_minute",      SETTING_NUMBER,  0,        IN(limits, chip_per_minute),   0, RATE_MAX, NULL,   "30",     "enrolments of guests on one processor; 0: any number"},
    {"limits",     "chip_burst",           SETTING_NUMBER,  0,        IN(limits, chip_burst),        1, BURST_MAX, NULL,  "30",     "enrolments of guests on one processor at once, after a pause"},
    {"limits",     "key_per_minute",       SETTING_NUMBER,  0,        IN(limits, key_per_minute),    0, RATE_MAX, NULL,   "30",     "enrolments with one key; 0: any number"},
    {"limits",     "key_burst",            SETTING_NUMBER,  0,        IN(limits, key_burst),         1, BURST_MAX, NULL,  "30",     "enrolments with one key at once, after a pause"},
    {"metrics",    "listen",               SETTING_ADDRESS, 0,        IN(metrics, listen),           0,  0,  NULL,     NULL,     "where to serve; absent: nowhere"},
    {"log",        "level",                SETTING_CHOICE,  0,        IN(log, level),                0,  0,  "error|warn|info|debug", "info", "the least urgent lines to write"},
    {"log",        "format",               SETTING_CHOICE,  0,        IN(log, format),               0,  0,  "text|json", "text", "how lines are written"},
};
/* clang-format on */

static int refuse(const struct settings_source *source, const char *key, const char *why,
                  struct err *err)
{
    return settings_refuse(source, &(struct settings_place){"collateral", "", key, 0}, err, "%s",
                           why);
}

/* How the key service is reached. */
static int check(void *whole, const struct settings_source *source, struct err *err)
{
    const struct ca_config *config = whole;
    const struct ca_config_collateral *collateral = &config->collateral;
    bool http = strncmp(collateral->kds, "http://", strlen("http://")) == 0;
    bool https = strncmp(collateral->kds, "https://", strlen("https://")) == 0;

    if (http && !collateral->insecure_kds_http) {
        return refuse(source, "kds", "http:// is only for insecure_kds_http = yes", err);
    }
    if (!http && collateral->insecure_kds_http) {
        return refuse(source, "insecure_kds_http", "only for a kds that begins with http://", err);
    }
    if (!https && collateral->kds_root != NULL) {
        return refuse(source, "kds_root", "only for a kds that begins with https://", err);
    }
    return 0;
}

static const struct settings_table table = {
    .size = sizeof(struct ca_config),
    .sections = sections,
    .num_sections = sizeof(sections) / sizeof(sections[0]),
    .rows = rows,
    .num_rows = sizeof(rows) / sizeof(rows[0]),
    .check = check,
};

struct ca_config *ca_config_load(const char *path, struct err *err)
{
    return settings_load(&table, path, err);
}

struct ca_config *ca_config_parse(const char *name, const char *text, size_t len, struct err *err)
{
    return settings_parse(&table, name, text, len, err);
}

void ca_config_free(struct ca_config *config)
{
    settings_free(&table, config);
}

unsigned ca_config_insecure(const struct ca_config *config, settings_insecure_found *found)
{
    return settings_insecure(&table, config, found);
}

int ca_config_print(const struct ca_config *config, FILE *out, struct err *err)
{
    return settings_print(&table, config, out, err);
}

void ca_config_help(FILE *out)
{
    settings_help(&table, out);
}

const struct settings_table *ca_config_table(void)
{
    return &table;
}
