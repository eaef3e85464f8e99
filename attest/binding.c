/*
 * Binding: every field is length-prefixed, so no two inputs give the same bytes to the hash.
 */
#include "attest/binding.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/sha.h>

#include "common/buf.h"

#define CONTEXT "ats-anchor-v1"
#define KEY_NAME "spki-sha256"
#define INPUT_MAX (sizeof(CONTEXT) + 1 + BINDING_NONCE_MAX + 1 + sizeof(KEY_NAME) + 2 + 32)

bool binding_report_data(const uint8_t *nonce, size_t nonce_len,
                         const uint8_t spki_sha256[static 32],
                         uint8_t out_report_data[static EVIDENCE_REPORT_DATA_LEN])
{
    static const uint8_t key_name_len = sizeof(KEY_NAME) - 1;
    static const uint8_t key_len[2] = {0, 32}; /* big-endian */
    uint8_t storage[INPUT_MAX];
    struct buf input = buf_over(storage, sizeof(storage));
    uint8_t anchor[SHA384_DIGEST_LENGTH];
    uint8_t len = (uint8_t)nonce_len;
    bool fits = false;

    assert(nonce_len >= 1 && nonce_len <= BINDING_NONCE_MAX);
    fits = buf_append(&input, CONTEXT, sizeof(CONTEXT) - 1) && buf_append(&input, &len, 1) &&
           buf_append(&input, nonce, nonce_len) && buf_append(&input, &key_name_len, 1) &&
           buf_append(&input, KEY_NAME, key_name_len) &&
           buf_append(&input, key_len, sizeof(key_len)) && buf_append(&input, spki_sha256, 32);
    assert(fits);
    /* Without the digest there is nothing safe to go on with: zeros could be forged. */
    if (SHA384(input.data, input.len, anchor) == NULL) {
        return false;
    }
    memset(out_report_data, 0, EVIDENCE_REPORT_DATA_LEN);
    memcpy(out_report_data, anchor, sizeof(anchor));
    return true;
}
