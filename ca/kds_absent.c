/*
 * Kds_absent: a ring, searched by a short tag of each key.
 */
#include "ca/kds_absent.h"

/* FNV-1a.  Keys that share one only cost a comparison. */
static uint32_t tag_of(const struct vendor_key *key)
{
    uint32_t tag = UINT32_C(2166136261) ^ (uint32_t)key->kind ^ (uint32_t)key->product << 8;

    for (size_t i = 0; i < sizeof(key->chip); i++) {
        tag = (tag ^ key->chip[i]) * UINT32_C(16777619);
    }
    for (size_t i = 0; i < sizeof(key->tcb); i++) {
        tag = (tag ^ key->tcb[i]) * UINT32_C(16777619);
    }
    return tag;
}

void kds_absent_add(struct kds_absent *absent, const struct vendor_key *key, uint64_t until_ms)
{
    size_t at = absent->num++ % KDS_ABSENT_MAX;

    absent->tags[at] = tag_of(key);
    absent->until_ms[at] = until_ms;
    absent->keys[at] = *key;
}

bool kds_absent_has(const struct kds_absent *absent, const struct vendor_key *key, uint64_t now_ms)
{
    size_t num = absent->num < KDS_ABSENT_MAX ? absent->num : KDS_ABSENT_MAX;
    uint32_t tag = tag_of(key);

    for (size_t i = 0; i < num; i++) {
        if (absent->tags[i] == tag && absent->until_ms[i] > now_ms &&
            vendor_key_same(&absent->keys[i], key)) {
            return true;
        }
    }
    return false;
}
