/*
 * Revocation: made by OpenSSL.
 */
#include "tests/lib/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tests/lib/specimen.h"

static ASN1_TIME *time_of(int64_t seconds)
{
    ASN1_TIME *when = ASN1_TIME_set(NULL, seconds);

    assert_non_null(when);
    return when;
}

static void add_number(X509_CRL *crl, int64_t value)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();

    assert_int_equal(ASN1_INTEGER_set_int64(number, value), 1);
    assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0), 1);
    ASN1_INTEGER_free(number);
}

static void add_key_id(X509_CRL *crl, const X509 *issuer)
{
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

    id->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id((X509 *)(uintptr_t)issuer));
    assert_non_null(id->keyid);
    assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0), 1);
    AUTHORITY_KEYID_free(id);
}

/* The reason is never critical elsewhere; a reader may only look at the flag. */
static void add_entry(X509_CRL *crl, const struct revocation *r)
{
    X509 *cert = specimen_open(r->revoked);
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = time_of(r->this_update);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

    assert_int_equal(X509_REVOKED_set_serialNumber(
                         entry, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(cert)),
                     1);
    assert_int_equal(X509_REVOKED_set_revocationDate(entry, when), 1);
    assert_int_equal(ASN1_ENUMERATED_set(reason, 1), 1);
    if (r->critical_entry) {
        assert_int_equal(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 1, 0), 1);
    }
    assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
    ASN1_ENUMERATED_free(reason);
    ASN1_TIME_free(when);
    X509_free(cert);
}

static void sign(X509_CRL *crl, const struct revocation *r)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *params = NULL;
    const EVP_MD *md = r->sha256 ? EVP_sha256() : EVP_sha384();

    assert_int_equal(EVP_DigestSignInit(context, &params, md, NULL, r->signer), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, EVP_MD_get_size(md)), 1);
    assert_true(X509_CRL_sign_ctx(crl, context) > 0);
    EVP_MD_CTX_free(context);
}

void revocation_make(const struct revocation *r, struct specimen_cert *out_crl)
{
    X509_CRL *crl = X509_CRL_new();
    X509 *issuer = specimen_open(r->issuer);
    ASN1_TIME *from = time_of(r->this_update);
    ASN1_TIME *until = time_of(r->next_update);
    uint8_t *end = out_crl->data;
    int len = 0;

    assert_int_equal(X509_CRL_set_version(crl, r->version_1 ? 0 : 1), 1);
    assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(crl, from), 1);
    if (r->next_update != 0) {
        assert_int_equal(X509_CRL_set1_nextUpdate(crl, until), 1);
    }
    if (r->revoked != NULL) {
        add_entry(crl, r);
    }
    if (!r->without_key_id) {
        add_key_id(crl, issuer);
    }
    if (r->number >= 0) {
        add_number(crl, r->number);
    }
    if (r->critical) {
        ASN1_INTEGER *base = ASN1_INTEGER_new();

        assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0), 1);
        ASN1_INTEGER_free(base);
    }
    sign(crl, r);
    len = i2d_X509_CRL(crl, NULL);
    assert_true(len > 0 && len <= SPECIMEN_DER_CAP);
    out_crl->len = (size_t)i2d_X509_CRL(crl, &end);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_free(issuer);
    X509_CRL_free(crl);
}
