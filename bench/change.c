/*
 * Change: Welch's t, and Holm's step-down.
 */
#include "bench/change.h"

#include <math.h>

#include "bench/student.h"

#define DOUBT 0.05

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
    change.chance = a.mean < b.mean || a.mean > b.mean ? 0 : 1;
    if (error > 0) {
        /* In parts of the error, whose square may be too small or too large for a number. */
        double mine = a.error / error;
        double theirs = b.error / error;
        double freedom = 1 / (mine * mine / a.freedom + theirs * theirs / b.freedom);

        half = student_within(freedom) * sqrt(error) / a.mean;
        change.chance = student_beyond((b.mean - a.mean) / sqrt(error), freedom);
    }
    change.ratio = b.mean / a.mean;
    change.low = change.ratio - half;
    change.high = change.ratio + half;
    change.known = isfinite(change.low) && isfinite(change.high);
    return change;
}

/* The known one that is the least likely and not yet judged; NULL: none. */
static struct change *next_of(struct change *changes, size_t num)
{
    struct change *least = NULL;

    for (size_t i = 0; i < num; i++) {
        struct change *change = &changes[i];

        if (change->known && !change->significant &&
            (least == NULL || change->chance < least->chance)) {
            least = change;
        }
    }
    return least;
}

void changes_judge(struct change *changes, size_t num)
{
    size_t left = 0;
    struct change *next = NULL;

    for (size_t i = 0; i < num; i++) {
        changes[i].significant = false;
        left += changes[i].known;
    }
    while ((next = next_of(changes, num)) != NULL && next->chance * (double)left <= DOUBT) {
        next->significant = true;
        left--;
    }
}
