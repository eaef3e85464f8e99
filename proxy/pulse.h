/*
 * Pulse: what a loop's tick shows of the loop: that it turns, how late it is, how much it waits.
 * Written by its thread, read by the control thread at any time.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct pulse {
    int64_t lag_from_ms;    /* when `lag_ms` began */
    uint64_t lag_ms;        /* the worst since then */
    uint64_t lag_before_ms; /* the worst in the time before */
    int64_t cpu_from_ms;    /* by the loop's clock */
    int64_t cpu_ms;         /* that the thread had used then */
    uint64_t awake_ns;      /* of it, waiting, since then */
    _Atomic uint64_t beat_ms;
    _Atomic uint64_t worst_lag_ms;
    _Atomic uint64_t idle_permille;
};

/* Times are in milliseconds of the loop's clock. */
void pulse_init(struct pulse *pulse, int64_t now_ms);

/* The loop has ticked, so much later than it should have; on its thread. */
void pulse_beat(struct pulse *pulse, int64_t now_ms, int64_t late_ms);

/* The loop has waited so long without sleeping; on its thread. */
void pulse_wait_awake(struct pulse *pulse, uint64_t ns);

/* Milliseconds since the last tick. */
uint64_t pulse_age_ms(const struct pulse *pulse);

/* How late the tick was at worst, in the last 10 to 20 seconds. */
uint64_t pulse_lag_ms(const struct pulse *pulse);

/* The part of the last seconds in which the thread used no processor but to wait awake, in
   thousandths. */
uint64_t pulse_idle_permille(const struct pulse *pulse);
