/*
 * Kds_absent: what the key service does not have, remembered for a while.
 *
 * Pure, and of fixed size: what was remembered first goes first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/vendor.h"

#define KDS_ABSENT_MAX 4096

struct kds_absent {
    size_t num;                    /* ever */
    uint32_t tags[KDS_ABSENT_MAX]; /* of the keys; a ring, as are the next */
    uint64_t until_ms[KDS_ABSENT_MAX];
    struct vendor_key keys[KDS_ABSENT_MAX];
};

void kds_absent_add(struct kds_absent *absent, const struct vendor_key *key, uint64_t until_ms);

bool kds_absent_has(const struct kds_absent *absent, const struct vendor_key *key, uint64_t now_ms);
