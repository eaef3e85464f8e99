/*
 * Pki: makes the throw-away keys and certificates.
 */
#include "tests/lib/pki.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/ear.h"
#include "common/err.h"

static void pki_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension = NULL;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *pki_certificate(EVP_PKEY *key, const char *name, X509 *issuer, int64_t seconds)
{
    X509 *cert = X509_new();
    X509_NAME *subject = NULL;
    uint64_t serial = 0;

    assert(cert != NULL && RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), (long)seconds);
    X509_set_pubkey(cert, key);
    subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    return cert;
}

void pki_init(struct pki *pki)
{
    pki->ca_key = EVP_EC_gen("P-256");
    assert(pki->ca_key != NULL);
    pki->ca = pki_certificate(pki->ca_key, "Test CA", NULL, 86400);
    pki_extend(pki->ca, pki->ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    pki_extend(pki->ca, pki->ca, NID_key_usage, "critical,keyCertSign,cRLSign");
    pki_extend(pki->ca, pki->ca, NID_subject_key_identifier, "hash");
    assert(X509_sign(pki->ca, pki->ca_key, EVP_sha256()) > 0);
}

void pki_deinit(struct pki *pki)
{
    X509_free(pki->ca);
    EVP_PKEY_free(pki->ca_key);
    *pki = (struct pki){0};
}

void pki_leaf(const struct pki *pki, const char *uri, int64_t seconds, X509 **out_leaf,
              EVP_PKEY **out_key)
{
    char san[512] = "";

    *out_key = EVP_EC_gen("P-256");
    assert(*out_key != NULL);
    *out_leaf = pki_certificate(*out_key, "leaf", pki->ca, seconds);
    (void)snprintf(san, sizeof(san), "URI:%s", uri);
    pki_extend(*out_leaf, pki->ca, NID_basic_constraints, "critical,CA:FALSE");
    pki_extend(*out_leaf, pki->ca, NID_key_usage, "critical,digitalSignature");
    pki_extend(*out_leaf, pki->ca, NID_ext_key_usage, "serverAuth,clientAuth");
    pki_extend(*out_leaf, pki->ca, NID_authority_key_identifier, "keyid:always");
    pki_extend(*out_leaf, pki->ca, NID_subject_key_identifier, "hash");
    pki_extend(*out_leaf, pki->ca, NID_subject_alt_name, san);
    assert(X509_sign(*out_leaf, pki->ca_key, EVP_sha256()) > 0);
}

void pki_sign(const struct pki *pki, X509 *leaf)
{
    assert(X509_sign(leaf, pki->ca_key, EVP_sha256()) > 0);
}

/* The extension's value is OCTET STRING { CMW }. */
void pki_attest(const struct pki *pki, X509 *leaf, const struct ear *ear)
{
    uint8_t cmw[EAR_CMW_MAX];
    struct buf buf = buf_over(cmw, sizeof(cmw));
    ASN1_OCTET_STRING *inner = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.35", 1);
    X509_EXTENSION *extension = NULL;
    unsigned char *der = NULL;
    struct err err;
    int len = 0;

    assert(ear_encode(ear, &buf, &err) == 0);
    assert(inner != NULL && value != NULL && oid != NULL);
    assert(ASN1_OCTET_STRING_set(inner, buf.data, (int)buf.len) == 1);
    len = i2d_ASN1_OCTET_STRING(inner, &der);
    assert(len > 0 && ASN1_OCTET_STRING_set(value, der, len) == 1);
    extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
    assert(extension != NULL && X509_add_ext(leaf, extension, -1) == 1);
    pki_sign(pki, leaf);
    X509_EXTENSION_free(extension);
    ASN1_OBJECT_free(oid);
    ASN1_OCTET_STRING_free(value);
    ASN1_OCTET_STRING_free(inner);
    OPENSSL_free(der);
}

SSL_CTX *pki_ctx(const struct pki *pki, X509 *leaf, EVP_PKEY *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    X509_STORE *store = X509_STORE_new();

    assert(ctx != NULL && store != NULL && X509_STORE_add_cert(store, pki->ca) == 1);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
    SSL_CTX_set1_verify_cert_store(ctx, store);
    X509_STORE_free(store);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (leaf != NULL) {
        assert(SSL_CTX_use_certificate(ctx, leaf) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    }
    return ctx;
}
