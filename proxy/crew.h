/*
 * Crew: all workers of the process as one: each gets the same routes and generations, their
 * counters are sums, and what holds for the crew holds for every one of them.
 *
 * For the control thread alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/compiler.h"
#include "proxy/counters.h"
#include "proxy/worker.h"

struct crew;        /* opaque */
struct crew_change; /* opaque */
struct pulse;
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
void crew_limit_tenures(struct crew *crew, uint64_t drain_before, uint64_t cut_before);
void crew_drain(struct crew *crew);
bool crew_stop(struct crew *crew); /* false: not all have ended; it may be called again */
struct sockets_address crew_address(const struct crew *crew, size_t route);

/* A reload, all or nothing: crew_prepare() opens what has to be opened, so that it is known to be
   there, and changes nothing; then comes either crew_commit() with a generation for the new places
   or crew_cancel() (accepts NULL).  What `options` points to is borrowed until then; the number of
   workers is not looked at.  Connections keep the settings that they began with.  Not before the
   generation of the last change has been taken by all.  NULL: ERR_LIMIT, ERR_IO. */
struct crew_change *crew_prepare(struct crew *crew, const struct crew_options *options,
                                 struct err *err);
void crew_cancel(struct crew_change *change);
void crew_commit(struct crew *crew, struct crew_change *change, struct generation *generation);

/* Which route, in the order of the options, judges the peers of a place of a generation;
   BERTH_NONE: none.  As it is, and as it will be. */
size_t crew_route_of(const struct crew *crew, size_t place);
size_t crew_change_route_of(const struct crew_change *change, size_t place);

/* All have taken the last change: removes the files of sockets that nobody accepts from.  Blocks
   for files. */
void crew_clean_up(struct crew *crew);

/* The oldest generation in use: a reload is over when this is its number. */
uint64_t crew_generation(const struct crew *crew);

/* DRAINED or CUT_SHORT once all are; else RUNNING or DRAINING. */
enum worker_state crew_state(const struct crew *crew);

size_t crew_workers(const struct crew *crew);
const struct pulse *crew_pulse(const struct crew *crew, size_t worker);

/* True if the loops of all have turned within `max_ms`. */
bool crew_is_alive(const struct crew *crew, uint64_t max_ms);

/* The sums of all. */
void crew_count(const struct crew *crew, struct counters *out);
