/*
 * Tests of certification requests: what we write, the authority's own reader must take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "attest/bundle.h"
#include "ca-client/csr.h"
#include "ca/csr.h"
#include "common/err.h"

#define URI "spiffe://prod.example/sim/payments/api"

struct fixture {
    EVP_PKEY *key;
    uint8_t bundle_storage[4096];
    struct buf bundle;
    X509_REQ *request;
};

static int set_up(void **state)
{
    static struct fixture f;
    static const uint8_t report[1184] = {5};
    const struct evidence evidence = {.provider = {(const uint8_t *)"sim", 3},
                                      .outblob = {report, sizeof(report)}};
    struct err err;

    f = (struct fixture){.key = EVP_EC_gen("P-256")};
    f.bundle = buf_over(f.bundle_storage, sizeof(f.bundle_storage));
    assert_int_equal(bundle_encode(&evidence, &f.bundle, &err), 0);
    f.request = csr_new(f.key, URI, &err);
    assert_non_null(f.request);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    X509_REQ_free(f->request);
    EVP_PKEY_free(f->key);
    return 0;
}

static void the_authority_reads_what_we_write(void **state)
{
    struct fixture *f = *state;
    uint8_t storage[8192];
    struct buf der = buf_over(storage, sizeof(storage));
    uint8_t ours[CSR_SPKI_SHA256_LEN];
    uint8_t theirs[SHA256_DIGEST_LENGTH];
    struct csr csr;
    struct verdict verdict = {0};
    EVP_PKEY *key = NULL;
    struct err err;

    assert_int_equal(csr_spki_sha256(f->request, ours, &err), 0);
    assert_int_equal(
        csr_sign(f->request, f->key, (struct bytes){f->bundle.data, f->bundle.len}, &der, &err), 0);
    assert_true(csr_parse((struct bytes){der.data, der.len}, &csr, &verdict));
    assert_string_equal(csr.uri, URI);
    assert_int_equal(csr.bundle.len, f->bundle.len);
    assert_memory_equal(csr.bundle.data, f->bundle.data, f->bundle.len);
    SHA256(csr.spki.data, csr.spki.len, theirs);
    assert_memory_equal(ours, theirs, sizeof(ours));
    assert_true(csr_prove(&csr, &key, &verdict));
    assert_int_equal(EVP_PKEY_eq(key, f->key), 1);
    EVP_PKEY_free(key);
}

static void a_request_that_does_not_fit_leaves_the_buffer_alone(void **state)
{
    struct fixture *f = *state;
    uint8_t storage[256];
    struct buf der = buf_over(storage, sizeof(storage));
    struct err err;

    assert_int_equal(
        csr_sign(f->request, f->key, (struct bytes){f->bundle.data, f->bundle.len}, &der, &err),
        -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(der.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_authority_reads_what_we_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_that_does_not_fit_leaves_the_buffer_alone, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
