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
void figure_curves(const struct recording_step *step, FILE *out);

/* A bar for each target: the median of its metric `name`, with all those whose names begin with
   "NAME." added to it, over repetitions, with least and most.  False, and nothing written, if no
   target has it. */
bool figure_bars(const struct recording_step *step, const char *name, FILE *out);

/* How the same metric grows along an axis, a line for each target.  False, and nothing written, if
   no step of that axis has it. */
bool figure_growth(const struct recording *recording, const char *axis, const char *name,
                   FILE *out);
