/*
 * Confine_calls: the system calls that the sidecar may make, by a seccomp filter over all threads.
 *
 * What no honest code path of ours does (run a program, fork, trace, load code into the kernel)
 * ends the process.  Other calls outside the list fail with ENOSYS, so that a library that tries a
 * newer one falls back.  Files are opened for reading alone, and no memory is writable and
 * executable.
 */
#pragma once

#include "common/compiler.h"

struct err;

/* For good; sets no_new_privs.  ERR_IO if the kernel has no seccomp. */
MUST_CHECK int confine_calls(struct err *err);
