/*
 * Compare: two recordings of one scenario, made in two environments, as a table of what the second
 * costs more.
 */
#pragma once

#include <stdio.h>

#include "bench/recording.h"
#include "common/compiler.h"

struct err;

/* Prints how the environments differ and every metric that both have, with its change and the 95 %
   interval of that, or "not significant".  ERR_INVALID, and nothing printed, if they did not do the
   same. */
MUST_CHECK int compare_print(const struct recording *from, const struct recording *to, FILE *out,
                             struct err *err);
