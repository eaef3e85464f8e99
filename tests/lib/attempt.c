/*
 * Attempt: stage after stage.
 */
#include "tests/lib/attempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "attest/binding.h"
#include "attest/bundle.h"
#include "common/err.h"
#include "tests/lib/request.h"

#define LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

struct attempt *attempt_new(struct authority *authority)
{
    struct attempt *a = calloc(1, sizeof(*a));
    struct err err = {0};

    assert_non_null(a);
    a->authority = authority;
    a->key = EVP_EC_gen("P-256");
    assert_non_null(a->key);
    a->attributes = buf_over(a->attributes_storage, sizeof(a->attributes_storage));
    a->body = buf_over(a->body_storage, sizeof(a->body_storage));
    a->nonce_text = buf_over(a->nonce_storage, sizeof(a->nonce_storage));
    a->leaf = buf_over(a->leaf_storage, sizeof(a->leaf_storage));
    a->request.now_ms = AUTHORITY_NOW_MS;
    assert_int_equal(nonce_issue(&authority->enrol.nonces, NONCE_LEN, (uint64_t)AUTHORITY_NOW_MS,
                                 a->nonce, &err),
                     0);
    return a;
}

void attempt_free(struct attempt *a)
{
    EVP_PKEY_free(a->key);
    free(a);
}

void attempt_spki_digest(const struct attempt *a, uint8_t out_sha256[static 32])
{
    uint8_t storage[256];
    struct buf spki = buf_over(storage, sizeof(storage));

    request_spki(&spki, a->key);
    SHA256(spki.data, spki.len, out_sha256);
}

static void apply(struct attempt *a, const struct change *change, enum stage stage)
{
    if (change != NULL && change->stage == stage) {
        change->apply(a);
    }
}

static void enclose(struct attempt *a)
{
    uint8_t storage[ATTEMPT_CAP];
    struct buf bundle = buf_over(storage, sizeof(storage));
    struct err err = {0};

    assert_int_equal(bundle_encode(&a->evidence, &bundle, &err), 0);
    request_attribute(&a->attributes, LITERAL(REQUEST_OID_ATTESTATION),
                      (struct bytes){bundle.data, bundle.len});
    if (a->uri != NULL) {
        request_uri(&a->attributes, a->uri);
    }
}

void attempt_prepare(struct attempt *a, const struct change *change)
{
    uint8_t spki_sha256[32];
    uint8_t der_storage[ATTEMPT_CAP];
    struct buf der = buf_over(der_storage, sizeof(der_storage));
    struct err err = {0};

    attempt_spki_digest(a, spki_sha256);
    assert_true(binding_report_data(a->nonce, sizeof(a->nonce), spki_sha256, a->report_data));
    apply(a, change, STAGE_BOUND);
    assert_int_equal(sim_report(a->authority->machine, a->report_data, 0, a->report, &err), 0);
    a->evidence = (struct evidence){
        .provider = LITERAL("sim"),
        .outblob = {a->report, sizeof(a->report)},
        .certs = {sim_vek(a->authority->machine), sim_ask(a->authority->machine)},
        .num_certs = 2,
    };
    apply(a, change, STAGE_REPORTED);
    enclose(a);
    apply(a, change, STAGE_ENCLOSED);
    request_build(&der, &(struct request_parts){
                            .key = a->key,
                            .spki = a->spki,
                            .attributes = {a->attributes.data, a->attributes.len},
                        });
    assert_true(est_base64_put(&a->body, (struct bytes){der.data, der.len}, 0));
    assert_true(est_base64url_put(&a->nonce_text, (struct bytes){a->nonce, sizeof(a->nonce)}));
    a->request.num_nonces = 1;
    apply(a, change, STAGE_REQUESTED);
    a->request.body = (struct bytes){a->body.data, a->body.len};
    a->request.nonce = (struct bytes){a->nonce_text.data, a->nonce_text.len};
}

bool attempt_decide(struct attempt *a)
{
    a->leaf.len = 0;
    return enrol_decide(&a->authority->enrol, &a->request, &a->result, &a->leaf);
}
