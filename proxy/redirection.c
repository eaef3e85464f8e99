/*
 * Redirection: asks the kernel's connection tracking.
 */
#include "proxy/redirection.h"

#include <errno.h>
#include <string.h>

#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "common/err.h"

int redirection_find(int fd, struct sockets_address *out, struct err *err)
{
    struct sockets_address original = {.len = sizeof(original.u)};
    struct sockets_address own = {.len = 0};
    int rc = -1;

    if (sockets_bound(fd, &own, err) != 0) {
        return -1;
    }
    if (sockets_family(&own) == AF_INET) {
        rc = getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, &original.u, &original.len);
    } else {
        rc = getsockopt(fd, SOL_IPV6, IP6T_SO_ORIGINAL_DST, &original.u, &original.len);
    }
    if (rc != 0) {
        return err_set_errno(err, ERR_DENIED, errno, "not redirected");
    }
    if (sockets_same_place(&original, &own)) {
        return err_set(err, ERR_DENIED, "not redirected, but made to our own address");
    }
    *out = original;
    return 0;
}

bool redirection_holds(const struct redirection *redirection,
                       const struct sockets_address *original)
{
    for (size_t i = 0; i < redirection->num_originals; i++) {
        if (sockets_same_place(&redirection->originals[i], original)) {
            return true;
        }
    }
    return false;
}
