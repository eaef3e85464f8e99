/*
 * Usage: what a process and its children have cost so far, as /proc says.
 *
 * System calls are not among it: /proc does not count them, see bench/calls.  Reading blocks for
 * microseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/compiler.h"

struct err;

#define USAGE_PIDS_MAX 64

/* A process with the children that it had when they were looked for. */
struct usage_family {
    pid_t pids[USAGE_PIDS_MAX];
    size_t num;
};

struct usage {
    uint64_t cpu_ns; /* with that of children that have ended */
    uint64_t ticks;  /* the same in clock ticks, coarser; user and kernel together */
    uint64_t system_ticks;
    uint64_t ended_ticks; /* those of children that have ended */
    uint64_t waits;       /* context switches because it waited; those of ended children are lost */
    uint64_t preemptions;
};

/* ERR_IO: no such process; ERR_LIMIT: more than USAGE_PIDS_MAX. */
MUST_CHECK int usage_find(pid_t pid, struct usage_family *out, struct err *err);

/* Sums over the family's processes and their threads.  ERR_IO: one of them has ended. */
MUST_CHECK int usage_read(const struct usage_family *family, struct usage *out, struct err *err);

/* Whether it ignores SIGCHLD: then the kernel forgets what children have cost once they have ended,
   and usage_read() lacks it.  False also if that cannot be read. */
bool usage_forgets_children(pid_t pid);

/* Bytes that the processes share with nobody, likewise. */
MUST_CHECK int usage_memory(const struct usage_family *family, uint64_t *out, struct err *err);

/* TCP segments that this network namespace has sent so far; 0 where nobody counts them. */
uint64_t usage_segments(void);
