/*
 * Generation_double: proxy/generation.h and judge.h for tests of the data path: no identity driver,
 * a clock that the test sets, the trust domain "test", and one rule: the peer's SPIFFE ID must be
 * the one expected.
 *
 * It stands in for proxy/generation.c and proxy/judge.c: whatever links this file takes its
 * functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proxy/generation.h"
#include "tests/lib/pki.h"

struct generation_double_options {
    const struct pki *pki;
    const char *uri;         /* ours; NULL: no identity */
    const char *expected;    /* the peer that every route lets in */
    int64_t seconds;         /* life of our leaf */
    struct tenures *tenures; /* that count it; NULL: nobody does */
};

struct generation *generation_double_new(uint64_t number,
                                         const struct generation_double_options *options);

/* Moves the clock of every generation of this process to `offset` seconds from the system's. */
void generation_double_set_offset(int64_t offset);
