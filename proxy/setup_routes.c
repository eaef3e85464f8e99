/*
 * Setup_routes: one section after the other, ingress first.  The settings have been checked.
 */
#include "proxy/setup_routes.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/err.h"
#include "config/config.h"

static_assert(CONFIG_SOURCES_MAX <= CONN_SOURCES_MAX, "a route has a place for each network");
static_assert(CONFIG_UIDS_MAX <= CALLER_UIDS_MAX, "a route has a place for each user");
static_assert(CONFIG_ORIGINALS_MAX <= REDIRECTION_ORIGINALS_MAX,
              "a route has a place for each address");
static_assert(CONFIG_ROUTES_MAX <= SETUP_ROUTES_MAX, "there is room for each route");
static_assert(2 * CONFIG_ROUTES_MAX <= GENERATION_ROUTES_MAX,
              "a generation has a place for each route, and for each as it was before");
static_assert(CONFIG_DIGEST_LEN == BERTH_DIGEST_LEN, "digests are copied");

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
static struct worker_route *add_route(struct setup_routes *routes, const char *listen,
                                      enum config_file_mode mode, const char *target,
                                      struct err *err)
{
    static const mode_t modes[] = {
        [CONFIG_FILE_MODE_OWNER] = 0600,
        [CONFIG_FILE_MODE_GROUP] = 0660,
        [CONFIG_FILE_MODE_ALL] = 0666,
    };
    struct worker_route *route = &routes->routes[routes->num_routes];
    struct entrance_options *door = &route->door;
    char *host = routes->hosts[routes->num_routes];

    door->handed_over = sockets_handed_over(listen);
    if ((door->handed_over == NULL && sockets_parse(listen, &route->listen, err) != 0) ||
        sockets_split(target, host, &route->conn.port, err) != 0) {
        return NULL;
    }
    door->address = route->listen;
    door->mode = modes[mode];
    route->conn.host = host;
    routes->num_routes++;
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

/* What a later configuration is compared by. */
static int set_digests(struct worker_route *route, const struct config *config, const void *section,
                       struct err *err)
{
    const struct config_route own = {.kind = route->conn.egress ? "egress" : "ingress",
                                     .section = section,
                                     .handed_over = route->door.handed_over != NULL};

    if (config_digest(config, &own, CONFIG_DIGEST_SETTINGS, route->settings_digest, err) != 0) {
        return -1;
    }
    return config_digest(config, &own, CONFIG_DIGEST_DOOR, route->door_digest, err);
}

static int add_ingress(struct setup_routes *routes, const struct config *config,
                       const struct config_ingress *ingress, struct err *err)
{
    struct worker_route *route =
        add_route(routes, ingress->listen, ingress->listen_mode, ingress->forward, err);

    if (route == NULL || set_proxy(&route->conn.proxy, ingress, err) != 0) {
        return err_wrap(err, "[ingress %s]", ingress->name);
    }
    route->conn.name = ingress->name;
    route->conn.tproxy = ingress->transparent == CONFIG_TPROXY_ON;
    route->conn.on_truncation = truncation(ingress->on_truncation);
    route->conn.keep_expired = ingress->insecure_keep_expired_peers;
    route->conn.limits = route_limits(&config->limits, ingress->idle_timeout);
    return set_digests(route, config, ingress, err);
}

static int add_egress(struct setup_routes *routes, const struct config *config,
                      const struct config_egress *egress, struct err *err)
{
    struct worker_route *route =
        add_route(routes, egress->listen, egress->listen_mode, egress->connect, err);

    if (route == NULL || set_callers(&route->conn, egress, err) != 0) {
        return err_wrap(err, "[egress %s]", egress->name);
    }
    route->conn.name = egress->name;
    route->conn.egress = true;
    route->door.local_only = !egress->insecure_remote_callers;
    route->door.resets_only = egress->on_truncation != CONFIG_TRUNCATION_EOF;
    route->conn.sni = egress->sni;
    route->conn.on_truncation = truncation(egress->on_truncation);
    route->conn.keep_expired = egress->insecure_keep_expired_peers;
    route->conn.limits = route_limits(&config->limits, egress->idle_timeout);
    return set_digests(route, config, egress, err);
}

int setup_routes_fill(struct setup_routes *routes, const struct config *config,
                      struct crew_options *out_crew, struct err *err)
{
    for (size_t i = 0; i < config->num_ingresses; i++) {
        if (add_ingress(routes, config, &config->ingresses[i], err) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < config->num_egresses; i++) {
        if (add_egress(routes, config, &config->egresses[i], err) != 0) {
            return -1;
        }
    }
    out_crew->num_workers = config->process.workers;
    out_crew->connections_max = config->limits.max_connections;
    out_crew->connections_max_on_each = config->limits.max_connections_per_listener;
    out_crew->connections_max_from_each = config->limits.max_connections_per_source;
    /* With no processor left for applications, to wait awake is to wait for oneself. */
    out_crew->worker.stays_awake =
        config->process.busy_wait && sysconf(_SC_NPROCESSORS_ONLN) > (long)config->process.workers;
    out_crew->worker.routes = routes->routes;
    out_crew->worker.num_routes = routes->num_routes;
    out_crew->worker.limits = (struct worker_limits){
        .handshakes_max = config->limits.max_handshakes,
        .buffer_memory = config->limits.buffer_memory,
        .drain_delay_ms = config->limits.drain_delay,
        .drain_timeout_ms = config->limits.drain_timeout,
    };
    return 0;
}
