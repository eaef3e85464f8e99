/*
 * Confine_calls: the system calls that the sidecar may make, by a seccomp filter over all threads.
 *
 * What no honest code path of ours does (run a program, fork, trace, load code into the kernel)
 * ends the process.  Other calls outside the list fail with ENOSYS, so that a library that tries a
 * newer one falls back.  Files are opened for reading alone, unless evidence is asked for by
 * writing; and no memory is writable and executable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"

struct err;

struct confine_calls_options {
    bool requests; /* folders may be made and removed, and files that are there written: which ones,
                      proxy/confine_files.h decides */
    const unsigned long *ioctls; /* what of ioctl(2) is allowed beside the usual; 32 bits each */
    size_t num_ioctls;
};

/* For good; sets no_new_privs.  ERR_IO if the kernel has no seccomp. */
MUST_CHECK int confine_calls(const struct confine_calls_options *options, struct err *err);
