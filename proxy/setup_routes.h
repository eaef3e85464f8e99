/*
 * Setup_routes: the routes and limits of a configuration as the workers want them.
 */
#pragma once

#include <stddef.h>

#include "common/compiler.h"
#include "proxy/crew.h"

struct config;
struct err;

#define SETUP_ROUTES_MAX 64

/* Borrows from the configuration. */
struct setup_routes {
    struct worker_route routes[SETUP_ROUTES_MAX];
    size_t num_routes;
    char hosts[SETUP_ROUTES_MAX][SOCKETS_HOST_CAP];
};

/* Fills `routes`, zeroed, and what of `out_crew` the settings say; that borrows from `routes`. */
MUST_CHECK int setup_routes_fill(struct setup_routes *routes, const struct config *config,
                                 struct crew_options *out_crew, struct err *err);
