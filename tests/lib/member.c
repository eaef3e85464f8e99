/*
 * Member: a leaf of a throw-away authority as an identity.
 */
#include "tests/lib/member.h"

#include <assert.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "ca-client/identity.h"
#include "common/err.h"
#include "tests/lib/pki.h"

struct identity *member_identity(const struct member *member)
{
    const struct pki *anchors = member->anchors != NULL ? member->anchors : member->issuer;
    struct identity_parts parts = {
        .issuer = member->issuer->ca,
        .anchors = X509_STORE_new(),
        .clock.wall_offset_ms = member->clock_offset_ms,
    };
    struct identity *identity = NULL;
    struct err err;

    pki_leaf(member->issuer, member->uri, member->seconds, &parts.leaf, &parts.key);
    assert(parts.anchors != NULL && X509_STORE_add_cert(parts.anchors, anchors->ca) == 1);
    identity = identity_new(&parts, &err);
    assert(identity != NULL);
    X509_STORE_free(parts.anchors);
    X509_free(parts.leaf);
    EVP_PKEY_free(parts.key);
    return identity;
}
