/*
 * Kds_turn: whose turn it is among those for whose processors the key service is to be asked.
 *
 * An invented CHIP_ID costs nothing, an address a little, a network more.  So networks take turns,
 * from the widest part to the narrowest: IPv4 /8, /16, /24 and the address, IPv6 /32, /48, /56 and
 * /64; the one that was served longest ago is next.  Whoever floods from one network delays a
 * newcomer elsewhere by one request, from G networks by G.
 *
 * Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/source.h"

#define KDS_TURN_PARTS 4
#define KDS_TURN_MEMORY 1024 /* requests that are remembered: networks that can be told apart */

struct kds_turn {
    struct source served[KDS_TURN_MEMORY]; /* a ring */
    size_t num_served;                     /* ever */
    uint64_t salt;                         /* of the lots, anew with each request */
};

/* The one of `num` sources, at least one, whose turn is next.  Among equals that are different the
   lot decides, which no number of attempts improves; among the same the first. */
size_t kds_turn_next(const struct kds_turn *turn, const struct source *sources, size_t num);

/* The one whose turn would be last if all of them were served; among the same the last. */
#define KDS_TURN_SOURCES_MAX 64
size_t kds_turn_last(const struct kds_turn *turn, const struct source *sources, size_t num);

/* One was served.  `random` is any number. */
void kds_turn_serve(struct kds_turn *turn, const struct source *source, uint64_t random);
