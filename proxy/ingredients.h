/*
 * Ingredients: what a generation is made of: settings, identity, deny list, and which route has
 * which place.  For the control thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proxy/control.h"

struct deny;
struct err;
struct identity;

/* All borrowed for the call. */
struct ingredients {
    uint64_t number;
    struct identity *identity; /* NULL: none yet */
    const struct control_rules *rules;
    struct deny *deny; /* NULL: nobody */
    /* See struct generation_options. */
    atomic_size_t *num_live;
    struct tenures *tenures;
    const struct generation *previous;
    /* The places: those of `change` if there is one, else those of `crew`; without either each
       route has its own number. */
    const struct crew_change *change;
    const struct crew *crew;
};

/* The caller's reference; NULL on failure. */
struct generation *ingredients_mix(const struct ingredients *from, struct err *err);
