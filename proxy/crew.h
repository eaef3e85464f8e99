/*
 * Crew: all workers of the process as one: each gets the same routes and generations, their
 * counters are sums, and what holds for the crew holds for every one of them.
 *
 * For the control thread alone.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "proxy/counters.h"
#include "proxy/worker.h"

struct crew;   /* opaque */
struct scribe; /* writes what the workers log */
struct err;

#define CREW_WORKERS_MAX 64

struct crew_options {
    size_t num_workers;               /* 1 to CREW_WORKERS_MAX */
    size_t connections_max;           /* of all together; descriptors may allow fewer */
    size_t connections_max_on_each;   /* listener, of all together; 0: no limit of its own */
    size_t connections_max_from_each; /* source of an ingress, of all together */
    const struct scribe *scribe;      /* with a ring for each; NULL: they write themselves */
    struct worker_options worker;     /* `counters`, `census` and what tells the workers apart are
                                         set here */
};

/* Starts them; all listen at the same addresses, also where the kernel chose the port.  NULL on
   failure. */
struct crew *crew_start(const struct crew_options *options, struct err *err);

/* As the functions of a worker, for all of them. */
void crew_set_generation(struct crew *crew, struct generation *generation);
void crew_drain(struct crew *crew);
void crew_stop(struct crew *crew); /* accepts NULL */
struct sockets_address crew_address(const struct crew *crew, size_t route);

/* The oldest generation in use: a reload is over when this is its number. */
uint64_t crew_generation(const struct crew *crew);

/* DRAINED or CUT_SHORT once all are; else RUNNING or DRAINING. */
enum worker_state crew_state(const struct crew *crew);

size_t crew_workers(const struct crew *crew);
uint64_t crew_heartbeat_age_ms(const struct crew *crew, size_t worker);

uint64_t crew_lag_ms(const struct crew *crew, size_t worker); /* as worker_lag_ms() */

uint64_t crew_idle_permille(const struct crew *crew, size_t worker); /* as worker_...() */

/* True if the loops of all have turned within `max_ms`. */
bool crew_is_alive(const struct crew *crew, uint64_t max_ms);

/* The sums of all. */
void crew_count(const struct crew *crew, struct counters *out);
