/*
 * Nft: the rules for the kernel's packet filter that turn an application's connections to the
 * egress routes which stand in for their destinations.
 *
 * It only writes them: whoever has the right to load them decides to.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/compiler.h"
#include "proxy/worker.h"

struct err;

/* Writes the rules of all `routes` with originals.  `own_uid` is the user that liftgate runs as,
   whose connections are exempt: ERR_INVALID if that is root or an application's user, or if no
   route has originals. */
MUST_CHECK int nft_print(const struct worker_route *routes, size_t num_routes, uint32_t own_uid,
                         FILE *out, struct err *err);
