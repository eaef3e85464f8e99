/*
 * Sockets_address: addresses as text and what can be asked of them.  Descriptors are sockets.c.
 */
#include "common/sockets.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

static const char unix_prefix[] = "unix:";
static const char vsock_prefix[] = "vsock:";

static bool sockets_is_path(const char *text)
{
    return strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0;
}

static bool sockets_is_vsock(const char *text)
{
    return strncmp(text, vsock_prefix, sizeof(vsock_prefix) - 1) == 0;
}

const char *sockets_handed_over(const char *text)
{
    static const char prefix[] = "systemd:";
    const char *name = text + sizeof(prefix) - 1;
    size_t len = 0;

    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0) {
        return NULL;
    }
    len = strlen(name);
    return len > 0 && strcspn(name, ": \t") == len ? name : NULL;
}

static int sockets_parse_port(const char *text, uint16_t *out_port, struct err *err)
{
    unsigned long port = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 5 || strspn(text, "0123456789") != len) {
        return err_set(err, ERR_INVALID, "need a port from 0 to 65535");
    }
    port = strtoul(text, NULL, 10);
    if (port > UINT16_MAX) {
        return err_set(err, ERR_INVALID, "need a port from 0 to 65535");
    }
    *out_port = (uint16_t)port;
    return 0;
}

int sockets_split(const char *text, char *out_host, uint16_t *out_port, struct err *err)
{
    const char *host = text;
    const char *colon = NULL;
    size_t host_len = 0;
    uint16_t port = 0;

    if (sockets_is_path(text) || sockets_is_vsock(text)) {
        struct sockets_address address;

        if (sockets_parse(text, &address, err) != 0) {
            return -1;
        }
        (void)snprintf(out_host, SOCKETS_HOST_CAP, "%s", text);
        *out_port = 0;
        return 0;
    }
    if (text[0] == '[') {
        const char *end = strchr(text, ']');

        if (end == NULL || end[1] != ':') {
            return err_set(err, ERR_INVALID, "need [address]:port");
        }
        host = text + 1;
        host_len = (size_t)(end - host);
        colon = end + 1;
    } else {
        colon = strchr(text, ':');
        if (colon == NULL || strchr(colon + 1, ':') != NULL) {
            return err_set(err, ERR_INVALID, "need host:port (an IPv6 address in brackets)");
        }
        host_len = (size_t)(colon - text);
    }
    if (host_len == 0 || host_len >= SOCKETS_HOST_CAP) {
        return err_set(err, ERR_INVALID, "need a host of 1 to %d bytes", SOCKETS_HOST_CAP - 1);
    }
    if (sockets_parse_port(colon + 1, &port, err) != 0) {
        return -1;
    }
    memcpy(out_host, host, host_len);
    out_host[host_len] = '\0';
    *out_port = port;
    return 0;
}

static int sockets_parse_path(const char *text, struct sockets_address *out, struct err *err)
{
    const char *path = text + sizeof(unix_prefix) - 1;
    size_t len = strlen(path);
    struct sockets_address address = {.len = 0};

    /* Abstract names (an @ in other programs) are refused: no permissions guard them. */
    if (path[0] != '/' || path[len - 1] == '/' || len >= sizeof(address.u.local.sun_path)) {
        return err_set(err, ERR_INVALID, "need unix:/PATH of at most %zu bytes",
                       sizeof(address.u.local.sun_path) - 1);
    }
    address.u.local.sun_family = AF_UNIX;
    memcpy(address.u.local.sun_path, path, len + 1);
    address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    *out = address;
    return 0;
}

/* Digits up to `end`, a number of 32 bits. */
static bool sockets_parse_u32(const char *text, char end, uint32_t *out, const char **out_rest)
{
    size_t len = strspn(text, "0123456789");
    unsigned long long value = len > 0 && len <= 10 ? strtoull(text, NULL, 10) : UINT64_MAX;

    if (value > UINT32_MAX || text[len] != end) {
        return false;
    }
    *out = (uint32_t)value;
    *out_rest = text + len + 1;
    return true;
}

static int sockets_parse_vsock(const char *text, struct sockets_address *out, struct err *err)
{
    const char *rest = text + sizeof(vsock_prefix) - 1;
    struct sockets_address address = {.u.vm = {.svm_family = AF_VSOCK},
                                      .len = sizeof(address.u.vm)};
    uint32_t cid = 0;
    uint32_t port = 0;

    if (!sockets_parse_u32(rest, ':', &cid, &rest) ||
        !sockets_parse_u32(rest, '\0', &port, &rest) || port == VMADDR_PORT_ANY) {
        return err_set(err, ERR_INVALID, "need vsock:CID:PORT, both numbers");
    }
    address.u.vm.svm_cid = cid;
    address.u.vm.svm_port = port;
    *out = address;
    return 0;
}

int sockets_parse(const char *text, struct sockets_address *out, struct err *err)
{
    struct sockets_address address = {.len = 0};
    char host[SOCKETS_HOST_CAP] = "";
    char *scope = NULL;
    uint16_t port = 0;

    if (sockets_is_path(text)) {
        return sockets_parse_path(text, out, err);
    }
    if (sockets_is_vsock(text)) {
        return sockets_parse_vsock(text, out, err);
    }
    if (sockets_split(text, host, &port, err) != 0) {
        return -1;
    }
    if (text[0] != '[') {
        address.u.v4.sin_family = AF_INET;
        address.u.v4.sin_port = htons(port);
        address.len = sizeof(address.u.v4);
        if (inet_pton(AF_INET, host, &address.u.v4.sin_addr) != 1) {
            return err_set(err, ERR_INVALID, "need a numeric address");
        }
        *out = address;
        return 0;
    }
    scope = strchr(host, '%');
    if (scope != NULL) {
        *scope = '\0';
        address.u.v6.sin6_scope_id = if_nametoindex(scope + 1);
        if (address.u.v6.sin6_scope_id == 0) {
            return err_set(err, ERR_INVALID, "no such interface in the address");
        }
    }
    address.u.v6.sin6_family = AF_INET6;
    address.u.v6.sin6_port = htons(port);
    address.len = sizeof(address.u.v6);
    if (inet_pton(AF_INET6, host, &address.u.v6.sin6_addr) != 1) {
        return err_set(err, ERR_INVALID, "need a numeric IPv6 address in the brackets");
    }
    *out = address;
    return 0;
}

void sockets_join(const char *host, uint16_t port, char out[static SOCKETS_TARGET_CAP])
{
    if (sockets_is_path(host) || sockets_is_vsock(host)) {
        (void)snprintf(out, SOCKETS_TARGET_CAP, "%s", host);
    } else {
        (void)snprintf(out, SOCKETS_TARGET_CAP, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u",
                       host, (unsigned)port);
    }
}

/* A path that whoever bound it chose: perhaps none, perhaps without a NUL. */
static void sockets_format_path(const struct sockets_address *address,
                                char out[static SOCKETS_TEXT_CAP])
{
    size_t header = offsetof(struct sockaddr_un, sun_path);
    size_t len = address->len > header ? address->len - header : 0;

    (void)snprintf(out, SOCKETS_TEXT_CAP, "%s%.*s", unix_prefix, (int)len,
                   len > 0 ? address->u.local.sun_path : "");
}

void sockets_format(const struct sockets_address *address, char out[static SOCKETS_TEXT_CAP])
{
    char host[INET6_ADDRSTRLEN] = "";

    switch (sockets_family(address)) {
    case AF_INET:
        (void)inet_ntop(AF_INET, &address->u.v4.sin_addr, host, sizeof(host));
        (void)snprintf(out, SOCKETS_TEXT_CAP, "%s:%u", host, (unsigned)sockets_port(address));
        break;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, &address->u.v6.sin6_addr, host, sizeof(host));
        (void)snprintf(out, SOCKETS_TEXT_CAP, "[%s]:%u", host, (unsigned)sockets_port(address));
        break;
    case AF_UNIX:
        sockets_format_path(address, out);
        break;
    case AF_VSOCK:
        (void)snprintf(out, SOCKETS_TEXT_CAP, "%s%" PRIu32 ":%" PRIu32, vsock_prefix,
                       (uint32_t)address->u.vm.svm_cid, (uint32_t)address->u.vm.svm_port);
        break;
    default:
        (void)snprintf(out, SOCKETS_TEXT_CAP, "-");
        break;
    }
}

sa_family_t sockets_family(const struct sockets_address *address)
{
    return address->len > 0 ? address->u.any.sa_family : AF_UNSPEC;
}

bool sockets_is_ip(const struct sockets_address *address)
{
    return sockets_family(address) == AF_INET || sockets_family(address) == AF_INET6;
}

struct sockets_address sockets_plain(const struct sockets_address *address)
{
    struct sockets_address plain = {.len = sizeof(plain.u.v4)};

    if (sockets_family(address) != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->u.v6.sin6_addr)) {
        return *address;
    }
    plain.u.v4.sin_family = AF_INET;
    plain.u.v4.sin_port = address->u.v6.sin6_port;
    memcpy(&plain.u.v4.sin_addr, &address->u.v6.sin6_addr.s6_addr[12], sizeof(plain.u.v4.sin_addr));
    return plain;
}

struct sockets_address sockets_reached(const struct sockets_address *address)
{
    struct sockets_address reached = sockets_plain(address);

    if (sockets_family(&reached) == AF_INET && reached.u.v4.sin_addr.s_addr == htonl(INADDR_ANY)) {
        reached.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (sockets_family(&reached) == AF_INET6 &&
               IN6_IS_ADDR_UNSPECIFIED(&reached.u.v6.sin6_addr)) {
        reached.u.v6.sin6_addr = in6addr_loopback;
    }
    return reached;
}

bool sockets_same_place(const struct sockets_address *a, const struct sockets_address *b)
{
    if (sockets_family(a) != sockets_family(b)) {
        return false;
    }
    switch (sockets_family(a)) {
    case AF_INET:
        return sockets_port(a) == sockets_port(b) &&
               a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
    case AF_INET6:
        return sockets_port(a) == sockets_port(b) &&
               IN6_ARE_ADDR_EQUAL(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr) != 0;
    case AF_UNIX:
        return a->len == b->len && memcmp(&a->u.local, &b->u.local, a->len) == 0;
    case AF_VSOCK:
        return a->u.vm.svm_cid == b->u.vm.svm_cid && a->u.vm.svm_port == b->u.vm.svm_port;
    default:
        return false;
    }
}

bool sockets_is_local(const struct sockets_address *address)
{
    switch (sockets_family(address)) {
    case AF_INET:
        return (ntohl(address->u.v4.sin_addr.s_addr) >> 24) == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&address->u.v6.sin6_addr) != 0;
    case AF_UNIX:
        return true;
    default: /* a host can send packets that claim to come from vsock:1 */
        return false;
    }
}

uint16_t sockets_port(const struct sockets_address *address)
{
    switch (sockets_family(address)) {
    case AF_INET:
        return ntohs(address->u.v4.sin_port);
    case AF_INET6:
        return ntohs(address->u.v6.sin6_port);
    default:
        return 0;
    }
}

void sockets_set_port(struct sockets_address *address, uint16_t port)
{
    if (address->u.any.sa_family == AF_INET) {
        address->u.v4.sin_port = htons(port);
    } else {
        address->u.v6.sin6_port = htons(port);
    }
}
