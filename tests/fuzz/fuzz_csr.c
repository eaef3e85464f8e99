/*
 * Fuzz: a whole PKCS#10 request as the authority takes it: form, attestation, proof of possession.
 */
#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>

#include "attest/bundle.h"
#include "ca/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct csr csr;
    struct evidence evidence;
    struct verdict verdict;
    EVP_PKEY *key = NULL;

    if (csr_parse((struct bytes){data, len}, &csr, &verdict)) {
        if (bundle_decode(csr.bundle, &evidence, &verdict) && csr_prove(&csr, &key, &verdict)) {
            EVP_PKEY_free(key);
        }
    }
    return 0;
}
