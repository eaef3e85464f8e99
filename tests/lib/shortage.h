/*
 * Shortage: calls of the C library that fail, are interrupted or do less than asked, as a test
 * plans.
 *
 * A program that links tests_shortage has its own calls (those of the sources here, not those
 * inside shared libraries) go through this.  Without a plan they do what they always do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum shortage_call {
    SHORTAGE_ACCEPT,
    SHORTAGE_CONNECT,
    SHORTAGE_RECV,
    SHORTAGE_SEND, /* send and sendmsg */
    SHORTAGE_SOCKET,
    SHORTAGE_MEMORY,  /* malloc, calloc, realloc, strdup and strndup; NULL is what comes back */
    SHORTAGE_OPENSSL, /* what OpenSSL allocates, after shortage_watch_openssl() */
    SHORTAGE_CALLS,
};

/* Calls are counted from 1 since shortage_begin(), each kind for itself. */
struct shortage_rule {
    enum shortage_call call;
    int error;           /* errno; 0: the call is made, but for at most `len_max` bytes */
    size_t len_max;      /* with `error` 0 */
    unsigned long nth;   /* this one only; 0: see `every` */
    unsigned long every; /* each so many-th */
};

#define SHORTAGE_RULES_MAX 8

/* From now on the calls meet the first rule that fits, in all threads but the caller's, or, with
   `here`, in the caller's alone. */
void shortage_begin(const struct shortage_rule *rules, size_t num_rules, bool here);

/* Before anything else uses OpenSSL: its allocations are calls too from now on. */
void shortage_watch_openssl(void);

/* How many calls have met a rule so far. */
unsigned long shortage_met(void);

/* From now on nothing fails; returns shortage_met(). */
unsigned long shortage_end(void);
