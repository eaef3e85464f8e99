/*
 * Series: medians, means and intervals.
 */
#include "bench/series.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* The 97.5 % quantile of Student's t by degrees of freedom, from 1 on. */
static const double quantiles[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                   2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                   2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                   2.060,  2.056, 2.052, 2.048, 2.045, 2.042};

#define NUM_QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))
#define QUANTILE_NORMAL 1.96

static int compare(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

struct series series_of(double *values, size_t num)
{
    struct series series = {0};
    double squares = 0;
    double half = 0;

    assert(num >= 1);
    qsort(values, num, sizeof(*values), compare);
    series.least = values[0];
    series.most = values[num - 1];
    series.median = num % 2 == 1 ? values[num / 2] : (values[num / 2 - 1] + values[num / 2]) / 2;
    for (size_t i = 0; i < num; i++) {
        series.mean += values[i] / (double)num;
    }
    for (size_t i = 0; i < num; i++) {
        squares += (values[i] - series.mean) * (values[i] - series.mean);
    }
    if (num > 1) {
        double quantile = num - 1 <= NUM_QUANTILES ? quantiles[num - 2] : QUANTILE_NORMAL;

        half = quantile * sqrt(squares / (double)(num - 1) / (double)num);
    }
    series.low = series.mean - half;
    series.high = series.mean + half;
    return series;
}
