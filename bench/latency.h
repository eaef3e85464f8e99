/*
 * Latency: how long requests took, counted in buckets that are at most 1/64 of their value wide.
 *
 * Pure, of fixed size, and never loses a sample: percentiles err upwards by less than 1.6 %.
 */
#pragma once

#include <stdint.h>

#define LATENCY_BUCKETS 3776

struct latency {
    uint64_t count;
    uint64_t max_ns; /* exact */
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t ns);

/* Adds all samples of `other`. */
void latency_merge(struct latency *latency, const struct latency *other);

/* The least bound that `permille` of the samples do not exceed, e.g. 990 for p99; 0 if there are
   none. */
uint64_t latency_percentile(const struct latency *latency, unsigned permille);
