/*
 * Tests of anchors and of what is accepted as our certificate, each rule broken alone; and of the
 * message that carries both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "ca-client/anchors.h"
#include "ca-client/certs.h"
#include "ca-client/enrol.h"
#include "ca-client/grant.h"
#include "ca/certs_only.h"
#include "common/err.h"
#include "common/est.h"
#include "tests/lib/hierarchy.h"

#define NOW INT64_C(1790000000)
#define URI "spiffe://" HIERARCHY_TRUST_DOMAIN "/sim/app"
#define OTHER_URI "spiffe://" HIERARCHY_TRUST_DOMAIN "/sim/other"

struct fixture {
    struct hierarchy hierarchy;
    struct hierarchy stranger;
    EVP_PKEY *key;
    EVP_PKEY *other_key;
};

static int set_up(void **state)
{
    static struct fixture f;

    hierarchy_init(&f.hierarchy, NOW);
    hierarchy_init(&f.stranger, NOW);
    f.key = EVP_EC_gen("P-256");
    f.other_key = EVP_EC_gen("P-256");
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    EVP_PKEY_free(f->key);
    EVP_PKEY_free(f->other_key);
    hierarchy_deinit(&f->hierarchy);
    hierarchy_deinit(&f->stranger);
    return 0;
}

/* How many anchors there are among two certificates; 0 with the error's text in `err`. */
static int anchors_of(const struct fixture *f, X509 *first, X509 *second, const char *trust_domain,
                      int64_t now, struct err *err)
{
    STACK_OF(X509) *roots = hierarchy_list(f->hierarchy.root, NULL);
    STACK_OF(X509) *certs = hierarchy_list(first, second);
    X509_STORE *store = anchors_select(certs, roots, trust_domain, now, err);
    int num = store != NULL ? sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) : 0;

    X509_STORE_free(store);
    certs_free(certs);
    certs_free(roots);
    return num;
}

static void issuing_cas_are_anchors_and_roots_are_not(void **state)
{
    const struct fixture *f = *state;
    const struct hierarchy *h = &f->hierarchy;
    X509 *second = hierarchy_sign(h, (struct profile){.kind = PROFILE_ISSUING,
                                                      .key = f->other_key,
                                                      .common_name = "issuing-2",
                                                      .uri = "spiffe://" HIERARCHY_TRUST_DOMAIN,
                                                      .permitted_uri = HIERARCHY_TRUST_DOMAIN});
    struct err err = {0};

    assert_int_equal(anchors_of(f, h->root, h->issuing, HIERARCHY_TRUST_DOMAIN, NOW, &err), 1);
    assert_int_equal(anchors_of(f, second, h->issuing, HIERARCHY_TRUST_DOMAIN, NOW, &err), 2);
    assert_int_equal(
        anchors_of(f, f->stranger.issuing, h->issuing, HIERARCHY_TRUST_DOMAIN, NOW, &err), 1);
    X509_free(second);
}

static void without_an_anchor_there_is_no_identity(void **state)
{
    const struct fixture *f = *state;
    const struct hierarchy *h = &f->hierarchy;
    X509 *leaf =
        hierarchy_sign(h, (struct profile){.kind = PROFILE_LEAF, .key = f->key, .uri = URI});
    X509 *false_ca = hierarchy_sign(h, (struct profile){.kind = PROFILE_SERVER,
                                                        .key = f->key,
                                                        .common_name = "issuing-2",
                                                        .uri = "spiffe://" HIERARCHY_TRUST_DOMAIN});
    const struct {
        X509 *first;
        X509 *second;
        const char *trust_domain;
        int64_t now;
    } cases[] = {
        {h->root, NULL, HIERARCHY_TRUST_DOMAIN, NOW},
        {f->stranger.issuing, f->stranger.root, HIERARCHY_TRUST_DOMAIN, NOW},
        {h->issuing, NULL, "other.example", NOW},
        {h->issuing, NULL, "prod.exampl", NOW},
        {h->issuing, NULL, HIERARCHY_TRUST_DOMAIN, NOW + 7200},
        {h->issuing, NULL, HIERARCHY_TRUST_DOMAIN, NOW - 7200},
        {leaf, NULL, HIERARCHY_TRUST_DOMAIN, NOW},
        {false_ca, NULL, HIERARCHY_TRUST_DOMAIN, NOW},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};

        assert_int_equal(anchors_of(f, cases[i].first, cases[i].second, cases[i].trust_domain,
                                    cases[i].now, &err),
                         0);
        assert_int_equal(err.code, ERR_DENIED);
    }
    X509_free(false_ca);
    X509_free(leaf);
}

/* Accepts what asks for URI with the fixture's key. */
static struct identity *accept(const struct fixture *f, X509 *first, X509 *second,
                               int64_t offset_ms, struct err *err)
{
    STACK_OF(X509) *roots = hierarchy_list(f->hierarchy.root, NULL);
    STACK_OF(X509) *issuing = hierarchy_list(f->hierarchy.issuing, NULL);
    STACK_OF(X509) *certs = hierarchy_list(first, second);
    X509_STORE *anchors = anchors_select(issuing, roots, HIERARCHY_TRUST_DOMAIN, NOW, err);
    const struct grant grant = {
        .key = f->key,
        .uri = URI,
        .trust_domain = HIERARCHY_TRUST_DOMAIN,
        .anchors = anchors,
        .now_ms = NOW * 1000,
        .clock.wall_offset_ms = offset_ms,
    };
    struct identity *identity = grant_accept(&grant, certs, err);

    X509_STORE_free(anchors);
    certs_free(certs);
    certs_free(issuing);
    certs_free(roots);
    return identity;
}

static void what_we_asked_for_becomes_our_identity(void **state)
{
    const struct fixture *f = *state;
    X509 *leaf = hierarchy_sign(&f->hierarchy,
                                (struct profile){.kind = PROFILE_LEAF, .key = f->key, .uri = URI});
    const struct {
        X509 *first;
        X509 *second;
    } orders[] = {{leaf, f->hierarchy.issuing}, {f->hierarchy.issuing, leaf}, {leaf, NULL}};

    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct err err = {0};
        struct identity *identity = accept(f, orders[i].first, orders[i].second, 86400000, &err);

        assert_non_null(identity);
        assert_string_equal(identity_spiffe(identity), URI);
        assert_int_equal(X509_cmp(identity_leaf(identity), leaf), 0);
        assert_int_equal(X509_cmp(identity_issuer(identity), f->hierarchy.issuing), 0);
        assert_int_equal(identity_clock(identity)->wall_offset_ms, 86400000);
        assert_int_equal(identity_not_after(identity), NOW + 3600);
        identity_unref(identity);
    }
    X509_free(leaf);
}

static void anything_else_is_refused(void **state)
{
    const struct fixture *f = *state;
    const struct profile right = {.kind = PROFILE_LEAF, .key = f->key, .uri = URI};
    struct profile profiles[6] = {right, right, right, right, right, right};
    static const char *const reasons[] = {
        "no certificate for our key",
        "is for " OTHER_URI,
        "expired",
        "not yet valid",
        "local issuer",
        "the CA's answer",
    };

    profiles[0].key = f->other_key;
    profiles[1].uri = OTHER_URI;
    profiles[2].not_before = NOW - 3600;
    profiles[2].not_after = NOW;
    profiles[3].not_before = NOW + 1;
    profiles[3].not_after = NOW + 3600;
    profiles[4].issuer = f->stranger.issuing;
    profiles[4].issuer_key = f->stranger.issuing_key;
    profiles[5].kind = PROFILE_SERVER; /* one role only */
    profiles[5].issuer = f->hierarchy.issuing;
    profiles[5].issuer_key = f->hierarchy.issuing_key;
    for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        X509 *leaf = hierarchy_sign(&f->hierarchy, profiles[i]);
        struct err err = {0};

        assert_null(accept(f, leaf, f->hierarchy.issuing, 0, &err));
        assert_int_equal(err.code, ERR_DENIED);
        if (strstr(err.msg, reasons[i]) == NULL) {
            fail_msg("'%s' is not in '%s'", reasons[i], err.msg);
        }
        X509_free(leaf);
    }
}

/* The leaf allows both roles; a CA above it may still allow only one. */
static void a_certificate_for_one_role_is_refused(void **state)
{
    struct fixture *f = *state;
    X509 *leaf = hierarchy_sign(&f->hierarchy,
                                (struct profile){.kind = PROFILE_LEAF, .key = f->key, .uri = URI});
    static const char *const roles[] = {"serverAuth", "clientAuth"};

    for (unsigned i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        X509_EXTENSION *role = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, roles[i]);
        X509 *whole = f->hierarchy.issuing;
        struct err err = {0};

        f->hierarchy.issuing = X509_dup(whole);
        assert_int_equal(X509_add_ext(f->hierarchy.issuing, role, -1), 1);
        assert_true(X509_sign(f->hierarchy.issuing, f->hierarchy.root_key, EVP_sha256()) > 0);
        assert_null(accept(f, leaf, NULL, 0, &err));
        assert_int_equal(err.code, ERR_DENIED);
        X509_EXTENSION_free(role);
        X509_free(f->hierarchy.issuing);
        f->hierarchy.issuing = whole;
    }
    X509_free(leaf);
}

/* A certs-only message in base64, as the authority writes it, with `tail` behind it; `out` has
   room. */
static void encode(X509 *cert, size_t num, const char *tail, struct buf *out)
{
    uint8_t *der = NULL;
    int len = i2d_X509(cert, &der);
    struct bytes certs[CERTS_MAX + 1];
    uint8_t storage[EST_BODY_MAX];
    struct buf message = buf_over(storage, sizeof(storage));
    struct err err;

    assert_true(len > 0 && num <= CERTS_MAX + 1);
    for (size_t i = 0; i < num; i++) {
        certs[i] = (struct bytes){der, (size_t)len};
    }
    assert_int_equal(certs_only_encode(certs, num, &message, &err), 0);
    assert_true(buf_append(&message, tail, strlen(tail)));
    assert_true(est_base64_put(out, (struct bytes){message.data, message.len}, 64));
    OPENSSL_free(der);
}

static void the_message_is_taken_apart(void **state)
{
    const struct fixture *f = *state;
    uint8_t storage[EST_BODY_MAX];
    struct buf text = buf_over(storage, sizeof(storage));
    STACK_OF(X509) *certs = NULL;
    struct err err;

    encode(f->hierarchy.issuing, 2, "", &text);
    certs = certs_decode((struct bytes){text.data, text.len}, &err);
    assert_non_null(certs);
    assert_int_equal(sk_X509_num(certs), 2);
    assert_int_equal(X509_cmp(sk_X509_value(certs, 1), f->hierarchy.issuing), 0);
    certs_free(certs);
}

static void a_malformed_message_is_refused(void **state)
{
    static const char *const texts[] = {"", "#", "AAAA", "MAA=", "MIAGCSqGSIb3DQEHAqCA"};
    const struct fixture *f = *state;
    static uint8_t storage[EST_BODY_MAX];
    struct buf text = buf_over(storage, sizeof(storage));
    struct err err;

    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct bytes bytes = {(const uint8_t *)texts[i], strlen(texts[i])};

        assert_null(certs_decode(bytes, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    encode(f->hierarchy.issuing, 1, "x", &text);
    assert_null(certs_decode((struct bytes){text.data, text.len}, &err));
    text.len = 0;
    encode(f->hierarchy.issuing, 0, "", &text);
    assert_null(certs_decode((struct bytes){text.data, text.len}, &err));
    text.len = 0;
    encode(f->hierarchy.issuing, CERTS_MAX + 1, "", &text);
    assert_null(certs_decode((struct bytes){text.data, text.len}, &err));
    text.len = 0;
    encode(f->hierarchy.issuing, 1, "", &text);
    for (size_t len = 0; len < text.len - 3; len += 7) { /* cut anywhere */
        assert_null(certs_decode((struct bytes){text.data, len}, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(issuing_cas_are_anchors_and_roots_are_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_an_anchor_there_is_no_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_we_asked_for_becomes_our_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(anything_else_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_certificate_for_one_role_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_message_is_taken_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_malformed_message_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
