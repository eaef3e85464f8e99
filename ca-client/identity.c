/*
 * Identity: the object and its references.
 */
#include "ca-client/identity.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "common/spiffe.h"
#include "common/svid.h"

struct identity {
    _Atomic unsigned references;
    EVP_PKEY *key;
    X509 *leaf;
    X509 *issuer;
    X509_STORE *anchors;
    uint8_t (*anchor_digests)[SHA256_DIGEST_LENGTH];
    size_t num_anchors;
    char spiffe[SPIFFE_ID_MAX + 1];
    char trust_domain[SPIFFE_TRUST_DOMAIN_MAX + 1];
    int64_t not_before;
    int64_t not_after;
    struct checked_clock clock;
};

/* `spiffe` is a valid ID with a path. */
static void set_names(struct identity *identity, const char *spiffe)
{
    const char *domain = spiffe + strlen("spiffe://");
    size_t len = strcspn(domain, "/");

    memcpy(identity->spiffe, spiffe, strlen(spiffe) + 1);
    memcpy(identity->trust_domain, domain, len); /* the rest is zero */
}

/* The digests of the anchors, so that nobody has to lock the store to look for one. */
static int note_anchors(struct identity *identity, X509_STORE *anchors, struct err *err)
{
    STACK_OF(X509) *certs = X509_STORE_get1_all_certs(anchors);
    int num = certs != NULL ? sk_X509_num(certs) : 0;
    bool ok = certs != NULL;

    identity->anchor_digests = calloc((size_t)num + 1, sizeof(*identity->anchor_digests));
    ok = ok && identity->anchor_digests != NULL;
    for (int i = 0; ok && i < num; i++) {
        ok = X509_digest(sk_X509_value(certs, i), EVP_sha256(), identity->anchor_digests[i],
                         NULL) == 1;
    }
    identity->num_anchors = ok ? (size_t)num : 0;
    sk_X509_pop_free(certs, X509_free);
    return ok ? 0 : err_set_openssl(err, ERR_LIMIT, "identity: trust anchors");
}

struct identity *identity_new(const struct identity_parts *parts, struct err *err)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    struct svid svid = {.spiffe = NULL};

    if (identity == NULL) {
        err_set(err, ERR_LIMIT, "identity: out of memory");
        goto out;
    }
    ERR_clear_error();
    if (X509_check_private_key(parts->leaf, parts->key) != 1) {
        err_set_openssl(err, ERR_INVALID, "the private key is not the certificate's");
        goto out;
    }
    if (svid_describe(parts->leaf, &svid, err) != 0) {
        err_wrap(err, "certificate");
        goto out;
    }
    if (note_anchors(identity, parts->anchors, err) != 0) {
        goto out;
    }
    set_names(identity, svid.spiffe);
    identity->not_before = svid.not_before;
    identity->not_after = svid.not_after;
    identity->clock = parts->clock;
    EVP_PKEY_up_ref(parts->key);
    X509_up_ref(parts->leaf);
    if (parts->issuer != NULL) {
        X509_up_ref(parts->issuer);
    }
    X509_STORE_up_ref(parts->anchors);
    identity->key = parts->key;
    identity->leaf = parts->leaf;
    identity->issuer = parts->issuer;
    identity->anchors = parts->anchors;
    atomic_init(&identity->references, 1);
    svid_deinit(&svid);
    return identity;
out:
    svid_deinit(&svid);
    if (identity != NULL) {
        free(identity->anchor_digests);
    }
    free(identity);
    return NULL;
}

struct identity *identity_ref(struct identity *identity)
{
    atomic_fetch_add_explicit(&identity->references, 1, memory_order_relaxed);
    return identity;
}

void identity_unref(struct identity *identity)
{
    if (identity == NULL ||
        atomic_fetch_sub_explicit(&identity->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    EVP_PKEY_free(identity->key); /* OpenSSL wipes the private value */
    X509_free(identity->leaf);
    X509_free(identity->issuer);
    X509_STORE_free(identity->anchors);
    free(identity->anchor_digests);
    free(identity);
}

static bool same_cert(const X509 *left, const X509 *right)
{
    return left == right || (left != NULL && right != NULL && X509_cmp(left, right) == 0);
}

bool identity_is_same(const struct identity *left, const struct identity *right)
{
    bool same = same_cert(left->leaf, right->leaf) && same_cert(left->issuer, right->issuer) &&
                left->num_anchors == right->num_anchors;

    for (size_t i = 0; same && i < left->num_anchors; i++) {
        same = identity_has_anchor(right, left->anchor_digests[i]);
    }
    return same;
}

EVP_PKEY *identity_key(const struct identity *identity)
{
    return identity->key;
}

X509 *identity_leaf(const struct identity *identity)
{
    return identity->leaf;
}

X509 *identity_issuer(const struct identity *identity)
{
    return identity->issuer;
}

X509_STORE *identity_anchors(const struct identity *identity)
{
    return identity->anchors;
}

bool identity_has_anchor(const struct identity *identity, const uint8_t sha256[static 32])
{
    for (size_t i = 0; i < identity->num_anchors; i++) {
        if (memcmp(identity->anchor_digests[i], sha256, SHA256_DIGEST_LENGTH) == 0) {
            return true;
        }
    }
    return false;
}

const char *identity_spiffe(const struct identity *identity)
{
    return identity->spiffe;
}

const char *identity_trust_domain(const struct identity *identity)
{
    return identity->trust_domain;
}

int64_t identity_not_before(const struct identity *identity)
{
    return identity->not_before;
}

int64_t identity_not_after(const struct identity *identity)
{
    return identity->not_after;
}

const struct checked_clock *identity_clock(const struct identity *identity)
{
    return &identity->clock;
}
