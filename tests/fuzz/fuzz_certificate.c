/*
 * Fuzz: one certificate as we take it, DER or PEM, and everything that is asked of it.
 */
#include <stdlib.h>

#include <openssl/evp.h>

#include "attest/cert.h"
#include "attest/vek.h"
#include "tests/fuzz/fuzz.h"

static void ask_extensions(const struct cert *cert)
{
    struct vek vek = vek_read(cert);
    struct bytes text;
    uint8_t number = 0;

    for (size_t spl = 0; spl <= TCB_SPL_MAX; spl++) {
        if (vek.spl[spl].data != NULL) {
            (void)vek_uint8(vek.spl[spl], &number);
        }
    }
    if (vek.product_name.data != NULL && vek_text(vek.product_name, &text)) {
        (void)product_name_fits(PRODUCT_MILAN, text);
    }
    (void)vek_looks_like(cert);
    (void)cert_extensions_unique(cert);
    (void)cert_constraints(cert);
    (void)cert_usage(cert);
    (void)cert_subject_key_id(cert);
    (void)cert_authority_key_id(cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t bytes[CERT_DER_MAX];
    struct buf storage = buf_over(bytes, sizeof(bytes));
    struct cert cert;
    struct bytes name;
    uint8_t hash[32];
    EVP_PKEY *key = NULL;

    if (cert_read((struct bytes){data, len}, &storage, &cert) != CERT_OK) {
        return 0;
    }
    if (cert.der.len > CERT_DER_MAX || cert.tbs.len >= cert.der.len) {
        abort();
    }
    ask_extensions(&cert);
    (void)cert_common_name(cert.issuer, &name);
    (void)cert_common_name(cert.subject, &name);
    (void)cert_is_pss(&cert);
    (void)cert_pss_fits(&cert);
    (void)cert_key_is_p384(&cert);
    (void)cert_key_is_rsa4096(&cert);
    if (!cert_spki_sha256(&cert, hash)) {
        abort();
    }
    key = cert_key(&cert);
    if (cert_signed_by(&cert, &cert) && key == NULL) {
        abort();
    }
    EVP_PKEY_free(key);
    return 0;
}
