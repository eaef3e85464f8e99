/*
 * Upkeep_due: sums of seconds.
 */
#include "ca/upkeep_due.h"

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t upkeep_due(const struct upkeep_item *item)
{
    int64_t window = item->until - item->from;
    int64_t due = 0;

    if (item->until == 0) {
        return item->not_before;
    }
    if (item->kind == VENDOR_CHAIN) {
        due = item->until - UPKEEP_CHAIN_LEFT_S;
    } else {
        due = item->from + window / 2 + window / 4 * item->chance / UINT8_MAX;
        due = earlier(due, item->looked + UPKEEP_DAY_S);
    }
    return later(due, item->not_before);
}

int64_t upkeep_pause(const struct upkeep_item *item, int64_t now)
{
    int64_t part = (item->until - now) / 16;

    return later(earlier(part, UPKEEP_DAY_S), UPKEEP_PAUSE_MIN_S);
}

void upkeep_set_back(struct upkeep_item *item, int64_t now)
{
    item->looked = earlier(item->looked, now);
    item->not_before = earlier(item->not_before, now + UPKEEP_DAY_S);
}

bool upkeep_ends_soon(const struct upkeep_item *item, int64_t now)
{
    return item->until != 0 && item->until - now < (item->until - item->from) / 8;
}
