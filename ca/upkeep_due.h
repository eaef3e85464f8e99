/*
 * Upkeep_due: when the vendor is to be asked again for a chain or a revocation list.
 *
 * A chain once, and again before it ends.  A list at some time between half and three quarters of
 * its window, and a day after it was looked for anyway, since a revocation makes the vendor publish
 * the next one before its time; until there is a newer one, at ever shorter distances.
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ca/vendor.h"

#define UPKEEP_DAY_S 86400
#define UPKEEP_PAUSE_MIN_S 10
#define UPKEEP_ABSENT_S 3600        /* the vendor has no such thing */
#define UPKEEP_REFUSED_S 600        /* what it gave does not hold, or the store does not answer */
#define UPKEEP_CHAIN_LEFT_S 2592000 /* a chain is fetched anew so long before its end: 30 days */

/* All times are seconds since 1970. */
struct upkeep_item {
    enum vendor_kind kind; /* VENDOR_CHAIN or VENDOR_CRL */
    int64_t from;          /* of what is at hand */
    int64_t until;         /* 0: there is nothing that holds */
    int64_t looked;        /* when the vendor last answered */
    int64_t not_before;    /* nothing is asked until then */
    uint8_t chance;        /* any number, drawn once: not all authorities ask at one time */
};

int64_t upkeep_due(const struct upkeep_item *item);

/* How long to wait after the vendor gave what was there before. */
int64_t upkeep_pause(const struct upkeep_item *item, int64_t now);

/* What was noted by a clock that has since been set back counts no longer: nothing is looked for in
   the future, nor put off for longer than the longest pause. */
void upkeep_set_back(struct upkeep_item *item, int64_t now);

/* True if what is at hand ends so soon that somebody should know: in the last eighth of its time.
 */
bool upkeep_ends_soon(const struct upkeep_item *item, int64_t now);
