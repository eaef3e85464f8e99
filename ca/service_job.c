/*
 * Service job: one enrolment on its way through the thread pool, and how its outcome is told.
 */
#include "ca/service_job.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ca/cookie.h"
#include "ca/service_reply.h"
#include "ca/supply.h"
#include "ca/vendor.h"
#include "common/est.h"
#include "common/http1.h"
#include "common/log.h"

/* The status that carries a refusal (section 3.1 of the protocol). */
static unsigned status_of(enum verdict_code code)
{
    switch (code) {
    case VERDICT_REQUEST_INVALID:
    case VERDICT_CSR_INVALID:
    case VERDICT_ENVELOPE_INVALID:
        return 400;
    case VERDICT_NONCE_REPLAYED:
    case VERDICT_KEY_REUSED:
        return 409;
    case VERDICT_RATE_LIMITED:
        return 429;
    case VERDICT_COLLATERAL_UNAVAILABLE:
    case VERDICT_UNAVAILABLE:
        return 503;
    case VERDICT_NONCE_INVALID:
    case VERDICT_NONCE_EXPIRED:
    case VERDICT_KEY_NOT_ALLOWED:
    case VERDICT_PLATFORM_UNSUPPORTED:
    case VERDICT_REPORT_INVALID:
    case VERDICT_CHAIN_INVALID:
    case VERDICT_REVOKED:
    case VERDICT_COLLATERAL_INVALID:
    case VERDICT_SIGNATURE_INVALID:
    case VERDICT_BINDING_MISMATCH:
    case VERDICT_GUEST_POLICY:
    case VERDICT_TCB_NOT_ALLOWED:
    case VERDICT_MACHINE_NOT_ALLOWED:
    case VERDICT_REFERENCE_MISMATCH:
    case VERDICT_NO_POLICY_MATCH:
    case VERDICT_IDENTITY_NOT_PERMITTED:
        return 403;
    case VERDICT_ACCEPTED:
    case VERDICT_CODES:
        break;
    }
    return 503;
}

struct job {
    uv_work_t work;
    struct service *service;
    struct conn *conn;
    char id[SERVICE_ID_CAP];
    struct enrol_request request; /* its views are the connection's, which waits for us */
    struct enrol_result result;
    struct buf leaf;
    uint8_t leaf_storage[STORE_CERT_MAX];
    uint8_t client_storage[STORE_CERT_MAX]; /* the certificate that is renewed */
    bool accepted;
    struct vendor_item fetched[SUPPLY_ITEMS_MAX]; /* their data is owned */
    size_t num_fetched;
    unsigned retry_s; /* for a refusal; 0: as ever */
};

static void job_free(struct job *job)
{
    for (size_t i = 0; i < job->num_fetched; i++) {
        free((void *)(uintptr_t)job->fetched[i].data.data);
    }
    free(job);
}

static void job_log_refusal(const struct job *job)
{
    const struct enrol_result *result = &job->result;
    const struct verdict *verdict = &result->verdict;

    log_warn("enrol.refused", kv_text("id", job->id), kv_text("peer", conn_peer(job->conn)),
             kv_text("code", verdict_code_name(verdict->code)), kv_text("slug", verdict->slug),
             kv_num("row", verdict->row), kv_text("expected", verdict->expected),
             kv_text("actual", verdict->actual), kv_text("spiffe", result->spiffe));
    for (size_t i = 0; i < result->num_traces; i++) {
        const struct policy_trace *trace = &result->traces[i];

        log_info("enrol.predicate", kv_text("id", job->id), kv_text("workload", trace->workload),
                 kv_text("slug", trace->matches ? "" : trace->first_failure.slug),
                 kv_text("expected", trace->first_failure.expected),
                 kv_text("actual", trace->first_failure.actual));
    }
}

static void job_refuse(struct job *job)
{
    enum verdict_code code = job->result.verdict.code;
    unsigned status = status_of(code);
    char retry[SERVICE_RETRY_CAP];

    job->service->options.counters->refused[code]++;
    if (job->result.limited) {
        job->retry_s = job->result.retry_s;
        service_note_limited(job->service, job->conn, job->result.limit, job->id,
                             job->result.verdict.actual);
    } else if (service_may_log(job->service)) {
        job_log_refusal(job);
    }
    service_put_retry(job->retry_s, retry);
    service_send_refusal(job->conn, status, code, job->id,
                         status != 503 && status != 429 ? NULL
                         : job->retry_s == 0            ? SERVICE_RETRY
                                                        : retry);
}

static void job_accept(struct job *job)
{
    const struct enrol_result *result = &job->result;
    struct counters *counters = job->service->options.counters;
    const struct bytes certs[] = {
        {job->leaf.data, job->leaf.len},
        job->service->options.issuing_der,
    };
    char serial[2 * PROFILE_SERIAL_LEN + 1];

    for (unsigned i = 0; i < PROFILE_SERIAL_LEN; i++) {
        snprintf(serial + 2 * i, 3, "%02x", result->issued.serial[i]);
    }
    if (result->repeated) {
        counters->repeated++;
        log_info("enrol.repeated", kv_text("id", job->id), kv_text("peer", conn_peer(job->conn)),
                 kv_text("spiffe", result->spiffe));
    } else {
        counters_add_issued(counters, result->workload);
        log_info("enrol.issued", kv_text("id", job->id), kv_text("peer", conn_peer(job->conn)),
                 kv_text("spiffe", result->spiffe), kv_text("workload", result->workload),
                 kv_text("tee", tee_name(result->tee)), kv_text("serial", serial),
                 kv_num("not_after", result->issued.not_after));
    }
    if (!result->repeated && result->tee == TEE_SIM) {
        counters->simulated++;
        log_warn("enrol.simulated", kv_text("serial", serial), kv_text("spiffe", result->spiffe));
    }
    if (!result->repeated && !result->kept) {
        log_warn("vendor.not_kept", kv_text("reason", result->unkept.msg));
    }
    service_answer_certs(job->service, job->conn, certs, 2);
}

static void job_run(uv_work_t *work)
{
    struct job *job = work->data;

    job->request.now_ms = service_now_ms();
    job->accepted =
        enrol_decide(job->service->options.authority, &job->request, &job->result, &job->leaf);
}

/* What was fetched for this request proved good, is in the store, or did not help. */
static void job_report(struct job *job)
{
    struct kds *kds = job->service->options.kds;
    const struct enrol_result *result = &job->result;

    for (size_t i = 0; i < job->num_fetched; i++) {
        const struct vendor_item *item = &job->fetched[i];

        if (item->data.data != NULL && job->accepted && result->kept) {
            kds_settle(kds, &item->key);
        } else if (item->data.data != NULL && !result->evidence_holds &&
                   vendor_blames(&result->verdict, item->key.kind)) {
            kds_doubt(kds, &item->key);
        }
    }
}

static void job_end(struct job *job)
{
    job_report(job);
    if (job->accepted) {
        job_accept(job);
    } else {
        job_refuse(job);
    }
    job_free(job);
}

/* Whatever the evidence lacks by itself, it is the vendor that could not be asked. */
static void job_give_up(struct job *job, unsigned retry_s)
{
    struct verdict *verdict = &job->result.verdict;
    const char *slug = verdict->slug;

    verdict_refuse(verdict, VERDICT_COLLATERAL_UNAVAILABLE, 0, "vendor-unavailable");
    verdict_expected(verdict, "the %s of %s", vendor_kind_name(job->result.wanted.kind),
                     product_name(job->result.wanted.product));
    verdict_actual(verdict, "%s", slug);
    job->retry_s = retry_s;
    job_end(job);
}

static void job_queue(struct job *job);

static void job_on_answer(void *user, const struct kds_answer *answer)
{
    struct job *job = user;
    struct vendor_item *item = &job->fetched[job->num_fetched];
    uint8_t *data = NULL;

    if (!answer->answered) {
        job_give_up(job, answer->retry_s);
        return;
    }
    item->key = job->result.wanted;
    if (answer->data.data != NULL) {
        data = malloc(answer->data.len);
        if (data == NULL) {
            job_give_up(job, 0);
            return;
        }
        memcpy(data, answer->data.data, answer->data.len);
    }
    item->data = (struct bytes){data, data != NULL ? answer->data.len : 0};
    job->num_fetched++;
    job_queue(job);
}

static void job_done(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct kds *kds = job->service->options.kds;

    assert(status == 0); /* nobody cancels */
    if (!job->accepted && job->result.lacking && kds != NULL &&
        job->num_fetched < SUPPLY_ITEMS_MAX) {
        const struct kds_asker asker = {job->result.chip_known, source_of(conn_address(job->conn))};

        kds_ask(kds, &job->result.wanted, &asker, job_on_answer, job);
        return;
    }
    job_end(job);
}

/* Appraises, for the first time or with more than before. */
static void job_queue(struct job *job)
{
    job->leaf.len = 0;
    job->request.fetched = job->fetched;
    job->request.num_fetched = job->num_fetched;
    if (uv_queue_work(job->service->options.loop, &job->work, job_run, job_done) != 0) {
        service_refuse_request(job->service, job->conn, 503, "no-worker", SERVICE_RETRY);
        job_free(job);
    }
}

/* The nonce's cookie, wherever among the Cookie fields it stands. */
static void find_nonce(const struct http1 *request, struct enrol_request *out)
{
    for (size_t i = 0; i < http1_num_headers(request); i++) {
        const struct http1_header *header = http1_header_at(request, i);
        struct bytes value = {0};
        size_t num = 0;

        if (header->name.len != strlen("cookie") ||
            strncasecmp((const char *)header->name.data, "cookie", header->name.len) != 0) {
            continue;
        }
        num = cookie_find(header->value, EST_NONCE_COOKIE, &value);
        if (num > 0) {
            out->nonce = value;
            out->num_nonces += num;
        }
    }
}

/* One that is too long is none of ours. */
static void find_client(struct job *job)
{
    struct buf client = buf_over(job->client_storage, sizeof(job->client_storage));

    if (conn_put_certificate(job->conn, &client) && client.len > 0) {
        job->request.client = (struct bytes){client.data, client.len};
    }
}

void service_job_start(struct service *service, struct conn *conn, bool renews)
{
    const struct http1 *request = conn_request(conn);
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL) {
        service_refuse_request(service, conn, 503, "out-of-memory", SERVICE_RETRY);
        return;
    }
    job->work.data = job;
    job->service = service;
    job->conn = conn;
    job->leaf = buf_over(job->leaf_storage, sizeof(job->leaf_storage));
    job->request.body = http1_body(request);
    find_nonce(request, &job->request);
    job->request.renews = renews;
    if (renews) {
        find_client(job);
    }
    service_make_id(job->id);
    job_queue(job);
}
