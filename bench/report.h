/*
 * Report: recordings as one page of HTML that needs nothing else, for screen and paper, light and
 * dark.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "bench/recording.h"
#include "common/compiler.h"

struct err;

/* A file that is shown as it is, such as the configuration of what was measured. */
struct report_text {
    const char *name;
    const char *text;
};

struct report {
    struct recording *const *recordings;
    size_t num_recordings;
    const struct report_text *texts;
    size_t num_texts;
};

/* Runs gnuplot.  ERR_IO; `out` then holds a part of the page.  Blocks. */
MUST_CHECK int report_write(const struct report *report, FILE *out, struct err *err);
