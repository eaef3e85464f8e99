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
#include "proxy/setup_routes.h"
#include "proxy/setup_sandbox.h"
#include "proxy/sock_diag.h"

#define ENROL_TIMEOUT_MS 30000

struct setup {
    struct config *config;         /* of the start; all options borrow from it */
    const char *path;              /* borrowed */
    struct algorithms *algorithms; /* of all handshakes */
    struct setup_routes routes;
    struct entrance entrances[CONFIG_ROUTES_MAX];
    size_t num_entrances; /* open ones */
    struct control_options control;
};

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

/* Borrows from `config`. */
static int enrolment_of(const struct config *config, struct enrolment_options *out_options,
                        struct err *err)
{
    const struct config_identity *identity = &config->identity;

    if (identity->certificate != NULL) {
        *out_options = (struct enrolment_options){
            .enrol.trust_domain = identity->trust_domain,
            .files = {.certificate = identity->certificate,
                      .private_key = identity->private_key,
                      .trust_bundle = identity->trust_bundle},
        };
        return 0;
    }
    if (identity->platform == CONFIG_PLATFORM_NONE) {
        return err_set(
            err, ERR_INVALID,
            "[identity] platform = none: without evidence no CA gives a certificate; use "
            "certificate files");
    }
    *out_options = (struct enrolment_options){
        .report_interval_ms = identity->report_interval,
        .enrol = {.ca_url = identity->ca,
                  .ca_root = identity->ca_root,
                  .trust_domain = identity->trust_domain,
                  .service = identity->service,
                  .collect = {.platform = platform_name(identity->platform),
                              .machine_dir = identity->insecure_sim,
                              .report_dir = identity->report_dir,
                              .vmpl = (unsigned)identity->vmpl,
                              .patience = {.timeout_ms = ENROL_TIMEOUT_MS}},
                  .timeout_ms = ENROL_TIMEOUT_MS},
    };
    return 0;
}

int setup_check_identity(const struct setup *setup, struct err *err)
{
    struct enrolment_options enrolment;

    if (enrolment_of(setup->config, &enrolment, err) != 0) {
        return -1;
    }
    if (enrolment.files.certificate != NULL) {
        return 0; /* whoever renews them may not have begun */
    }
    if (enrol_check_root(&enrolment.enrol, err) != 0) {
        return err_wrap(err, "%s: [identity] ca_root", setup->path);
    }
    if (enrol_check_platform(&enrolment.enrol, err) != 0) {
        return err_wrap(err, "%s: [identity] %s", setup->path,
                        setup->config->identity.insecure_sim != NULL ? "insecure_sim" : "platform");
    }
    return 0;
}

static int check_callers(const struct worker_options *worker, struct err *err)
{
    for (size_t i = 0; i < worker->num_routes; i++) {
        const struct conn_route *route = &worker->routes[i].conn;

        if ((route->callers.num_uids > 0 || route->redirection.num_originals > 0) &&
            sockets_is_ip(&worker->routes[i].listen) && sock_diag_probe(err) != 0) {
            return err_wrap(err, "[egress %s] allow_uid", route->name);
        }
    }
    return 0;
}

int setup_check_callers(const struct setup *setup, struct err *err)
{
    return check_callers(&setup->control.crew.worker, err);
}

int setup_open(struct setup *setup, struct err *err)
{
    for (size_t i = 0; i < setup->control.crew.worker.num_routes; i++) {
        struct worker_route *route = &setup->routes.routes[i];
        struct entrance *entrance = &setup->entrances[setup->num_entrances];

        if (sockets_is_ip(&route->listen)) {
            continue; /* each worker has a socket of its own */
        }
        if (entrance_open(entrance, &route->door, err) != 0) {
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

static void warn_of(const struct config *config)
{
    config_insecure(config, warn_insecure);
    for (size_t i = 0; i < config->num_egresses; i++) {
        if (config->egresses[i].allow_uid.num == 0) {
            log_warn("egress.unrestricted", kv_text("name", config->egresses[i].name));
        }
    }
}

void setup_warn_insecure(const struct setup *setup)
{
    warn_of(setup->config);
}

/* Rules as the modules want them; what they point to is the config's, which they keep. */
struct setup_rules {
    struct config *config;
    struct authz_rule *rules;
    struct authz_measurement *measurements; /* of all rules */
    struct generation_route routes[CONFIG_ROUTES_MAX];
    struct setup_routes worker_routes;
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
    struct crew_options crew = {.num_workers = 0};
    struct enrolment_options enrolment;
    size_t num_measurements = 0;

    if (set == NULL) {
        config_free(config);
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    for (size_t i = 0; i < config->num_peers; i++) {
        num_measurements += config->peers[i].measurement.num;
    }
    set->config = config;
    if (setup_routes_fill(&set->worker_routes, config, &crew, err) != 0 ||
        enrolment_of(config, &enrolment, err) != 0) {
        free_rules(set);
        return -1;
    }
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
        .crew = crew,
        .enrolment = enrolment,
        .deny_file = config->identity.deny_file,
        .admin_listen = config->admin.listen,
        .log_level = (enum log_level)config->log.level,
        .log_format = (enum log_format)config->log.format,
        .insecure_settings = config_insecure(config, NULL),
        .unrestricted_egresses = count_unrestricted(config),
        .owner = set,
    };
    return 0;
}

/* control_source.load: all or nothing; what may not change at run time must not have changed. */
static int load(void *user, struct control_rules *out_rules, struct err *err)
{
    struct setup *setup = user;
    struct control_rules rules;
    struct config *config = config_load_next(setup->path, setup->config, setup_sandbox_admits, err);

    if (config == NULL) {
        return -1;
    }
    if (setup_sandbox_fits(setup->config, config, err) != 0) {
        config_free(config);
        return err_wrap(err, "%s", setup->path);
    }
    if (make_rules(setup, config, &rules, err) != 0) {
        return -1;
    }
    if (check_callers(&rules.crew.worker, err) != 0) {
        free_rules(rules.owner);
        return -1;
    }
    *out_rules = rules;
    return 0;
}

/* control_source.announce */
static void announce(void *owner)
{
    const struct setup_rules *set = owner;

    warn_of(set->config);
}

int setup_become_user(struct setup *setup, struct err *err)
{
    const struct worker_options *worker = &setup->control.crew.worker;

    return setup_sandbox_become(setup->config, worker, &setup->control.sandbox, err);
}

int setup_enter_sandbox(struct setup *setup, struct err *err)
{
    const struct worker_options *worker = &setup->control.crew.worker;
    struct enrolment_options enrolment;
    struct collect_places places = {0}; /* none */

    /* Inside nobody knows any more who is gone. */
    if (enrolment_of(setup->config, &enrolment, err) != 0) {
        return -1;
    }
    if (enrolment.files.certificate == NULL) {
        places = enrol_places(&enrolment.enrol);
        enrol_sweep(&enrolment.enrol);
    }
    return setup_sandbox_enter(setup->path, setup->config, worker, &places, &setup->control.sandbox,
                               err);
}

struct setup *setup_new(const char *path, struct err *err)
{
    struct setup *setup = calloc(1, sizeof(*setup));
    struct enrolment_options enrolment; /* whether there can be such: --check asks */

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
    setup->control.source = (struct control_source){
        .load = load, .announce = announce, .free = free_rules, .user = setup};
    setup->algorithms = algorithms_new(err);
    if (setup->algorithms == NULL || enrolment_of(setup->config, &enrolment, err) != 0 ||
        setup_routes_fill(&setup->routes, setup->config, &setup->control.crew, err) != 0) {
        setup_free(setup);
        return NULL;
    }
    return setup;
}

void setup_close(struct setup *setup)
{
    for (size_t i = 0; i < setup->num_entrances; i++) {
        entrance_close(&setup->entrances[i]);
    }
}

void setup_free(struct setup *setup)
{
    if (setup != NULL) {
        setup_close(setup);
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
