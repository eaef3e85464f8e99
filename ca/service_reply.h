/*
 * Service reply: the answers and refusals that several endpoints share, and their log
 * lines.  Only the service itself includes this.
 */
#pragma once

#include "ca/limits.h"
#include "ca/service.h"

#define SERVICE_RETRY "Retry-After: 5\r\n"
#define SERVICE_RETRY_CAP 32 /* a line as this, and NUL */
#define SERVICE_ID_CAP 37    /* a UUID and NUL */

struct service {
    struct service_options options;
    int64_t log_second; /* of the lines counted next */
    unsigned log_lines; /* about refusals, in that second */
    unsigned log_dropped;
    struct {
        uint64_t logged_ms; /* of the loop; when the last line about it was written */
        uint64_t num;       /* refusals since then */
    } limited[LIMIT_KINDS]; /* apart, or asking for nonces would hide whose chip is limited */
};

int64_t service_now_ms(void); /* milliseconds since 1970 */

/* Answers with a certs-only message of these DER certificates. */
void service_answer_certs(struct service *service, struct conn *conn, const struct bytes *certs,
                          size_t num_certs);

/* Answers request-invalid with this status, and logs the reason.  `fields` may be NULL. */
void service_refuse_request(struct service *service, struct conn *conn, unsigned status,
                            const char *reason, const char *fields);

/* A new name for a request, in log and answer. */
void service_make_id(char out_id[static SERVICE_ID_CAP]);

/* True if another line about a refusal may be written in this second; it then counts. */
bool service_may_log(struct service *service);

/* Writes the field Retry-After. */
void service_put_retry(unsigned retry_s, char out_field[static SERVICE_RETRY_CAP]);

/* Counts a request that came too often, and writes a line about such, one a minute for each limit.
   `who` is the one that is limited, "" for the peer. */
void service_note_limited(struct service *service, const struct conn *conn, enum limit limit,
                          const char *id, const char *who);

/* The line `code=CODE id=ID`.  `fields` may be NULL. */
void service_send_refusal(struct conn *conn, unsigned status, enum verdict_code code,
                          const char *id, const char *fields);
