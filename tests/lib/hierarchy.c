/*
 * Hierarchy: keys of P-256, names that init would choose.
 */
#include "tests/lib/hierarchy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "common/err.h"

#define HOUR_S 3600

static X509 *sign(struct profile profile, int64_t now)
{
    struct err err = {0};
    X509 *cert = NULL;

    if (profile.not_before == 0 && profile.not_after == 0) {
        profile.not_before = now - HOUR_S;
        profile.not_after = now + HOUR_S;
    }
    assert_int_equal(profile_serial(profile.serial, &err), 0);
    cert = profile_sign(&profile, &err);
    if (cert == NULL) {
        fail_msg("%s", err.msg);
    }
    return cert;
}

X509 *hierarchy_sign(const struct hierarchy *hierarchy, struct profile profile)
{
    bool by_root = profile.kind != PROFILE_LEAF;

    if (profile.issuer == NULL) {
        profile.issuer = by_root ? hierarchy->root : hierarchy->issuing;
        profile.issuer_key = by_root ? hierarchy->root_key : hierarchy->issuing_key;
    }
    return sign(profile, hierarchy->now);
}

void hierarchy_init(struct hierarchy *hierarchy, int64_t now)
{
    *hierarchy = (struct hierarchy){
        .root_key = EVP_EC_gen("P-256"), .issuing_key = EVP_EC_gen("P-256"), .now = now};
    assert_non_null(hierarchy->root_key);
    assert_non_null(hierarchy->issuing_key);
    hierarchy->root = sign((struct profile){.kind = PROFILE_ROOT,
                                            .key = hierarchy->root_key,
                                            .common_name = "root-1",
                                            .uri = "spiffe://" HIERARCHY_TRUST_DOMAIN},
                           now);
    hierarchy->issuing =
        hierarchy_sign(hierarchy, (struct profile){.kind = PROFILE_ISSUING,
                                                   .key = hierarchy->issuing_key,
                                                   .common_name = "issuing-1",
                                                   .uri = "spiffe://" HIERARCHY_TRUST_DOMAIN,
                                                   .permitted_uri = HIERARCHY_TRUST_DOMAIN});
}

void hierarchy_deinit(struct hierarchy *hierarchy)
{
    X509_free(hierarchy->issuing);
    X509_free(hierarchy->root);
    EVP_PKEY_free(hierarchy->issuing_key);
    EVP_PKEY_free(hierarchy->root_key);
    *hierarchy = (struct hierarchy){0};
}

STACK_OF(X509) * hierarchy_list(X509 *first, X509 *second)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *certs[] = {first, second};

    assert_non_null(list);
    for (unsigned i = 0; i < 2 && certs[i] != NULL; i++) {
        X509_up_ref(certs[i]);
        assert_true(sk_X509_push(list, certs[i]) > 0);
    }
    return list;
}
