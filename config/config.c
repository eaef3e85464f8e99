/*
 * Config: the table of the sidecar's settings.
 */
#include "config/config.h"

#include <assert.h>

#include "common/log.h"
#include "config/config_check.h"

#define IN(section, field) offsetof(struct config_##section, field)
#define MS(n) UINT64_C(n)
#define S(n) (UINT64_C(n) * 1000)
#define D(n) (UINT64_C(n) * 86400000)
#define MIB(n) (UINT64_C(n) * 1048576)
#define REQUIRED SETTING_REQUIRED
#define LIST SETTING_LIST
#define RESTART SETTING_RESTART

/* Words are stored by their index: the tables below and the enums must agree. */
static_assert(sizeof(enum config_mode) == sizeof(unsigned), "choices are stored as unsigned");
static_assert(LOG_ERROR == 0 && LOG_WARN == 1 && LOG_INFO == 2 && LOG_DEBUG == 3, "log levels");
static_assert(LOG_TEXT == 0 && LOG_JSON == 1, "log formats");

/* clang-format off */
static const struct setting_section sections[] = {
    {"identity", offsetof(struct config, identity), 0, sizeof(struct config_identity), 0,
     "who we are: a CA that attests us, or files that somebody else renews"},
    {"ingress", offsetof(struct config, ingresses), offsetof(struct config, num_ingresses), sizeof(struct config_ingress), CONFIG_ROUTES_MAX,
     "mutual TLS in, plaintext to the service"},
    {"egress", offsetof(struct config, egresses), offsetof(struct config, num_egresses), sizeof(struct config_egress), CONFIG_ROUTES_MAX,
     "plaintext from the service, mutual TLS out"},
    {"peer", offsetof(struct config, peers), offsetof(struct config, num_peers), sizeof(struct config_peer), CONFIG_PEERS_MAX,
     "who may be let in or is expected: all keys must hold, repeats are alternatives"},
    {"limits", offsetof(struct config, limits), 0, sizeof(struct config_limits), 0,
     "bounds of time and memory"},
    {"process", offsetof(struct config, process), 0, sizeof(struct config_process), 0,
     "the process itself"},
    {"admin", offsetof(struct config, admin), 0, sizeof(struct config_admin), 0,
     "/livez /readyz /metrics /identity"},
    {"log", offsetof(struct config, log), 0, sizeof(struct config_log), 0,
     "what is written to standard error"},
};

static const struct setting rows[] = {
    /* section     key                     kind                  flags            field                            min    max        choices  fallback  help */
    {"identity", "ca",                     SETTING_URL,          0,               IN(identity, ca),                0,     0,         NULL,    NULL,     "the attesting CA"},
    {"identity", "ca_root",                SETTING_PATH,         0,               IN(identity, ca_root),           0,     0,         NULL,    NULL,     "PEM file of the CA's root, pinned"},
    {"identity", "trust_domain",           SETTING_TRUST_DOMAIN, REQUIRED | RESTART, IN(identity, trust_domain),      0,     0,         NULL,    NULL,     "ours, and that of every peer"},
    {"identity", "service",                SETTING_SERVICE,      0,               IN(identity, service),           0,     0,         NULL,    NULL,     "the identity to ask for, behind the platform"},
    {"identity", "platform",               SETTING_CHOICE,       0,               IN(identity, platform),          0,     0,         "auto|snp|tdx|sim|none", "auto", "what signs our evidence"},
    {"identity", "insecure_sim",           SETTING_PATH,         0,               IN(identity, insecure_sim),      0,     0,         NULL,    NULL,     "folder of the simulated machine, with platform = sim"},
    {"identity", "report_dir",             SETTING_PATH,         0,               IN(identity, report_dir),        0,     0,         NULL,    NULL,     "where the kernel gives reports: configfs-tsm, if it is not at its place"},
    {"identity", "report_interval",        SETTING_DURATION,     RESTART,         IN(identity, report_interval),   MS(1), S(3600),   NULL,    "2s",     "between two requests for a report; after two, five times as long"},
    {"identity", "vmpl",                   SETTING_NUMBER,       0,               IN(identity, vmpl),              0,     3,         NULL,    "0",      "privilege level to ask a report for, unless ours is higher"},
    {"identity", "certificate",            SETTING_PATH,         0,               IN(identity, certificate),       0,     0,         NULL,    NULL,     "instead of a CA: PEM file of leaf and intermediates"},
    {"identity", "private_key",            SETTING_PATH,         0,               IN(identity, private_key),       0,     0,         NULL,    NULL,     "PEM file of the leaf's key"},
    {"identity", "trust_bundle",           SETTING_PATH,         0,               IN(identity, trust_bundle),      0,     0,         NULL,    NULL,     "PEM file of the anchors for peers"},
    {"identity", "deny_file",              SETTING_PATH,         0,               IN(identity, deny_file),         0,     0,         NULL,    NULL,     "the peers that no rule lets in, one KIND VALUE a line"},

    {"ingress", "listen",                  SETTING_LISTEN,       REQUIRED,        IN(ingress, listen),             0,     0,         NULL,    NULL,     "where peers connect"},
    {"ingress", "forward",                 SETTING_TARGET,       REQUIRED,        IN(ingress, forward),            0,     0,         NULL,    NULL,     "where the service listens"},
    {"ingress", "listen_mode",           SETTING_CHOICE,       0,               IN(ingress, listen_mode),        0,     0,         "0600|0660|0666", "0660", "of the file, if listen is a unix socket"},
    {"ingress", "mode",                    SETTING_CHOICE,       REQUIRED,        IN(ingress, mode),               0,     0,         "tcp|http", NULL,  "how bytes are treated; only tcp is in this release"},
    {"ingress", "allow",                   SETTING_NAME,         REQUIRED | LIST, IN(ingress, allow),              0,     0,         NULL,    NULL,     "the peers that may connect"},
    {"ingress", "alpn",                    SETTING_ALPN,         0,               IN(ingress, alpn),               0,     0,         NULL,    NULL,     "application protocols to accept"},
    {"ingress", "on_truncation",           SETTING_CHOICE,       0,               IN(ingress, on_truncation),      0,     0,         "reset|eof", "reset", "what the service sees if a peer's stream ends without close_notify"},
    {"ingress", "idle_timeout",            SETTING_DURATION,     0,               IN(ingress, idle_timeout),       MS(1), D(365),    NULL,    NULL,     "instead of that of [limits]"},
    {"ingress", "proxy_out",               SETTING_CHOICE,       0,               IN(ingress, proxy_out),          0,     0,         "off|v2", "off",   "tell the service who the peer is, in a header of the PROXY protocol"},
    {"ingress", "proxy_in",                SETTING_BOOL,         0,               IN(ingress, proxy_in),           0,     0,         NULL,    "no",     "expect such a header, of version 2, before TLS"},
    {"ingress", "proxy_in_from",           SETTING_PREFIX,       LIST,            IN(ingress, proxy_in_from),      0,     0,         NULL,    NULL,     "who may send it, and connect at all"},
    {"ingress", "transparent",             SETTING_CHOICE,       0,               IN(ingress, transparent),        0,     0,         "off|tproxy", "off", "take connections that TPROXY hands to the listener"},
    {"ingress", "insecure_keep_expired_peers", SETTING_BOOL,     0,               IN(ingress, insecure_keep_expired_peers), 0, 0, NULL,   "no",     "connections may outlast the peer's certificate"},
    {"ingress", "insecure_remote_app",     SETTING_BOOL,         0,               IN(ingress, insecure_remote_app), 0,    0,         NULL,    "no",     "forward may leave this machine in plaintext"},

    {"egress", "listen",                   SETTING_LISTEN,       REQUIRED,        IN(egress, listen),              0,     0,         NULL,    NULL,     "where the service connects"},
    {"egress", "connect",                  SETTING_ENDPOINT,     REQUIRED,        IN(egress, connect),             0,     0,         NULL,    NULL,     "where the peer is"},
    {"egress", "listen_mode",            SETTING_CHOICE,       0,               IN(egress, listen_mode),         0,     0,         "0600|0660|0666", "0660", "of the file, if listen is a unix socket"},
    {"egress", "mode",                     SETTING_CHOICE,       REQUIRED,        IN(egress, mode),                0,     0,         "tcp|http", NULL,  "how bytes are treated; only tcp is in this release"},
    {"egress", "expect",                   SETTING_NAME,         REQUIRED | LIST, IN(egress, expect),              0,     0,         NULL,    NULL,     "the peers that may be found there"},
    {"egress", "sni",                      SETTING_HOST,         0,               IN(egress, sni),                 0,     0,         NULL,    NULL,     "server name to send, instead of the host of connect"},
    {"egress", "alpn",                     SETTING_ALPN,         0,               IN(egress, alpn),                0,     0,         NULL,    NULL,     "application protocols to offer"},
    {"egress", "on_truncation",            SETTING_CHOICE,       0,               IN(egress, on_truncation),       0,     0,         "reset|eof", "reset", "what the service sees if a peer's stream ends without close_notify"},
    {"egress", "idle_timeout",             SETTING_DURATION,     0,               IN(egress, idle_timeout),        MS(1), D(365),    NULL,    NULL,     "instead of that of [limits]"},
    {"egress", "allow_uid",                SETTING_UID,          LIST,            IN(egress, allow_uid),           0,     0,         NULL,    NULL,     "the local users that may connect; absent: all"},
    {"egress", "transparent",              SETTING_CHOICE,       0,               IN(egress, transparent),         0,     0,         "off|redirect", "off", "take connections that REDIRECT turns to the listener, and no others"},
    {"egress", "original",                 SETTING_ADDRESS,      LIST,            IN(egress, original),            0,     0,         NULL,    NULL,     "where such connections wanted to go"},
    {"egress", "insecure_keep_expired_peers", SETTING_BOOL,      0,               IN(egress, insecure_keep_expired_peers), 0, 0,  NULL,   "no",     "connections may outlast the peer's certificate"},
    {"egress", "insecure_remote_callers",  SETTING_BOOL,         0,               IN(egress, insecure_remote_callers), 0, 0,         NULL,    "no",     "listen may accept plaintext from other machines"},

    {"peer", "spiffe",                     SETTING_SPIFFE_ID,    REQUIRED | LIST, IN(peer, spiffe),                0,     0,         NULL,    NULL,     "its SPIFFE ID"},
    {"peer", "dns",                        SETTING_DNS_NAME,     LIST,            IN(peer, dns),                   0,     0,         NULL,    NULL,     "one of its DNS names"},
    {"peer", "tee",                        SETTING_CHOICE,       LIST,            IN(peer, tee),                   0,     0,         "snp|tdx|sim", NULL, "what attested it"},
    {"peer", "measurement",                SETTING_HEX,          LIST,            IN(peer, measurement),           48,    48,        NULL,    NULL,     "its launch measurement"},
    {"peer", "tcb_bootloader_min",         SETTING_FLOOR,        0,               IN(peer, tcb_bootloader_min),    0,     255,       NULL,    NULL,     "least security version of the boot loader"},
    {"peer", "tcb_tee_min",                SETTING_FLOOR,        0,               IN(peer, tcb_tee_min),           0,     255,       NULL,    NULL,     "least security version of the secure processor's system"},
    {"peer", "tcb_snp_min",                SETTING_FLOOR,        0,               IN(peer, tcb_snp_min),           0,     255,       NULL,    NULL,     "least security version of the SNP firmware"},
    {"peer", "tcb_microcode_min",          SETTING_FLOOR,        0,               IN(peer, tcb_microcode_min),     0,     255,       NULL,    NULL,     "least security version of the microcode"},
    {"peer", "tcb_fmc_min",                SETTING_FLOOR,        0,               IN(peer, tcb_fmc_min),           0,     255,       NULL,    NULL,     "least security version of the FMC"},
    {"peer", "epoch_min",                  SETTING_FLOOR,        0,               IN(peer, epoch_min),             0,     UINT32_MAX, NULL,   NULL,     "least epoch of the CA's policy"},

    {"limits", "handshake_timeout",        SETTING_DURATION,     0,               IN(limits, handshake_timeout),   MS(1), S(3600),   NULL,    "10s",    "from accept to the end of the TLS handshake"},
    {"limits", "connect_timeout",          SETTING_DURATION,     0,               IN(limits, connect_timeout),     MS(1), S(3600),   NULL,    "5s",     "to reach the service or the peer, look-up included"},
    {"limits", "idle_timeout",             SETTING_DURATION,     0,               IN(limits, idle_timeout),        MS(1), D(365),    NULL,    "1h",     "without a byte in either direction"},
    {"limits", "half_close_timeout",       SETTING_DURATION,     0,               IN(limits, half_close_timeout),  MS(1), D(365),    NULL,    "60s",    "without progress after one side ended its stream"},
    {"limits", "write_stall_timeout",      SETTING_DURATION,     0,               IN(limits, write_stall_timeout), MS(1), D(365),    NULL,    "5min",   "without progress of queued bytes"},
    {"limits", "linger_timeout",           SETTING_DURATION,     0,               IN(limits, linger_timeout),      MS(1), S(3600),   NULL,    "2s",     "for the other side's end after ours"},
    {"limits", "ready_wait",               SETTING_DURATION,     0,               IN(limits, ready_wait),          MS(1), S(3600),   NULL,    "10s",    "how long egress holds a connection until we have an identity"},
    {"limits", "max_lifetime",             SETTING_DURATION,     0,               IN(limits, max_lifetime),        0,     D(365),    NULL,    "off",    "of a connection; the peer's certificate bounds it in any case"},
    {"limits", "drain_delay",              SETTING_DURATION,     0,               IN(limits, drain_delay),         0,     S(3600),   NULL,    "off",    "how long to go on accepting after SIGTERM"},
    {"limits", "drain_timeout",            SETTING_DURATION,     0,               IN(limits, drain_timeout),       MS(1), D(1),      NULL,    "30s",    "after which a drain cuts what is left"},
    {"limits", "max_connections",          SETTING_NUMBER,       0,               IN(limits, max_connections),     1,     1000000,   NULL,    "4096",   "open at one time in all workers"},
    {"limits", "max_connections_per_listener", SETTING_NUMBER,   0,               IN(limits, max_connections_per_listener), 1, 1000000, NULL, NULL,    "open at one time on one listener, in all workers"},
    {"limits", "max_connections_per_source", SETTING_NUMBER,     0,               IN(limits, max_connections_per_source), 1, 1000000, NULL, "2048",  "open at one time from one peer address, an IPv6 /64 being one, in all workers"},
    {"limits", "max_handshakes",           SETTING_NUMBER,       0,               IN(limits, max_handshakes),      1,     100000,    NULL,    "256",    "under way at one time in one worker, in each direction"},
    {"limits", "buffer_memory",            SETTING_SIZE,         0,               IN(limits, buffer_memory),       MIB(1), MIB(65536), NULL,  "64MiB",  "for bytes that wait to be sent in one worker"},
    {"limits", "keyupdate_rate",           SETTING_NUMBER,       0,               IN(limits, keyupdate_rate),      1,     1000000,   NULL,    "100",    "changes of key a second that a peer may ask for"},

    {"process", "workers",                 SETTING_NUMBER,       RESTART,         IN(process, workers),            1,     64,        NULL,    "1",      "threads that move data, each with listeners and buffers of its own"},
    {"process", "busy_wait",               SETTING_BOOL,         RESTART,         IN(process, busy_wait),          0,     0,         NULL,    "yes",    "a thread stays awake for a moment before it sleeps, as long as that pays"},
    {"process", "user",                    SETTING_PATH,         RESTART,         IN(process, user),               0,     0,         NULL,    NULL,     "to become at the start, with all its groups"},
    {"process", "group",                   SETTING_PATH,         RESTART,         IN(process, group),              0,     0,         NULL,    NULL,     "instead of the user's own"},
    {"process", "read_path",               SETTING_PATH,         LIST | RESTART,  IN(process, read_path),          0,     0,         NULL,    NULL,     "a file or folder that the sandbox admits beside those named elsewhere"},
    {"process", "socket_path",             SETTING_PATH,         LIST | RESTART,  IN(process, socket_path),        0,     0,         NULL,    NULL,     "a folder in which a reload may make unix sockets, beside those of the start"},
    {"process", "insecure_no_sandbox",     SETTING_BOOL,         RESTART,         IN(process, insecure_no_sandbox), 0,    0,         NULL,    "no",     "keep system calls, files and capabilities"},

    {"admin", "listen",                    SETTING_ADDRESS,      0,               IN(admin, listen),               0,     0,         NULL,    NULL,     "where to serve, on loopback; absent: nowhere"},

    {"log", "level",                       SETTING_CHOICE,       0,               IN(log, level),                  0,     0,         "error|warn|info|debug", "info", "the least urgent lines to write"},
    {"log", "format",                      SETTING_CHOICE,       0,               IN(log, format),                 0,     0,         "text|json", "text", "how lines are written"},
};
/* clang-format on */

static const struct settings_table table = {
    .size = sizeof(struct config),
    .sections = sections,
    .num_sections = sizeof(sections) / sizeof(sections[0]),
    .rows = rows,
    .num_rows = sizeof(rows) / sizeof(rows[0]),
    .check = config_check,
};

struct config *config_load(const char *path, struct err *err)
{
    return settings_load(&table, path, err);
}

struct config *config_load_next(const char *path, const struct config *before,
                                bool (*may_read)(const char *path), struct err *err)
{
    const struct settings_running running = {.before = before, .may_read = may_read};

    return settings_load_next(&table, path, &running, err);
}

struct config *config_parse(const char *name, const char *text, size_t len, struct err *err)
{
    return settings_parse(&table, name, text, len, err);
}

void config_free(struct config *config)
{
    settings_free(&table, config);
}

int config_print(const struct config *config, FILE *out, struct err *err)
{
    return settings_print(&table, config, out, err);
}

unsigned config_insecure(const struct config *config, settings_insecure_found *found)
{
    return settings_insecure(&table, config, found);
}

void config_help(FILE *out)
{
    settings_help(&table, out);
}

const struct settings_table *config_table(void)
{
    return &table;
}
