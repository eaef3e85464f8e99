/*
 * Environment: where a result was made: everything that may move a number from one machine, or one
 * kind of virtual machine, to the next.  No name of a host or person is in it.
 */
#pragma once

#include <jansson.h>

/* A new object.  `root` stands before /proc, /sys and /dev; "" for this machine.  What cannot be
   read is absent.  NULL: out of memory. */
json_t *environment_read(const char *root);
