/*
 * Sandbox: what the sidecar gives up before it reads its first byte from the network.
 *
 * In this order: its user and its capabilities, before it makes its first file; then files
 * (Landlock) and system calls (seccomp).  All threads start later and inherit it.  Nothing of it
 * can be undone, so whatever a reload may bring must fit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/secrecy.h"
#include "proxy/confine_files.h"
#include "proxy/privileges.h"

struct err;

struct sandbox_options {
    struct privileges_options privileges;
    struct confine_files_options files;
    const unsigned long *ioctls; /* what `files.device` may be asked, as in proxy/confine_calls.h */
    size_t num_ioctls;
    bool off; /* insecure_no_sandbox: at most the user changes, and what it may */
};

/* What holds, for the log and the metrics. */
struct sandbox_state {
    enum secrecy_memory memory; /* set before, by whoever set it aside */
    bool calls;                 /* seccomp */
    int files_abi;              /* Landlock's version; 0: this kernel has none */
    bool root;                  /* still user 0 */
};

/* Both are called with one thread.  -1: the process must end. */

/* The user, for good, and what that one may.  ERR_INVALID for a user that there is not, ERR_IO for
   what the system refuses. */
MUST_CHECK int sandbox_become(const struct sandbox_options *options, struct err *err);

/* The rest.  Logs what holds; that there is no Landlock is no error.  ERR_IO: the system refuses.
 */
MUST_CHECK int sandbox_enter(const struct sandbox_options *options, struct sandbox_state *out_state,
                             struct err *err);
