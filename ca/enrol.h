/*
 * Enrol: one enrolment request judged from its nonce to its certificate, in the order of checks
 * that the protocol fixes (cheap ones first, the store last).
 *
 * Blocks on the store, so it runs on a worker thread.  Knows nothing of HTTP beyond the value of a
 * cookie and a body; time comes from the caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy.h"
#include "attest/verify.h"
#include "ca/issue.h"
#include "ca/limits.h"
#include "ca/nonce.h"
#include "ca/store.h"
#include "ca/vendor.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "common/ini.h"
#include "common/spiffe.h"
#include "common/verdict.h"

#define ENROL_TRACES_MAX 16

/* What an authority judges with; borrowed, and unchanged while requests run. */
struct enrol_authority {
    const struct policy *policy;
    const struct collateral *collateral;
    struct nonce_issuer nonces;
    struct issuer issuer;
    struct store *store;
    struct memo *memo;     /* of the verifier; NULL: none */
    struct limits *limits; /* NULL: none */
};

/* All borrowed for the call. */
struct enrol_request {
    struct bytes nonce;  /* base64url, as the cookie brought it */
    size_t num_nonces;   /* how many such cookies there were: one is right */
    struct bytes body;   /* base64 of the PKCS#10 request */
    int64_t now_ms;      /* milliseconds since 1970 */
    bool renews;         /* the certificate `client`, of which the client has the key */
    struct bytes client; /* DER; data NULL: it showed none */
    const struct vendor_item *fetched; /* what the vendor has answered for this request so far */
    size_t num_fetched;
};

/* For the answer, the log and the counters. */
struct enrol_result {
    struct verdict verdict;
    bool repeated; /* the certificate of an earlier, identical request was returned */
    struct issued issued;
    char workload[INI_NAME_MAX + 1];
    char spiffe[SPIFFE_ID_MAX + 1]; /* granted; before that what was asked for */
    enum tee tee;                   /* once the evidence held */
    bool has_tee;
    struct policy_trace traces[ENROL_TRACES_MAX]; /* if the policy refused */
    size_t num_traces;
    bool limited; /* refused for coming too often, by `limit` */
    enum limit limit;
    unsigned retry_s; /* when to come again */
    bool lacking;     /* refused for want of this, which only the vendor may have */
    struct vendor_key wanted;
    bool chip_known;     /* something of its chip was accepted before, or the policy lists it */
    bool evidence_holds; /* whatever came after; what was fetched was good */
    bool kept;           /* in the store, what evidence was accepted with */
    struct err unkept;   /* why not */
};

/* True: the leaf's DER was appended to `out_leaf` (room for STORE_CERT_MAX).  False: refused, as
   out_result->verdict says. */
MUST_CHECK bool enrol_decide(const struct enrol_authority *authority,
                             const struct enrol_request *request, struct enrol_result *out_result,
                             struct buf *out_leaf);
