/*
 * Vigil: the average of what paid, and the samples that keep it true.
 */
#include "proxy/vigil.h"

#define VIGIL_ALL 256   /* every vigil paid */
#define VIGIL_WEIGHT 8  /* one of so many parts is the newest */
#define VIGIL_SAMPLE 64 /* sleeps after which it is tried all the same */

bool vigil_begin(struct vigil *vigil, enum vigil_for what)
{
    if (vigil->kinds[what].paid >= VIGIL_ALL / 2 || ++vigil->kinds[what].sleeps >= VIGIL_SAMPLE) {
        vigil->kinds[what].sleeps = 0;
        return true;
    }
    return false;
}

void vigil_end(struct vigil *vigil, enum vigil_for what, bool it_paid)
{
    unsigned *paid = &vigil->kinds[what].paid;

    *paid -= *paid / VIGIL_WEIGHT;
    *paid += it_paid ? VIGIL_ALL / VIGIL_WEIGHT : 0;
}
