/*
 * Attempt: one enrolment as a client makes it, whose parts a test alters on the way: everything
 * after the altered part is made from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "ca/enrol.h"
#include "common/est.h"
#include "tests/lib/authority.h"

#define ATTEMPT_CAP 32768

/* One enrolment in the making; a case alters it at one of its stages. */
struct attempt {
    struct authority *authority;
    EVP_PKEY *key;
    uint8_t nonce[NONCE_LEN];
    uint8_t report_data[64];
    uint8_t report[REPORT_LEN];
    struct evidence evidence;
    const char *uri;
    size_t byte;       /* which one flip_binding_byte() flips */
    struct bytes spki; /* data NULL: that of `key` */
    struct buf attributes;
    struct buf body;       /* base64 */
    struct buf nonce_text; /* base64url */
    struct enrol_request request;
    struct enrol_result result;
    struct buf leaf;
    uint8_t attributes_storage[ATTEMPT_CAP];
    uint8_t body_storage[EST_BODY_MAX];
    char nonce_storage[2 * NONCE_LEN_MAX];
    uint8_t leaf_storage[STORE_CERT_MAX];
};

/* When a change is made, as soon as this is there. */
enum stage {
    STAGE_BOUND,     /* `report_data` */
    STAGE_REPORTED,  /* `report` and `evidence` */
    STAGE_ENCLOSED,  /* `attributes` */
    STAGE_REQUESTED, /* `body`, `nonce_text` and `request` */
};

struct change {
    enum stage stage;
    void (*apply)(struct attempt *a);
};

/* A new key, and a nonce issued at AUTHORITY_NOW_MS. */
struct attempt *attempt_new(struct authority *authority);
void attempt_free(struct attempt *attempt);

/* SHA-256 of the key's SubjectPublicKeyInfo. */
void attempt_spki_digest(const struct attempt *attempt, uint8_t out_sha256[static 32]);

/* Makes everything that is sent; `change` may be NULL. */
void attempt_prepare(struct attempt *attempt, const struct change *change);

/* Lets the authority decide, into `result` and `leaf`. */
bool attempt_decide(struct attempt *attempt);
