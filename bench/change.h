/*
 * Change: how much larger the values of one series are than those of another, and whether that may
 * be chance.
 *
 * Pure.  Welch's interval, which does not take the two for equally noisy, of the difference of the
 * means, in parts of the first mean.  It takes repetitions for independent and the first mean for
 * exact enough to divide by.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct change {
    double ratio; /* of the second mean to the first */
    double low;   /* of the 95 % interval of the ratio */
    double high;
    bool known;       /* false: too few values for an interval, or nothing to divide by */
    bool significant; /* the interval does not hold 1 */
};

struct change change_of(const double *from, size_t num_from, const double *to, size_t num_to);
