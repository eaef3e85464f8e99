/*
 * Setup: turns the sidecar's settings into the options of its modules.  Beside main, the only file
 * here that sees struct config.
 */
#pragma once

#include "common/compiler.h"
#include "proxy/control.h"

struct config;
struct err;
struct setup; /* opaque */

/* Reads the settings at `path` (borrowed, must outlive the setup), now and on every reload.  NULL:
   ERR_INVALID for what is wrong or what this release cannot do, ERR_IO.  Blocks. */
struct setup *setup_new(const char *path, struct err *err);
void setup_free(struct setup *setup); /* accepts NULL; not while control_run() runs */

/* Whether the files that [identity] names, and that nobody else is to bring later, are there and
   well-formed: the start is the time to say so.  Blocks. */
MUST_CHECK int setup_check_identity(const struct setup *setup, struct err *err);

/* Whether the kernel can say who calls, where a route asks for it. */
MUST_CHECK int setup_check_callers(const struct setup *setup, struct err *err);

/* Before the next three: what is made and checked is so as the user that will serve. */
MUST_CHECK int setup_become_user(struct setup *setup, struct err *err);

/* Makes or takes over the listening sockets that the process has once (entrance.h).  setup_free()
   closes them and removes their files.  Blocks for files. */
MUST_CHECK int setup_open(struct setup *setup, struct err *err);

/* Closes them, as setup_free() does, and nothing else. */
void setup_close(struct setup *setup);

/* Gives up what the settings allow to; see proxy/sandbox.h. */
MUST_CHECK int setup_enter_sandbox(struct setup *setup, struct err *err);

/* The settings of the start; borrowed. */
const struct config *setup_config(const struct setup *setup);

/* Everything that control_run() needs; borrowed. */
const struct control_options *setup_control(const struct setup *setup);

/* Logs one warning for each setting in use whose name says insecure, and for each egress that any
   local user may use. */
void setup_warn_insecure(const struct setup *setup);
