/*
 * Change: Welch's t.
 */
#include "bench/change.h"

#include <math.h>

struct moments {
    double mean;
    double error; /* variance of the mean */
    double freedom;
};

static struct moments moments_of(const double *values, size_t num)
{
    struct moments moments = {.freedom = (double)num - 1};
    double squares = 0;

    for (size_t i = 0; i < num; i++) {
        moments.mean += values[i] / (double)num;
    }
    for (size_t i = 0; i < num; i++) {
        squares += (values[i] - moments.mean) * (values[i] - moments.mean);
    }
    moments.error = squares / moments.freedom / (double)num;
    return moments;
}

/* The 97.5 % quantile of Student's t, by Cornish and Fisher's expansion about the normal one; from
   3 degrees of freedom on it is off by less than 2 %, below that a table has the exact ones. */
static double quantile(double freedom)
{
    static const double exact[] = {12.706, 4.303};
    const double z = 1.959964;
    const double z3 = z * z * z;
    const double z5 = z3 * z * z;
    const double z7 = z5 * z * z;

    if (freedom < 3) {
        return exact[freedom < 2 ? 0 : 1];
    }
    return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom * freedom * freedom);
}

struct change change_of(const double *from, size_t num_from, const double *to, size_t num_to)
{
    struct change change = {0};
    struct moments a;
    struct moments b;
    double error = 0;
    double half = 0;

    if (num_from < 2 || num_to < 2) {
        return change;
    }
    a = moments_of(from, num_from);
    b = moments_of(to, num_to);
    if (!(a.mean > 0)) {
        return change;
    }
    error = a.error + b.error;
    if (error > 0) {
        double freedom =
            error * error / (a.error * a.error / a.freedom + b.error * b.error / b.freedom);

        half = quantile(freedom) * sqrt(error) / a.mean;
    }
    change.ratio = b.mean / a.mean;
    change.low = change.ratio - half;
    change.high = change.ratio + half;
    change.known = true;
    change.significant = change.low > 1 || change.high < 1;
    return change;
}
