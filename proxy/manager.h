/*
 * Manager: the connection to the service manager that started us (NOTIFY_SOCKET, WATCHDOG_USEC; see
 * sd_notify(3)), without its library.  What is said is notify.h.
 *
 * Where nobody manages us, nothing is opened and nothing runs.
 */
#pragma once

#include <stdint.h>

#include <uv.h>

#include "common/compiler.h"
#include "proxy/notify.h"

struct err;

struct manager {
    int fd; /* -1: nobody manages us, or stopped */
    uint64_t watchdog_us;
    struct notify said;
    uv_timer_t timer;
    /* Fills all but the time. */
    void (*look)(void *user, struct notify_facts *out);
    void *user;
};

/* Connects, and from now on looks by itself in time for the watchdog.  -1: what the environment
   says is no address, or nobody is there; `manager` is stopped then. */
MUST_CHECK int manager_start(struct manager *manager, uv_loop_t *loop,
                             void (*look)(void *user, struct notify_facts *out), void *user,
                             struct err *err);

/* Something has changed: looks, and says what there is to say.  Never blocks: what the socket does
   not take is said later. */
void manager_tell(struct manager *manager);

/* The longest time that a worker may be silent and still count as alive, in milliseconds: half of
   the manager's bound, but no more than `max_ms`, and no less than a few of its ticks. */
uint64_t manager_patience_ms(const struct manager *manager, uint64_t max_ms);

/* Says nothing any more; the timer is closed by the loop. */
void manager_stop(struct manager *manager);
