/*
 * Plot: a gnuplot script in, the text of one SVG out.
 *
 * Knows no measurements.  Colours are left to the page around it: what gnuplot draws in black
 * takes the page's colour of text, so that it reads on light and dark.
 */
#pragma once

#include <stddef.h>

struct err;

/* Runs gnuplot(1) on `script`; the caller frees the text, which can stand in a page of HTML.
   NULL: ERR_IO, with what gnuplot said on standard error.  Blocks. */
char *plot_svg(const char *script, size_t len, struct err *err);
