/*
 * Crowd: sorted by source, each source is one run, the first of which gives way.
 */
#include "ca/crowd.h"

#include <stdlib.h>
#include <string.h>

/* Whether `a` gives way before `b`: less than 0. */
static int crowd_compare(const struct crowd_member *a, const struct crowd_member *b)
{
    if (a->work != b->work) {
        return a->work < b->work ? -1 : 1;
    }
    return a->waited_ms == b->waited_ms ? 0 : a->waited_ms > b->waited_ms ? -1 : 1;
}

static int crowd_order(const void *left, const void *right)
{
    const struct crowd_member *a = left;
    const struct crowd_member *b = right;
    int order = memcmp(&a->source, &b->source, sizeof(a->source));

    return order != 0 ? order : crowd_compare(a, b);
}

const struct crowd_member *crowd_choose(struct crowd_member *members, size_t num)
{
    const struct crowd_member *chosen = NULL;
    size_t most = 0;

    qsort(members, num, sizeof(*members), crowd_order);
    for (size_t first = 0, next = 0; first < num; first = next) {
        const struct crowd_member *one = &members[first];
        size_t has = 0;

        for (next = first + 1;
             next < num && memcmp(&members[next].source, &one->source, sizeof(one->source)) == 0;
             next++) {
            /* the same source */
        }
        has = next - first;
        if (one->work != CROWD_BUSY &&
            (chosen == NULL || has > most || (has == most && crowd_compare(one, chosen) < 0))) {
            chosen = one;
            most = has;
        }
    }
    return chosen;
}
