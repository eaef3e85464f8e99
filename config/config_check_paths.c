/*
 * Config_check_paths: routes are the nodes of a graph in which each leads to one other at most, the
 * one that listens where it connects to.  A connection that enters a circle would go round until a
 * limit ends it.
 */
#include "config/config_check_paths.h"

#include <string.h>

#include "common/err.h"
#include "common/sockets.h"
#include "config/config.h"

#define NOWHERE SIZE_MAX

struct node {
    const char *kind;
    const char *name;
    const char *key;               /* that says where it leads */
    struct sockets_address listen; /* len 0: none that is known */
    struct sockets_address target; /* likewise */
};

static struct sockets_address address_of(const char *text)
{
    struct sockets_address address;
    struct err err;

    if (sockets_parse(text, &address, &err) != 0) {
        return (struct sockets_address){.len = 0};
    }
    return address;
}

static size_t list_nodes(const struct config *config, struct node out[static CONFIG_ROUTES_MAX])
{
    size_t num = 0;

    for (size_t i = 0; i < config->num_ingresses; i++) {
        const struct config_ingress *ingress = &config->ingresses[i];

        out[num++] = (struct node){.kind = "ingress",
                                   .name = ingress->name,
                                   .key = "forward",
                                   .listen = address_of(ingress->listen),
                                   .target = address_of(ingress->forward)};
    }
    for (size_t i = 0; i < config->num_egresses; i++) {
        const struct config_egress *egress = &config->egresses[i];

        out[num++] = (struct node){.kind = "egress",
                                   .name = egress->name,
                                   .key = "connect",
                                   .listen = address_of(egress->listen),
                                   .target = address_of(egress->connect)};
    }
    return num;
}

/* A listener at every address of its family, or every CID. */
static bool is_wildcard(const struct sockets_address *listen)
{
    switch (sockets_family(listen)) {
    case AF_INET:
        return listen->u.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    case AF_INET6:
        return IN6_IS_ADDR_UNSPECIFIED(&listen->u.v6.sin6_addr) != 0;
    case AF_VSOCK:
        return listen->u.vm.svm_cid == VMADDR_CID_ANY;
    default:
        return false;
    }
}

/* Of the addresses of this machine only loopback is known. */
static bool is_loopback(const struct sockets_address *address)
{
    return sockets_family(address) == AF_VSOCK ? address->u.vm.svm_cid == VMADDR_CID_LOCAL
                                               : sockets_is_local(address);
}

static bool same_port(const struct sockets_address *a, const struct sockets_address *b)
{
    return sockets_family(a) == AF_VSOCK ? a->u.vm.svm_port == b->u.vm.svm_port
                                         : sockets_port(a) == sockets_port(b);
}

/* The node that gets a connection to `target`: the kernel prefers the one at just that address. */
static size_t find_listener(const struct node *nodes, size_t num,
                            const struct sockets_address *target)
{
    struct sockets_address reached = sockets_reached(target);
    size_t found = NOWHERE;

    for (size_t i = 0; i < num && target->len > 0; i++) {
        const struct sockets_address *listen = &nodes[i].listen;

        if (listen->len == 0 || sockets_family(listen) != sockets_family(&reached)) {
            continue;
        }
        if (sockets_same_place(listen, &reached)) {
            return i;
        }
        if (is_wildcard(listen) && is_loopback(&reached) && same_port(listen, &reached)) {
            found = i;
        }
    }
    return found;
}

int config_check_paths(const struct config *config, const struct settings_source *source,
                       struct err *err)
{
    struct node nodes[CONFIG_ROUTES_MAX];
    size_t next[CONFIG_ROUTES_MAX];
    size_t num = list_nodes(config, nodes);

    for (size_t i = 0; i < num; i++) {
        next[i] = find_listener(nodes, num, &nodes[i].target);
    }
    for (size_t i = 0; i < num; i++) {
        const struct settings_place place = {
            .kind = nodes[i].kind, .name = nodes[i].name, .key = nodes[i].key};
        size_t at = next[i];

        for (size_t steps = 1; at != NOWHERE && at != i && steps < num; steps++) {
            at = next[at];
        }
        if (at == i && next[i] == i) {
            return settings_refuse(source, &place, err, "leads back to listen");
        }
        if (at == i) {
            return settings_refuse(source, &place, err, "leads back to listen, by way of [%s %s]",
                                   nodes[next[i]].kind, nodes[next[i]].name);
        }
    }
    return 0;
}
