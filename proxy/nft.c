/*
 * Nft: one table for both families, and two chains in it: one redirects, the other resets what
 * still carries an intercepted destination behind the first.  That one stays when liftgate stops,
 * and when the first is gone: nothing leaves in plaintext.
 */
#include "proxy/nft.h"

#include <arpa/inet.h>

#include "common/err.h"

static const char head[] =
    "# Written by liftgate --print-nft, for liftgate as user %u.\n"
    "#\n"
    "# Load:    as a file, by nft(8); again after a change: it replaces itself\n"
    "# Remove:  nft delete table inet liftgate\n"
    "# Liftgate need not run, and the rules are not to be removed while it "
    "does not: the guard then\n"
    "# keeps intercepted connections from leaving in plaintext.\n"
    "\n"
    "table inet liftgate\n"
    "delete table inet liftgate\n"
    "\n"
    "table inet liftgate {\n";

static bool is_redirected(const struct worker_route *route)
{
    return route->conn.redirection.num_originals > 0;
}

static int check(const struct worker_route *routes, size_t num_routes, uint32_t own_uid,
                 struct err *err)
{
    size_t num = 0;

    for (size_t i = 0; i < num_routes; i++) {
        if (is_redirected(&routes[i])) {
            num++;
            if (caller_is_listed(&routes[i].conn.callers, own_uid)) {
                return err_set(err, ERR_INVALID,
                               "[egress %s] allow_uid: %u is our own user, whose connections must "
                               "not be redirected",
                               routes[i].conn.name, (unsigned)own_uid);
            }
        }
    }
    if (num == 0) {
        return err_set(err, ERR_INVALID, "no [egress NAME] has transparent = redirect");
    }
    if (own_uid == 0) {
        return err_set(err, ERR_INVALID,
                       "liftgate needs a user of its own, whose connections are not redirected: "
                       "print the rules as that user, not as root");
    }
    return 0;
}

/* "meta skuid { 1000, 1001 } ", or nothing if all users are meant. */
static void print_uids(const struct caller_rules *callers, FILE *out)
{
    for (size_t i = 0; i < callers->num_uids; i++) {
        fprintf(out, "%s%u", i == 0 ? "meta skuid { " : ", ", (unsigned)callers->uids[i]);
    }
    if (callers->num_uids > 0) {
        fputs(" } ", out);
    }
}

/* What a route stands in for, each with `verdict` behind it. */
static void print_route(const struct worker_route *route, const char *verdict, FILE *out)
{
    const struct redirection *redirection = &route->conn.redirection;

    for (size_t i = 0; i < redirection->num_originals; i++) {
        const struct sockets_address *original = &redirection->originals[i];
        bool is_v4 = sockets_family(original) == AF_INET;
        char host[INET6_ADDRSTRLEN] = "";

        (void)inet_ntop(sockets_family(original),
                        is_v4 ? (const void *)&original->u.v4.sin_addr
                              : (const void *)&original->u.v6.sin6_addr,
                        host, sizeof(host));
        fputs("        ", out);
        print_uids(&route->conn.callers, out);
        fprintf(out, "%s daddr %s tcp dport %u %s comment \"%s\"\n", is_v4 ? "ip" : "ip6", host,
                (unsigned)sockets_port(original), verdict, route->conn.name);
    }
}

int nft_print(const struct worker_route *routes, size_t num_routes, uint32_t own_uid, FILE *out,
              struct err *err)
{
    if (check(routes, num_routes, own_uid, err) != 0) {
        return -1;
    }
    fprintf(out, head, (unsigned)own_uid);
    fprintf(out,
            "    chain intercept {\n"
            "        type nat hook output priority -100; policy accept;\n"
            "        meta skuid %u return comment \"liftgate itself\"\n"
            "        oifname \"lo\" return\n",
            (unsigned)own_uid);
    for (size_t i = 0; i < num_routes; i++) {
        char verdict[32] = "";

        (void)snprintf(verdict, sizeof(verdict), "redirect to :%u",
                       (unsigned)sockets_port(&routes[i].listen));
        print_route(&routes[i], verdict, out);
    }
    fprintf(out,
            "    }\n"
            "\n"
            "    chain guard {\n"
            "        type filter hook output priority 0; policy accept;\n"
            "        meta skuid %u return comment \"liftgate itself\"\n",
            (unsigned)own_uid);
    for (size_t i = 0; i < num_routes; i++) {
        print_route(&routes[i], "reject with tcp reset", out);
    }
    fputs("    }\n}\n", out);
    return fflush(out) != 0 || ferror(out) != 0 ? err_set(err, ERR_IO, "cannot write the rules")
                                                : 0;
}
