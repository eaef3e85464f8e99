/*
 * Service reply: certificates out, refusals out and into the log.
 */
#include "ca/service_reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "ca/certs_only.h"
#include "common/err.h"
#include "common/est.h"
#include "common/http1.h"
#include "common/log.h"

#define CERTS_TYPE "application/pkcs7-mime; smime-type=certs-only"
#define BASE64_COLUMNS 64
#define LIMITED_LINE_MS 60000
#define REFUSAL_LINES_MAX 50 /* a second: a stranger must not fill the disk */

int64_t service_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A random UUID (RFC 4122 section 4.4). */
void service_make_id(char out_id[static SERVICE_ID_CAP])
{
    uint8_t random[16] = {0};

    if (RAND_bytes(random, sizeof(random)) != 1) {
        memset(random, 0, sizeof(random)); /* a name without meaning, but an answer */
    }
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    for (unsigned i = 0, at = 0; i < sizeof(random); i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;

        at += (unsigned)snprintf(out_id + at, SERVICE_ID_CAP - at, "%s%02x", dash ? "-" : "",
                                 random[i]);
    }
}

bool service_may_log(struct service *service)
{
    int64_t second = service_now_ms() / 1000;

    if (second != service->log_second) {
        if (service->log_dropped > 0) {
            log_warn("enrol.refusals_not_logged", kv_num("num", service->log_dropped));
        }
        service->log_second = second;
        service->log_lines = 0;
        service->log_dropped = 0;
    }
    if (service->log_lines == REFUSAL_LINES_MAX) {
        service->log_dropped++;
        return false;
    }
    service->log_lines++;
    return true;
}

void service_put_retry(unsigned retry_s, char out_field[static SERVICE_RETRY_CAP])
{
    snprintf(out_field, SERVICE_RETRY_CAP, "Retry-After: %u\r\n", retry_s);
}

void service_note_limited(struct service *service, const struct conn *conn, enum limit limit,
                          const char *id, const char *who)
{
    uint64_t now_ms = uv_now(service->options.loop) + LIMITED_LINE_MS; /* so 0 is long ago */

    service->options.counters->limited[limit]++;
    service->limited[limit].num++;
    if (now_ms >= service->limited[limit].logged_ms + LIMITED_LINE_MS) {
        log_warn("limit.reached", kv_text("id", id), kv_text("peer", conn_peer(conn)),
                 kv_text("limit", limit_name(limit)), kv_text("who", who),
                 kv_num("num", (int64_t)service->limited[limit].num));
        service->limited[limit].logged_ms = now_ms;
        service->limited[limit].num = 0;
    }
}

void service_send_refusal(struct conn *conn, unsigned status, enum verdict_code code,
                          const char *id, const char *fields)
{
    char body[128];
    struct buf text = buf_over(body, sizeof(body));
    bool fits = buf_printf(&text, "code=%s id=%s\n", verdict_code_name(code), id);

    assert(fits);
    conn_answer(conn, &(struct conn_answer){status, "text/plain", {text.data, text.len}, fields});
}

void service_refuse_request(struct service *service, struct conn *conn, unsigned status,
                            const char *reason, const char *fields)
{
    enum verdict_code code = status == 503 ? VERDICT_UNAVAILABLE : VERDICT_REQUEST_INVALID;
    char id[SERVICE_ID_CAP];

    service_make_id(id);
    service->options.counters->refused[code]++;
    if (service_may_log(service)) {
        log_warn("enrol.refused", kv_text("id", id), kv_text("peer", conn_peer(conn)),
                 kv_text("code", verdict_code_name(code)), kv_text("slug", reason),
                 kv_num("status", status));
    }
    service_send_refusal(conn, status, code, id, fields);
}

/* libest reads nothing but wrapped lines, strongSwan nothing but a single one. */
static unsigned wrap_columns(const struct http1 *request)
{
    struct bytes agent = {0};

    return http1_find(request, "user-agent", &agent) > 0 && agent.len >= 6 &&
                   memcmp(agent.data, "libest", 6) == 0
               ? BASE64_COLUMNS
               : 0;
}

void service_answer_certs(struct service *service, struct conn *conn, const struct bytes *certs,
                          size_t num_certs)
{
    uint8_t der_storage[CONN_ANSWER_MAX / 2];
    uint8_t text_storage[CONN_ANSWER_MAX];
    struct buf der = buf_over(der_storage, sizeof(der_storage));
    struct buf text = buf_over(text_storage, sizeof(text_storage));
    struct err err;

    if (certs_only_encode(certs, num_certs, &der, &err) != 0 ||
        !est_base64_put(&text, (struct bytes){der.data, der.len},
                        wrap_columns(conn_request(conn)))) {
        service_refuse_request(service, conn, 503, "answer-too-long", SERVICE_RETRY);
        return;
    }
    conn_answer(conn, &(struct conn_answer){200, CERTS_TYPE, {text.data, text.len}, NULL});
}
