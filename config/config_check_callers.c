/*
 * Config_check_callers: allow_uid, transparent, original: the kernel must be able to say who calls,
 * and to turn to the listener what a route stands in for.
 */
#include "config/config_check_callers.h"

#include <string.h>

#include "common/err.h"
#include "common/sockets.h"
#include "config/config.h"

struct checked {
    const struct config *config;
    const struct settings_source *source;
    struct err *err;
};

static int refuse(const struct checked *checked, const struct config_egress *egress,
                  const char *key, const char *why)
{
    const struct settings_place place = {.kind = "egress", .name = egress->name, .key = key};

    return settings_refuse(checked->source, &place, checked->err, "%s", why);
}

/* False for what names no address, such as an activated socket. */
static bool address_of(const char *text, struct sockets_address *out)
{
    struct err err;

    return sockets_parse(text, out, &err) == 0;
}

/* The kernel redirects to one address of each family. */
static bool takes_redirected(const struct sockets_address *listen)
{
    if (sockets_port(listen) == 0) {
        return false;
    }
    switch (sockets_family(listen)) {
    case AF_INET:
        return listen->u.v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&listen->u.v6.sin6_addr) != 0;
    default:
        return false;
    }
}

static bool is_at(const char *text, const struct sockets_address *address)
{
    struct sockets_address parsed = {.len = 0};

    return address_of(text, &parsed) && sockets_same_place(&parsed, address);
}

/* True if `original` is a listener of ours or, up to `before`, stood for by another egress. */
static bool is_taken(const struct checked *checked, const struct sockets_address *original,
                     const struct config_egress *before)
{
    const struct config *config = checked->config;

    for (size_t i = 0; i < config->num_ingresses; i++) {
        if (is_at(config->ingresses[i].listen, original)) {
            return true;
        }
    }
    for (const struct config_egress *other = config->egresses; other <= before; other++) {
        for (size_t i = 0; other < before && i < other->original.num; i++) {
            if (is_at(other->original.items[i], original)) {
                return true;
            }
        }
    }
    return false;
}

static int check_original(const struct checked *checked, const struct config_egress *egress,
                          size_t i)
{
    const char *text = egress->original.items[i];
    struct sockets_address listen = {.len = 0};
    struct sockets_address original = {.len = 0};
    struct sockets_address reached = {.len = 0};
    const char *why = NULL;

    if (address_of(text, &original)) {
        reached = sockets_reached(&original);
    }
    if (!address_of(egress->listen, &listen) || original.len == 0) {
        why = "need an address";
    } else if (sockets_family(&reached) != sockets_family(&original)) {
        why = "IPv4 within IPv6 leaves as IPv4, which no rule for IPv6 sees";
    } else if (sockets_family(&original) != sockets_family(&listen)) {
        why = "not of the family of listen; that needs another [egress NAME]";
    } else if (sockets_port(&original) == 0 || sockets_is_local(&reached)) {
        why = "need a port, and an address that is not on loopback";
    } else if (is_taken(checked, &original, egress)) {
        why = "the address is taken by another route";
    }
    if (why != NULL) {
        const struct settings_place place = {.kind = "egress",
                                             .name = egress->name,
                                             .key = "original",
                                             .line = egress->original.lines[i]};

        return settings_refuse(checked->source, &place, checked->err, "%s", why);
    }
    return 0;
}

static int check_redirect(const struct checked *checked, const struct config_egress *egress)
{
    struct sockets_address listen = {.len = 0};
    bool redirect = egress->transparent == CONFIG_REDIRECT_ON;

    if (redirect && egress->original.num == 0) {
        return refuse(checked, egress, "transparent",
                      "needs original: what the route stands in for");
    }
    if (!redirect && egress->original.num > 0) {
        return refuse(checked, egress, "original", "only with transparent = redirect");
    }
    if (egress->original.num > CONFIG_ORIGINALS_MAX) {
        return refuse(checked, egress, "original", "more than 16 values");
    }
    if (redirect && !(address_of(egress->listen, &listen) && takes_redirected(&listen))) {
        return refuse(checked, egress, "listen",
                      "the kernel redirects to 127.0.0.1:PORT and [::1]:PORT alone");
    }
    for (size_t i = 0; i < egress->original.num; i++) {
        if (check_original(checked, egress, i) != 0) {
            return -1;
        }
    }
    return 0;
}

static int check_users(const struct checked *checked, const struct config_egress *egress)
{
    struct sockets_address listen = {.len = 0};

    if (egress->allow_uid.num > CONFIG_UIDS_MAX) {
        return refuse(checked, egress, "allow_uid", "more than 16 values");
    }
    if (egress->allow_uid.num > 0 && address_of(egress->listen, &listen) &&
        !sockets_is_local(&listen)) {
        return refuse(checked, egress, "allow_uid", "nobody knows the users of other machines");
    }
    return 0;
}

int config_check_callers(const struct config *config, const struct settings_source *source,
                         struct err *err)
{
    const struct checked checked = {.config = config, .source = source, .err = err};

    for (size_t i = 0; i < config->num_ingresses; i++) {
        const struct config_ingress *ingress = &config->ingresses[i];
        const struct settings_place place = {
            .kind = "ingress", .name = ingress->name, .key = "transparent"};
        struct sockets_address listen = {.len = 0};

        if (ingress->transparent == CONFIG_TPROXY_ON &&
            !(address_of(ingress->listen, &listen) && sockets_is_ip(&listen))) {
            return settings_refuse(source, &place, err, "needs an IP address to listen on");
        }
    }
    for (size_t i = 0; i < config->num_egresses; i++) {
        if (check_users(&checked, &config->egresses[i]) != 0 ||
            check_redirect(&checked, &config->egresses[i]) != 0) {
            return -1;
        }
    }
    return 0;
}
