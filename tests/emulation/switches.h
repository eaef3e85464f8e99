/*
 * Switches: what an emulation shall do wrong, read anew from a file whenever it matters, so that a
 * test can change it while a program is at work.
 *
 * One `NAME VALUE` a line; a value is a number, the name of an errno or a word.  A switch that is
 * not there is off.  An emulation writes what it has been asked for to the file's neighbour
 * PATH.log, one line an event.
 */
#pragma once

#include <stdbool.h>

#define SWITCHES_VALUE_CAP 64

struct switches {
    const char *path; /* borrowed */
};

/* The value of a switch.  False: it is off, or there is no file. */
bool switches_text(const struct switches *switches, const char *name,
                   char out_value[static SWITCHES_VALUE_CAP]);

/* `fallback`: it is off. */
long switches_number(const struct switches *switches, const char *name, long fallback);

/* The errno that a switch names, "EIO"; 0: it is off. */
int switches_errno(const struct switches *switches, const char *name);

/* Appends a line to the log. */
void switches_log(const struct switches *switches, const char *event, const char *detail);
