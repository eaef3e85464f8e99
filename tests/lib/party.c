/*
 * Party: options filled in.
 */
#include "tests/lib/party.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "proxy/authz.h"

struct generation *party_new(const struct generation_options *options)
{
    struct err err;
    struct generation *generation = generation_new(options, &err);

    if (generation == NULL) {
        fail_msg("%s", err.msg);
    }
    return generation;
}

struct generation *party(struct identity *identity, bool egress, const char *admitted,
                         const char *alpn)
{
    const char *const spiffe[] = {admitted};
    const char *const allow[] = {"friend"};
    const struct authz_rule rule = {.name = "friend", .spiffe = spiffe, .num_spiffe = 1};
    const struct generation_route route = {"route", egress, allow, 1, alpn, NULL};
    struct generation *generation = party_new(&(struct generation_options){.number = 1,
                                                                           .identity = identity,
                                                                           .rules = &rule,
                                                                           .num_rules = 1,
                                                                           .routes = &route,
                                                                           .num_routes = 1});

    identity_unref(identity);
    return generation;
}
