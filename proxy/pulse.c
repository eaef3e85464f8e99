/*
 * Pulse: what is noted at each tick.
 */
#include "proxy/pulse.h"

#include <time.h>

#include <uv.h>

#define PULSE_LAG_MS 10000 /* how long the worst is remembered, and once more */
#define PULSE_IDLE_MS 5000 /* over which the idle time is averaged */

void pulse_init(struct pulse *pulse, int64_t now_ms)
{
    pulse->lag_from_ms = now_ms;
    pulse->cpu_from_ms = now_ms;
    pulse->beat_ms = uv_hrtime() / 1000000;
    pulse->idle_permille = 1000;
}

static void pulse_note_lag(struct pulse *pulse, int64_t now_ms, uint64_t lag_ms)
{
    if (now_ms - pulse->lag_from_ms >= PULSE_LAG_MS) {
        pulse->lag_from_ms = now_ms;
        pulse->lag_before_ms = pulse->lag_ms;
        pulse->lag_ms = 0;
    }
    pulse->lag_ms = lag_ms > pulse->lag_ms ? lag_ms : pulse->lag_ms;
    atomic_store_explicit(&pulse->worst_lag_ms,
                          pulse->lag_ms > pulse->lag_before_ms ? pulse->lag_ms
                                                               : pulse->lag_before_ms,
                          memory_order_relaxed);
}

static void pulse_note_idle(struct pulse *pulse, int64_t now_ms)
{
    int64_t gone_ms = now_ms - pulse->cpu_from_ms;
    int64_t cpu_ms = 0;
    int64_t busy_ms = 0;
    struct timespec used;

    if (gone_ms < PULSE_IDLE_MS) {
        return;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    cpu_ms = (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
    busy_ms = cpu_ms - pulse->cpu_ms - (int64_t)(pulse->awake_ns / 1000000);
    busy_ms = busy_ms < 0 ? 0 : busy_ms < gone_ms ? busy_ms : gone_ms;
    atomic_store_explicit(&pulse->idle_permille, (uint64_t)(1000 - 1000 * busy_ms / gone_ms),
                          memory_order_relaxed);
    pulse->cpu_from_ms = now_ms;
    pulse->cpu_ms = cpu_ms;
    pulse->awake_ns = 0;
}

void pulse_beat(struct pulse *pulse, int64_t now_ms, int64_t late_ms)
{
    atomic_store_explicit(&pulse->beat_ms, uv_hrtime() / 1000000, memory_order_relaxed);
    pulse_note_lag(pulse, now_ms, late_ms > 0 ? (uint64_t)late_ms : 0);
    pulse_note_idle(pulse, now_ms);
}

void pulse_wait_awake(struct pulse *pulse, uint64_t ns)
{
    pulse->awake_ns += ns;
}

uint64_t pulse_age_ms(const struct pulse *pulse)
{
    uint64_t now = uv_hrtime() / 1000000;
    uint64_t last = atomic_load_explicit(&pulse->beat_ms, memory_order_relaxed);

    return now > last ? now - last : 0;
}

uint64_t pulse_lag_ms(const struct pulse *pulse)
{
    return atomic_load_explicit(&pulse->worst_lag_ms, memory_order_relaxed);
}

uint64_t pulse_idle_permille(const struct pulse *pulse)
{
    return atomic_load_explicit(&pulse->idle_permille, memory_order_relaxed);
}
