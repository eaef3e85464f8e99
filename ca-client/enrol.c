/*
 * Enrol: the three requests, in order, over one connection.
 *
 *   /cacerts       the anchors; before anything is asked for, as without them nothing can be judged
 *   /nonce         what the evidence is bound to, together with a new key
 *   /simpleenroll  the request with the evidence; the certificate comes back.  While an identity is
 *                  valid, /simplereenroll, and its certificate is shown in the handshake
 *
 * Before the last, the machine's firmware is asked, which may take a minute.
 */
#include "ca-client/enrol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "attest/binding.h"
#include "attest/bundle.h"
#include "attest/parcel.h"
#include "ca-client/anchors.h"
#include "ca-client/certs.h"
#include "ca-client/channel.h"
#include "ca-client/csr.h"
#include "ca-client/grant.h"
#include "ca-client/reply.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/est.h"
#include "common/http1.h"
#include "common/spiffe.h"

#define NONCE_TYPE "application/est-attestation-freshness+json"
#define CERTS_TYPE "application/pkcs7-mime"
#define REQUEST_TYPE "application/pkcs10"
#define SILENCE_MS 5000 /* half of what our CA bears */

/* One enrolment under way. */
struct attempt {
    const struct enrol_options *options;
    struct enrol_failure *failure;
    const struct collect_source *source;
    struct channel *channel;
    STACK_OF(X509) * roots;
    X509_STORE *anchors;
    EVP_PKEY *key;
    char uri[SPIFFE_ID_MAX + 1];
    struct reply_nonce nonce;
    struct checked_clock clock; /* by the last response */
};

/* Whom the evidence is to come from, and so whom the certificate is for. */
static int set_source(struct attempt *attempt, struct err *err)
{
    const struct enrol_options *options = attempt->options;
    int len = 0;

    attempt->source = collect_find(&options->collect, err);
    if (attempt->source == NULL) {
        return -1;
    }
    len = snprintf(attempt->uri, sizeof(attempt->uri), "spiffe://%s/%s/%s", options->trust_domain,
                   collect_source_tee(attempt->source), options->service);
    if (len < 0 || (size_t)len >= sizeof(attempt->uri) ||
        !spiffe_id_valid(attempt->uri, (size_t)len)) {
        return err_set(err, ERR_INVALID, "trust domain and service make no SPIFFE ID");
    }
    return 0;
}

static int open_channel(struct attempt *attempt, struct err *err)
{
    const struct enrol_options *options = attempt->options;
    const struct clock_reading reading = clock_reading_now();
    int64_t now = checked_clock_at(&options->clock, &reading) / 1000;
    struct channel_options channel = {
        .url = options->ca_url,
        .deadline = deadline_in(options->timeout_ms, options->cancelled),
        .now = now,
        .now_at_least = checked_clock_at_least(&options->clock, &reading) / 1000,
    };

    if (attempt->roots == NULL) {
        attempt->roots = certs_load(options->ca_root, err);
        if (attempt->roots == NULL) {
            return -1;
        }
    }
    channel.roots = attempt->roots;
    if (options->holder != NULL && now < identity_not_after(options->holder)) {
        channel.cert = identity_leaf(options->holder);
        channel.key = identity_key(options->holder);
        attempt->failure->renewal = true;
    }
    attempt->channel = channel_open(&channel, err);
    return attempt->channel != NULL ? 0 : -1;
}

/* Another connection, if the firmware has taken so long that the CA may have hung up on us, and the
   time that the network has.  `began_ms` is of CLOCK_BOOTTIME. */
static int refresh_channel(struct attempt *attempt, int64_t began_ms, struct err *err)
{
    if (clock_reading_now().boot_ms - began_ms < SILENCE_MS) {
        return 0;
    }
    channel_close(attempt->channel);
    attempt->channel = NULL;
    return open_channel(attempt, err);
}

/* Asks, and takes any answer but an acceptable one for a failure. */
static int ask(struct attempt *attempt, const struct https_request *request, const char *media_type,
               const struct http1 **out_response, struct err *err)
{
    if (channel_ask(attempt->channel, request, out_response, &attempt->clock, err) != 0) {
        return -1;
    }
    if (reply_check(*out_response, media_type, attempt->failure, err) != 0) {
        return err_wrap(err, "%s", request->target);
    }
    return 0;
}

static int fetch_anchors(struct attempt *attempt, struct err *err)
{
    const struct https_request request = {.method = "GET", .target = EST_BASE "/cacerts"};
    const struct http1 *response = NULL;
    STACK_OF(X509) *certs = NULL;

    if (ask(attempt, &request, CERTS_TYPE, &response, err) != 0) {
        return -1;
    }
    certs = certs_decode(http1_body(response), err);
    if (certs == NULL) {
        return err_wrap(err, "%s", request.target);
    }
    attempt->anchors = anchors_select(certs, attempt->roots, attempt->options->trust_domain,
                                      checked_clock_now(&attempt->clock) / 1000, err);
    certs_free(certs);
    return attempt->anchors != NULL ? 0 : -1;
}

static int fetch_nonce(struct attempt *attempt, struct err *err)
{
    const struct https_request request = {.method = "GET", .target = EST_BASE "/nonce"};
    const struct http1 *response = NULL;

    if (ask(attempt, &request, NONCE_TYPE, &response, err) != 0) {
        return -1;
    }
    return reply_nonce(response, &attempt->nonce, err);
}

/* Evidence for nonce and key, encoded for the request. */
static int collect_bundle(const struct attempt *attempt, X509_REQ *request, struct buf *out,
                          struct err *err)
{
    uint8_t spki_sha256[CSR_SPKI_SHA256_LEN];
    uint8_t report_data[EVIDENCE_REPORT_DATA_LEN];
    struct collected *collected = NULL;
    struct parcel *parcel = NULL;
    int rc = -1;

    if (csr_spki_sha256(request, spki_sha256, err) != 0) {
        return -1;
    }
    if (!binding_report_data(attempt->nonce.data, attempt->nonce.len, spki_sha256, report_data)) {
        return err_set(err, ERR_LIMIT, "evidence: out of memory");
    }
    collected = collect_evidence(attempt->source, &attempt->options->collect, report_data, err);
    if (collected == NULL) {
        return err_wrap(err, "evidence");
    }
    parcel =
        parcel_new(collected_evidence(collected), checked_clock_now(&attempt->clock) / 1000, err);
    if (parcel != NULL) {
        rc = bundle_encode(parcel_evidence(parcel), out, err);
    } else {
        err_wrap(err, "evidence");
    }
    parcel_free(parcel);
    collected_free(collected);
    return rc;
}

/* The body of the enrolment: a new key, evidence for it, and the request in base64. */
static int make_body(struct attempt *attempt, struct buf *out, struct err *err)
{
    uint8_t *storage = malloc(2 * EST_BODY_MAX);
    struct buf bundle = buf_over(storage, EST_BODY_MAX);
    struct buf der = {0};
    X509_REQ *request = NULL;
    int rc = -1;

    if (storage == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    der = buf_over(storage + EST_BODY_MAX, EST_BODY_MAX);
    ERR_clear_error();
    attempt->key = EVP_EC_gen("P-256");
    if (attempt->key == NULL) {
        err_set_openssl(err, ERR_LIMIT, "new key");
        goto out;
    }
    request = csr_new(attempt->key, attempt->uri, err);
    if (request == NULL || collect_bundle(attempt, request, &bundle, err) != 0 ||
        csr_sign(request, attempt->key, (struct bytes){bundle.data, bundle.len}, &der, err) != 0) {
        goto out;
    }
    if (!est_base64_put(out, (struct bytes){der.data, der.len}, 0)) {
        err_set(err, ERR_LIMIT, "the evidence is too long for a request");
        goto out;
    }
    rc = 0;
out:
    X509_REQ_free(request);
    free(storage);
    return rc;
}

static int send_request(struct attempt *attempt, struct bytes body, STACK_OF(X509) * *out_certs,
                        struct err *err)
{
    char fields[REPLY_COOKIE_CAP + 16] = "";
    const struct https_request request = {
        .method = "POST",
        .target = attempt->failure->renewal ? EST_BASE "/simplereenroll" : EST_BASE "/simpleenroll",
        .content_type = REQUEST_TYPE,
        .body = body,
        .fields = fields,
    };
    const struct http1 *response = NULL;

    (void)snprintf(fields, sizeof(fields), "Cookie: %s\r\n", attempt->nonce.cookie);
    if (ask(attempt, &request, CERTS_TYPE, &response, err) != 0) {
        return -1;
    }
    *out_certs = certs_decode(http1_body(response), err);
    return *out_certs != NULL ? 0 : err_wrap(err, "%s", request.target);
}

static int obtain(struct attempt *attempt, struct identity **out_identity, struct err *err)
{
    uint8_t *storage = malloc(EST_BODY_MAX);
    struct buf body = buf_over(storage, EST_BODY_MAX);
    STACK_OF(X509) *certs = NULL;
    struct identity *identity = NULL;
    struct grant grant = {0};
    int64_t began_ms = clock_reading_now().boot_ms;

    if (storage == NULL) {
        return err_set(err, ERR_LIMIT, "out of memory");
    }
    if (make_body(attempt, &body, err) != 0 || refresh_channel(attempt, began_ms, err) != 0 ||
        send_request(attempt, (struct bytes){body.data, body.len}, &certs, err) != 0) {
        goto out;
    }
    grant = (struct grant){
        .key = attempt->key,
        .uri = attempt->uri,
        .trust_domain = attempt->options->trust_domain,
        .anchors = attempt->anchors,
        .now_ms = checked_clock_now(&attempt->clock),
        .clock = attempt->clock,
    };
    identity = grant_accept(&grant, certs, err);
out:
    certs_free(certs);
    free(storage);
    if (identity == NULL) {
        return -1;
    }
    *out_identity = identity;
    return 0;
}

int enrol_check_root(const struct enrol_options *options, struct err *err)
{
    STACK_OF(X509) *roots = certs_load(options->ca_root, err);

    if (roots == NULL) {
        return -1;
    }
    certs_free(roots);
    return 0;
}

int enrol_check_platform(const struct enrol_options *options, struct err *err)
{
    return collect_find(&options->collect, err) != NULL ? 0 : -1;
}

struct collect_places enrol_places(const struct enrol_options *options)
{
    return collect_places(&options->collect);
}

void enrol_sweep(const struct enrol_options *options)
{
    collect_sweep(&options->collect);
}

int enrol_run(const struct enrol_options *options, struct identity **out_identity,
              struct enrol_failure *out_failure, struct err *err)
{
    struct attempt attempt = {.options = options, .failure = out_failure};
    int rc = -1;

    *out_failure = (struct enrol_failure){0};
    if (set_source(&attempt, err) == 0 && open_channel(&attempt, err) == 0 &&
        fetch_anchors(&attempt, err) == 0 && fetch_nonce(&attempt, err) == 0) {
        rc = obtain(&attempt, out_identity, err);
    }
    channel_close(attempt.channel);
    certs_free(attempt.roots);
    X509_STORE_free(attempt.anchors);
    EVP_PKEY_free(attempt.key);
    return rc;
}
