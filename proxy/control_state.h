/*
 * Control_state: the inside of the control thread, for the files that implement it: control.c (its
 * life), control_reload.c (SIGHUP), control_answer.c (what the admin endpoint says).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "proxy/admin.h"
#include "proxy/control.h"
#include "proxy/manager.h"
#include "proxy/scribe.h"
#include "proxy/tenure.h"

#define CONTROL_HEARTBEAT_MAX_MS 5000
#define CONTROL_SIGNALS 4
#define CONTROL_LOOK_MS 1000 /* at workers that may hang */
#define CONTROL_WAIT_MS 25   /* for the thread pool, */
#define CONTROL_WAITS 20     /* so often */

enum control_state { CONTROL_RUNNING, CONTROL_DRAINING, CONTROL_STOPPING };

struct control {
    const struct control_options *options;
    enum control_state state;
    bool cut_short;
    uv_loop_t loop;
    uv_signal_t signals[CONTROL_SIGNALS];
    uv_async_t crew_changed;
    struct manager manager;
    struct scribe scribe;
    bool told_ready;     /* the log and the manager were, which it stays */
    uv_timer_t patience; /* while draining and stopping */
    unsigned num_waits;
    struct crew *leaving; /* which has been stopped; NULL once it has ended */
    struct control_rules rules;
    struct crew *crew;
    struct enrolment *enrolment; /* NULL once stopped */
    struct admin *admin;         /* likewise, or if there is none */
    struct deny_file *deny_file; /* likewise */
    struct deny *deny;           /* the list in use; NULL: none */
    struct identity *identity;   /* NULL: none yet */
    struct generation *generation;
    uint64_t num_generations;
    atomic_size_t num_live; /* generations that somebody still has */
    struct tenures tenures;
    uint64_t drain_before; /* connections of earlier tenures have been told to end */
    uint64_t first_usable; /* number of the first generation with an identity; 0: none yet */
    bool reload_begun;     /* neither taken by all workers nor refused yet */
    uint64_t reloading;    /* number of the generation that all workers are to take; 0: none */
    bool reload_again;     /* as soon as this one is over */
    bool reload_ok;
    int64_t reload_time;
};

/* control_reload.c */

/* Everything that the settings have changed, all or nothing; or later, if one is under way. */
void control_reload(struct control *control);

/* A worker has taken a generation. */
void control_acknowledged(struct control *control);

/* Puts a finished generation to use. */
void control_adopt(struct control *control, struct generation *generation);

/* The identity of the newest generation. */
void control_set_identity(struct control *control, struct identity *identity);

/* The deny list that belongs to `rules`: NULL without a file. */
MUST_CHECK int control_read_deny(const struct control_rules *rules, struct deny **out_deny,
                                 struct err *err);
void control_set_deny(struct control *control, struct deny *deny);

/* The admin endpoint at `listen`; NULL for none. */
MUST_CHECK int control_start_admin(struct control *control, const char *listen, struct admin **out,
                                   struct err *err);

/* control_answer.c */

/* Once the workers have an identity, a renewal on its way to them does not make us unready. */
bool control_is_ready(const struct control *control);

/* For admin_start(); `user` is the control. */
void control_answer(void *user, const char *path, struct admin_reply *reply);
