/*
 * Activation: sockets that a service manager has made and hands over by descriptor, so that they
 * outlive the process (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES).
 */
#pragma once

#include "common/compiler.h"

struct err;

#define ACTIVATION_FD_FIRST 3
#define ACTIVATION_FDS_MAX 1024

/* The variables of the environment; NULL for one that is unset.  Borrowed. */
struct activation {
    const char *pid;
    const char *fds;
    const char *names;
};

struct activation activation_from_environment(void);

/* The descriptor of the socket `name` that was handed to the process `pid`, or -1: ERR_INVALID if
   there is none, or more than one. */
MUST_CHECK int activation_find(const struct activation *activation, long pid, const char *name,
                               struct err *err);
