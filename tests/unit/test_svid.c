/*
 * Svid: each rule of peer verification with a chain made to break it alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "common/err.h"
#include "common/svid.h"
#include "tests/lib/pki.h"

#define TRUST_DOMAIN "prod.example"
#define ID "spiffe://prod.example/snp/api"

struct fixture {
    struct pki pki;
    X509 *leaf;
    EVP_PKEY *leaf_key;
    X509_STORE_CTX *ctx; /* of the last judge() */
    struct svid svid;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    pki_init(&f->pki);
    pki_leaf(&f->pki, ID, 3600, &f->leaf, &f->leaf_key);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    X509_STORE_CTX_free(f->ctx);
    X509_free(f->leaf);
    EVP_PKEY_free(f->leaf_key);
    pki_deinit(&f->pki);
    free(f);
    return 0;
}

/* Signs what a test altered and reads it back, as a peer's bytes would be. */
static X509 *received(X509 *cert, EVP_PKEY *signer)
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

/* 0, or the X509_V_ERR with which `leaf` is refused under `anchor`. */
static int judge(struct fixture *f, X509 *anchor, X509 *leaf, STACK_OF(X509) * untrusted,
                 enum svid_role role, int64_t now)
{
    X509_STORE *store = X509_STORE_new();
    int rc = 0;

    X509_STORE_CTX_free(f->ctx);
    f->ctx = X509_STORE_CTX_new();
    f->svid = (struct svid){.serial_len = 99};
    assert_true(store != NULL && f->ctx != NULL);
    if (anchor != NULL) {
        assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    }
    assert_int_equal(X509_STORE_CTX_init(f->ctx, store, leaf, untrusted), 1);
    rc = svid_verify(f->ctx, role, TRUST_DOMAIN, now, &f->svid, &f->err);
    X509_STORE_free(store);
    if (rc == 0) {
        assert_int_equal(X509_STORE_CTX_get_error(f->ctx), X509_V_OK);
        return 0;
    }
    assert_int_equal(f->err.code, ERR_DENIED);
    assert_int_equal(f->svid.serial_len, 99);
    assert_int_not_equal(X509_STORE_CTX_get_error(f->ctx), X509_V_OK);
    return X509_STORE_CTX_get_error(f->ctx);
}

static void a_good_leaf_is_accepted_in_both_roles(void **state)
{
    struct fixture *f = *state;
    int64_t now = (int64_t)time(NULL);

    assert_int_equal(judge(f, f->pki.ca, f->leaf, NULL, SVID_CLIENT, now), 0);
    assert_int_equal(judge(f, f->pki.ca, f->leaf, NULL, SVID_SERVER, now), 0);
    assert_string_equal(f->svid.spiffe, ID);
    assert_false(f->svid.has_claims);
}

static void time_is_what_the_caller_says(void **state)
{
    struct fixture *f = *state;
    struct svid svid;

    assert_int_equal(svid_describe(f->leaf, &svid, &f->err), 0);
    assert_int_equal(judge(f, f->pki.ca, f->leaf, NULL, SVID_CLIENT, svid.not_before), 0);
    assert_int_equal(judge(f, f->pki.ca, f->leaf, NULL, SVID_CLIENT, svid.not_after - 1), 0);
    assert_int_equal(judge(f, f->pki.ca, f->leaf, NULL, SVID_CLIENT, svid.not_after),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(judge(f, f->pki.ca, f->leaf, NULL, SVID_CLIENT, svid.not_before - 1),
                     X509_V_ERR_CERT_NOT_YET_VALID);
}

static void an_empty_bundle_trusts_nothing(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(judge(f, NULL, f->leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
                     X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

static void a_leaf_is_no_trust_anchor(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(judge(f, f->leaf, f->leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)),
                     X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

/* Puts the extension `value`, in the language of openssl.cnf, in place of `nid`'s. */
static void replace(X509 *cert, X509 *issuer, int nid, const char *value)
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

static void leaves_with_a_bad_extension_are_refused(void **state)
{
    static const struct {
        int nid;
        const char *value; /* NULL: left out */
        const char *reason;
    } cases[] = {
        {NID_basic_constraints, "critical,CA:TRUE", "leaf is a CA"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *made = X509_dup(f->leaf);
        X509 *leaf = NULL;

        replace(made, f->pki.ca, cases[i].nid, cases[i].value);
        leaf = received(made, f->pki.ca_key);
        assert_int_not_equal(judge(f, f->pki.ca, leaf, NULL, SVID_CLIENT, (int64_t)time(NULL)), 0);
        if (strstr(f->err.msg, cases[i].reason) == NULL) {
            fail_msg("row %zu: %s", i, f->err.msg);
        }
        X509_free(made);
        X509_free(leaf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_leaf_is_accepted_in_both_roles, setup, teardown),
        cmocka_unit_test_setup_teardown(time_is_what_the_caller_says, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_bundle_trusts_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_leaf_is_no_trust_anchor, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_with_a_bad_extension_are_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
