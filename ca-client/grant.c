/*
 * Grant: finds the leaf by its key, and its issuer by the path that verification built.
 */
#include "ca-client/grant.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "ca-client/identity.h"
#include "common/err.h"
#include "common/svid.h"

/* The certificate with our key: PKCS#7 keeps no order. */
static X509 *find_leaf(const STACK_OF(X509) * certs, const EVP_PKEY *key)
{
    X509 *found = NULL;

    for (int i = 0; i < sk_X509_num(certs) && found == NULL; i++) {
        EVP_PKEY *other = X509_get0_pubkey(sk_X509_value(certs, i));

        if (other != NULL && EVP_PKEY_eq(other, key) == 1) {
            found = sk_X509_value(certs, i);
        }
    }
    ERR_clear_error();
    return found;
}

/* In one role; `out_issuer` is the caller's. */
static int verify(const struct grant *grant, X509 *leaf, enum svid_role role, struct svid *out_svid,
                  X509 **out_issuer, struct err *err)
{
    int64_t now = grant->now_ms / 1000;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int rc = -1;

    if (ctx == NULL || X509_STORE_CTX_init(ctx, grant->anchors, leaf, NULL) != 1) {
        err_set_openssl(err, ERR_LIMIT, "verification");
    } else if (svid_verify(ctx, role, grant->trust_domain, now, out_svid, err) == 0) {
        *out_issuer = sk_X509_value(X509_STORE_CTX_get0_chain(ctx), 1);
        X509_up_ref(*out_issuer);
        rc = 0;
    }
    X509_STORE_CTX_free(ctx);
    return rc;
}

static int judge(const struct grant *grant, X509 *leaf, X509 **out_issuer, struct err *err)
{
    struct svid svid = {.spiffe = NULL};
    X509 *issuer = NULL;
    int rc = -1;

    if (verify(grant, leaf, SVID_SERVER, &svid, &issuer, err) != 0) {
        goto out;
    }
    X509_free(issuer);
    issuer = NULL;
    svid_deinit(&svid);
    if (verify(grant, leaf, SVID_CLIENT, &svid, &issuer, err) != 0) {
        goto out;
    }
    if (strcmp(svid.spiffe, grant->uri) != 0) {
        err_set(err, ERR_DENIED, "the CA's certificate is for %.100s, not for %.100s", svid.spiffe,
                grant->uri);
        goto out;
    }
    *out_issuer = issuer;
    issuer = NULL;
    rc = 0;
out:
    X509_free(issuer);
    svid_deinit(&svid);
    return rc;
}

struct identity *grant_accept(const struct grant *grant, const STACK_OF(X509) * certs,
                              struct err *err)
{
    struct identity_parts parts = {
        .key = grant->key,
        .leaf = find_leaf(certs, grant->key),
        .anchors = grant->anchors,
        .clock = grant->clock,
    };
    struct identity *identity = NULL;

    if (parts.leaf == NULL) {
        err_set(err, ERR_DENIED, "the CA's answer holds no certificate for our key");
        return NULL;
    }
    if (judge(grant, parts.leaf, &parts.issuer, err) != 0) {
        err_wrap(err, "the CA's answer");
        return NULL;
    }
    identity = identity_new(&parts, err);
    X509_free(parts.issuer);
    return identity;
}
