/*
 * Kds_pace: two clocks, one for all requests and one for those for chips.
 */
#include "ca/kds_pace.h"

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Between two requests of this kind. */
static uint64_t distance(const struct kds_pace *pace, enum vendor_kind kind)
{
    return kind == VENDOR_VCEK || pace->strict ? pace->interval_ms
                                               : pace->interval_ms / KDS_PACE_COMMON_SHARE;
}

uint64_t kds_pace_wait(const struct kds_pace *pace, enum vendor_kind kind, size_t num_before,
                       uint64_t now_ms)
{
    uint64_t at_ms = kind == VENDOR_VCEK ? later(pace->next_ms, pace->next_chip_ms) : pace->next_ms;

    return (at_ms > now_ms ? at_ms - now_ms : 0) + num_before * distance(pace, kind);
}

bool kds_pace_is_held(const struct kds_pace *pace, uint64_t now_ms)
{
    return pace->failures > 0 && pace->next_ms > now_ms;
}

uint64_t kds_pace_pause(const struct kds_pace *pace, unsigned failures)
{
    uint64_t pause_ms = pace->interval_ms;

    for (unsigned i = 0; i < failures && pause_ms < KDS_PACE_PAUSE_MAX_MS; i++) {
        pause_ms *= 2;
    }
    return pause_ms < KDS_PACE_PAUSE_MAX_MS ? pause_ms : KDS_PACE_PAUSE_MAX_MS;
}

static void keep_distance(struct kds_pace *pace, enum vendor_kind kind, uint64_t now_ms)
{
    pace->next_ms = now_ms + distance(pace, VENDOR_CHAIN);
    if (kind == VENDOR_VCEK) {
        pace->next_chip_ms = now_ms + pace->interval_ms;
    }
}

void kds_pace_begin(struct kds_pace *pace, enum vendor_kind kind, uint64_t now_ms)
{
    pace->hurried = now_ms < pace->whole_ms;
    keep_distance(pace, kind, now_ms); /* at least, for who asks how long it will be */
}

/* The service fails: all of the pause is chance, so that many do not return at once. */
static void hold_off(struct kds_pace *pace, const struct kds_reply *reply, uint64_t now_ms,
                     uint64_t random)
{
    uint64_t pause_ms = random % (kds_pace_pause(pace, pace->failures) + 1);

    pace->failures++;
    pace->strict = pace->strict || (reply->outcome == KDS_BUSY && pace->hurried);
    pause_ms = later(later(pause_ms, pace->interval_ms), reply->retry_ms);
    pace->next_ms = now_ms + pause_ms;
    pace->next_chip_ms = pace->next_ms;
}

void kds_pace_end(struct kds_pace *pace, enum vendor_kind kind, const struct kds_reply *reply,
                  uint64_t now_ms, uint64_t random)
{
    pace->whole_ms = now_ms + pace->interval_ms;
    if (reply->outcome == KDS_BUSY || reply->outcome == KDS_DOWN) {
        hold_off(pace, reply, now_ms, random);
        return;
    }
    pace->failures = 0;
    keep_distance(pace, kind, now_ms);
}
