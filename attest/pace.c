/*
 * Pace: the rule, and a lock with a condition around it.
 */
#include "attest/pace.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/err.h"

struct pace {
    pthread_mutex_t lock;
    pthread_cond_t turned; /* somebody is done */
    uint64_t interval_ms;
    struct pace_rule rule;
    bool busy;
};

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t pace_wait_ms(const struct pace_rule *rule, uint64_t interval_ms, uint64_t now_ms)
{
    const uint64_t ahead_ms = (PACE_BURST - 1) * PACE_REFILL * interval_ms;
    uint64_t due_ms = 0;

    if (!rule->started) {
        return 0;
    }
    due_ms = later(rule->start_ms + interval_ms,
                   rule->full_ms > ahead_ms ? rule->full_ms - ahead_ms : 0);
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

void pace_start(struct pace_rule *rule, uint64_t interval_ms, uint64_t now_ms)
{
    rule->full_ms = later(rule->full_ms, now_ms) + PACE_REFILL * interval_ms;
    rule->start_ms = now_ms;
    rule->started = true;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool make_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    bool made = false;

    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(condition, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

struct pace *pace_new(uint64_t interval_ms, struct err *err)
{
    struct pace *pace = calloc(1, sizeof(*pace));

    if (pace == NULL || pthread_mutex_init(&pace->lock, NULL) != 0) {
        free(pace);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    if (!make_condition(&pace->turned)) {
        pthread_mutex_destroy(&pace->lock);
        free(pace);
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    pace->interval_ms = interval_ms;
    return pace;
}

void pace_free(struct pace *pace)
{
    if (pace != NULL) {
        pthread_cond_destroy(&pace->turned);
        pthread_mutex_destroy(&pace->lock);
        free(pace);
    }
}

/* Sleeps until somebody is done, but not longer than `ms`; the lock is held before and after. */
static void sleep_ms(struct pace *pace, uint64_t ms)
{
    uint64_t end_ms = now_ms() + (ms < PACE_SLICE_MS ? ms : PACE_SLICE_MS);
    const struct timespec end = {.tv_sec = (time_t)(end_ms / 1000),
                                 .tv_nsec = (long)(end_ms % 1000) * 1000000};

    (void)pthread_cond_timedwait(&pace->turned, &pace->lock, &end);
}

int pace_begin(struct pace *pace, const struct pace_patience *patience, struct err *err)
{
    uint64_t end_ms = now_ms() + patience->timeout_ms;
    uint64_t wait_ms = 0;
    int rc = 0;

    if (pace == NULL) {
        return 0;
    }
    pthread_mutex_lock(&pace->lock);
    while (rc == 0 &&
           ((wait_ms = pace_wait_ms(&pace->rule, pace->interval_ms, now_ms())) > 0 || pace->busy)) {
        if (patience->cancelled != NULL && atomic_load(patience->cancelled)) {
            rc = err_set(err, ERR_TIMEOUT, "cancelled while waiting for the firmware's turn");
        } else if (now_ms() >= end_ms || (!pace->busy && wait_ms > end_ms - now_ms())) {
            rc = err_set(err, ERR_TIMEOUT, "%s",
                         pace->busy ? "another request keeps the firmware busy"
                                    : "the firmware is not asked so often (report_interval)");
        } else {
            sleep_ms(pace, pace->busy ? PACE_SLICE_MS : wait_ms);
        }
    }
    if (rc == 0) {
        pace->busy = true;
        pace_start(&pace->rule, pace->interval_ms, now_ms());
    }
    pthread_mutex_unlock(&pace->lock);
    return rc;
}

void pace_end(struct pace *pace)
{
    if (pace != NULL) {
        pthread_mutex_lock(&pace->lock);
        pace->busy = false;
        pthread_cond_broadcast(&pace->turned);
        pthread_mutex_unlock(&pace->lock);
    }
}
