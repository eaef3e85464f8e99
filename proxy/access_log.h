/*
 * Access log: the line that a connection leaves: who spoke to whom, as what, and how it ended.
 */
#pragma once

#include <stdint.h>

struct conn;

/* Writes the line of a connection that ended at `now`, in milliseconds of the loop. */
void access_log(const struct conn *c, uint64_t now);
