/*
 * Config_sections: one struct for each kind of section, filled by the rows of the settings table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ini.h"
#include "config/settings.h"

#define CONFIG_NAME_CAP (INI_NAME_MAX + 1)

enum config_platform {
    CONFIG_PLATFORM_AUTO,
    CONFIG_PLATFORM_SNP,
    CONFIG_PLATFORM_TDX,
    CONFIG_PLATFORM_SIM,
    CONFIG_PLATFORM_NONE,
};

enum config_mode { CONFIG_MODE_TCP, CONFIG_MODE_HTTP /* refused in this release */ };
enum config_file_mode { CONFIG_FILE_MODE_OWNER, CONFIG_FILE_MODE_GROUP, CONFIG_FILE_MODE_ALL };
enum config_proxy { CONFIG_PROXY_OFF, CONFIG_PROXY_V2 }; /* headers of the PROXY protocol */
enum config_redirect { CONFIG_REDIRECT_OFF, CONFIG_REDIRECT_ON };
enum config_tproxy { CONFIG_TPROXY_OFF, CONFIG_TPROXY_ON };
enum config_truncation { CONFIG_TRUNCATION_RESET, CONFIG_TRUNCATION_EOF };

/* Either `ca` and what belongs to it, or three files; the other group is NULL. */
struct config_identity {
    char *ca; /* https://HOST:PORT */
    char *ca_root;
    char *trust_domain; /* always set */
    char *service;
    enum config_platform platform; /* none with files */
    char *insecure_sim;            /* set if and only if platform is sim */
    char *report_dir;              /* NULL: the kernel's */
    uint64_t report_interval;      /* ms */
    uint64_t vmpl;
    char *certificate;
    char *private_key;
    char *trust_bundle;
    char *deny_file; /* NULL: none */
};

struct config_ingress {
    char name[CONFIG_NAME_CAP];
    char *listen;                      /* for sockets_parse() */
    char *forward;                     /* likewise */
    enum config_file_mode listen_mode; /* of a unix socket's file */
    enum config_mode mode;
    struct setting_list allow; /* names of peers; at least 1 */
    char *alpn;                /* NULL: none is offered */
    enum config_truncation on_truncation;
    uint64_t idle_timeout; /* ms; that of [limits] if the section has none */
    enum config_proxy proxy_out;
    bool proxy_in;
    struct setting_list proxy_in_from; /* for prefix_parse(); at least 1 with proxy_in, else none */
    enum config_tproxy transparent;
    bool insecure_keep_expired_peers;
    bool insecure_remote_app;
};

struct config_egress {
    char name[CONFIG_NAME_CAP];
    char *listen;  /* for sockets_parse() */
    char *connect; /* for sockets_split() */
    enum config_file_mode listen_mode;
    enum config_mode mode;
    struct setting_list expect; /* names of peers; at least 1 */
    char *sni;                  /* NULL: the host of `connect` */
    char *alpn;
    enum config_truncation on_truncation;
    uint64_t idle_timeout;
    struct setting_list allow_uid; /* numbers of users; none: whoever can connect */
    enum config_redirect transparent;
    struct setting_list original; /* for sockets_parse(); at least 1 with redirect, else none */
    bool insecure_keep_expired_peers;
    bool insecure_remote_callers;
};

struct config_peer {
    char name[CONFIG_NAME_CAP];
    struct setting_list spiffe; /* at least 1, all of our trust domain */
    struct setting_list dns;
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
    uint64_t max_connections_per_source;
    uint64_t max_handshakes;
    uint64_t buffer_memory;  /* bytes */
    uint64_t keyupdate_rate; /* a second */
};

struct config_process {
    uint64_t workers; /* data threads */
    char *user;       /* NULL: whoever started us */
    char *group;      /* NULL: that of `user` */
    struct setting_list read_path;
    struct setting_list socket_path;
    bool busy_wait;
    bool insecure_no_sandbox;
};

struct config_admin {
    char *listen; /* NULL: no admin endpoint */
};

struct config_log {
    unsigned level;  /* an enum log_level */
    unsigned format; /* an enum log_format */
};
