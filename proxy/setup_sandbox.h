/*
 * Setup_sandbox: what the settings need of the machine once the program runs, and so what the
 * sandbox has to leave.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/compiler.h"
#include "proxy/sandbox.h"
#include "proxy/worker.h"

struct collect_places;
struct config;
struct err;

/* The user that the process will be once it serves.  As privileges_uid(). */
MUST_CHECK int setup_sandbox_user(const struct config *config, uint32_t *out_uid, struct err *err);

/* Sets memory aside for keys and becomes the user.  As sandbox_become(). */
MUST_CHECK int setup_sandbox_become(const struct config *config,
                                    const struct worker_options *worker,
                                    struct sandbox_state *out_state, struct err *err);

/* Whether a reload may name `path`: false if there is no permission to read it.  Blocks. */
bool setup_sandbox_admits(const char *path);

/* Whether the settings of a reload fit into what those of the start have set aside.  ERR_INVALID.
 */
MUST_CHECK int setup_sandbox_fits(const struct config *start, const struct config *next,
                                  struct err *err);

/* `path` is the settings' own, `places` those of enrolments, if there are to be any.  As
   sandbox_enter(). */
MUST_CHECK int setup_sandbox_enter(const char *path, const struct config *config,
                                   const struct worker_options *worker,
                                   const struct collect_places *places,
                                   struct sandbox_state *out_state, struct err *err);
