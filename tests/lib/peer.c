/*
 * Peer: making, altering and judging the leaf.
 */
#include "tests/lib/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

int peer_setup(void **state)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    assert_non_null(peer);
    pki_init(&peer->pki);
    pki_leaf(&peer->pki, PEER_ID, 3600, &peer->leaf, &peer->leaf_key);
    *state = peer;
    return 0;
}

int peer_teardown(void **state)
{
    struct peer *peer = *state;

    svid_deinit(&peer->svid);
    X509_STORE_CTX_free(peer->ctx);
    X509_free(peer->leaf);
    EVP_PKEY_free(peer->leaf_key);
    pki_deinit(&peer->pki);
    free(peer);
    return 0;
}

X509 *peer_received(X509 *cert, EVP_PKEY *signer)
{
    unsigned char *der = NULL;
    const unsigned char *at = NULL;
    X509 *copy = NULL;
    int len = 0;

    assert_true(X509_sign(cert, signer, EVP_sha256()) > 0);
    len = i2d_X509(cert, &der);
    assert_true(len > 0);
    at = der;
    copy = d2i_X509(NULL, &at, len);
    assert_non_null(copy);
    OPENSSL_free(der);
    return copy;
}

int peer_judge(struct peer *peer, X509 *anchor, X509 *leaf, STACK_OF(X509) * untrusted,
               enum svid_role role, int64_t now)
{
    X509_STORE *store = X509_STORE_new();
    int rc = 0;

    X509_STORE_CTX_free(peer->ctx);
    peer->ctx = X509_STORE_CTX_new();
    svid_deinit(&peer->svid);
    peer->svid = (struct svid){.serial_len = 99};
    assert_true(store != NULL && peer->ctx != NULL);
    if (anchor != NULL) {
        assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    }
    assert_int_equal(X509_STORE_CTX_init(peer->ctx, store, leaf, untrusted), 1);
    rc = svid_verify(peer->ctx, role, PEER_TRUST_DOMAIN, now, &peer->svid, &peer->err);
    X509_STORE_free(store);
    if (rc == 0) {
        uint8_t digest[32];

        assert_int_equal(X509_STORE_CTX_get_error(peer->ctx), X509_V_OK);
        assert_int_equal(X509_digest(anchor, EVP_sha256(), digest, NULL), 1);
        assert_memory_equal(peer->svid.anchor_sha256, digest, sizeof(digest));
        return 0;
    }
    assert_int_equal(peer->err.code, ERR_DENIED);
    assert_int_equal(peer->svid.serial_len, 99);
    assert_int_not_equal(X509_STORE_CTX_get_error(peer->ctx), X509_V_OK);
    return X509_STORE_CTX_get_error(peer->ctx);
}

void peer_replace(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension = NULL;
    int at = X509_get_ext_by_NID(cert, nid, -1);

    if (at >= 0) {
        X509_EXTENSION_free(X509_delete_ext(cert, at));
    }
    if (value == NULL) {
        return;
    }
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

void peer_refused_for(struct peer *peer, size_t row, X509 *leaf, const char *reason)
{
    int64_t now = (int64_t)time(NULL);
    struct svid svid = {.serial_len = 99};
    int error = 0;

    if (peer_judge(peer, peer->pki.ca, leaf, NULL, SVID_CLIENT, now) == 0) {
        fail_msg("row %zu is accepted, should be: %s", row, reason);
    }
    assert_int_equal(svid_check_leaf(leaf, PEER_TRUST_DOMAIN, now, &svid, &error, &peer->err), -1);
    if (strstr(peer->err.msg, reason) == NULL) {
        fail_msg("row %zu: %s, should be: %s", row, peer->err.msg, reason);
    }
    assert_int_equal(peer->err.code, ERR_DENIED);
    assert_int_not_equal(error, X509_V_OK);
    assert_int_equal(svid.serial_len, 99);
}

void peer_set_serial(X509 *cert, const char *hex)
{
    BIGNUM *number = NULL;

    assert_true(BN_hex2bn(&number, hex) > 0);
    assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)));
    BN_free(number);
}
