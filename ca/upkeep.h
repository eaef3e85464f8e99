/*
 * Upkeep: keeps at hand what the vendor publishes for all chips of the products that the policy is
 * about, chains and revocation lists: fetched before anybody needs them, and again before they end.
 *
 * Lives on the event loop.  Asks one thing at a time, through kds and at its pace; looking into the
 * store and judging what came runs on the thread pool.  Without a key service it only watches.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "ca/enrol.h"
#include "ca/kds.h"
#include "ca/vendor.h"
#include "common/compiler.h"

struct err;
struct upkeep; /* opaque */

#define UPKEEP_ITEMS_MAX 16 /* chain and list, for both kinds of key, of four products */

/* All borrowed; must outlive the upkeep. */
struct upkeep_options {
    uv_loop_t *loop;
    const struct enrol_authority *authority;
    struct kds *kds; /* NULL: nobody is asked */
};

/* Begins at once. */
struct upkeep *upkeep_start(const struct upkeep_options *options, struct err *err);
void upkeep_stop(struct upkeep *upkeep); /* before kds_stop(); accepts NULL */

/* After upkeep_stop(), once the loop has run; accepts NULL. */
void upkeep_free(struct upkeep *upkeep);

/* What is at hand, for /metrics; times are seconds since 1970. */
struct upkeep_gauge {
    struct vendor_key key;
    int64_t from; /* thisUpdate, or when the intermediate begins */
    int64_t until;
};

/* How many were filled. */
size_t upkeep_gauges(const struct upkeep *upkeep,
                     struct upkeep_gauge out_gauges[static UPKEEP_ITEMS_MAX]);
