/*
 * Csr: strict DER, the allowed attributes and keys, and proof of possession.
 */
#include "ca/csr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "common/buf.h"
#include "tests/lib/request.h"

#define CAP 8192
#define URI "spiffe://prod.example/sim/app"
#define LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})
#define BUNDLE LITERAL("\x30\x03\x02\x01\x07") /* any DER value: the bundle is not read here */

struct fixture {
    EVP_PKEY *key;
    struct buf attributes;
    struct buf request;
    uint8_t attributes_storage[CAP];
    uint8_t request_storage[CAP];
};

static void begin(struct fixture *f)
{
    f->key = EVP_EC_gen("P-256");
    assert_non_null(f->key);
    f->attributes = buf_over(f->attributes_storage, CAP);
    f->request = buf_over(f->request_storage, CAP);
}

static void end(struct fixture *f)
{
    EVP_PKEY_free(f->key);
}

static void add_attestation(struct fixture *f)
{
    request_attribute(&f->attributes, LITERAL(REQUEST_OID_ATTESTATION), BUNDLE);
}

static struct bytes build(struct fixture *f, const struct request_parts *parts)
{
    struct request_parts all = *parts;

    all.key = all.key != NULL ? all.key : f->key;
    all.attributes = (struct bytes){f->attributes.data, f->attributes.len};
    f->request.len = 0;
    request_build(&f->request, &all);
    return (struct bytes){f->request.data, f->request.len};
}

static void a_sound_request_is_taken_apart(void **state)
{
    struct fixture f;
    struct csr csr;
    struct verdict verdict;
    EVP_PKEY *key = NULL;
    uint8_t spki_storage[256];
    struct buf spki = buf_over(spki_storage, sizeof(spki_storage));

    begin(&f);
    request_uri(&f.attributes, URI);
    add_attestation(&f);
    request_attribute(&f.attributes, LITERAL(REQUEST_OID_PASSWORD), LITERAL("\x0c\x01\x78"));
    assert_true(csr_parse(build(&f, &(struct request_parts){0}), &csr, &verdict));
    assert_string_equal(csr.uri, URI);
    assert_int_equal(csr.bundle.len, BUNDLE.len);
    assert_memory_equal(csr.bundle.data, BUNDLE.data, BUNDLE.len);
    request_spki(&spki, f.key);
    assert_int_equal(csr.spki.len, spki.len);
    assert_memory_equal(csr.spki.data, spki.data, spki.len);
    assert_true(csr_prove(&csr, &key, &verdict));
    assert_int_equal(EVP_PKEY_eq(key, f.key), 1);
    EVP_PKEY_free(key);
    end(&f);
}

/* Each adds attributes beside, or instead of, a sound attestation. */
static void two_attestations(struct fixture *f)
{
    add_attestation(f);
    add_attestation(f);
}

static void two_values(struct fixture *f)
{
    request_attribute(&f->attributes, LITERAL(REQUEST_OID_ATTESTATION),
                      LITERAL("\x30\x03\x02\x01\x07\x30\x03\x02\x01\x08"));
}

static void no_attestation(struct fixture *f)
{
    request_uri(&f->attributes, URI);
}

static void two_extension_requests(struct fixture *f)
{
    add_attestation(f);
    request_uri(&f->attributes, URI);
    request_uri(&f->attributes, URI);
}

static void unknown_attribute(struct fixture *f)
{
    add_attestation(f);
    request_attribute(&f->attributes, LITERAL("\x06\x03\x55\x04\x03"), LITERAL("\x0c\x01\x78"));
}

static void bad_uri(struct fixture *f)
{
    add_attestation(f);
    request_uri(&f->attributes, "https://prod.example/sim/app");
}

static void extensions(struct fixture *f, struct bytes value)
{
    add_attestation(f);
    request_attribute(&f->attributes, LITERAL(REQUEST_OID_EXTENSIONS), value);
}

static void other_extension(struct fixture *f) /* basicConstraints, CA true */
{
    extensions(f, LITERAL("\x30\x0e\x30\x0c\x06\x03\x55\x1d\x13\x04\x05\x30\x03\x01\x01\xff"));
}

static void two_extensions(struct fixture *f)
{
    extensions(f, LITERAL("\x30\x1a\x30\x0b\x06\x03\x55\x1d\x11\x04\x04\x30\x02\x82\x00"
                          "\x30\x0b\x06\x03\x55\x1d\x11\x04\x04\x30\x02\x82\x00"));
}

static void critical_false(struct fixture *f) /* DER leaves out what is the default */
{
    extensions(f, LITERAL("\x30\x10\x30\x0e\x06\x03\x55\x1d\x11\x01\x01\x00\x04\x04\x30\x02\x82"
                          "\x00"));
}

static void two_uris(struct fixture *f)
{
    extensions(f, LITERAL("\x30\x27\x30\x25\x06\x03\x55\x1d\x11\x04\x1e\x30\x1c"
                          "\x86\x0cspiffe://a/b\x86\x0cspiffe://a/b"));
}

static void ip_address(struct fixture *f)
{
    extensions(f, LITERAL("\x30\x11\x30\x0f\x06\x03\x55\x1d\x11\x04\x08\x30\x06\x87\x04\x7f\x00\x00"
                          "\x01"));
}

static void what_is_not_allowed_in_a_request_is_refused(void **state)
{
    static const struct {
        void (*add)(struct fixture *f);
        enum verdict_code code;
        const char *slug;
    } cases[] = {
        {two_attestations, VERDICT_ENVELOPE_INVALID, "attestation-not-one"},
        {two_values, VERDICT_ENVELOPE_INVALID, "attestation-not-one"},
        {no_attestation, VERDICT_CSR_INVALID, "attestation-missing"},
        {two_extension_requests, VERDICT_CSR_INVALID, "attribute-not-allowed"},
        {unknown_attribute, VERDICT_CSR_INVALID, "attribute-not-allowed"},
        {bad_uri, VERDICT_CSR_INVALID, "san-uri-not-spiffe"},
        {other_extension, VERDICT_CSR_INVALID, "extension-not-allowed"},
        {two_extensions, VERDICT_CSR_INVALID, "extensions-not-one"},
        {critical_false, VERDICT_CSR_INVALID, "extensions-encoding"},
        {two_uris, VERDICT_CSR_INVALID, "san-not-one-uri"},
        {ip_address, VERDICT_CSR_INVALID, "san-not-one-uri"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct csr csr = {.uri = "untouched"};
        struct verdict verdict;

        begin(&f);
        cases[i].add(&f);
        assert_false(csr_parse(build(&f, &(struct request_parts){0}), &csr, &verdict));
        assert_string_equal(verdict.slug, cases[i].slug);
        assert_int_equal(verdict.code, cases[i].code);
        assert_string_equal(csr.uri, "untouched");
        end(&f);
    }
}

static void dns_names_are_ignored(void **state)
{
    struct fixture f;
    struct csr csr;
    struct verdict verdict;

    begin(&f);
    extensions(&f,
               LITERAL("\x30\x13\x30\x11\x06\x03\x55\x1d\x11\x01\x01\xff\x04\x07\x30\x05\x82\x03"
                       "a.b"));
    assert_true(csr_parse(build(&f, &(struct request_parts){0}), &csr, &verdict));
    assert_string_equal(csr.uri, "");
    end(&f);
}

static void only_version_0_is_accepted(void **state)
{
    struct fixture f;
    struct csr csr;
    struct verdict verdict;

    begin(&f);
    add_attestation(&f);
    assert_false(csr_parse(build(&f, &(struct request_parts){.version = 1}), &csr, &verdict));
    assert_string_equal(verdict.slug, "version-not-0");
    end(&f);
}

static void every_cut_and_every_added_byte_is_refused(void **state)
{
    struct fixture f;
    struct csr csr;
    struct verdict verdict;
    struct bytes whole;

    begin(&f);
    request_uri(&f.attributes, URI);
    add_attestation(&f);
    whole = build(&f, &(struct request_parts){0});
    for (size_t len = 0; len < whole.len; len++) {
        assert_false(csr_parse((struct bytes){whole.data, len}, &csr, &verdict));
    }
    f.request_storage[whole.len] = 0;
    assert_false(csr_parse((struct bytes){whole.data, whole.len + 1}, &csr, &verdict));
    end(&f);
}

static void every_flipped_bit_is_refused_by_form_or_signature(void **state)
{
    struct fixture f;
    struct bytes whole;

    begin(&f);
    request_uri(&f.attributes, URI);
    add_attestation(&f);
    whole = build(&f, &(struct request_parts){0});
    for (size_t i = 0; i < whole.len; i++) {
        struct csr csr;
        struct verdict verdict;
        EVP_PKEY *key = NULL;

        f.request_storage[i] ^= (uint8_t)(1U << i % 8);
        assert_false(csr_parse(whole, &csr, &verdict) && csr_prove(&csr, &key, &verdict));
        f.request_storage[i] ^= (uint8_t)(1U << i % 8);
    }
    end(&f);
}

static void ber_is_refused(void **state)
{
    struct fixture f;
    struct csr csr;
    struct verdict verdict;
    struct bytes whole;
    uint8_t ber[CAP];

    begin(&f);
    add_attestation(&f);
    whole = build(&f, &(struct request_parts){0});
    assert_int_equal(whole.data[1], 0x81); /* short enough: one octet of length */
    ber[0] = 0x30;
    ber[1] = 0x82; /* two octets where one does */
    ber[2] = 0;
    memcpy(ber + 3, whole.data + 2, whole.len - 2);
    assert_false(csr_parse((struct bytes){ber, whole.len + 1}, &csr, &verdict));
    assert_string_equal(verdict.slug, "request-encoding");
    ber[1] = 0x80; /* indefinite */
    memcpy(ber + 2, whole.data + 3, whole.len - 3);
    memset(ber + whole.len - 1, 0, 2);
    assert_false(csr_parse((struct bytes){ber, whole.len + 1}, &csr, &verdict));
    end(&f);
}

static EVP_PKEY *make_key(const char *name)
{
    if (strcmp(name, "RSA") == 0) {
        return EVP_RSA_gen(2048);
    }
    return name[0] == 'E' ? EVP_PKEY_Q_keygen(NULL, NULL, name) : EVP_EC_gen(name);
}

static void only_p256_and_p384_keys_are_allowed(void **state)
{
    static const struct {
        const char *key;
        bool allowed;
    } cases[] = {
        {"P-256", true},      {"P-384", true},    {"P-521", false},
        {"secp256k1", false}, {"ED25519", false}, {"RSA", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct csr csr;
        struct verdict verdict = {.code = VERDICT_ACCEPTED};
        EVP_PKEY *key = NULL;

        begin(&f);
        add_attestation(&f);
        EVP_PKEY_free(f.key);
        f.key = make_key(cases[i].key);
        assert_non_null(f.key);
        assert_true(csr_parse(build(&f, &(struct request_parts){0}), &csr, &verdict));
        assert_int_equal(csr_prove(&csr, &key, &verdict), cases[i].allowed);
        assert_int_equal(verdict.code,
                         cases[i].allowed ? VERDICT_ACCEPTED : VERDICT_KEY_NOT_ALLOWED);
        EVP_PKEY_free(key);
        end(&f);
    }
}

static void a_point_off_the_curve_is_no_key(void **state)
{
    struct fixture f;
    struct csr csr;
    struct verdict verdict;
    EVP_PKEY *key = NULL;
    uint8_t storage[256];
    struct buf spki = buf_over(storage, sizeof(storage));

    begin(&f);
    add_attestation(&f);
    request_spki(&spki, f.key);
    storage[spki.len - 1] ^= 1;
    assert_true(csr_parse(build(&f, &(struct request_parts){.spki = {spki.data, spki.len}}), &csr,
                          &verdict));
    assert_false(csr_prove(&csr, &key, &verdict));
    assert_int_equal(verdict.code, VERDICT_KEY_NOT_ALLOWED);
    end(&f);
}

static void a_key_that_did_not_sign_is_refused(void **state)
{
    struct fixture f;
    struct csr csr;
    struct verdict verdict;
    EVP_PKEY *key = NULL;
    EVP_PKEY *other = EVP_EC_gen("P-256");
    uint8_t storage[256];
    struct buf spki = buf_over(storage, sizeof(storage));

    begin(&f);
    add_attestation(&f);
    request_spki(&spki, other);
    assert_true(csr_parse(build(&f, &(struct request_parts){.spki = {spki.data, spki.len}}), &csr,
                          &verdict));
    assert_false(csr_prove(&csr, &key, &verdict));
    assert_int_equal(verdict.code, VERDICT_CSR_INVALID);
    assert_string_equal(verdict.slug, "possession-not-proven");
    EVP_PKEY_free(other);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_request_is_taken_apart),
        cmocka_unit_test(what_is_not_allowed_in_a_request_is_refused),
        cmocka_unit_test(dns_names_are_ignored),
        cmocka_unit_test(only_version_0_is_accepted),
        cmocka_unit_test(every_cut_and_every_added_byte_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused_by_form_or_signature),
        cmocka_unit_test(ber_is_refused),
        cmocka_unit_test(only_p256_and_p384_keys_are_allowed),
        cmocka_unit_test(a_point_off_the_curve_is_no_key),
        cmocka_unit_test(a_key_that_did_not_sign_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
