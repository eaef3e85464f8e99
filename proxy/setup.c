/*
 * Setup: the mapping from settings to options.  Decides nothing that a module could decide.
 */
#include "proxy/setup.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "config/config.h"
#include "proxy/algorithms.h"
#include "proxy/entrance.h"
#include "proxy/setup_sandbox.h"
#include "proxy/sock_diag.h"

#define ENROL_TIMEOUT_MS 30000

struct setup {
    struct config *config;         /* of the start; all options borrow from it */
    const char *path;              /* borrowed */
    struct algorithms *algorithms; /* of all handshakes */
    struct worker_route routes[CONFIG_ROUTES_MAX];
    char hosts[CONFIG_ROUTES_MAX][SOCKETS_HOST_CAP];
    struct entrance_options doors[CONFIG_ROUTES_MAX]; /* for routes that need an entrance */
    struct entrance entrances[CONFIG_ROUTES_MAX];
    size_t num_entrances; /* open ones */
    struct control_options control;
};

static_assert(CONFIG_SOURCES_MAX <= CONN_SOURCES_MAX, "a route has a place for each network");
static_assert(CONFIG_UIDS_MAX <= CALLER_UIDS_MAX, "a route has a place for each user");
static_assert(CONFIG_ORIGINALS_MAX <= REDIRECTION_ORIGINALS_MAX,
              "a route has a place for each address");
static_assert(CONFIG_ROUTES_MAX <= GENERATION_ROUTES_MAX,
              "a generation has a place for each route");

static const char *platform_name(enum config_platform platform)
{
    switch (platform) {
    case CONFIG_PLATFORM_AUTO:
        return "auto";
    case CONFIG_PLATFORM_SNP:
        return "snp";
    case CONFIG_PLATFORM_TDX:
        return "tdx";
    case CONFIG_PLATFORM_SIM:
        return "sim";
    case CONFIG_PLATFORM_NONE:
        return "none";
    }
    return "none";
}

static int set_identity(struct setup *setup, struct err *err)
{
    const struct config_identity *identity = &setup->config->identity;
    struct enrolment_options *enrolment = &setup->control.enrolment;

    if (identity->certificate != NULL) {
        enrolment->files = (struct identity_files){
            .certificate = identity->certificate,
            .private_key = identity->private_key,
            .trust_bundle = identity->trust_bundle,
        };
        enrolment->enrol.trust_domain = identity->trust_domain;
        return 0;
    }
    if (identity->platform != CONFIG_PLATFORM_SIM) {
        return err_set(err, ERR_INVALID,
                       "[identity] platform = %s: this release takes evidence from no real device "
                       "yet; use sim, or certificate files",
                       platform_name(identity->platform));
    }
    enrolment->enrol = (struct enrol_options){
        .ca_url = identity->ca,
        .ca_root = identity->ca_root,
        .trust_domain = identity->trust_domain,
        .service = identity->service,
        .collect = {.platform = "sim", .machine_dir = identity->insecure_sim},
        .timeout_ms = ENROL_TIMEOUT_MS,
    };
    return 0;
}

int setup_check_identity(const struct setup *setup, struct err *err)
{
    const struct enrolment_options *enrolment = &setup->control.enrolment;

    if (enrolment->files.certificate != NULL) {
        return 0; /* whoever renews them may not have begun */
    }
    if (enrol_check_root(&enrolment->enrol, err) != 0) {
        return err_wrap(err, "%s: [identity] ca_root", setup->path);
    }
    if (enrol_check_platform(&enrolment->enrol, err) != 0) {
        return err_wrap(err, "%s: [identity] insecure_sim", setup->path);
    }
    return 0;
}

int setup_check_callers(const struct setup *setup, struct err *err)
{
    const struct worker_options *worker = &setup->control.crew.worker;

    for (size_t i = 0; i < worker->num_routes; i++) {
        const struct conn_route *route = &worker->routes[i].conn;

        if ((route->callers.num_uids > 0 || route->redirection.num_originals > 0) &&
            sockets_is_ip(&worker->routes[i].listen) && sock_diag_probe(err) != 0) {
            return err_wrap(err, "[egress %s] allow_uid", route->name);
        }
    }
    return 0;
}

static struct conn_limits route_limits(const struct config_limits *limits, uint64_t idle_ms)
{
    return (struct conn_limits){
        .handshake_ms = limits->handshake_timeout,
        .connect_ms = limits->connect_timeout,
        .idle_ms = idle_ms,
        .half_close_ms = limits->half_close_timeout,
        .write_stall_ms = limits->write_stall_timeout,
        .linger_ms = limits->linger_timeout,
        .ready_wait_ms = limits->ready_wait,
        .max_lifetime_ms = limits->max_lifetime,
        .key_updates_max = limits->keyupdate_rate,
    };
}

static enum conn_truncation truncation(enum config_truncation setting)
{
    return setting == CONFIG_TRUNCATION_EOF ? CONN_TRUNCATION_EOF : CONN_TRUNCATION_RESET;
}

/* The next route, whose target is `target`; NULL if an address is bad after all. */
static struct worker_route *add_route(struct setup *setup, const char *listen,
                                      enum config_file_mode mode, const char *target,
                                      struct err *err)
{
    static const mode_t modes[] = {
        [CONFIG_FILE_MODE_OWNER] = 0600,
        [CONFIG_FILE_MODE_GROUP] = 0660,
        [CONFIG_FILE_MODE_ALL] = 0666,
    };
    struct worker_options *worker = &setup->control.crew.worker;
    struct worker_route *route = &setup->routes[worker->num_routes];
    struct entrance_options *door = &setup->doors[worker->num_routes];
    char *host = setup->hosts[worker->num_routes];

    door->handed_over = sockets_handed_over(listen);
    if ((door->handed_over == NULL && sockets_parse(listen, &route->listen, err) != 0) ||
        sockets_split(target, host, &route->conn.port, err) != 0) {
        return NULL;
    }
    door->address = route->listen;
    door->mode = modes[mode];
    route->conn.host = host;
    worker->num_routes++;
    return route;
}

/* The settings have checked form and number. */
static int set_proxy(struct conn_proxy *proxy, const struct config_ingress *ingress,
                     struct err *err)
{
    const struct setting_list *from = &ingress->proxy_in_from;

    proxy->out = ingress->proxy_out == CONFIG_PROXY_V2;
    proxy->in = ingress->proxy_in;
    for (size_t i = 0; i < from->num; i++) {
        if (prefix_parse(from->items[i], &proxy->in_from[i], err) != 0) {
            return -1;
        }
    }
    proxy->num_in_from = from->num;
    return 0;
}

/* The settings have checked form and number. */
static int set_callers(struct conn_route *route, const struct config_egress *egress,
                       struct err *err)
{
    struct redirection *redirection = &route->redirection;

    for (size_t i = 0; i < egress->allow_uid.num; i++) {
        route->callers.uids[i] = (uint32_t)strtoul(egress->allow_uid.items[i], NULL, 10);
    }
    route->callers.num_uids = egress->allow_uid.num;
    for (size_t i = 0; i < egress->original.num; i++) {
        if (sockets_parse(egress->original.items[i], &redirection->originals[i], err) != 0) {
            return -1;
        }
    }
    redirection->num_originals = egress->original.num;
    return 0;
}

static int set_routes(struct setup *setup, struct err *err)
{
    const struct config *config = setup->config;

    for (size_t i = 0; i < config->num_ingresses; i++) {
        const struct config_ingress *ingress = &config->ingresses[i];
        struct worker_route *route =
            add_route(setup, ingress->listen, ingress->listen_mode, ingress->forward, err);

        if (route == NULL || set_proxy(&route->conn.proxy, ingress, err) != 0) {
            return err_wrap(err, "[ingress %s]", ingress->name);
        }
        route->conn.name = ingress->name;
        route->conn.tproxy = ingress->transparent == CONFIG_TPROXY_ON;
        route->conn.on_truncation = truncation(ingress->on_truncation);
        route->conn.keep_expired = ingress->insecure_keep_expired_peers;
        route->conn.limits = route_limits(&config->limits, ingress->idle_timeout);
    }
    for (size_t i = 0; i < config->num_egresses; i++) {
        const struct config_egress *egress = &config->egresses[i];
        struct worker_route *route =
            add_route(setup, egress->listen, egress->listen_mode, egress->connect, err);

        if (route == NULL || set_callers(&route->conn, egress, err) != 0) {
            return err_wrap(err, "[egress %s]", egress->name);
        }
        route->conn.name = egress->name;
        route->conn.egress = true;
        setup->doors[config->num_ingresses + i].local_only = !egress->insecure_remote_callers;
        setup->doors[config->num_ingresses + i].resets_only =
            egress->on_truncation != CONFIG_TRUNCATION_EOF;
        route->conn.sni = egress->sni;
        route->conn.on_truncation = truncation(egress->on_truncation);
        route->conn.keep_expired = egress->insecure_keep_expired_peers;
        route->conn.limits = route_limits(&config->limits, egress->idle_timeout);
    }
    setup->control.crew.num_workers = config->process.workers;
    setup->control.crew.connections_max = config->limits.max_connections;
    setup->control.crew.connections_max_on_each = config->limits.max_connections_per_listener;
    setup->control.crew.connections_max_from_each = config->limits.max_connections_per_source;
    setup->control.crew.worker.routes = setup->routes;
    setup->control.crew.worker.limits = (struct worker_limits){
        .handshakes_max = config->limits.max_handshakes,
        .buffer_memory = config->limits.buffer_memory,
        .drain_delay_ms = config->limits.drain_delay,
        .drain_timeout_ms = config->limits.drain_timeout,
    };
    return 0;
}

int setup_open(struct setup *setup, struct err *err)
{
    for (size_t i = 0; i < setup->control.crew.worker.num_routes; i++) {
        struct worker_route *route = &setup->routes[i];
        struct entrance *entrance = &setup->entrances[setup->num_entrances];

        if (sockets_is_ip(&route->listen)) {
            continue; /* each worker has a socket of its own */
        }
        if (entrance_open(entrance, &setup->doors[i], err) != 0) {
            return err_wrap(err, "[%s %s] listen", route->conn.egress ? "egress" : "ingress",
                            route->conn.name);
        }
        route->entrance = entrance;
        setup->num_entrances++;
    }
    return 0;
}

static unsigned count_unrestricted(const struct config *config)
{
    unsigned num = 0;

    for (size_t i = 0; i < config->num_egresses; i++) {
        num += config->egresses[i].allow_uid.num == 0 ? 1 : 0;
    }
    return num;
}

static void warn_insecure(const char *section, const char *name, const char *key)
{
    log_warn("config.insecure", kv_text("section", section), kv_text("name", name),
             kv_text("key", key));
}

void setup_warn_insecure(const struct setup *setup)
{
    config_insecure(setup->config, warn_insecure);
    for (size_t i = 0; i < setup->config->num_egresses; i++) {
        if (setup->config->egresses[i].allow_uid.num == 0) {
            log_warn("egress.unrestricted", kv_text("name", setup->config->egresses[i].name));
        }
    }
}

/* Rules as the modules want them; what they point to is the config's, which they keep. */
struct setup_rules {
    struct config *config;
    struct authz_rule *rules;
    struct authz_measurement *measurements; /* of all rules */
    struct generation_route routes[CONFIG_ROUTES_MAX];
    OSSL_LIB_CTX *algorithms;
};

static void free_rules(void *owner)
{
    struct setup_rules *set = owner;

    if (set != NULL) {
        free(set->rules);
        free(set->measurements);
        config_free(set->config);
        free(set);
    }
}

/* The settings have checked the digits. */
static struct authz_measurement measurement_of(const char *hex)
{
    struct authz_measurement measurement = {.len = strlen(hex) / 2};

    assert(measurement.len <= sizeof(measurement.data));
    for (size_t i = 0; i < measurement.len; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};

        measurement.data[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return measurement;
}

static struct authz_rule rule_of(const struct config_peer *peer)
{
    const struct setting_floor *floors[EAR_TCB_COMPONENTS] = {
        &peer->tcb_bootloader_min, &peer->tcb_tee_min, &peer->tcb_snp_min,
        &peer->tcb_microcode_min,  &peer->tcb_fmc_min,
    };
    struct authz_rule rule = {
        .name = peer->name,
        .spiffe = (const char *const *)peer->spiffe.items,
        .num_spiffe = peer->spiffe.num,
        .dns = (const char *const *)peer->dns.items,
        .num_dns = peer->dns.num,
        .tee = (const char *const *)peer->tee.items,
        .num_tee = peer->tee.num,
        .num_measurements = peer->measurement.num,
        .epoch_min = peer->epoch_min.value,
        .epoch_min_set = peer->epoch_min.is_set,
    };

    for (size_t i = 0; i < EAR_TCB_COMPONENTS; i++) {
        rule.tcb_min[i] = (uint8_t)floors[i]->value;
        rule.tcb_min_set[i] = floors[i]->is_set;
    }
    return rule;
}

static void fill_rules(struct setup_rules *set)
{
    const struct config *config = set->config;
    struct authz_measurement *next = set->measurements;
    struct generation_route *route = set->routes;

    for (size_t i = 0; i < config->num_peers; i++) {
        const struct setting_list *list = &config->peers[i].measurement;

        set->rules[i] = rule_of(&config->peers[i]);
        set->rules[i].measurements = next;
        for (size_t j = 0; j < list->num; j++) {
            *next++ = measurement_of(list->items[j]);
        }
    }
    for (size_t i = 0; i < config->num_ingresses; i++) {
        const struct config_ingress *ingress = &config->ingresses[i];

        *route++ = (struct generation_route){
            .name = ingress->name,
            .allow = (const char *const *)ingress->allow.items,
            .num_allow = ingress->allow.num,
            .alpn = ingress->alpn,
            .algorithms = set->algorithms,
        };
    }
    for (size_t i = 0; i < config->num_egresses; i++) {
        const struct config_egress *egress = &config->egresses[i];

        *route++ = (struct generation_route){
            .name = egress->name,
            .egress = true,
            .allow = (const char *const *)egress->expect.items,
            .num_allow = egress->expect.num,
            .alpn = egress->alpn,
            .algorithms = set->algorithms,
        };
    }
}

/* Takes `config`, even when it fails. */
static int make_rules(const struct setup *setup, struct config *config,
                      struct control_rules *out_rules, struct err *err)
{
    struct setup_rules *set = calloc(1, sizeof(*set));
    size_t num_measurements = 0;

    if (set == NULL) {
        config_free(config);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < config->num_peers; i++) {
        num_measurements += config->peers[i].measurement.num;
    }
    set->config = config;
    set->algorithms = algorithms_context(setup->algorithms);
    set->rules = calloc(config->num_peers + 1, sizeof(*set->rules));
    set->measurements = calloc(num_measurements + 1, sizeof(*set->measurements));
    if (set->rules == NULL || set->measurements == NULL) {
        free_rules(set);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    fill_rules(set);
    *out_rules = (struct control_rules){
        .rules = set->rules,
        .num_rules = config->num_peers,
        .routes = set->routes,
        .num_routes = config->num_ingresses + config->num_egresses,
        .deny_file = config->identity.deny_file,
        .log_level = (enum log_level)config->log.level,
        .log_format = (enum log_format)config->log.format,
        .owner = set,
    };
    return 0;
}

/* control_source.load: all or nothing; what may not change at run time must not have changed. */
static int load(void *user, struct control_rules *out_rules, struct err *err)
{
    struct setup *setup = user;
    struct config *config = config_load(setup->path, err);

    if (config == NULL) {
        return -1;
    }
    if (config_check_reload(setup->config, config, err) != 0) {
        config_free(config);
        return err_wrap(err, "%s", setup->path);
    }
    return make_rules(setup, config, out_rules, err);
}

int setup_become_user(struct setup *setup, struct err *err)
{
    const struct worker_options *worker = &setup->control.crew.worker;

    return setup_sandbox_become(setup->config, worker, &setup->control.sandbox, err);
}

int setup_enter_sandbox(struct setup *setup, struct err *err)
{
    const struct worker_options *worker = &setup->control.crew.worker;

    return setup_sandbox_enter(setup->path, setup->config, worker, &setup->control.sandbox, err);
}

struct setup *setup_new(const char *path, struct err *err)
{
    struct setup *setup = calloc(1, sizeof(*setup));

    if (setup == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    setup->path = path;
    setup->config = config_load(path, err);
    if (setup->config == NULL) {
        setup_free(setup);
        return NULL;
    }
    setup->control.source =
        (struct control_source){.load = load, .free = free_rules, .user = setup};
    setup->control.admin_listen = setup->config->admin.listen;
    setup->control.insecure_settings = config_insecure(setup->config, NULL);
    setup->control.unrestricted_egresses = count_unrestricted(setup->config);
    setup->algorithms = algorithms_new(err);
    if (setup->algorithms == NULL || set_identity(setup, err) != 0 || set_routes(setup, err) != 0) {
        setup_free(setup);
        return NULL;
    }
    return setup;
}

void setup_free(struct setup *setup)
{
    if (setup != NULL) {
        for (size_t i = 0; i < setup->num_entrances; i++) {
            entrance_close(&setup->entrances[i]);
        }
        config_free(setup->config); /* NULL if it did not load */
        algorithms_free(setup->algorithms);
        free(setup);
    }
}

const struct config *setup_config(const struct setup *setup)
{
    return setup->config;
}

const struct control_options *setup_control(const struct setup *setup)
{
    return &setup->control;
}
