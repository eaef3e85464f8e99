/*
 * Series: what the values of several repetitions say together.
 *
 * Pure.  The interval is that of Student's t for the mean; it takes the repetitions for
 * independent.
 */
#pragma once

#include <stddef.h>

struct series {
    double median;
    double mean;
    double least;
    double most;
    double low; /* of the 95 % confidence interval of the mean; the mean itself for one value */
    double high;
};

/* Of `num` values, at least 1; sorts them. */
struct series series_of(double *values, size_t num);
