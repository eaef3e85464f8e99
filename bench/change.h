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
    double chance; /* how likely the means differ so much if nothing has changed, 0 to 1 */
    bool known;    /* false: too few values for an interval, or nothing to divide by */
    bool significant;
};

/* Without `significant`, which is the business of changes_judge(). */
struct change change_of(const double *from, size_t num_from, const double *to, size_t num_to);

/* Says which of `num` changes that are looked at together are significant: where nothing has
   changed, in 19 of 20 cases none is (Holm).  One by one, each twentieth figure of a table would
   be. */
void changes_judge(struct change *changes, size_t num);
