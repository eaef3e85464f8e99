/*
 * Limits: a lock and a clock around the tables.
 */
#include "ca/limits.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

#include "ca/buckets.h"
#include "common/err.h"

#define PLACES 16384 /* of each kind: 1.6 MB */
#define SECOND_NS UINT64_C(1000000000)

struct limits {
    pthread_mutex_t lock;                /* guards what is in the tables */
    struct buckets *tables[LIMIT_KINDS]; /* NULL: without limit */
};

static int limits_fill(struct limits *limits, const struct limits_rate *rates, struct err *err)
{
    for (unsigned i = 0; i < LIMIT_KINDS; i++) {
        struct buckets_options options = {.num_places = PLACES, .burst = rates[i].burst};

        if (rates[i].num == 0) {
            continue;
        }
        options.interval_ns = rates[i].period_s * SECOND_NS / rates[i].num;
        if (RAND_bytes((unsigned char *)&options.salt, sizeof(options.salt)) != 1) {
            return err_set_openssl(err, ERR_IO, "random numbers");
        }
        limits->tables[i] = buckets_new(&options);
        if (limits->tables[i] == NULL) {
            return err_set(err, ERR_LIMIT, "out of memory");
        }
    }
    return 0;
}

struct limits *limits_new(const struct limits_rate rates[static LIMIT_KINDS], struct err *err)
{
    struct limits *limits = calloc(1, sizeof(*limits));

    if (limits == NULL || pthread_mutex_init(&limits->lock, NULL) != 0) {
        free(limits);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    if (limits_fill(limits, rates, err) != 0) {
        limits_free(limits);
        return NULL;
    }
    return limits;
}

void limits_free(struct limits *limits)
{
    if (limits != NULL) {
        for (unsigned i = 0; i < LIMIT_KINDS; i++) {
            buckets_free(limits->tables[i]);
        }
        pthread_mutex_destroy(&limits->lock);
        free(limits);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec + 1; /* buckets want no 0 */
}

bool limits_admit(struct limits *limits, enum limit limit, struct bytes key, unsigned *out_retry_s)
{
    uint64_t wait_ns = 0;

    assert(limit < LIMIT_KINDS);
    if (limits == NULL || limits->tables[limit] == NULL) {
        return true;
    }
    pthread_mutex_lock(&limits->lock);
    wait_ns =
        buckets_take(limits->tables[limit], key, now_ns()); /* the time never goes back here */
    pthread_mutex_unlock(&limits->lock);
    if (wait_ns == 0) {
        return true;
    }
    *out_retry_s = (unsigned)((wait_ns + SECOND_NS - 1) / SECOND_NS);
    return false;
}

const char *limit_name(enum limit limit)
{
    static const char *const names[LIMIT_KINDS] = {
        [LIMIT_NONCE] = "nonce",
        [LIMIT_ENROL] = "enrolment",
        [LIMIT_CHIP] = "chip",
        [LIMIT_KEY] = "key",
    };

    return names[limit];
}
