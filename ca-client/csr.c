/*
 * Csr: made by OpenSSL; only the attribute's value is carried through as the bytes that it is.
 */
#include "ca-client/csr.h"

#include <limits.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/err.h"

#define ATTESTATION_OID "1.2.840.113549.1.9.16.2.59" /* id-aa-attestation */

/* A list of one name of type URI. */
static GENERAL_NAMES *make_names(const char *uri)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    if (names != NULL && name != NULL && text != NULL && ASN1_STRING_set(text, uri, -1) == 1 &&
        sk_GENERAL_NAME_push(names, name) > 0) {
        GENERAL_NAME_set0_value(name, GEN_URI, text);
        return names;
    }
    sk_GENERAL_NAME_free(names);
    GENERAL_NAME_free(name);
    ASN1_IA5STRING_free(text);
    return NULL;
}

/* The subject is empty, so the extension is critical (RFC 5280 section 4.2.1.6). */
static bool add_names(X509_REQ *request, const char *uri)
{
    GENERAL_NAMES *names = make_names(uri);
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    bool ok =
        names != NULL &&
        X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 1, X509V3_ADD_DEFAULT) == 1 &&
        X509_REQ_add_extensions(request, extensions) == 1;

    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    return ok;
}

X509_REQ *csr_new(EVP_PKEY *key, const char *uri, struct err *err)
{
    X509_REQ *request = X509_REQ_new();

    if (request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1 || !add_names(request, uri)) {
        err_set_openssl(err, ERR_LIMIT, "certification request");
        X509_REQ_free(request);
        return NULL;
    }
    return request;
}

int csr_spki_sha256(X509_REQ *request, uint8_t out_sha256[static CSR_SPKI_SHA256_LEN],
                    struct err *err)
{
    uint8_t *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &spki);
    bool ok = len > 0 && EVP_Digest(spki, (size_t)len, out_sha256, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(spki);
    return ok ? 0 : err_set_openssl(err, ERR_LIMIT, "digest of the public key");
}

static bool add_bundle(X509_REQ *request, struct bytes bundle)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(ATTESTATION_OID, 1);
    X509_ATTRIBUTE *attribute = NULL;
    bool ok = false;

    if (oid != NULL && bundle.len <= INT_MAX) {
        attribute =
            X509_ATTRIBUTE_create_by_OBJ(NULL, oid, V_ASN1_SEQUENCE, bundle.data, (int)bundle.len);
    }
    ok = attribute != NULL && X509_REQ_add1_attr(request, attribute) == 1;
    X509_ATTRIBUTE_free(attribute);
    ASN1_OBJECT_free(oid);
    return ok;
}

int csr_sign(X509_REQ *request, EVP_PKEY *key, struct bytes bundle, struct buf *out,
             struct err *err)
{
    uint8_t *der = NULL;
    int len = 0;
    int rc = 0;

    if (!add_bundle(request, bundle) || X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
        (len = i2d_X509_REQ(request, &der)) <= 0) {
        return err_set_openssl(err, ERR_LIMIT, "certification request");
    }
    if (!buf_append(out, der, (size_t)len)) {
        rc = err_set(err, ERR_LIMIT, "certification request: too long");
    }
    OPENSSL_free(der);
    return rc;
}
