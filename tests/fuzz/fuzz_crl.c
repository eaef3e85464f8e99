/*
 * Fuzz: a vendor's revocation list, DER.
 */
#include <assert.h>

#include "attest/crl.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t serial[] = {0x01, 0x00, 0x01};
    struct crl crl;

    if (!crl_read((struct bytes){data, len}, &crl)) {
        return 0;
    }
    assert(crl.number.len <= CRL_NUMBER_MAX && crl.signed_part.tbs.len < len);
    assert(crl_compare_numbers(crl.number, crl.number) == 0);
    (void)crl_lists(&crl, (struct bytes){serial, sizeof(serial)});
    (void)crl_lists(&crl, (struct bytes){0});
    return 0;
}
