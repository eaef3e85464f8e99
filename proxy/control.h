/*
 * Control: the control thread: signals, identity, reload, admin endpoint, and the life of the
 * workers.
 *
 * SIGTERM or SIGINT drains (a second one ends at once), SIGHUP reloads routes, rules, limits,
 * deny list and certificate files all or nothing, SIGUSR1 enrols now.  Every change becomes one new
 * generation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/compiler.h"
#include "common/log.h"
#include "proxy/crew.h"
#include "proxy/enrolment.h"
#include "proxy/generation.h"
#include "proxy/sandbox.h"

struct err;

/* Who may do what, as the settings say; borrowed from `owner`. */
struct control_rules {
    const struct authz_rule *rules;
    size_t num_rules;
    const struct generation_route *routes; /* as many as in `crew`, in the same order */
    size_t num_routes;
    struct crew_options crew; /* for a reload: routes, limits */
    struct enrolment_options enrolment;
    const char *deny_file;    /* path; NULL: none */
    const char *admin_listen; /* NULL: no admin endpoint */
    enum log_level log_level; /* comes into force with the rules */
    enum log_format log_format;
    unsigned insecure_settings;
    unsigned unrestricted_egresses; /* which any local user may use */
    void *owner;
};

/* Where the rules come from. */
struct control_source {
    /* Reads the settings again.  -1: nothing changed, `err` says why not.  Blocks for file I/O. */
    int (*load)(void *user, struct control_rules *out_rules, struct err *err);
    void (*announce)(void *owner); /* logs what is insecure in them, once a reload is in force */
    void (*free)(void *owner);
    void *user;
};

struct control_options {
    struct control_source source; /* of the first rules, too */
    struct crew_options crew;     /* `generation` and `on_change` are set here */
    struct sandbox_state sandbox;
};

/* Runs until told to stop.  0: drained.  1: connections were cut short.  -1: it could not start.
   `out_left_behind` says that something on the thread pool, a look-up of a name most likely, has
   not ended: it still uses what `options` points to and memory that is left to it, so that the
   caller can only end the process, by _exit(). */
MUST_CHECK int control_run(const struct control_options *options, bool *out_left_behind,
                           struct err *err);
