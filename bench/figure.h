/*
 * Figure: the plots of a report, each as a script for gnuplot.
 *
 * Pure: recordings in, text out.  Names in a recording need no quoting (bench/recording.h).
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "bench/recording.h"

/* Latency by percentile, a line for each target: the tail takes the same room as the middle. */
void figure_curves(const struct recording *recording, FILE *out);

/* A bar for each target: the median of its metric `name`, or of the first one whose name begins
   with "NAME.", over repetitions, with least and most.  False, and nothing written, if no target
   has it. */
bool figure_bars(const struct recording *recording, const char *name, FILE *out);
