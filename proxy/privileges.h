/*
 * Privileges: which user the process is, and which capabilities it keeps.
 *
 * For the time before the first thread: capabilities belong to a thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"

struct err;

struct privileges_options {
    const char *user;  /* to become, with all its groups; NULL: none */
    const char *group; /* instead of the user's own; NULL: that one */
    bool keep_bind;    /* CAP_NET_BIND_SERVICE, for ports below 1024 */
    bool keep_net;     /* CAP_NET_ADMIN, for foreign source addresses and packet marks */
};

/* The user that privileges_become() would make us.  ERR_INVALID: no such user or group. */
MUST_CHECK int privileges_uid(const struct privileges_options *options, uint32_t *out_uid,
                              struct err *err);

/* Becomes the user, if one is given, for good.  ERR_INVALID: no such user or group.  ERR_IO: the
   system refuses.  After a failure the process may be half-way and must end. */
MUST_CHECK int privileges_become(const struct privileges_options *options, struct err *err);

/* Gives up every capability but those that are to be kept and that are there. */
MUST_CHECK int privileges_drop(const struct privileges_options *options, struct err *err);
