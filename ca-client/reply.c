/*
 * Reply: the fields, the one line of a refusal, the JSON of a nonce.
 */
#include "ca-client/reply.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "ca-client/enrol.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/est.h"
#include "common/http1.h"

#define RETRY_DIGITS_MAX 9
#define YEAR_MAX_MS INT64_C(253402300799000) /* of four digits */

static bool has_type(const struct http1 *response, const char *type)
{
    struct bytes value = {0};
    size_t len = strlen(type);

    return http1_find(response, "content-type", &value) == 1 && value.len >= len &&
           strncasecmp((const char *)value.data, type, len) == 0 &&
           (value.len == len || strchr("; \t", value.data[len]) != NULL);
}

/* Delay in seconds; a date, which the field may also hold, counts as none. */
static unsigned retry_after_s(const struct http1 *response)
{
    struct bytes value = {0};
    unsigned seconds = 0;

    if (http1_find(response, "retry-after", &value) != 1 || value.len > RETRY_DIGITS_MAX) {
        return 0;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit(value.data[i])) {
            return 0;
        }
        seconds = 10 * seconds + (unsigned)(value.data[i] - '0');
    }
    return seconds;
}

/* The value behind `key` in the line of a refusal, up to the next blank.  Anything but letters,
   digits and hyphens, or a value of `cap` bytes: none. */
static bool find_value(struct bytes line, const char *key, char *out, size_t cap)
{
    size_t key_len = strlen(key);
    const uint8_t *at = memmem(line.data, line.len, key, key_len);
    size_t left = 0;
    size_t len = 0;

    if (at == NULL || (at != line.data && at[-1] != ' ')) {
        return false;
    }
    at += key_len;
    left = line.len - (size_t)(at - line.data);
    while (len < left && at[len] != ' ' && at[len] != '\r' && at[len] != '\n') {
        if (!isalnum(at[len]) && at[len] != '-') {
            return false;
        }
        len++;
    }
    if (len == 0 || len >= cap) {
        return false;
    }
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

/* Where the answer names no code (the nonce endpoint never does), its status must do. */
static enum verdict_code code_of(unsigned status)
{
    switch (status) {
    case 429:
        return VERDICT_RATE_LIMITED;
    case 400:
    case 404:
    case 405:
    case 413:
    case 415:
        return VERDICT_REQUEST_INVALID;
    default:
        return VERDICT_UNAVAILABLE;
    }
}

static int read_refusal(const struct http1 *response, struct enrol_failure *out_failure,
                        struct err *err)
{
    unsigned status = http1_response_status(response);
    struct bytes body = http1_body(response);
    char name[64] = "";

    out_failure->code = code_of(status);
    out_failure->retry_after_s = retry_after_s(response);
    out_failure->id[0] = '\0';
    if (body.len > 0) {
        if (find_value(body, "code=", name, sizeof(name))) {
            /* A name that we do not know leaves what the status says. */
            (void)verdict_code_find(name, &out_failure->code);
        }
        (void)find_value(body, "id=", out_failure->id, sizeof(out_failure->id));
    }
    if (out_failure->code == VERDICT_ACCEPTED) { /* "code=accepted" is no refusal */
        out_failure->code = code_of(status);
    }
    return err_set(err, ERR_DENIED, "the CA refused: %s (status %u)",
                   verdict_code_name(out_failure->code), status);
}

int reply_check(const struct http1 *response, const char *media_type,
                struct enrol_failure *out_failure, struct err *err)
{
    if (http1_response_status(response) != 200) {
        return read_refusal(response, out_failure, err);
    }
    if (!has_type(response, media_type)) {
        return err_set(err, ERR_INVALID, "the CA's answer is not %s", media_type);
    }
    return 0;
}

/* The nonce's cookie as it is to be sent back, from the Set-Cookie fields: exactly one. */
static bool read_cookie(const struct http1 *response, char out_cookie[static REPLY_COOKIE_CAP])
{
    static const char name[] = EST_NONCE_COOKIE "=";
    unsigned num = 0;

    for (size_t i = 0; i < http1_num_headers(response); i++) {
        const struct http1_header *header = http1_header_at(response, i);
        const uint8_t *end = NULL;
        size_t len = header->value.len;

        if (header->name.len != strlen("set-cookie") ||
            strncasecmp((const char *)header->name.data, "set-cookie", header->name.len) != 0 ||
            len < strlen(name) || memcmp(header->value.data, name, strlen(name)) != 0) {
            continue;
        }
        end = memchr(header->value.data, ';', len);
        len = end != NULL ? (size_t)(end - header->value.data) : len;
        if (len >= REPLY_COOKIE_CAP || len == strlen(name)) {
            return false;
        }
        memcpy(out_cookie, header->value.data, len);
        out_cookie[len] = '\0';
        num++;
    }
    return num == 1;
}

int reply_nonce(const struct http1 *response, struct reply_nonce *out_nonce, struct err *err)
{
    struct bytes body = http1_body(response);
    struct reply_nonce nonce = {0};
    struct buf data = buf_over(nonce.data, sizeof(nonce.data));
    json_t *root = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *text = json_object_get(root, "nonce");
    int rc = -1;

    if (!json_is_string(text) ||
        !est_base64url_get(&data, (struct bytes){(const uint8_t *)json_string_value(text),
                                                 json_string_length(text)}) ||
        data.len < 8) {
        err_set(err, ERR_INVALID, "the CA's answer holds no nonce");
    } else if (!read_cookie(response, nonce.cookie)) {
        err_set(err, ERR_INVALID, "the CA's answer holds no cookie for the nonce");
    } else {
        nonce.len = data.len;
        *out_nonce = nonce;
        rc = 0;
    }
    json_decref(root);
    return rc;
}

/* IMF-fixdate (RFC 9110 section 5.6.7), the one form that may be sent. */
static bool read_date(struct bytes value, int64_t *out_ms)
{
    char text[32];
    struct tm parts = {0};
    const char *end = NULL;

    if (value.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end != text + value.len || end == text) {
        return false;
    }
    *out_ms = (int64_t)timegm(&parts) * 1000;
    return *out_ms >= 0 && *out_ms <= YEAR_MAX_MS;
}

int64_t reply_clock_offset_ms(const struct http1 *response, int64_t sent_ms, int64_t received_ms)
{
    struct bytes value = {0};
    int64_t date_ms = 0;

    if (http1_find(response, "date", &value) != 1 || !read_date(value, &date_ms)) {
        return 0;
    }
    if (date_ms > received_ms) {
        return date_ms - received_ms;
    }
    return date_ms + 999 < sent_ms ? date_ms + 999 - sent_ms : 0;
}
