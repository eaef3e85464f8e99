/*
 * Latency: the buckets.  Values below 128 ns have one each; every octave above has 64.
 */
#include "bench/latency.h"

#include <assert.h>
#include <stddef.h>

#define LINEAR 128U
#define PER_OCTAVE 64U

static unsigned octave_of(uint64_t ns) /* how often to halve until it is below LINEAR */
{
    unsigned octave = 0;

    while (ns >= LINEAR) {
        ns >>= 1;
        octave++;
    }
    return octave;
}

static size_t bucket_of(uint64_t ns)
{
    unsigned octave = octave_of(ns);

    return (size_t)octave * PER_OCTAVE + (size_t)(ns >> octave);
}

/* The greatest value of a bucket. */
static uint64_t bucket_top(size_t bucket)
{
    unsigned octave = bucket < LINEAR ? 0 : (unsigned)(bucket / PER_OCTAVE - 1);
    uint64_t low = (uint64_t)(bucket - (size_t)octave * PER_OCTAVE) << octave;

    return low + ((UINT64_C(1) << octave) - 1);
}

void latency_add(struct latency *latency, uint64_t ns)
{
    size_t bucket = bucket_of(ns);

    assert(bucket < LATENCY_BUCKETS);
    latency->buckets[bucket]++;
    latency->count++;
    if (ns > latency->max_ns) {
        latency->max_ns = ns;
    }
}

void latency_merge(struct latency *latency, const struct latency *other)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        latency->buckets[i] += other->buckets[i];
    }
    latency->count += other->count;
    if (other->max_ns > latency->max_ns) {
        latency->max_ns = other->max_ns;
    }
}

uint64_t latency_percentile(const struct latency *latency, unsigned permille)
{
    /* Rounded up: p99 of 10 samples is the greatest of them. */
    uint64_t rank =
        (latency->count / 1000) * permille + ((latency->count % 1000) * permille + 999) / 1000;
    uint64_t seen = 0;

    assert(permille > 0 && permille <= 1000);
    for (size_t i = 0; i < LATENCY_BUCKETS && latency->count > 0; i++) {
        seen += latency->buckets[i];
        if (seen >= rank) {
            uint64_t top = bucket_top(i);

            return top < latency->max_ns ? top : latency->max_ns;
        }
    }
    return 0;
}
