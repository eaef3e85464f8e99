/*
 * Intake: the tests that tell one form from another, in an order in which none shadows the next.
 */
#include "attest/intake.h"

#include <ctype.h>
#include <string.h>

#include "attest/bundle.h"
#include "attest/product.h"
#include "attest/report.h"
#include "attest/table.h"
#include "attest/tsm.h"
#include "common/der.h"
#include "common/est.h"

#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "
#define PEM_DASHES "-----"

#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18

const char *intake_kind_name(enum intake_kind kind)
{
    static const char *const names[] = {
        [INTAKE_REPORT] = "attestation report",
        [INTAKE_EXTENDED] = "attestation report with certificate table",
        [INTAKE_TSM] = "tsm-report",
        [INTAKE_BUNDLE] = "attestation bundle",
        [INTAKE_CSR] = "certificate signing request",
        [INTAKE_CERTIFICATES] = "certificate",
        [INTAKE_CRL] = "certificate revocation list",
        [INTAKE_TABLE] = "certificate table",
    };

    return names[kind];
}

static bool refuse(struct verdict *out_verdict, const char *slug)
{
    return verdict_refuse(out_verdict, VERDICT_ENVELOPE_INVALID, 0, slug);
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct bytes trim(struct bytes bytes)
{
    while (bytes.len > 0 && is_space(bytes.data[0])) {
        bytes.data++;
        bytes.len--;
    }
    while (bytes.len > 0 && is_space(bytes.data[bytes.len - 1])) {
        bytes.len--;
    }
    return bytes;
}

static bool starts_with(struct bytes bytes, const char *text)
{
    return bytes.len >= strlen(text) && memcmp(bytes.data, text, strlen(text)) == 0;
}

/* Bare reports. */

/* A version below 256 in its four bytes: no text, CBOR or DER of ours begins so. */
static bool looks_like_report(struct bytes input)
{
    return input.len >= REPORT_LEN && input.data[1] == 0 && input.data[2] == 0 &&
           input.data[3] == 0;
}

static struct bytes guess_provider(struct bytes outblob)
{
    struct report report;
    enum product product = PRODUCT_MILAN;

    if (report_over(outblob, &report) && report_uint(report, REPORT_VERSION) >= 3 &&
        product_by_cpuid((unsigned)report_uint(report, REPORT_CPUID_FAMILY),
                         (unsigned)report_uint(report, REPORT_CPUID_MODEL), &product) &&
        product == PRODUCT_SIM) {
        return (struct bytes){(const uint8_t *)"sim", 3};
    }
    return (struct bytes){(const uint8_t *)"sev_guest", 9};
}

static void take_report(struct bytes input, struct intake *intake)
{
    bool extended = input.len > REPORT_LEN && looks_like_report(input);

    intake->kind = extended ? INTAKE_EXTENDED : INTAKE_REPORT;
    intake->has_evidence = true;
    intake->evidence.outblob = (struct bytes){input.data, extended ? REPORT_LEN : input.len};
    intake->evidence.provider = guess_provider(intake->evidence.outblob);
    if (extended) {
        intake->evidence.auxblob = (struct bytes){input.data + REPORT_LEN, input.len - REPORT_LEN};
    }
}

/* DER: certificate, CSR, revocation list or bundle. */

/* Finds the evidence in a CSR's attributes.  The rest of the CSR is not judged here. */
static bool take_csr(struct der csr_info, struct intake *intake, struct verdict *out_verdict)
{
    struct der attributes;
    struct der_item item;

    intake->kind = INTAKE_CSR;
    if (!der_take(&csr_info, DER_INTEGER, &item) || !der_take(&csr_info, DER_SEQUENCE, &item) ||
        !der_take(&csr_info, DER_SEQUENCE, &item) || !der_take(&csr_info, DER_CONTEXT_0, &item)) {
        return verdict_refuse(out_verdict, VERDICT_CSR_INVALID, 0, "csr-malformed");
    }
    attributes = der_over(item.content);
    while (der_take(&attributes, DER_SEQUENCE, &item)) {
        struct der attribute = der_over(item.content);
        struct der_item oid;
        struct der_item values;

        if (!der_take(&attribute, DER_OID, &oid) || !der_is_oid(&oid, BUNDLE_OID, BUNDLE_OID_LEN)) {
            continue;
        }
        if (intake->has_evidence || !der_take(&attribute, DER_SET, &values)) {
            return refuse(out_verdict, "bundle-attributes");
        }
        if (!bundle_decode(values.content, &intake->evidence, out_verdict)) {
            return false;
        }
        intake->has_evidence = true;
    }
    return der_end(&attributes) ||
           verdict_refuse(out_verdict, VERDICT_CSR_INVALID, 0, "csr-malformed");
}

/* A version, an AlgorithmIdentifier, a Name and then a time: a revocation list (RFC 5280 section
   5.1).  A v1 certificate has a SEQUENCE of two times there. */
static bool is_crl(struct der fields)
{
    struct der_item item;

    return der_take(&fields, DER_INTEGER, &item) && der_take(&fields, DER_SEQUENCE, &item) &&
           der_take(&fields, DER_SEQUENCE, &item) &&
           (der_at(&fields, TAG_UTC_TIME) || der_at(&fields, TAG_GENERALIZED_TIME));
}

/* All of them are a SEQUENCE of a SEQUENCE; what comes first in that tells them apart. */
static bool take_der(struct bytes input, struct intake *intake, struct verdict *out_verdict)
{
    struct der outer = der_over(input);
    struct der_item whole;
    struct der_item first;
    struct der fields;

    if (!der_take(&outer, DER_SEQUENCE, &whole) || !der_end(&outer)) {
        return refuse(out_verdict, "not-recognised");
    }
    fields = der_over(whole.content);
    if (!der_take(&fields, DER_SEQUENCE, &first)) {
        return refuse(out_verdict, "not-recognised");
    }
    fields = der_over(first.content);
    if (der_at(&fields, DER_SEQUENCE)) {
        intake->kind = INTAKE_BUNDLE;
        intake->has_evidence = true;
        return bundle_decode(input, &intake->evidence, out_verdict);
    }
    if (intake->num_documents == INTAKE_DOCUMENTS_MAX) {
        return refuse(out_verdict, "too-many-documents");
    }
    intake->documents[intake->num_documents++] = input;
    if (der_at(&fields, DER_INTEGER) && first.content.len > 2 && first.content.data[1] == 1 &&
        first.content.data[2] == 0) {
        /* An INTEGER 0, then a Name: a CSR's version.  A v1 certificate with serial number 0 has an
           AlgorithmIdentifier there, which is a SEQUENCE that starts with an OID. */
        struct der ahead = fields;
        struct der_item item;

        if (der_any(&ahead, &item) && der_take(&ahead, DER_SEQUENCE, &item) &&
            (item.content.len == 0 || item.content.data[0] != DER_OID)) {
            return take_csr(fields, intake, out_verdict);
        }
    }
    intake->kind = is_crl(fields) ? INTAKE_CRL : INTAKE_CERTIFICATES;
    return true;
}

/* A certificate table begins with the GUID of something that is known. */
static bool looks_like_table(struct bytes input)
{
    for (enum table_kind kind = 0; kind < TABLE_OTHER; kind++) {
        if (input.len >= TABLE_ENTRY_LEN &&
            memcmp(input.data, table_kind_guid(kind), TABLE_GUID_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* Text: PEM, hexadecimal, base64. */

/* Decodes the block at the start of `text` and moves behind it. */
static bool next_block(struct bytes *text, struct buf *storage, struct bytes *out_der)
{
    const uint8_t *start = NULL;
    const uint8_t *end = NULL;
    const uint8_t *after = NULL;
    size_t before = storage->len;

    if (!starts_with(*text, PEM_BEGIN)) {
        return false;
    }
    start = memchr(text->data, '\n', text->len);
    end = memmem(text->data, text->len, PEM_END, strlen(PEM_END));
    if (start == NULL || end == NULL || start > end) {
        return false;
    }
    after = end + strlen(PEM_END);
    after = memmem(after, text->len - (size_t)(after - text->data), PEM_DASHES, strlen(PEM_DASHES));
    if (after == NULL ||
        !est_base64_get(storage, (struct bytes){start + 1, (size_t)(end - start - 1)})) {
        return false;
    }
    after += strlen(PEM_DASHES);
    *out_der = (struct bytes){storage->data + before, storage->len - before};
    text->len -= (size_t)(after - text->data);
    text->data = after;
    *text = trim(*text);
    return true;
}

static bool take_pem(struct bytes text, struct buf *storage, struct intake *intake,
                     struct verdict *out_verdict)
{
    bool alone = true;

    for (bool first = true; text.len > 0; first = false) {
        struct bytes der;

        if (!next_block(&text, storage, &der)) {
            return refuse(out_verdict, "pem-malformed");
        }
        if (!take_der(der, intake, out_verdict)) {
            return false;
        }
        /* Only certificates may be several: of two bundles one would have to be ignored. */
        if (!first && (alone || intake->kind != INTAKE_CERTIFICATES)) {
            return refuse(out_verdict, "pem-mixed");
        }
        alone = intake->kind != INTAKE_CERTIFICATES;
    }
    return true;
}

static int hex_value(uint8_t character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    character |= 0x20;
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* White space may stand between bytes and between digits. */
static bool decode_hex(struct bytes text, struct buf *storage)
{
    size_t before = storage->len;
    int high = -1;

    for (size_t i = 0; i < text.len; i++) {
        int value = hex_value(text.data[i]);
        uint8_t byte = 0;

        if (is_space(text.data[i])) {
            continue;
        }
        if (value < 0) {
            storage->len = before;
            return false;
        }
        if (high < 0) {
            high = value;
            continue;
        }
        byte = (uint8_t)(high << 4 | value);
        high = -1;
        if (!buf_append(storage, &byte, 1)) {
            storage->len = before;
            return false;
        }
    }
    if (high >= 0 || storage->len == before) {
        storage->len = before;
        return false;
    }
    return true;
}

/* Text that encodes something, once. */
static bool decode_text(struct bytes input, struct buf *storage, struct bytes *out_decoded)
{
    size_t before = storage->len;

    if (input.len == 0 || (!decode_hex(input, storage) && !est_base64_get(storage, input))) {
        return false;
    }
    *out_decoded = (struct bytes){storage->data + before, storage->len - before};
    return true;
}

/* Forms of binary and structured text.  `*out_known` false: none of them. */
static bool take_binary(struct bytes input, struct buf *storage, struct intake *intake,
                        struct verdict *out_verdict, bool *out_known)
{
    struct bytes text = trim(input);

    *out_known = true;
    if (looks_like_report(input)) {
        take_report(input, intake);
        return true;
    }
    if (looks_like_table(input)) {
        intake->kind = INTAKE_TABLE;
        intake->documents[intake->num_documents++] = input;
        return true;
    }
    if (starts_with(text, PEM_BEGIN)) {
        return take_pem(text, storage, intake, out_verdict);
    }
    if (starts_with(text, "{")) {
        intake->kind = INTAKE_TSM;
        intake->has_evidence = true;
        return tsm_decode_json(text, storage, &intake->evidence, out_verdict);
    }
    if (input.len > 0 && input.data[0] >> 5 == 5) { /* a CBOR map */
        intake->kind = INTAKE_TSM;
        intake->has_evidence = true;
        return tsm_decode(input, &intake->evidence, out_verdict);
    }
    if (input.len > 1 && input.data[0] == DER_SEQUENCE && input.data[1] >= 0x80) {
        return take_der(input, intake, out_verdict);
    }
    *out_known = false;
    return true;
}

bool intake_open(struct bytes input, struct buf *storage, struct intake *out_intake,
                 struct verdict *out_verdict)
{
    struct intake intake = {0};
    struct bytes decoded;
    bool known = false;

    if (!take_binary(input, storage, &intake, out_verdict, &known)) {
        return false;
    }
    if (!known && decode_text(input, storage, &decoded)) {
        input = decoded;
        if (!take_binary(input, storage, &intake, out_verdict, &known)) {
            return false;
        }
    }
    if (!known) {
        take_report(input, &intake);
    }
    *out_intake = intake;
    return true;
}
