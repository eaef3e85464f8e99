/*
 * Tests of identities and of those that come from files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "ca-client/enrol.h"
#include "common/err.h"
#include "tests/lib/folder.h"
#include "tests/lib/pki.h"

#define URI "spiffe://prod.example/snp/app"

struct fixture {
    char dir[FOLDER_PATH_CAP];
    char certificate[FOLDER_PATH_CAP + 16];
    char private_key[FOLDER_PATH_CAP + 16];
    char trust_bundle[FOLDER_PATH_CAP + 16];
    struct pki pki;
    X509 *leaf;
    EVP_PKEY *key;
};

static void write_certs(const char *path, X509 *first, X509 *second, X509 *third)
{
    FILE *file = fopen(path, "w");
    X509 *certs[] = {first, second, third};

    assert_non_null(file);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(certs[i] == NULL || PEM_write_X509(file, certs[i]) == 1);
    }
    assert_int_equal(fclose(file), 0);
}

static void write_key(const char *path, EVP_PKEY *key, const char *password)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key,
                                               password != NULL ? EVP_aes_128_cbc() : NULL, NULL, 0,
                                               NULL, (void *)(uintptr_t)password),
                     1);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){0};
    folder_make(fixture.dir);
    (void)snprintf(fixture.certificate, sizeof(fixture.certificate), "%s/cert.pem", fixture.dir);
    (void)snprintf(fixture.private_key, sizeof(fixture.private_key), "%s/key.pem", fixture.dir);
    (void)snprintf(fixture.trust_bundle, sizeof(fixture.trust_bundle), "%s/bundle.pem",
                   fixture.dir);
    pki_init(&fixture.pki);
    pki_leaf(&fixture.pki, URI, 3600, &fixture.leaf, &fixture.key);
    write_certs(fixture.certificate, fixture.leaf, fixture.pki.ca, NULL);
    write_key(fixture.private_key, fixture.key, NULL);
    write_certs(fixture.trust_bundle, fixture.pki.ca, NULL, NULL);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    X509_free(fixture->leaf);
    EVP_PKEY_free(fixture->key);
    pki_deinit(&fixture->pki);
    folder_remove(fixture->dir);
    return 0;
}

static int load(const struct fixture *fixture, struct identity **out_identity, struct err *err)
{
    const struct identity_files files = {
        .certificate = fixture->certificate,
        .private_key = fixture->private_key,
        .trust_bundle = fixture->trust_bundle,
    };

    return identity_load_files(&files, "prod.example", out_identity, err);
}

static void three_files_make_an_identity(void **state)
{
    const struct fixture *fixture = *state;
    struct identity *identity = NULL;
    uint8_t digest[32];
    struct err err;

    assert_int_equal(load(fixture, &identity, &err), 0);
    assert_string_equal(identity_spiffe(identity), URI);
    assert_string_equal(identity_trust_domain(identity), "prod.example");
    assert_int_equal(X509_cmp(identity_leaf(identity), fixture->leaf), 0);
    assert_int_equal(X509_cmp(identity_issuer(identity), fixture->pki.ca), 0);
    assert_int_equal(EVP_PKEY_eq(identity_key(identity), fixture->key), 1);
    assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(identity_anchors(identity))), 1);
    assert_int_equal(identity_not_after(identity) - identity_not_before(identity), 7200);
    assert_int_equal(identity_clock(identity)->wall_offset_ms, 0);
    assert_false(identity_clock(identity)->anchored);
    assert_int_equal(X509_digest(fixture->pki.ca, EVP_sha256(), digest, NULL), 1);
    assert_true(identity_has_anchor(identity, digest));
    assert_int_equal(X509_digest(fixture->leaf, EVP_sha256(), digest, NULL), 1);
    assert_false(identity_has_anchor(identity, digest));
    identity_unref(identity);
}

static void a_reference_outlives_the_first_owner(void **state)
{
    struct identity *identity = NULL;
    struct identity *second = NULL;
    struct err err;

    assert_int_equal(load(*state, &identity, &err), 0);
    second = identity_ref(identity);
    identity_unref(identity);
    assert_string_equal(identity_spiffe(second), URI);
    identity_unref(second);
    identity_unref(NULL);
}

static void the_issuing_ca_may_be_missing(void **state)
{
    const struct fixture *fixture = *state;
    struct identity *identity = NULL;
    struct err err;

    write_certs(fixture->certificate, fixture->leaf, NULL, NULL);
    assert_int_equal(load(fixture, &identity, &err), 0);
    assert_null(identity_issuer(identity));
    identity_unref(identity);
}

static void spoil_no_certificate(struct fixture *fixture)
{
    assert_int_equal(remove(fixture->certificate), 0);
}

static void spoil_empty_certificate(struct fixture *fixture)
{
    write_text(fixture->certificate, "nothing here\n");
}

static void spoil_cut_certificate(struct fixture *fixture)
{
    write_text(fixture->certificate, "-----BEGIN CERTIFICATE-----\nMIIB\n");
}

static void spoil_foreign_block(struct fixture *fixture)
{
    write_text(fixture->trust_bundle, "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n");
}

static void spoil_order(struct fixture *fixture)
{
    write_certs(fixture->certificate, fixture->pki.ca, fixture->leaf, NULL);
}

static void spoil_number(struct fixture *fixture)
{
    write_certs(fixture->certificate, fixture->leaf, fixture->pki.ca, fixture->pki.ca);
}

static void spoil_key(struct fixture *fixture)
{
    write_key(fixture->private_key, fixture->pki.ca_key, NULL);
}

static void spoil_encrypted_key(struct fixture *fixture)
{
    write_key(fixture->private_key, fixture->key, "secret");
}

static void spoil_old_encrypted_key(struct fixture *fixture)
{
    char password[] = "secret";
    BIO *file = BIO_new_file(fixture->private_key, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(file, fixture->key, EVP_aes_128_cbc(),
                                                          NULL, 0, NULL, password),
                     1);
    BIO_free(file);
}

static void spoil_bundle(struct fixture *fixture)
{
    assert_int_equal(remove(fixture->trust_bundle), 0);
}

static void replace_leaf(struct fixture *fixture, const char *uri, int64_t seconds)
{
    X509_free(fixture->leaf);
    EVP_PKEY_free(fixture->key);
    pki_leaf(&fixture->pki, uri, seconds, &fixture->leaf, &fixture->key);
    write_certs(fixture->certificate, fixture->leaf, fixture->pki.ca, NULL);
    write_key(fixture->private_key, fixture->key, NULL);
}

static void spoil_name(struct fixture *fixture)
{
    replace_leaf(fixture, "https://prod.example/app", 3600);
}

static void spoil_trust_domain(struct fixture *fixture)
{
    replace_leaf(fixture, "spiffe://prod.example.evil/snp/app", 3600);
}

static void spoil_expiry(struct fixture *fixture)
{
    replace_leaf(fixture, URI, -60);
}

static void spoil_start(struct fixture *fixture)
{
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(fixture->leaf), 1800));
    pki_sign(&fixture->pki, fixture->leaf);
    write_certs(fixture->certificate, fixture->leaf, fixture->pki.ca, NULL);
}

/* As ours, but without the extension `nid`. */
static void drop_extension(struct fixture *fixture, int nid)
{
    int at = X509_get_ext_by_NID(fixture->leaf, nid, -1);

    assert_true(at >= 0);
    X509_EXTENSION_free(X509_delete_ext(fixture->leaf, at));
    pki_sign(&fixture->pki, fixture->leaf);
    write_certs(fixture->certificate, fixture->leaf, fixture->pki.ca, NULL);
}

static void spoil_usage(struct fixture *fixture)
{
    drop_extension(fixture, NID_key_usage);
}

static void bad_files_are_refused_with_their_reason(void **state)
{
    static const struct {
        void (*spoil)(struct fixture *fixture);
        enum err_code code;
        const char *text;
    } cases[] = {
        {spoil_no_certificate, ERR_IO, "cert.pem: No such file"},
        {spoil_empty_certificate, ERR_INVALID, "cert.pem: no certificate"},
        {spoil_cut_certificate, ERR_INVALID, "cert.pem: malformed PEM"},
        {spoil_foreign_block, ERR_INVALID, "bundle.pem: block 1 is not one certificate"},
        {spoil_order, ERR_INVALID, "the second certificate did not issue the first"},
        {spoil_number, ERR_INVALID, "more than a leaf and its issuing CA"},
        {spoil_key, ERR_INVALID, "the private key is not the certificate's"},
        {spoil_encrypted_key, ERR_INVALID,
         "key.pem: no private key that can be read: it is encrypted"},
        {spoil_old_encrypted_key, ERR_INVALID,
         "key.pem: no private key that can be read: it is encrypted"},
        {spoil_bundle, ERR_IO, "bundle.pem: No such file"},
        {spoil_name, ERR_INVALID, "cert.pem: "},
        {spoil_trust_domain, ERR_INVALID,
         "cert.pem: spiffe://prod.example.evil/snp/app is not in trust domain prod.example"},
        {spoil_expiry, ERR_INVALID, "cert.pem: expired"},
        {spoil_start, ERR_INVALID, "cert.pem: not yet valid"},
        {spoil_usage, ERR_INVALID, "cert.pem: no keyUsage"},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct identity *identity = NULL;
        struct err err = {0};

        cases[i].spoil(*state);
        assert_int_equal(load(*state, &identity, &err), -1);
        assert_null(identity);
        assert_int_equal(err.code, cases[i].code);
        if (strstr(err.msg, cases[i].text) == NULL) {
            fail_msg("'%s' is not in '%s'", cases[i].text, err.msg);
        }
        tear_down(state);
        set_up(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_files_make_an_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reference_outlives_the_first_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_issuing_ca_may_be_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_files_are_refused_with_their_reason, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
