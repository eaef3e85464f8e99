/*
 * Student: the distribution of a mean of few values around the true one, in units of its error.
 *
 * Pure; exact to 1e-9 for 1 degree of freedom and more, which need not be a whole number.
 */
#pragma once

/* How likely a value as far from 0 as `t`, on either side, is. */
double student_beyond(double t, double freedom);

/* Within which distance of 0 95 % of all values are. */
double student_within(double freedom);
