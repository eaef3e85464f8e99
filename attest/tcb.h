/*
 * Tcb: TCB_VERSION, eight security patch levels, in the layouts that AMD's products have.
 *
 * A layout is the structVersion of a VEK.  Floors and comparisons are the policy's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/claims.h"

#define TCB_LEN 8     /* bytes of a TCB_VERSION */
#define TCB_LAYOUTS 2 /* structVersion 0 and 1 */
#define TCB_SPL_MAX 9 /* SPL extensions are 1.3.6.1.4.1.3704.1.3.1 to .9 */

/* Bytes of hwID in a layout: 64 or 8. */
size_t tcb_hwid_len(unsigned layout);

/* Which SPL extension (1 to 9) stands in byte `i` of a TCB_VERSION. */
unsigned tcb_spl(unsigned layout, size_t i);

/* What byte `i` is; false if it is reserved. */
bool tcb_component(unsigned layout, size_t i, enum tcb_component *out_component);

/* Takes a TCB_VERSION apart. */
struct tcb tcb_read(unsigned layout, const uint8_t bytes[static TCB_LEN]);
