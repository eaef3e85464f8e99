/*
 * Enrol: key, CSR and evidence in; a certificate out.
 *
 * The key is made here, in memory, and written nowhere.  Knows nothing of settings, nor who uses
 * the identity.  Everything blocks: the owner of an event loop calls it from a worker thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "attest/collect.h"
#include "ca-client/checked_clock.h"
#include "common/compiler.h"
#include "common/verdict.h"

struct err;

/* An attested service identity: immutable, reference-counted, safe to share between threads. */
struct identity;

struct enrol_options {
    const char *ca_url;  /* https://HOST:PORT */
    const char *ca_root; /* PEM file of the pinned root */
    const char *trust_domain;
    const char *service; /* path behind the tee: the CSR's URI is spiffe://TD/TEE/SERVICE */
    struct collect_options collect;
    struct checked_clock clock;    /* as the enrolment before has learnt it, or {0} */
    const struct identity *holder; /* whose certificate of this CA's is renewed while it is valid;
                                      NULL: a newcomer's enrolment; must outlive the call */
    unsigned timeout_ms;           /* for all that goes over the network */
    const _Atomic bool *cancelled; /* looked at every 250 ms meanwhile; may be NULL */
};

/* How an enrolment failed, for the schedule of the next one. */
struct enrol_failure {
    enum verdict_code code; /* the CA's refusal; VERDICT_ACCEPTED: it never got that far */
    unsigned retry_after_s; /* 0: not given */
    char id[64];            /* the CA's audit id, or empty */
    bool renewal;           /* it was no newcomer's */
};

/* Whether what an enrolment needs of this machine is there and well-formed.  Both block. */
MUST_CHECK int enrol_check_root(const struct enrol_options *options, struct err *err);
MUST_CHECK int enrol_check_platform(const struct enrol_options *options, struct err *err);

/* As collect_places(). */
struct collect_places enrol_places(const struct enrol_options *options);

/* Removes what enrolments of processes that are gone have left in the kernel.  For the start of a
   program, with the rights of its user but outside of any sandbox. */
void enrol_sweep(const struct enrol_options *options);

/* One enrolment: nonce, key, evidence, CSR, certificate, checks of what came back.  0:
   `out_identity` is the caller's.  -1: `err` and `out_failure` are filled. */
MUST_CHECK int enrol_run(const struct enrol_options *options, struct identity **out_identity,
                         struct enrol_failure *out_failure, struct err *err);

/* PEM files that somebody else renews. */
struct identity_files {
    const char *certificate;  /* the leaf, then perhaps its issuing CA */
    const char *private_key;  /* not encrypted */
    const char *trust_bundle; /* the anchors for peers */
};

/* Loads an identity from files.  ERR_INVALID too for a leaf that is of another trust domain, that
   breaks the rules for leaves (common/svid.h), or that is not valid now. */
MUST_CHECK int identity_load_files(const struct identity_files *files, const char *trust_domain,
                                   struct identity **out_identity, struct err *err);

/* True if no peer could tell them apart, nor is another trusted: the same leaf, issuing CA and
   anchors.  Their clocks may differ. */
bool identity_is_same(const struct identity *left, const struct identity *right);

struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identity *identity); /* accepts NULL; wipes the key with the last one */

/* All borrowed from the identity. */
EVP_PKEY *identity_key(const struct identity *identity);
X509 *identity_leaf(const struct identity *identity);
X509 *identity_issuer(const struct identity *identity);        /* the issuing CA's certificate */
X509_STORE *identity_anchors(const struct identity *identity); /* issuing CAs: anchors for peers */
/* Whether a certificate whose DER has this digest is one of the anchors. */
bool identity_has_anchor(const struct identity *identity, const uint8_t sha256[static 32]);
const char *identity_spiffe(const struct identity *identity);
const char *identity_trust_domain(const struct identity *identity);
int64_t identity_not_before(const struct identity *identity); /* seconds since 1970 */
int64_t identity_not_after(const struct identity *identity);
const struct checked_clock *identity_clock(const struct identity *identity);
