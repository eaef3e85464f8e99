/*
 * Service: routing, /cacerts and /nonce.
 */
#include "ca/service.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "ca/service_job.h"
#include "ca/service_reply.h"
#include "common/err.h"
#include "common/est.h"
#include "common/http1.h"
#include "common/source.h"

#define NONCE_TYPE "application/est-attestation-freshness+json"

struct service *service_new(const struct service_options *options, struct err *err)
{
    struct service *service = calloc(1, sizeof(*service));

    if (service == NULL) {
        err_set(err, ERR_LIMIT, "out of memory");
        return NULL;
    }
    service->options = *options;
    return service;
}

void service_free(struct service *service)
{
    free(service);
}

/* Compares the media type without its parameters and without case. */
static bool has_type(const struct http1 *request, const char *type)
{
    struct bytes value = {0};
    size_t len = strlen(type);

    return http1_find(request, "content-type", &value) == 1 && value.len >= len &&
           strncasecmp((const char *)value.data, type, len) == 0 &&
           (value.len == len || strchr("; \t", value.data[len]) != NULL);
}

static bool has_method(const struct http1 *request, const char *method)
{
    return strcmp(http1_method(request), method) == 0;
}

static void answer_cacerts(struct service *service, struct conn *conn)
{
    const struct bytes certs[] = {service->options.root_der, service->options.issuing_der};

    if (!has_method(conn_request(conn), "GET")) {
        service_refuse_request(service, conn, 405, "method", "Allow: GET\r\n");
        return;
    }
    service_answer_certs(service, conn, certs, 2);
}

/* {"len": N}, anything else in it ignored.  False: malformed. */
static bool read_nonce_request(struct bytes body, size_t *out_len)
{
    json_t *root = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *len = json_object_get(root, "len");
    bool ok = json_is_object(root) &&
              (len == NULL || (json_is_integer(len) && json_integer_value(len) >= 8 &&
                               json_integer_value(len) <= NONCE_LEN_MAX));

    if (ok && len != NULL) {
        *out_len = (size_t)json_integer_value(len);
    }
    json_decref(root);
    return ok;
}

static void refuse_nonce(struct service *service, struct conn *conn, unsigned status,
                         const char *fields)
{
    service->options.counters->nonces_refused++;
    conn_answer(conn, &(struct conn_answer){.status = status, .fields = fields});
}

static void send_nonce(struct service *service, struct conn *conn, size_t len)
{
    uint8_t nonce[NONCE_LEN_MAX];
    char text[2 * NONCE_LEN_MAX];
    char body[256];
    char fields[384];
    struct buf text_buf = buf_over(text, sizeof(text));
    struct buf body_buf = buf_over(body, sizeof(body));
    struct buf fields_buf = buf_over(fields, sizeof(fields) - 1);
    struct err err;

    if (nonce_issue(&service->options.authority->nonces, len, (uint64_t)service_now_ms(), nonce,
                    &err) != 0 ||
        !est_base64url_put(&text_buf, (struct bytes){nonce, len}) ||
        !buf_printf(&body_buf, "{\"nonce\":\"%.*s\",\"expiry\":%d}", (int)text_buf.len, text,
                    NONCE_LIFETIME_S) ||
        !buf_printf(&fields_buf,
                    "Set-Cookie: " EST_NONCE_COOKIE "=%.*s; Secure; HttpOnly; SameSite=Strict;"
                    " Path=/; Max-Age=%d\r\nCache-Control: no-store\r\n",
                    (int)text_buf.len, text, NONCE_LIFETIME_S)) {
        refuse_nonce(service, conn, 503, SERVICE_RETRY);
        return;
    }
    fields[fields_buf.len] = '\0';
    service->options.counters->nonces_issued++;
    conn_answer(conn,
                &(struct conn_answer){200, NONCE_TYPE, {body_buf.data, body_buf.len}, fields});
}

/* Refusals here have no body. */
static void answer_nonce(struct service *service, struct conn *conn)
{
    const struct http1 *request = conn_request(conn);
    size_t len = NONCE_LEN;

    if (has_method(request, "POST")) {
        if (!has_type(request, NONCE_TYPE)) {
            refuse_nonce(service, conn, 415, NULL);
            return;
        }
        if (!read_nonce_request(http1_body(request), &len)) {
            refuse_nonce(service, conn, 400, NULL);
            return;
        }
    } else if (!has_method(request, "GET")) {
        refuse_nonce(service, conn, 405, "Allow: GET, POST\r\n");
        return;
    }
    if (!nonce_len_served(len)) {
        refuse_nonce(service, conn, 503, SERVICE_RETRY);
        return;
    }
    send_nonce(service, conn, len);
}

static void start_job(struct service *service, struct conn *conn, bool renews)
{
    const struct http1 *request = conn_request(conn);

    if (!has_method(request, "POST")) {
        service_refuse_request(service, conn, 405, "method", "Allow: POST\r\n");
    } else if (!has_type(request, "application/pkcs10")) {
        service_refuse_request(service, conn, 415, "media-type", NULL);
    } else {
        service_job_start(service, conn, renews);
    }
}

static void answer_enrol(struct service *service, struct conn *conn)
{
    start_job(service, conn, false);
}

static void answer_reenrol(struct service *service, struct conn *conn)
{
    start_job(service, conn, true);
}

/* By address; a connection that is already gone comes from nowhere. */
static bool admit(struct service *service, struct conn *conn, enum limit limit)
{
    const struct source source = source_of(conn_address(conn));
    const struct bytes key = {source.address, sizeof(source.address)};
    char id[SERVICE_ID_CAP];
    char retry[SERVICE_RETRY_CAP];
    unsigned retry_s = 0;

    if (limit == LIMIT_KINDS ||
        limits_admit(service->options.authority->limits, limit, key, &retry_s)) {
        return true;
    }
    service_make_id(id);
    service_put_retry(retry_s, retry);
    service_note_limited(service, conn, limit, id, "");
    if (limit == LIMIT_NONCE) {
        refuse_nonce(service, conn, 429, retry);
    } else {
        service->options.counters->refused[VERDICT_RATE_LIMITED]++;
        service_send_refusal(conn, 429, VERDICT_RATE_LIMITED, id, retry);
    }
    return false;
}

void service_on_request(void *user, struct conn *conn, unsigned refused_status)
{
    static const struct {
        const char *path;
        void (*answer)(struct service *service, struct conn *conn);
        enum limit limit; /* LIMIT_KINDS: none */
    } routes[] = {
        {EST_BASE "/cacerts", answer_cacerts, LIMIT_KINDS},
        {EST_BASE "/nonce", answer_nonce, LIMIT_NONCE},
        {EST_BASE "/simpleenroll", answer_enrol, LIMIT_ENROL},
        {EST_BASE "/simplereenroll", answer_reenrol, LIMIT_ENROL},
    };
    struct service *service = user;
    const struct http1 *request = conn_request(conn);
    struct bytes target = {0};

    if (refused_status != 0) {
        service_refuse_request(service, conn, refused_status, http1_refusal_reason(request), NULL);
        return;
    }
    target = http1_target(request);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (target.len == strlen(routes[i].path) &&
            memcmp(target.data, routes[i].path, target.len) == 0) {
            if (admit(service, conn, routes[i].limit)) {
                routes[i].answer(service, conn);
            }
            return;
        }
    }
    service_refuse_request(service, conn, 404, "path", NULL);
}
