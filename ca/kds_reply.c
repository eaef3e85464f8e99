/*
 * Kds_reply: status first, then the form of what came.
 */
#include "ca/kds_reply.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "attest/cert.h"
#include "attest/crl.h"
#include "attest/intake.h"

#define RETRY_DIGITS_MAX 9
#define DATE_CAP 32

const char *kds_outcome_name(enum kds_outcome outcome)
{
    static const char *const names[] = {[KDS_GIVEN] = "given",
                                        [KDS_ABSENT] = "absent",
                                        [KDS_BUSY] = "busy",
                                        [KDS_BAD] = "bad",
                                        [KDS_DOWN] = "down"};

    return names[outcome];
}

static uint64_t bounded(int64_t seconds)
{
    if (seconds <= 0) {
        return 0;
    }
    return seconds < KDS_RETRY_MAX_MS / 1000 ? (uint64_t)seconds * 1000 : KDS_RETRY_MAX_MS;
}

/* Seconds, or IMF-fixdate (RFC 9110 sections 10.2.3 and 5.6.7); anything else counts as none. */
static uint64_t retry_after_ms(struct bytes value, int64_t now)
{
    char text[DATE_CAP];
    struct tm parts = {0};
    const char *end = NULL;
    int64_t seconds = 0;
    size_t digits = 0;

    if (value.data == NULL || value.len == 0 || value.len >= sizeof(text)) {
        return 0;
    }
    while (digits < value.len && isdigit(value.data[digits])) {
        digits++;
    }
    if (digits == value.len && digits > RETRY_DIGITS_MAX) {
        return KDS_RETRY_MAX_MS;
    }
    if (digits == value.len) {
        for (size_t i = 0; i < digits; i++) {
            seconds = 10 * seconds + (value.data[i] - '0');
        }
        return bounded(seconds);
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return end == text + value.len ? bounded((int64_t)timegm(&parts) - now) : 0;
}

/* The service has no fixed type for what it gives, but never gives a page for people to read. */
static bool is_page(struct bytes type)
{
    static const char *const types[] = {"text/html", "application/json"};

    for (size_t i = 0; type.data != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        size_t len = strlen(types[i]);

        if (type.len >= len && strncasecmp((const char *)type.data, types[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_cert(struct bytes der, struct buf *out)
{
    uint8_t byte = 0;
    struct buf no_room = buf_over(&byte, 0); /* for PEM, which is not wanted here */
    struct cert cert;

    return cert_read(der, &no_room, &cert) == CERT_OK && buf_append(out, der.data, der.len);
}

/* Two certificates in PEM. */
static bool take_chain(struct bytes text, struct buf *out)
{
    uint8_t bytes[VENDOR_DATA_MAX];
    struct buf storage = buf_over(bytes, sizeof(bytes));
    struct intake intake;
    struct verdict verdict;

    return text.len <= sizeof(bytes) && intake_open(text, &storage, &intake, &verdict) &&
           intake.kind == INTAKE_CERTIFICATES && intake.num_documents == 2 &&
           take_cert(intake.documents[0], out) && take_cert(intake.documents[1], out);
}

static bool take_crl(struct bytes der, struct buf *out)
{
    struct crl crl;

    return crl_read(der, &crl) && buf_append(out, der.data, der.len);
}

static struct kds_reply take_body(enum vendor_kind kind, struct bytes body, struct buf *out)
{
    static bool (*const take[])(struct bytes body, struct buf * out) = {
        [VENDOR_VCEK] = take_cert, [VENDOR_CHAIN] = take_chain, [VENDOR_CRL] = take_crl};
    static const char *const reasons[] = {[VENDOR_VCEK] = "not a certificate in DER",
                                          [VENDOR_CHAIN] = "not two certificates in PEM",
                                          [VENDOR_CRL] = "not a revocation list in DER"};
    size_t before = out->len;

    if (take[kind](body, out)) {
        return (struct kds_reply){.outcome = KDS_GIVEN};
    }
    out->len = before;
    return (struct kds_reply){.outcome = KDS_BAD, .reason = reasons[kind]};
}

struct kds_reply kds_reply_judge(enum vendor_kind kind, const struct kds_response *response,
                                 int64_t now, struct buf *out)
{
    struct kds_reply reply = {.outcome = KDS_BAD, .reason = "status"};

    switch (response->status) {
    case 200:
        if (is_page(response->content_type)) {
            return (struct kds_reply){.outcome = KDS_BAD, .reason = "content type"};
        }
        return take_body(kind, response->body, out);
    case 400:
    case 404:
        return (struct kds_reply){.outcome = KDS_ABSENT, .reason = "status 400 or 404"};
    case 429:
        reply = (struct kds_reply){.outcome = KDS_BUSY, .reason = "status 429"};
        break;
    case 502:
    case 503:
    case 504:
        reply.outcome = KDS_DOWN;
        break;
    default: /* a redirection leads nowhere; anything else may be due to odd values in a report */
        break;
    }
    reply.retry_ms = retry_after_ms(response->retry_after, now);
    return reply;
}
