/*
 * Confine_files: Landlock, by system call: from here on a thread and what it starts open no file
 * but those below a few paths and what look-ups of names read, and send no signal to anybody else.
 *
 * Rules belong to the files that are there now.  So the folder of a file is admitted and not the
 * file, since files are replaced when they are renewed.  Ports are not confined: a reload may name
 * new ones, and no domain can be widened.
 */
#pragma once

#include <stddef.h>

#include "common/compiler.h"

struct err;

struct confine_files_options {
    const char *const
        *read; /* folders, and files with the folders that they and, if they are links,
                  their targets lie in; what is not there is logged and left out */
    size_t num_read;
    const char *const *sockets; /* unix sockets, in whose folders others may be made and removed,
                                   and folders for that */
    size_t num_sockets;
    const char *requests; /* folder in which others are made, their files read and written, and they
                             removed again; NULL: none */
    const char *device;   /* that is asked by ioctl(2), if it is there now; NULL: none */
};

/* Applies to the calling thread and those it starts; needs no_new_privs.  `out_abi` is Landlock's
   version, or 0 if this kernel has none, which is no error. */
MUST_CHECK int confine_files(const struct confine_files_options *options, int *out_abi,
                             struct err *err);
