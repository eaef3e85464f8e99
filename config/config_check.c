/*
 * Config_check: the rules between keys.  Most of them keep something insecure from going unsaid.
 */
#include "config/config_check.h"

#include <string.h>

#include "common/err.h"
#include "common/sockets.h"
#include "common/spiffe.h"
#include "config/config.h"
#include "config/config_check_callers.h"
#include "config/config_check_paths.h"

struct checked {
    struct config *config;
    const struct settings_source *source;
    struct err *err;
};

static int refuse(const struct checked *checked, const char *kind, const char *name,
                  const char *key, const char *why)
{
    const struct settings_place place = {.kind = kind, .name = name, .key = key};

    return settings_refuse(checked->source, &place, checked->err, "%s", why);
}

static bool given(const struct checked *checked, const char *key)
{
    return settings_given(checked->source, "identity", "", key);
}

/* Exactly one of the two groups of [identity], and that one whole. */
static int check_identity(const struct checked *checked)
{
    static const char *const ca_keys[] = {"ca", "ca_root", "service", "insecure_sim", "report_dir"};
    static const char *const file_keys[] = {"certificate", "private_key", "trust_bundle"};
    const size_t num_required = 3; /* of either */
    bool from_files = false;

    for (size_t i = 0; i < num_required; i++) {
        from_files = from_files || given(checked, file_keys[i]);
    }
    for (size_t i = 0; from_files && i < sizeof(ca_keys) / sizeof(ca_keys[0]); i++) {
        if (given(checked, ca_keys[i])) {
            return refuse(checked, "identity", "", ca_keys[i],
                          "cannot stand beside certificate, private_key or trust_bundle");
        }
    }
    if (from_files && given(checked, "platform") &&
        checked->config->identity.platform != CONFIG_PLATFORM_NONE) {
        return refuse(checked, "identity", "", "platform",
                      "need none beside certificate, private_key or trust_bundle");
    }
    for (size_t i = 0; i < num_required; i++) {
        const char *key = from_files ? file_keys[i] : ca_keys[i];

        if (!given(checked, key)) {
            return refuse(checked, "identity", "", key, "missing");
        }
    }
    return 0;
}

static int check_sim(const struct checked *checked)
{
    const struct config_identity *identity = &checked->config->identity;
    bool is_sim = identity->platform == CONFIG_PLATFORM_SIM;

    if (is_sim && identity->insecure_sim == NULL) {
        return refuse(checked, "identity", "", "insecure_sim", "missing, with platform = sim");
    }
    if (!is_sim && identity->insecure_sim != NULL) {
        return refuse(checked, "identity", "", "insecure_sim", "only with platform = sim");
    }
    if (is_sim && identity->report_dir != NULL) {
        return refuse(checked, "identity", "", "report_dir", "not with platform = sim");
    }
    return 0;
}

/* `address` has passed sockets_parse() before. */
static bool is_local(const char *address)
{
    struct sockets_address parsed;
    struct err err;

    return sockets_parse(address, &parsed, &err) == 0 && sockets_is_local(&parsed);
}

static bool same_place(const char *a, const char *b)
{
    char texts[2][SOCKETS_TEXT_CAP];
    struct sockets_address left;
    struct sockets_address right;
    struct err err;

    if (sockets_parse(a, &left, &err) != 0 || sockets_parse(b, &right, &err) != 0 ||
        (sockets_is_ip(&left) && sockets_port(&left) == 0)) {
        return false;
    }
    sockets_format(&left, texts[0]);
    sockets_format(&right, texts[1]);
    return strcmp(texts[0], texts[1]) == 0;
}

static bool same_address(const char *a, const char *b)
{
    if (sockets_handed_over(a) != NULL && strcmp(a, b) == 0) {
        return true;
    }
    return same_place(a, b);
}

/* Vsock addresses but that of the loopback cross the host. */
static bool is_app_local(const char *address)
{
    struct sockets_address parsed;
    struct err err;

    if (sockets_parse(address, &parsed, &err) != 0) {
        return false;
    }
    return sockets_family(&parsed) == AF_VSOCK ? parsed.u.vm.svm_cid == VMADDR_CID_LOCAL
                                               : sockets_is_local(&parsed);
}

static int check_forward(const struct checked *checked, const struct config_ingress *ingress)
{
    if (!is_app_local(ingress->forward) && !ingress->insecure_remote_app) {
        return refuse(checked, "ingress", ingress->name, "forward",
                      "not on this machine; that needs insecure_remote_app = yes");
    }
    return 0;
}

static bool is_family(const char *address, sa_family_t family)
{
    struct sockets_address parsed;
    struct err err;

    return sockets_parse(address, &parsed, &err) == 0 && sockets_family(&parsed) == family;
}

/* Whoever sends the header says where a connection is from: only those listed may. */
static int check_proxy_in(const struct checked *checked, const struct config_ingress *ingress)
{
    if (ingress->proxy_in && ingress->proxy_in_from.num == 0) {
        return refuse(checked, "ingress", ingress->name, "proxy_in",
                      "needs proxy_in_from: who may send the header");
    }
    if (!ingress->proxy_in && ingress->proxy_in_from.num > 0) {
        return refuse(checked, "ingress", ingress->name, "proxy_in_from",
                      "only with proxy_in = yes");
    }
    if (ingress->proxy_in &&
        (is_family(ingress->listen, AF_UNIX) || is_family(ingress->listen, AF_VSOCK))) {
        return refuse(checked, "ingress", ingress->name, "proxy_in",
                      "needs an IP address to listen on: proxy_in_from lists no other");
    }
    if (ingress->proxy_in_from.num > CONFIG_SOURCES_MAX) {
        return refuse(checked, "ingress", ingress->name, "proxy_in_from", "more than 16 values");
    }
    return 0;
}

/* What a socket of the service manager's is, the start finds out and judges alike. */
static int check_callers(const struct checked *checked, const struct config_egress *egress)
{
    if (sockets_handed_over(egress->listen) == NULL && !is_local(egress->listen) &&
        !egress->insecure_remote_callers) {
        return refuse(checked, "egress", egress->name, "listen",
                      "not for this machine alone; that needs insecure_remote_callers = yes");
    }
    return 0;
}

/* What ingress and egress have in common. */
struct route {
    const char *kind;
    const char *name;
    const char *listen;
    const char *plain; /* where the plaintext passes */
    enum config_file_mode listen_mode;
    enum config_mode mode;
    enum config_truncation on_truncation;
    const char *list_key;
    const struct setting_list *list;
    uint64_t *idle_timeout;
};

static struct route route_at(struct config *config, size_t i)
{
    if (i < config->num_ingresses) {
        struct config_ingress *ingress = &config->ingresses[i];

        return (struct route){.kind = "ingress",
                              .name = ingress->name,
                              .listen = ingress->listen,
                              .plain = ingress->forward,
                              .listen_mode = ingress->listen_mode,
                              .mode = ingress->mode,
                              .on_truncation = ingress->on_truncation,
                              .list_key = "allow",
                              .list = &ingress->allow,
                              .idle_timeout = &ingress->idle_timeout};
    }
    struct config_egress *egress = &config->egresses[i - config->num_ingresses];

    return (struct route){.kind = "egress",
                          .name = egress->name,
                          .listen = egress->listen,
                          .plain = egress->listen,
                          .listen_mode = egress->listen_mode,
                          .mode = egress->mode,
                          .on_truncation = egress->on_truncation,
                          .list_key = "expect",
                          .list = &egress->expect,
                          .idle_timeout = &egress->idle_timeout};
}

static bool has_peer(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->num_peers; i++) {
        if (strcmp(config->peers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_peers_of(const struct checked *checked, const struct route *route)
{
    for (size_t i = 0; i < route->list->num; i++) {
        const struct settings_place place = {.kind = route->kind,
                                             .name = route->name,
                                             .key = route->list_key,
                                             .line = route->list->lines[i]};

        if (!has_peer(checked->config, route->list->items[i])) {
            return settings_refuse(checked->source, &place, checked->err, "there is no [peer %s]",
                                   route->list->items[i]);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(route->list->items[i], route->list->items[j]) == 0) {
                return settings_refuse(checked->source, &place, checked->err, "names %s twice",
                                       route->list->items[i]);
            }
        }
    }
    return 0;
}

/* Two listeners on one address would share its connections without an error. */
static int check_unique(const struct checked *checked, const struct route *route, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        struct route other = route_at(checked->config, i);
        const struct settings_place place = {
            .kind = route->kind, .name = route->name, .key = "listen"};

        if (strcmp(other.name, route->name) == 0) {
            return settings_refuse(checked->source, &place, checked->err,
                                   "the name is taken by [%s %s]", other.kind, other.name);
        }
        if (same_address(other.listen, route->listen)) {
            return settings_refuse(checked->source, &place, checked->err,
                                   "the address is taken by [%s %s]", other.kind, other.name);
        }
    }
    return 0;
}

/* An abnormal end would look clean to the service: that must be asked for. */
static int check_truncation(const struct checked *checked, const struct route *route)
{
    bool resets = !is_family(route->plain, AF_UNIX) && !is_family(route->plain, AF_VSOCK);

    if (!resets && route->on_truncation != CONFIG_TRUNCATION_EOF) {
        return refuse(checked, route->kind, route->name, "on_truncation",
                      "need eof: the plaintext passes a socket that cannot carry a reset");
    }
    return 0;
}

/* The fallback may be written down: settings that are printed are to load again. */
static int check_listen_mode(const struct checked *checked, const struct route *route)
{
    if (route->listen_mode != CONFIG_FILE_MODE_GROUP && !is_family(route->listen, AF_UNIX)) {
        return refuse(checked, route->kind, route->name, "listen_mode",
                      "only with a unix socket to listen on");
    }
    return 0;
}

static int check_routes(const struct checked *checked)
{
    struct config *config = checked->config;
    size_t num = config->num_ingresses + config->num_egresses;
    const struct settings_place nowhere = {0};

    if (num == 0) {
        return settings_refuse(checked->source, &nowhere, checked->err,
                               "need an [ingress NAME] or an [egress NAME]");
    }
    if (num > CONFIG_ROUTES_MAX) {
        return settings_refuse(checked->source, &nowhere, checked->err,
                               "more than %d [ingress NAME] and [egress NAME]", CONFIG_ROUTES_MAX);
    }
    for (size_t i = 0; i < num; i++) {
        struct route route = route_at(config, i);

        if (route.mode != CONFIG_MODE_TCP) {
            return refuse(checked, route.kind, route.name, "mode",
                          "http is not in this release; need tcp");
        }
        if (check_peers_of(checked, &route) != 0 || check_unique(checked, &route, i) != 0 ||
            check_truncation(checked, &route) != 0 || check_listen_mode(checked, &route) != 0) {
            return -1;
        }
        if (*route.idle_timeout == 0) {
            *route.idle_timeout = config->limits.idle_timeout;
        }
    }
    return 0;
}

static int check_peers(const struct checked *checked)
{
    const struct config *config = checked->config;

    for (size_t i = 0; i < config->num_peers; i++) {
        const struct config_peer *peer = &config->peers[i];

        for (size_t j = 0; j < peer->spiffe.num; j++) {
            const struct settings_place place = {
                .kind = "peer", .name = peer->name, .key = "spiffe", .line = peer->spiffe.lines[j]};

            if (!spiffe_id_in(peer->spiffe.items[j], config->identity.trust_domain)) {
                return settings_refuse(checked->source, &place, checked->err,
                                       "not of trust domain %s", config->identity.trust_domain);
            }
        }
    }
    return 0;
}

static int check_process(const struct checked *checked)
{
    const struct config_process *process = &checked->config->process;

    if (process->group != NULL && process->user == NULL) {
        return refuse(checked, "process", "", "group", "only with user");
    }
    return 0;
}

static int check_admin(const struct checked *checked)
{
    const struct config *config = checked->config;

    if (config->admin.listen == NULL) {
        return 0;
    }
    if (!is_local(config->admin.listen)) {
        return refuse(checked, "admin", "", "listen", "not on loopback");
    }
    for (size_t i = 0; i < config->num_ingresses + config->num_egresses; i++) {
        if (same_address(route_at(checked->config, i).listen, config->admin.listen)) {
            return refuse(checked, "admin", "", "listen", "the address is taken by a route");
        }
    }
    return 0;
}

int config_check(void *whole, const struct settings_source *source, struct err *err)
{
    struct config *config = whole;
    const struct checked checked = {.config = config, .source = source, .err = err};

    if (check_identity(&checked) != 0 || check_sim(&checked) != 0 || check_routes(&checked) != 0 ||
        check_peers(&checked) != 0 || check_admin(&checked) != 0 || check_process(&checked) != 0) {
        return -1;
    }
    for (size_t i = 0; i < config->num_ingresses; i++) {
        if (check_forward(&checked, &config->ingresses[i]) != 0 ||
            check_proxy_in(&checked, &config->ingresses[i]) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < config->num_egresses; i++) {
        if (check_callers(&checked, &config->egresses[i]) != 0) {
            return -1;
        }
    }
    if (config_check_callers(config, source, err) != 0) {
        return -1;
    }
    if (config->identity.certificate != NULL) {
        config->identity.platform = CONFIG_PLATFORM_NONE; /* what is printed is to load again */
    }
    return config_check_paths(config, source, err);
}
