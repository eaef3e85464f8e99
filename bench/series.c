/*
 * Series: medians, means and intervals.
 */
#include "bench/series.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "bench/student.h"

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
        double error = sqrt(squares / (double)(num - 1) / (double)num);

        half = student_within((double)num - 1) * error;
    }
    series.low = series.mean - half;
    series.high = series.mean + half;
    return series;
}
