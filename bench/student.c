/*
 * Student: by the incomplete beta function, whose continued fraction is that of DLMF 8.17.22.
 */
#include "bench/student.h"

#include <math.h>

#define TERMS_MAX 500
#define PRECISION 1e-15
#define TINY 1e-300 /* in place of 0, by which nothing can be divided */
#define HALVINGS 60

static double nonzero(double value)
{
    return fabs(value) < TINY ? TINY : value;
}

/* The fraction, evaluated from the front (Lentz).  Quick for x < (a + 1) / (a + b + 2). */
static double fraction(double a, double b, double x)
{
    double c = 1;
    double d = 1 / nonzero(1 - (a + b) * x / (a + 1));
    double value = d;

    for (int m = 1; m < TERMS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step = 0;

        d = 1 / nonzero(1 + even * d);
        c = nonzero(1 + even / c);
        value *= d * c;
        d = 1 / nonzero(1 + odd * d);
        c = nonzero(1 + odd / c);
        step = d * c;
        value *= step;
        if (fabs(step - 1) < PRECISION) {
            break;
        }
    }
    return value;
}

/* The regularized incomplete beta function; `rest` is 1 - x, which may be known better. */
static double beta(double a, double b, double x, double rest)
{
    double front = 0;

    if (x <= 0 || rest <= 0) {
        return x <= 0 ? 0 : 1;
    }
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest));
    return x < (a + 1) / (a + b + 2) ? front * fraction(a, b, x) / a
                                     : 1 - front * fraction(b, a, rest) / b;
}

double student_beyond(double t, double freedom)
{
    double square = t * t;

    return beta(freedom / 2, 0.5, freedom / (freedom + square), square / (freedom + square));
}

double student_within(double freedom)
{
    double low = 1.9; /* the normal distribution has 1.96, one degree of freedom 12.71 */
    double high = 13;

    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;

        if (student_beyond(middle, freedom) > 0.05) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}
