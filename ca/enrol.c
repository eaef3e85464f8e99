/*
 * Enrol: the checks, each a function over one state, in the order of the protocol.
 */
#include "ca/enrol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "attest/binding.h"
#include "attest/bundle.h"
#include "ca/buckets.h"
#include "ca/csr.h"
#include "ca/renewal.h"
#include "ca/store_vendor.h"
#include "ca/supply.h"
#include "common/err.h"
#include "common/est.h"

#define CSR_MAX EST_BODY_MAX /* bytes: base64 only shrinks */

/* What one request has gathered so far. */
struct enrolment {
    const struct enrol_authority *authority;
    const struct enrol_request *request;
    struct enrol_result *result; /* its verdict is the one being filled */
    struct buf *leaf;
    uint8_t nonce[NONCE_LEN_MAX];
    size_t nonce_len;
    uint8_t *der; /* owned */
    struct csr csr;
    struct evidence evidence;
    EVP_PKEY *key; /* owned */
    struct claims claims;
    struct verify_chain chain; /* its list lies in the supply or in the request */
    struct supply *supply;     /* owned */
    struct crl_mark crl_marks[STORE_CRL_MARKS_MAX];
    struct store_holder holder; /* whose certificate is renewed */
    struct policy_grant grant;
    struct store_record record;
    bool done; /* `leaf` holds the answer; the rest is left out */
};

/* 2: the cookie. */
static bool check_nonce(struct enrolment *e)
{
    struct verdict *verdict = &e->result->verdict;
    struct buf nonce = buf_over(e->nonce, sizeof(e->nonce));

    if (e->request->num_nonces != 1) {
        return verdict_refuse(verdict, VERDICT_NONCE_INVALID, 0,
                              e->request->num_nonces == 0 ? "nonce-missing" : "nonce-doubled");
    }
    if (!est_base64url_get(&nonce, e->request->nonce)) {
        return verdict_refuse(verdict, VERDICT_NONCE_INVALID, 0, "nonce-encoding");
    }
    e->nonce_len = nonce.len;
    return nonce_check(&e->authority->nonces, (struct bytes){nonce.data, nonce.len},
                       (uint64_t)e->request->now_ms, verdict);
}

/* 3: base64, DER, attributes, bundle and what is inside it. */
static bool check_form(struct enrolment *e)
{
    struct verdict *verdict = &e->result->verdict;
    struct buf der;

    e->der = malloc(CSR_MAX);
    if (e->der == NULL) {
        return verdict_refuse(verdict, VERDICT_UNAVAILABLE, 0, "out-of-memory");
    }
    der = buf_over(e->der, CSR_MAX);
    if (!est_base64_get(&der, e->request->body)) {
        return verdict_refuse(verdict, VERDICT_CSR_INVALID, 0, "base64");
    }
    if (!csr_parse((struct bytes){der.data, der.len}, &e->csr, verdict)) {
        return false;
    }
    snprintf(e->result->spiffe, sizeof(e->result->spiffe), "%s", e->csr.uri);
    return bundle_decode(e->csr.bundle, &e->evidence, verdict);
}

/* `shown` is what the log has of the key. */
static bool check_limit(struct enrolment *e, enum limit limit, struct bytes key, struct bytes shown,
                        const char *slug)
{
    struct verdict *verdict = &e->result->verdict;
    char hex[VERDICT_VALUE_CAP];

    if (limits_admit(e->authority->limits, limit, key, &e->result->retry_s)) {
        return true;
    }
    e->result->limited = true;
    e->result->limit = limit;
    verdict_refuse(verdict, VERDICT_RATE_LIMITED, 0, slug);
    verdict_hex(shown, hex);
    verdict_actual(verdict, "%s", hex);
    return false;
}

/* 4: key type, proof of possession; how often, counted once for all runs of a request. */
static bool check_key(struct enrolment *e)
{
    const struct bytes sha256 = {e->record.spki_sha256, sizeof(e->record.spki_sha256)};

    if (!csr_prove(&e->csr, &e->key, &e->result->verdict)) {
        return false;
    }
    if (SHA256(e->csr.spki.data, e->csr.spki.len, e->record.spki_sha256) == NULL) {
        return verdict_refuse(&e->result->verdict, VERDICT_UNAVAILABLE, 0, "out-of-memory");
    }
    return e->request->num_fetched > 0 || check_limit(e, LIMIT_KEY, sha256, sha256, "key-rate");
}

static bool judge_outcome(struct enrolment *e, enum store_outcome outcome)
{
    struct verdict *verdict = &e->result->verdict;

    switch (outcome) {
    case STORE_NEW:
        return true;
    case STORE_SAME:
        e->result->repeated = true;
        e->done = true;
        return true;
    case STORE_NONCE_REPLAYED:
        return verdict_refuse(verdict, VERDICT_NONCE_REPLAYED, 0, "nonce-used-before");
    case STORE_KEY_REUSED:
        return verdict_refuse(verdict, VERDICT_KEY_REUSED, 0, "key-used-before");
    case STORE_CLOCK_BEHIND:
        return verdict_refuse(verdict, VERDICT_UNAVAILABLE, 0, "clock-behind");
    }
    return verdict_refuse(verdict, VERDICT_UNAVAILABLE, 0, "store-unavailable");
}

static bool refuse_store(struct enrolment *e, const struct err *err)
{
    verdict_refuse(&e->result->verdict, VERDICT_UNAVAILABLE, 0, "store-unavailable");
    verdict_actual(&e->result->verdict, "%s", err->msg);
    return false;
}

/* 5: an early answer from the store; the insert at the end decides. */
static bool check_use(struct enrolment *e)
{
    enum store_outcome outcome = STORE_NEW;
    struct err err;

    if (!nonce_id((struct bytes){e->nonce, e->nonce_len}, e->record.nonce_id) ||
        SHA256(e->evidence.outblob.data, e->evidence.outblob.len, e->record.evidence_sha256) ==
            NULL) {
        return verdict_refuse(&e->result->verdict, VERDICT_UNAVAILABLE, 0, "out-of-memory");
    }
    if (store_find(e->authority->store, &e->record, e->leaf, &outcome, &err) != 0) {
        return refuse_store(e, &err);
    }
    return judge_outcome(e, outcome);
}

/* 6: renewals by whom we know. */
static bool check_client(struct enrolment *e)
{
    return !e->request->renews ||
           renewal_find(e->authority->store, e->request->client, e->request->now_ms / 1000,
                        &e->holder, &e->result->verdict);
}

/* Says what the vendor would have to be asked for.  A store that cannot tell knows no chip. */
static void say_lacking(struct enrolment *e, const struct vendor_key *wanted)
{
    struct err err;

    e->result->lacking = true;
    e->result->wanted = *wanted;
    e->result->chip_known = policy_names_chip(e->authority->policy, wanted->chip);
    if (!e->result->chip_known &&
        store_vendor_knows(e->authority->store, wanted, &e->result->chip_known, &err) != 0) {
        e->result->chip_known = false;
    }
}

/* Appraises with more and more, until evidence holds or nothing could help. */
static bool appraise(struct enrolment *e, const struct verify_options *options)
{
    const struct supply_options sources = {
        .policy = e->authority->policy,
        .collateral = e->authority->collateral,
        .store = e->authority->store,
        .fetched = e->request->fetched,
        .num_fetched = e->request->num_fetched,
    };
    struct verdict *verdict = &e->result->verdict;
    enum supply_next next = SUPPLY_MORE;
    struct vendor_key wanted;
    struct err err;
    bool holds = false;

    e->supply = supply_new(&sources);
    if (e->supply == NULL) {
        return verdict_refuse(verdict, VERDICT_UNAVAILABLE, 0, "out-of-memory");
    }
    while (!holds && next == SUPPLY_MORE) {
        holds = verify_evidence(&e->evidence, supply_collateral(e->supply), options, &e->claims,
                                verdict, NULL);
        if (!holds) {
            next = supply_next(e->supply, &e->evidence, verdict, &wanted, &err);
        }
    }
    if (!holds && next == SUPPLY_FAILED) {
        refuse_store(e, &err);
    } else if (!holds && next == SUPPLY_LACKING) {
        say_lacking(e, &wanted);
    }
    return holds;
}

/* 7 to 10: the evidence, with REPORT_DATA as nonce and key demand. */
static bool check_evidence(struct enrolment *e)
{
    const struct policy_ca *ca = policy_ca(e->authority->policy);
    uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];
    struct err err;
    struct verify_options options = {
        .report_data = report_data,
        .now = e->request->now_ms / 1000,
        .anchors = ca->anchors,
        .num_anchors = ca->num_anchors,
        .vendor_crl = ca->vendor_crl,
        .memo = e->authority->memo,
        .out_chain = &e->chain,
    };

    if (store_crl_marks(e->authority->store, e->crl_marks, &options.num_crl_marks, &err) != 0) {
        return refuse_store(e, &err);
    }
    options.crl_marks = e->crl_marks;
    if (!binding_report_data(e->nonce, e->nonce_len, e->record.spki_sha256, report_data)) {
        return verdict_refuse(&e->result->verdict, VERDICT_UNAVAILABLE, 0, "out-of-memory");
    }
    if (!appraise(e, &options)) {
        return false;
    }
    e->result->evidence_holds = true;
    e->result->tee = e->claims.tee;
    e->result->has_tee = true;
    return true;
}

/* 11: who may have which identity. */
static bool check_policy(struct enrolment *e)
{
    const char *uri = e->csr.uri[0] != '\0' ? e->csr.uri : NULL;
    struct policy_traces traces = {e->result->traces, ENROL_TRACES_MAX, 0};
    bool granted = policy_evaluate(e->authority->policy, &e->claims, uri, &e->grant,
                                   &e->result->verdict, &traces);

    e->result->num_traces = traces.num;
    if (granted) {
        snprintf(e->result->workload, sizeof(e->result->workload), "%s", e->grant.workload);
        snprintf(e->result->spiffe, sizeof(e->result->spiffe), "%s", e->grant.spiffe);
    }
    return granted && (!e->request->renews ||
                       renewal_fits(&e->holder, &e->claims, &e->grant, &e->result->verdict));
}

/* 11: how often.  Only after the policy, or strangers with guests on the same processor could use
   up what is ours.  The simulated platform may claim any chip, so each platform's are its own. With
   a provider's key all processors would be one. */
static bool check_chip(struct enrolment *e)
{
    const struct bytes chip = {e->claims.vek_chip, CLAIMS_CHIP_LEN};
    uint8_t key[1 + CLAIMS_CHIP_LEN] = {(uint8_t)e->claims.tee};

    _Static_assert(sizeof(key) <= BUCKETS_KEY_MAX, "a chip is a key of buckets");
    memcpy(key + 1, chip.data, chip.len);
    return e->claims.vlek ||
           check_limit(e, LIMIT_CHIP, (struct bytes){key, sizeof(key)}, chip, "chip-rate");
}

static struct crl_mark crl_mark_of(const struct claims *claims)
{
    struct crl_mark mark = {
        .vlek = claims->vlek,
        .number_len = claims->crl_number_len,
        .this_update = claims->crl_this_update,
    };

    memcpy(mark.ark_spki_sha256, claims->ark_spki_sha256, sizeof(mark.ark_spki_sha256));
    memcpy(mark.number, claims->crl_number, sizeof(mark.number));
    return mark;
}

/* 12: sign, then store; a lost race leaves a certificate that nobody ever saw. */
static bool issue(struct enrolment *e)
{
    const struct issue_request request = {
        .key = e->key,
        .claims = &e->claims,
        .ca = policy_ca(e->authority->policy),
        .grant = &e->grant,
        .now = e->request->now_ms / 1000,
    };
    const struct crl_mark mark = crl_mark_of(&e->claims);
    uint8_t storage[STORE_CERT_MAX];
    struct buf cert = buf_over(storage, sizeof(storage));
    enum store_outcome outcome = STORE_NEW;
    struct err err;

    if (issue_leaf(&e->authority->issuer, &request, &e->result->issued, &cert, &err) != 0) {
        verdict_refuse(&e->result->verdict, VERDICT_UNAVAILABLE, 0, "signing-failed");
        verdict_actual(&e->result->verdict, "%s", err.msg);
        return false;
    }
    memcpy(e->record.serial, e->result->issued.serial, sizeof(e->record.serial));
    e->record.spiffe = e->grant.spiffe;
    e->record.policy_id = request.ca->id;
    e->record.issued_ms = e->request->now_ms;
    e->record.not_after = e->result->issued.not_after;
    e->record.cert = (struct bytes){cert.data, cert.len};
    e->record.crl = e->claims.crl_used ? &mark : NULL;
    memcpy(e->record.instance.report_id, e->claims.report_id, CLAIMS_REPORT_ID_LEN);
    memcpy(e->record.instance.report_id_ma, e->claims.report_id_ma, CLAIMS_REPORT_ID_LEN);
    if (store_insert(e->authority->store, &e->record, e->leaf, &outcome, &err) != 0) {
        return refuse_store(e, &err);
    }
    if (!judge_outcome(e, outcome)) {
        return false;
    }
    if (!e->done && !buf_append(e->leaf, cert.data, cert.len)) {
        return verdict_refuse(&e->result->verdict, VERDICT_UNAVAILABLE, 0, "certificate-too-long");
    }
    return true;
}

/* Only what somebody of ours uses is kept: a stranger's machine, however genuine, fills no table.
 */
static bool keep(struct enrolment *e)
{
    e->result->kept = supply_keep(e->authority->store, &e->evidence, &e->claims, &e->chain,
                                  e->request->now_ms / 1000, &e->result->unkept) == 0;
    return true;
}

bool enrol_decide(const struct enrol_authority *authority, const struct enrol_request *request,
                  struct enrol_result *out_result, struct buf *out_leaf)
{
    static bool (*const checks[])(struct enrolment * e) = {
        check_nonce,    check_form,   check_key,  check_use, check_client,
        check_evidence, check_policy, check_chip, issue,     keep,
    };
    struct enrolment e = {
        .authority = authority,
        .request = request,
        .result = out_result,
        .leaf = out_leaf,
    };
    bool accepted = true;

    _Static_assert(STORE_SERIAL_LEN == PROFILE_SERIAL_LEN, "one serial");
    *out_result = (struct enrol_result){.verdict = {.code = VERDICT_ACCEPTED}};
    for (size_t i = 0; accepted && !e.done && i < sizeof(checks) / sizeof(checks[0]); i++) {
        accepted = checks[i](&e);
    }
    supply_free(e.supply);
    EVP_PKEY_free(e.key);
    free(e.der);
    return accepted;
}
